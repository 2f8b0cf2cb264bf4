"""A results folder with one run a night, for the tests of trends and of the action."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gapbench.values import Attempt
from tests.run_folders import make_answers, write_run

FIRST = datetime(2026, 10, 1, 2, 17, tzinfo=UTC)


def write_nights(
    results: Path,
    right: Sequence[int],
    *,
    total: int = 100,
    model: str = "open-a",
    slower: Sequence[float] | None = None,
    change: Callable[[int, dict[str, Any]], None] | None = None,
    wobble: int = 2,
    first: int = 0,
    start: int = 0,
    **given: Any,
) -> list[Path]:
    """Write a run for each number of right answers, and return the folders.

    Args:
        results: The results folder.
        right: Right answers of each night, before ``wobble``.
        total: Questions of each night.
        model: The model's id.
        slower: Factor on each night's times. None: 1.
        change: Changes a night's ``run.json`` in place.
        wobble: Each night is up to this many answers better or worse, by chance.
        first: Number of the first night.
        start: Number of the first question.
        given: Fields of every attempt.
    """
    rng = random.Random(15)
    folders = []
    for night, count in enumerate(right, first):
        rows = make_answers(model, count + rng.randint(-wobble, wobble), total, start=start, **given)
        factor = (slower[night - first] if slower else 1.0) * rng.uniform(0.97, 1.03)
        folder = write_run(results / f"night-{night:02}", [_slower(row, factor) for row in rows])
        edit_manifest(folder, _dated(night))
        if change is not None:
            edit_manifest(folder, lambda value, night=night: change(night, value))  # type: ignore[misc]
        folders.append(folder)
    return folders


def _slower(row: Attempt, factor: float) -> Attempt:
    assert row.done_s is not None
    assert row.scheduled_s is not None
    return replace(row, done_s=row.scheduled_s + (row.done_s - row.scheduled_s) * factor)


def edit_manifest(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a run's ``run.json`` in place."""
    path = folder / "run.json"
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def _dated(night: int) -> Callable[[dict[str, Any]], None]:
    begin = FIRST + timedelta(days=night)

    def change(value: dict[str, Any]) -> None:
        value.update(started_at=_text(begin), ended_at=_text(begin + timedelta(minutes=10)))

    return change


def _text(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def versions(of: Mapping[int, Mapping[str, str]]) -> Callable[[int, dict[str, Any]], None]:
    """Return a change that sets package versions from given nights on."""

    def change(night: int, value: dict[str, Any]) -> None:
        for since, packages in of.items():
            if night >= since:
                value["versions"] = {**value["versions"], **packages}

    return change

"""A run of two sides over two categories."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gapbench.values import Attempt
from tests.run_folders import make_answers, make_attempt, write_run


@pytest.fixture(name="make_run")
def _make_run(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes rows as the run folder ``run-1``, or one named."""

    def make(rows: list[Attempt], /, name: str = "run-1", **models: dict[str, Any]) -> Path:
        return write_run(tmp_path / name, rows, **models)

    return make


@pytest.fixture(name="attempt")
def _attempt() -> Callable[..., Attempt]:
    """Return the factory of one attempt."""
    return make_attempt


@pytest.fixture(name="answers")
def _answers() -> Callable[..., list[Attempt]]:
    """Return the factory of a model's answers."""
    return make_answers


@pytest.fixture(name="run")
def _run(make_run: Callable[..., Path], answers: Callable[..., list[Attempt]]) -> Path:
    """Return a simulated run: closed at list price, open on a GPU, two categories of 60 items."""
    rows = [
        row
        for model, right in (("closed-a", (55, 50)), ("open-b", (50, 30)))
        for task, count in zip(("coding/f", "reasoning/sums"), right, strict=True)
        for row in answers(model, count, 60, task=task, simulated=True)
    ]
    gpu = {"cost": {"gpu": "H100-80GB", "gpus": 1, "usd_per_gpu_hour": 3.6}}
    return make_run(rows, closed_a={"cost": {"provider": "openai", "model": "gpt-5.2"}}, open_b=gpu)

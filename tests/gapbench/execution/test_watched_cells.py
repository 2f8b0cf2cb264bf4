"""A run stops a task whose first answers cannot be used, asks, and can be resumed (finding 15)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path
from typing import Any

from gapbench.execution.limits.unusable_answers import always_continue
from gapbench.execution.recording.cell_scorer import CellScorer
from gapbench.store import RunManifest
from gapbench.suite.plan import PlannedRequest
from gapbench.values import Call, Chunk, Score
from tests.gapbench.execution.test_run import FAST, frame, go
from tests.makers import ScriptedRunner, model, plan

BLIND = {"*": ["I cannot say."]}
"""A model whose answers hold no number."""


def blind_run(
    folder: Path, count: int, *, resume: bool = False, allowed: bool = False
) -> tuple[RunManifest, list[str]]:
    """Run so many sums with a model that never names a number."""
    settings = replace(FAST, should_continue=always_continue) if allowed else FAST
    manifest, watch = go(
        folder, plan(count=count), {"m": ScriptedRunner(model(), BLIND)}, settings, resume=resume
    )
    return manifest, watch.lines


def test_the_rest_of_the_task_is_not_sent(tmp_path: Path) -> None:
    """19 answers trip the rule; the second of two requests in flight may be looked at with them, and is kept."""
    manifest, lines = blind_run(tmp_path, 60)
    rows = frame(tmp_path)

    assert 19 <= len(rows) <= 21
    assert "failed" == manifest.state
    (entry,) = manifest.failures
    assert re.match(
        r"task sums: (19|20) of the first \1 answers cannot be used \(\1 unparsed\)", entry.message
    )
    assert "`--on-unparsed continue` sends them" in entry.message
    assert [f"m: {entry.message}"] == [line for line in lines if "cannot be used" in line]


class AtOnce(Executor):
    """Runs each call before it returns, so that no thread decides which answer is looked at next."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class TakingTurns(ScriptedRunner):
    """Lets the event loop do everything else before each reply, as a reply from a server would."""

    async def stream(self, call: Call) -> AsyncIterator[Chunk]:
        for _ in range(20):
            await asyncio.sleep(0)
        async for chunk in super().stream(call):
            yield chunk


def programs_run(folder: Path, unusable: int) -> RunManifest:
    """Run 60 requests for programs, of which the first so many answers hold none and the others are right."""

    def look(answer: str, planned: PlannedRequest) -> Score | None:
        seen.append(planned.sample.sample_id)
        return Score(0.0, "unparsed") if len(seen) <= unusable else None

    seen: list[str] = []
    scorer = CellScorer(
        lambda *_: Score(1.0, "correct"), is_slow=True, needs_core=True, score_without_core=look
    )
    settings = replace(
        FAST, make_scorer=lambda cell, folder: scorer, make_scoring_executor=lambda _: AtOnce()
    )
    manifest, _ = go(folder, plan(count=60), {"m": TakingTurns(model(), BLIND)}, settings)
    assert len(seen) <= 20
    return manifest


def test_answers_without_a_program_stop_a_task_while_it_is_sent(tmp_path: Path) -> None:
    """Programs run after the load, but these answers are scored at once."""
    manifest = programs_run(tmp_path, unusable=20)

    assert "failed" == manifest.state
    assert 19 <= len(frame(tmp_path)) < 30


def test_answers_with_a_program_count_among_the_first(tmp_path: Path) -> None:
    """18 of the first 20 hold none; the two that hold one are no reason to look at later ones in their place."""
    manifest = programs_run(tmp_path, unusable=18)

    assert ("complete", 60) == (manifest.state, len(frame(tmp_path)))
    assert {"unparsed": 18, "correct": 42} == frame(tmp_path)["outcome"].value_counts().to_dict()


def test_a_yes_sends_the_rest(tmp_path: Path) -> None:
    """Each request once; asked once, though all 60 answers are unparsed."""
    manifest, _ = blind_run(tmp_path, 60, allowed=True)

    assert "complete" == manifest.state
    assert [1] * 60 == sorted(frame(tmp_path).groupby("sample_id").size())


def test_little_is_left_is_sent(tmp_path: Path) -> None:
    """Of 30 requests fewer than 20 are left, so the task continues."""
    manifest, _ = blind_run(tmp_path, 30)

    assert ("complete", 30) == (manifest.state, len(frame(tmp_path)))


def test_a_resumed_run_does_not_pay_again_to_find_out(tmp_path: Path) -> None:
    """Nothing is sent until the user says so; then all of it is."""
    blind_run(tmp_path, 60)
    before = len(frame(tmp_path))
    stopped, _ = blind_run(tmp_path, 60, resume=True)
    assert ("failed", before) == (stopped.state, len(frame(tmp_path)))

    finished, _ = blind_run(tmp_path, 60, resume=True, allowed=True)
    assert ("complete", 60) == (finished.state, int(frame(tmp_path)["final"].sum()))
    assert [None] == [cell.unusable for cell in finished.cells]

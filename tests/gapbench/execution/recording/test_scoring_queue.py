"""An answer that waits for a slow scorer is paid for: it is on disk, and its cost is counted, when it has come."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gapbench.errors import DiskError
from gapbench.execution.carry_over import _rows_with_texts as pairs_of
from gapbench.execution.carry_over import carry_over_rows
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.recording import scoring_executors
from gapbench.execution.recording.cell_scorer import CellScorer
from gapbench.execution.recording.run_manifest import add_stretch, cell_entry, initial_manifest
from gapbench.execution.recording.scoring_queue import score_completed
from gapbench.execution.run import RunSettings, run
from gapbench.store import RunWriter, numbered_files, read_attempt_values, read_manifest, read_pending_answers
from gapbench.store.pending_scores import PendingAnswers
from gapbench.store.verify import verify_run
from gapbench.suite.plan import Load, PlannedRequest
from gapbench.values import Attempt, Payload, Score, Trajectory, Transcript
from tests.gapbench.execution.test_run import ANSWERS, FAST, Watch, frame, go
from tests.makers import ScriptedRunner, attempt, model, payload, plan

THREE_DOLLARS = replace(FAST, max_usd=Decimal(3), price_attempt=lambda _: Decimal(1))
RIGHT = Score(1.0, "correct", answer="1", reason="is right", isolation="jail", partial=0.5)


class FullDisk(RunWriter):
    """A run folder that takes answers without a score, and no row."""

    def add(self, attempt: Attempt, payload: Payload, trajectory: Trajectory | None = None) -> None:
        raise DiskError("full")


def slow(score: Any, settings: RunSettings = FAST) -> RunSettings:
    """Return settings by which a slow scorer judges every answer."""
    return replace(settings, make_scorer=lambda cell, folder: CellScorer(score, is_slow=True))


def test_a_budget_counts_answers_that_wait(tmp_path: Path) -> None:
    """A dollar a call, three dollars, and a scorer that is done with nothing until the run has stopped."""
    stopped = threading.Event()

    class Telling(StopSignal):
        def set(self, reason: str) -> None:
            super().set(reason)
            stopped.set()

    def score(answer: str, planned: PlannedRequest, transcript: Transcript) -> Score:
        stopped.wait(120)
        return RIGHT

    runner = ScriptedRunner(model(), ANSWERS)
    settings = slow(score, THREE_DOLLARS)

    async def main() -> None:
        with RunWriter(tmp_path) as writer:
            await run(plan(count=20), {"m": runner}, writer, settings, Watch(), Telling())

    asyncio.run(main())

    assert 3 <= len(runner.calls) <= 3 + 1
    assert len(runner.calls) == len(frame(tmp_path))


def test_an_answer_that_could_not_be_kept_is_scored_by_the_next_session(tmp_path: Path) -> None:
    """The disk was full when the scores came. Nothing is asked again, and nothing is left waiting."""
    settings = slow(lambda answer, planned, transcript: RIGHT)
    first, second = ScriptedRunner(model(), ANSWERS), ScriptedRunner(model(), ANSWERS)
    with pytest.raises(DiskError), FullDisk(tmp_path) as writer:
        asyncio.run(run(plan(count=2), {"m": first}, writer, settings, Watch(), StopSignal()))
    assert 2 == len(read_pending_answers(tmp_path, ()))
    manifest, _ = go(tmp_path, plan(count=2), {"m": second}, settings, resume=True)
    rows = frame(tmp_path)

    assert ("complete", 2, []) == (manifest.state, len(first.calls), second.calls)
    assert [("correct", 1.0, "1", "jail", 0.5)] * 2 == list(
        zip(rows["outcome"], rows["score"], rows["answer"], rows["isolation"], rows["partial"], strict=True)
    )
    assert {} == numbered_files(tmp_path, "waiting")


def test_what_waited_counts_against_the_budget_of_the_next_session(tmp_path: Path) -> None:
    """Three dollars were spent on answers without a row: nothing is sent."""
    with RunWriter(tmp_path) as writer:
        for number in range(3):
            row = attempt(sample_id=f"s{number}", outcome="unscored", score=None, answer=None)
            writer.pending.add(row, payload(row))
        writer.write_manifest(
            go(tmp_path / "other", plan(count=20), {"m": ScriptedRunner(model(), ANSWERS)})[0]
        )
    runner = ScriptedRunner(model(), ANSWERS)
    settings = slow(lambda answer, planned, transcript: RIGHT, THREE_DOLLARS)
    manifest, _ = go(tmp_path, plan(count=20), {"m": runner}, settings, resume=True)

    assert ([], "stopped") == (runner.calls, manifest.state)
    assert ["correct"] * 3 == list(frame(tmp_path)["outcome"])


def test_an_answer_of_an_unknown_cell_stays_unscored(tmp_path: Path) -> None:
    """A try of a search, or a task that the suite no longer has: its row is kept, and says why."""
    go(tmp_path, plan(), {"m": ScriptedRunner(model(), ANSWERS)})
    with RunWriter(tmp_path) as writer:
        row = attempt(cell_id="m|gone|c2", outcome="unscored", score=None, answer=None)
        writer.pending.add(row, payload(row))
    go(tmp_path, plan(), {"m": ScriptedRunner(model(), ANSWERS)}, resume=True)
    rows = frame(tmp_path)

    assert ["unscored"] == list(rows[rows["cell_id"] == "m|gone|c2"]["outcome"])


def test_a_file_goes_when_its_last_answer_has_its_row(tmp_path: Path) -> None:
    """Two answers a file; the third opens another."""
    waiting = PendingAnswers(tmp_path, file_rows=2)
    held = []
    for number in range(3):
        row = attempt(sample_id=f"s{number}")
        held.append(waiting.add(row, payload(row)))
    assert [1, 1, 2] == held
    waiting.remove(1)
    before = list(numbered_files(tmp_path, "waiting"))
    waiting.remove(1)
    waiting.close()

    assert [1, 2] == before
    assert [2] == list(numbered_files(tmp_path, "waiting"))


def test_an_answer_with_a_row_waits_no_more(tmp_path: Path) -> None:
    """Killed between the row and the file's end: the row stands."""
    waiting = PendingAnswers(tmp_path)
    rows = [attempt(sample_id=f"s{number}") for number in range(2)]
    for row in rows:
        waiting.add(row, payload(row))
    waiting.close()

    assert [rows[1]] == [answer.attempt for answer in read_pending_answers(tmp_path, rows[:1])]


def test_the_time_of_a_killed_session_is_the_rows(tmp_path: Path) -> None:
    """run.json knows nothing of it: what was reserved until the last row came is counted, and the new stretch added."""
    made = plan(count=12)
    go(tmp_path, made, {"m": ScriptedRunner(model(), ANSWERS)}, halt_after=5)
    killed = read_manifest(tmp_path)
    cell = killed.cells[0]
    cell.wall_s, cell.started_at, cell.stretches_s = None, None, {}
    killed.state = "running"
    with RunWriter(tmp_path) as writer:
        writer.write_manifest(killed)
    until_s = frame(tmp_path)["done_s"].max()
    manifest, _ = go(tmp_path, made, {"m": ScriptedRunner(model(), ANSWERS)}, resume=True)
    cell = manifest.cells[0]

    assert 2 == len(cell.stretches_s or {})
    assert until_s == (cell.stretches_s or {})[min(cell.stretches_s or {})]
    assert sum((cell.stretches_s or {}).values()) == (cell.wall_s or 0.0) > until_s


def test_stretches_add_up() -> None:
    """10 s, then a killed session of 3 s, then 5 s; a shorter time of the first stretch changes nothing."""
    entry = cell_entry(plan().cells[0])
    started_at = datetime(2026, 11, 27, tzinfo=UTC)
    add_stretch(entry, started_at, 10.0)
    add_stretch(entry, started_at, 9.5, is_complete=False)
    add_stretch(entry, started_at + timedelta(minutes=1), 3.0, is_complete=False)
    add_stretch(entry, started_at + timedelta(minutes=2), 5.0)

    assert (18.0, "2026-11-27T00:00:00.000Z") == (entry.wall_s, entry.started_at)


def test_time_of_an_older_run_is_not_lost() -> None:
    """Its run.json has the sum alone."""
    entry = cell_entry(plan().cells[0])
    entry.wall_s, entry.stretches_s = 100.0, None
    add_stretch(entry, datetime(2026, 11, 27, tzinfo=UTC), 9.5, is_complete=False)

    assert 100.0 == entry.wall_s


def test_verify_tells_of_answers_that_wait(tmp_path: Path) -> None:
    """Nothing is lost: it is no damage."""
    go(tmp_path, plan(), {"m": ScriptedRunner(model(), ANSWERS)})
    with RunWriter(tmp_path) as writer:
        row = attempt(repeat=7)
        writer.pending.add(row, payload(row))
    found = verify_run(tmp_path)

    assert [("leftover", "waiting-00001.jsonl", "none; --resume scores them")] == [
        (finding.kind, finding.file, finding.repair) for finding in found
    ]


def test_a_changed_suites_run_takes_up_what_waits(tmp_path: Path) -> None:
    """It was paid for: the new run scores it first."""
    made = plan(count=2)
    first, second = ScriptedRunner(model(), ANSWERS), ScriptedRunner(model(), ANSWERS)
    go(tmp_path / "old", made, {"m": first})
    row, texts = list(pairs_of(tmp_path / "old"))[1]
    (tmp_path / "old" / "attempts-00001.parquet").unlink()
    (tmp_path / "old" / "payload-00001.parquet").unlink()
    with RunWriter(tmp_path / "old") as writer:
        writer.pending.add(replace(row, outcome="unscored", score=None, answer=None), texts)
    with RunWriter(tmp_path / "new") as writer:
        manifest = initial_manifest(made, "new", {}, {"m": True})
        kept = carry_over_rows(tmp_path / "old", made, writer, manifest)
        writer.write_manifest(manifest)
    go(tmp_path / "new", made, {"m": second}, resume=True)
    rows = frame(tmp_path / "new")

    assert (1, 1) == (kept, len(second.calls))
    assert ["correct"] * 2 == list(rows["outcome"])
    assert {"new"} == set(rows["run_id"])


def test_a_full_disk_is_told_before_the_backlog_is_scored(tmp_path: Path) -> None:
    """The first score cannot be kept: of twenty that wait, the others are left to the next session."""
    count = 20
    runner, backlog = ScriptedRunner(model(), ANSWERS), Backlog(count)
    settings = replace(
        slow(lambda answer, planned, transcript: RIGHT), make_scoring_executor=lambda _: backlog
    )
    made = plan(count=count, load=Load("concurrency", count))
    with pytest.raises(DiskError), FullDisk(tmp_path) as writer:
        asyncio.run(run(made, {"m": runner}, writer, settings, Watch(), StopSignal()))

    assert [False] + [True] * (count - 1) == [future.cancelled() for future in backlog.futures]
    assert count == len(runner.calls) == len(read_pending_answers(tmp_path, ()))


class Backlog(Executor):
    """Runs nothing until so many calls wait, and then the first of them alone."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._first: Callable[[], Any] = lambda: None
        self.futures: list[Future[Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if not self.futures:
            self._first = partial(fn, *args, **kwargs)
        future: Future[Any] = Future()
        self.futures.append(future)
        if len(self.futures) == self._count:
            self.futures[0].set_result(self._first())
        return future


def test_an_interruption_ends_the_scoring_of_what_was_left(tmp_path: Path) -> None:
    """Halted at the first score: eight are scored together, the others wait on."""
    made = plan(count=20)
    with RunWriter(tmp_path) as writer:
        for number in range(20):
            row = attempt(sample_id=f"s{number}", outcome="unscored", score=None, answer=None)
            writer.pending.add(row, payload(row))
        writer.write_manifest(go(tmp_path / "other", made, {"m": ScriptedRunner(model(), ANSWERS)})[0])
    halt = StopSignal()

    def score(answer: str, planned: PlannedRequest, transcript: Transcript) -> Score:
        halt.set("interrupted")
        return RIGHT

    async def main() -> None:
        with RunWriter(tmp_path) as writer:
            resumed = read_manifest(tmp_path)
            runner = ScriptedRunner(model(), ANSWERS)
            await run(made, {"m": runner}, writer, slow(score), Watch(), halt, resumed_manifest=resumed)

    asyncio.run(main())

    assert 8 == len(frame(tmp_path))
    assert 12 == len(read_pending_answers(tmp_path, read_attempt_values(tmp_path)))


NEEDS_CORE = replace(
    FAST, make_scorer=lambda cell, folder: CellScorer(lambda *_: RIGHT, is_slow=True, needs_core=True)
)


class Order(Watch):
    """Notes when an answer waits for its score, and when a row comes."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[str] = []

    def answer_waiting(self, cell: Any) -> None:
        self.events.append("waits")

    def attempt_done(self, cell: Any, row: Any, usd: Any) -> None:
        self.events.append("scored")
        super().attempt_done(cell, row, usd)


def test_what_needs_a_core_is_scored_after_the_load(tmp_path: Path) -> None:
    """On two cores the sandbox would compete with the timing: all twenty answers come before the first score."""
    order = Order()

    async def main() -> None:
        with RunWriter(tmp_path) as writer:
            runners = {"m": ScriptedRunner(model(), ANSWERS)}
            await run(plan(count=20), runners, writer, NEEDS_CORE, order, StopSignal())

    asyncio.run(main())

    assert ["waits"] * 20 + ["scored"] * 20 == order.events
    assert ["correct"] * 20 == list(frame(tmp_path)["outcome"])


@pytest.mark.parametrize(("needs_core", "threads"), [(False, 2), (True, 4)])
def test_programs_are_scored_on_all_cpus_after_the_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, needs_core: bool, threads: int
) -> None:
    """Of four CPUs the client keeps two while it sends."""
    monkeypatch.setattr(scoring_executors, "usable_cpus", lambda: 4)
    used: Counter[int] = Counter()

    class Named(ThreadPoolExecutor):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            used[self._max_workers] += fn is score_completed
            return super().submit(fn, *args, **kwargs)

    scorer = CellScorer(lambda *_: RIGHT, is_slow=True, needs_core=needs_core)
    settings = replace(FAST, make_scorer=lambda cell, folder: scorer, make_scoring_executor=Named)
    go(tmp_path, plan(count=20), {"m": ScriptedRunner(model(), ANSWERS)}, settings)

    assert {threads: 20} == +used


def test_what_competes_for_cpus_is_paused_while_requests_are_in_flight(tmp_path: Path) -> None:
    """Not while the answers are scored."""
    order = Order()

    @contextmanager
    def while_sending() -> Iterator[None]:
        order.events.append("paused")
        yield
        order.events.append("continued")

    settings = replace(NEEDS_CORE, while_sending=while_sending)

    async def main() -> None:
        with RunWriter(tmp_path) as writer:
            runners = {"m": ScriptedRunner(model(), ANSWERS)}
            await run(plan(count=4), runners, writer, settings, order, StopSignal())

    asyncio.run(main())

    assert ["paused", *["waits"] * 4, "continued", *["scored"] * 4] == order.events


def test_an_interrupted_run_does_not_score_what_was_held_back(tmp_path: Path) -> None:
    """It ends soon; the answers are on disk, and the next session scores them without asking again."""
    halt, first, second = StopSignal(), ScriptedRunner(model(), ANSWERS), ScriptedRunner(model(), ANSWERS)

    class Halting(Watch):
        def answer_waiting(self, cell: Any) -> None:
            halt.set("interrupted")

    async def main() -> None:
        with RunWriter(tmp_path) as writer:
            await run(plan(count=20), {"m": first}, writer, NEEDS_CORE, Halting(), halt)

    asyncio.run(main())
    held = len(read_pending_answers(tmp_path, ()))
    manifest, _ = go(tmp_path, plan(count=20), {"m": second}, NEEDS_CORE, resume=True)

    assert held == len(first.calls) > 0
    assert (20, "complete") == (len(first.calls) + len(second.calls), manifest.state)
    assert ["correct"] * 20 == list(frame(tmp_path)["outcome"])

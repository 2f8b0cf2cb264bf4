"""What has come back is scored beside the load and becomes a row."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace

from gapbench import transport
from gapbench.execution.attempts.attempt_row import CellClock, attempt_row, with_score
from gapbench.execution.attempts.request_sender import Sent
from gapbench.execution.limits.stop_signal import Halt
from gapbench.execution.recording.cell_scorer import Judge, judge_of
from gapbench.execution.recording.observer import Watcher
from gapbench.execution.recording.recorder import Shelf
from gapbench.store import RunWriter
from gapbench.suite.plan import Cell, Planned
from gapbench.values import Attempt, Payload, Score

MOST_WAITING = 1_000
"""Answers that may wait for a slow scorer; with more, whoever sends waits too, or memory would grow with the run."""

TOGETHER = 8
"""Answers of an earlier session that are scored before an interruption is looked for."""
TELL_S = 5.0


class Marking:
    """One cell's attempts on their way to rows.

    Args:
        run_id: The run.
        suite: The suite's name and hash.
        cell: The cell.
        clock: The cell's clock.
        simulated: Whether a simulated provider answers.
        aside: Where slow scorers run, so that they do not hold up the event loop.
        shelf: Takes each row, and each answer that waits for its score.
        judge: Judges the replies. None: nobody, they are only timed.
    """

    def __init__(
        self,
        run_id: str,
        suite: tuple[str, str],
        cell: Cell,
        clock: CellClock,
        aside: Executor,
        shelf: Shelf,
        *,
        judge: Judge | None,
        simulated: bool,
    ) -> None:
        """Start with nothing under way."""
        self._run_id = run_id
        self._suite = suite
        self._cell = cell
        self._clock = clock
        self._simulated = simulated
        self._aside = aside
        self._shelf = shelf
        self._judge = judge
        self._under_way: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(MOST_WAITING)
        self._broken: BaseException | None = None

    async def take(self, sent: Sent) -> None:
        """Score an attempt and keep its row: at once, or when a slow scorer is done with it.

        Raises what keeping an earlier row raised: nothing more is asked when its answer cannot be kept.
        """
        if self._broken is not None:
            raise self._broken
        response, judge = sent.response, self._judge
        wanted = sent.planned.is_scored and response.failure is None and response.finish_reason != "refusal"
        if judge is None or not wanted:
            await self._shelf.keep(self._row(sent, None), sent, None)
        elif not judge.slow:
            score = scored(judge, response.answer, sent.planned)
            await self._shelf.keep(self._row(sent, score), sent, score)
        else:
            row = self._row(sent, None)
            held = await self._shelf.hold(row, sent)
            await self._room.acquire()
            task = asyncio.create_task(self._later(judge, sent, row, held))
            self._under_way.add(task)
            task.add_done_callback(self._ended)

    async def _later(self, judge: Judge, sent: Sent, row: Attempt, held: int) -> None:
        loop = asyncio.get_running_loop()
        score = await loop.run_in_executor(self._aside, scored, judge, sent.response.answer, sent.planned)
        await self._shelf.keep(with_score(row, score), sent, score, held)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._room.release()
        error = None if task.cancelled() else task.exception()
        if error is not None and self._broken is None:
            self._broken = error
            self.let_go()

    def _row(self, sent: Sent, score: Score | None) -> Attempt:
        return attempt_row(
            self._run_id,
            self._suite,
            self._cell,
            sent.planned,
            sent.call,
            sent.response,
            score,
            sent.how,
            self._clock,
            simulated=self._simulated,
        )

    def let_go(self) -> None:
        """Leave what waits for its score to the next session: its answers are on disk."""
        for task in self._under_way:
            task.cancel()

    async def settle(self) -> None:
        """Wait for the scores still under way; raises what keeping their rows raised."""
        while self._under_way:
            await asyncio.wait(self._under_way)
        if self._broken is not None:
            raise self._broken


async def finish(
    left: Sequence[tuple[Attempt, Payload]],
    cells: Sequence[Cell],
    writer: RunWriter,
    aside: Executor,
    watcher: Watcher,
    halt: Halt,
) -> None:
    """Score the answers that a killed session left waiting and keep their rows; none is asked again.

    One whose cell the plan does not list (a try of a search) stays unscored. What an interruption leaves waits on.

    Args:
        left: The answers.
        cells: The plan's cells.
        writer: The run folder, open for writing.
        aside: Where slow scorers run.
        watcher: Told every few seconds how far it is.
        halt: An interruption ends it; a spent budget does not.

    Raises:
        DiskError: The disk is full or gone.
    """
    loop = asyncio.get_running_loop()
    begun = {row.cell_id for row, _ in left}
    requests = {
        (cell.cell_id, planned.sample.sample_id, planned.repeat): (judge, planned)
        for cell in cells
        if cell.cell_id in begun and (judge := judge_of(cell, writer.folder)) is not None
        for planned in cell.requests
    }

    async def score_of(row: Attempt, payload: Payload) -> Score:
        found = requests.get((row.cell_id, row.sample_id, row.repeat))
        if found is None:
            return Score(None, "unscored", reason="killed before it was scored; `bench score` scores it")
        judge, planned = found
        return await loop.run_in_executor(aside, scored, judge, payload.reply, planned)

    watcher.tell(f"scoring {len(left)} answers that an earlier session left")
    told_s = transport.now()
    for done in range(0, len(left), TOGETHER):
        if halt.reason == "interrupted":
            return
        if transport.now() - told_s > TELL_S:
            watcher.tell(f"scored {done} of {len(left)}")
            told_s = transport.now()
        together = left[done : done + TOGETHER]
        scores = await asyncio.gather(*(score_of(row, payload) for row, payload in together))
        for (row, payload), score in zip(together, scores, strict=True):
            writer.add(with_score(row, score), replace(payload, reason=score.reason))
    await asyncio.to_thread(writer.sync)
    writer.waiting.clear()


def scored(judge: Judge, answer: str, planned: Planned) -> Score:
    """Score one answer; a scorer's bug leaves the answer unscored and says so."""
    try:
        return judge.score(answer, planned)
    except Exception as exc:  # noqa: BLE001 - an answer that was paid for must not be lost to a scorer's bug
        return Score(None, "unscored", reason=f"the scorer broke: {type(exc).__name__}: {exc}")

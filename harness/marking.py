"""What has come back is scored beside the load and becomes a row."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor

from harness.grading import Judge
from harness.plan import Cell, Planned
from harness.record import CellClock, attempt_row
from harness.sender import Sent
from harness.values import Attempt, Response, Score

Keep = Callable[[Attempt, Sent, Score | None], Awaitable[None]]
"""Takes each finished row with what it was made of, and holds it up while the disk is behind."""


class Marking:
    """One cell's attempts on their way to rows.

    Args:
        run_id: The run.
        suite: The suite's name and hash.
        cell: The cell.
        clock: The cell's clock.
        simulated: Whether a simulated provider answers.
        aside: Where slow scorers run, so that they do not hold up the event loop.
        keep: Takes each row.
        judge: Judges the replies. None: nobody, they are only timed.
    """

    def __init__(
        self,
        run_id: str,
        suite: tuple[str, str],
        cell: Cell,
        clock: CellClock,
        aside: Executor,
        keep: Keep,
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
        self._keep = keep
        self._judge = judge
        self._under_way: set[asyncio.Task[None]] = set()
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
            await self._finish(sent, None)
        elif not judge.slow:
            await self._finish(sent, _scored(judge, response, sent.planned))
        else:
            task = asyncio.create_task(self._later(judge, sent))
            self._under_way.add(task)
            task.add_done_callback(self._ended)

    async def _later(self, judge: Judge, sent: Sent) -> None:
        loop = asyncio.get_running_loop()
        score = await loop.run_in_executor(self._aside, _scored, judge, sent.response, sent.planned)
        await self._finish(sent, score)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            self._broken = self._broken or task.exception()

    async def _finish(self, sent: Sent, score: Score | None) -> None:
        row = attempt_row(
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
        await self._keep(row, sent, score)

    async def settle(self) -> None:
        """Wait for the scores still under way; raises what keeping their rows raised."""
        while self._under_way:
            await asyncio.wait(self._under_way)
        if self._broken is not None:
            raise self._broken


def _scored(judge: Judge, response: Response, planned: Planned) -> Score:
    """Score one answer; a scorer's bug leaves the answer unscored and says so."""
    try:
        return judge.score(response.answer, planned)
    except Exception as exc:  # noqa: BLE001 - an answer that was paid for must not be lost to a scorer's bug
        return Score(None, "unscored", reason=f"the scorer broke: {type(exc).__name__}: {exc}")

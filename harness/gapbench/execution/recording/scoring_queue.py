"""Score responses while the load runs or after it, and hand the rows to the recorder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from gapbench import transport
from gapbench.execution.attempts.attempt_row import CellClock, build_attempt_row, with_score
from gapbench.execution.attempts.request_sender import CompletedAttempt
from gapbench.execution.attempts.trajectory_row import build_trajectory_row, with_score_of
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.limits.unusable_answers import FIRST_ANSWERS
from gapbench.execution.recording.cell_scorer import CellScorer
from gapbench.execution.recording.observer import RunObserver
from gapbench.execution.recording.recorder import AttemptRecorder
from gapbench.execution.recording.scoring_executors import ScoringExecutors
from gapbench.execution.recording.stored_episodes import (
    StoredEpisodes,
    last_text,
    single_reply_transcript,
)
from gapbench.store import RunWriter
from gapbench.store.pending_scores import PendingAnswer
from gapbench.suite.plan import Cell, PlannedRequest
from gapbench.values import Attempt, Score, Transcript

MAX_WAITING_ANSWERS = 1_000
"""Answers that may wait for a slow scorer. With more, senders wait too, or memory would grow with the run."""
MAX_HELD_ANSWERS = 1_000
"""Answers whose scoring may wait for the end of the load; further ones are scored while it runs."""

SCORING_BATCH_SIZE = 8
"""Answers of an earlier session that are scored between two checks for an interruption."""
PROGRESS_INTERVAL_S = 5.0


ScoreLater = Callable[[Executor], Coroutine[Any, Any, None]]
"""Scores an answer in an executor and records its row."""


class ScoringQueue:
    """Turns the attempts of one cell into scored rows.

    Args:
        run_id: The run.
        suite: The suite's name and hash.
        cell: The cell.
        clock: The cell's clock.
        executors: Run slow scorers, so that they do not block the event loop.
        recorder: Receives each row, and each answer that waits for its score.
        scorer: Scores the replies. None: the replies are only timed.
        simulated: Whether a simulated provider answers.
        on_recorded: Called with each row once it is on disk.
        on_held: Called with the row of an answer that is found to hold a program, which runs after the load.
    """

    def __init__(
        self,
        run_id: str,
        suite: tuple[str, str],
        cell: Cell,
        clock: CellClock,
        executors: ScoringExecutors,
        recorder: AttemptRecorder,
        *,
        scorer: CellScorer | None,
        simulated: bool,
        on_recorded: Callable[[Attempt], None] = lambda _: None,
        on_held: Callable[[Attempt], None] = lambda _: None,
    ) -> None:
        self._run_id = run_id
        self._suite = suite
        self._cell = cell
        self._clock = clock
        self._simulated = simulated
        self._executors = executors
        self._recorder = recorder
        self._scorer = scorer
        self._on_recorded = on_recorded
        self._on_held = on_held
        self._looks_left = FIRST_ANSWERS
        self._is_held_left = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: list[ScoreLater] = []
        self._free_places = asyncio.Semaphore(MAX_WAITING_ANSWERS)
        self._error: BaseException | None = None

    async def submit(self, completed: CompletedAttempt) -> None:
        """Score an attempt and record its row: now, or when a slow scorer has finished.

        If recording an earlier row failed, its error is raised here: an answer that cannot be kept is not requested.
        """
        if self._error is not None:
            raise self._error
        scorer = self._scorer
        if scorer is None or not _needs_score(completed):
            await self._record(self._attempt_row(completed, None), completed, None)
        elif not scorer.is_slow:
            score = score_completed(scorer, completed)
            await self._record(self._attempt_row(completed, score), completed, score)
        else:
            row = self._attempt_row(completed, None)
            trajectory = build_trajectory_row(row, completed.turn, self._clock)
            pending_number = await self._recorder.add_pending(self._cell, row, completed, trajectory)
            score_later = partial(self._score_in_executor, scorer, completed, row, pending_number)
            if scorer.needs_core and self._looks_left:
                # The rule that stops a task looks at these: one without a program has its score before the load ends.
                self._looks_left -= 1
                await self._start(
                    partial(self._look_for_program, scorer, completed, row, pending_number, score_later)
                )
            elif scorer.needs_core and len(self._held) < MAX_HELD_ANSWERS:
                # On two cores it would take the client's core, and the times would be those of the client.
                self._held.append(score_later)
            else:
                await self._start(partial(score_later, self._executors.beside_load))

    async def _start(self, score: Callable[[], Coroutine[Any, Any, None]]) -> None:
        await self._free_places.acquire()
        task = asyncio.create_task(score())
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    async def _score_in_executor(
        self,
        scorer: CellScorer,
        completed: CompletedAttempt,
        row: Attempt,
        pending_number: int,
        executor: Executor,
    ) -> None:
        loop = asyncio.get_running_loop()
        score = await loop.run_in_executor(executor, score_completed, scorer, completed)
        await self._record(
            with_score(row, score, completed.response.answer), completed, score, pending_number
        )

    async def _look_for_program(
        self,
        scorer: CellScorer,
        completed: CompletedAttempt,
        row: Attempt,
        pending_number: int,
        score_later: ScoreLater,
    ) -> None:
        """Record an answer without a program now, and hold one with a program until the load has ended."""
        loop = asyncio.get_running_loop()
        score = await loop.run_in_executor(
            self._executors.beside_load,
            score_without_core,
            scorer,
            completed.response.answer,
            completed.planned,
        )
        if score is not None:
            await self._record(
                with_score(row, score, completed.response.answer), completed, score, pending_number
            )
            return
        self._on_held(row)
        if not self._is_held_left:
            self._held.append(score_later)

    async def _record(
        self,
        row: Attempt,
        completed: CompletedAttempt,
        score: Score | None,
        pending_number: int | None = None,
    ) -> None:
        trajectory = build_trajectory_row(row, completed.turn, self._clock)
        await self._recorder.record(self._cell, row, completed, score, pending_number, trajectory)
        self._on_recorded(row)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._free_places.release()
        error = None if task.cancelled() else task.exception()
        if error is not None and self._error is None:
            self._error = error
            self.cancel()

    def _attempt_row(self, completed: CompletedAttempt, score: Score | None) -> Attempt:
        return build_attempt_row(
            self._run_id,
            self._suite,
            self._cell,
            completed.planned,
            completed.call,
            completed.response,
            score,
            completed.context,
            self._clock,
            simulated=self._simulated,
            turn=completed.turn,
        )

    def cancel(self) -> None:
        """Leave unscored answers to the next session; they are on disk."""
        self.leave_held()
        for task in self._tasks:
            task.cancel()

    def leave_held(self) -> None:
        """Leave the answers whose scoring was held back to the next session, so that an interrupted run ends soon."""
        self._is_held_left = True
        self._held.clear()

    async def wait_until_scored(self) -> None:
        """Score what was held back until the load had ended, and wait for all scores.

        Raises the error of the first row that could not be recorded.
        """
        while self._tasks or (self._held and self._error is None):
            while self._held and self._error is None:
                await self._start(partial(self._held.pop(0), self._executors.now()))
            # A task that still looks for a program may hold one.
            await asyncio.wait(self._tasks)
        if self._error is not None:
            raise self._error


async def score_pending(
    pending: Sequence[PendingAnswer],
    cells: Sequence[Cell],
    writer: RunWriter,
    executor: Executor,
    observer: RunObserver,
    stop_signal: StopSignal,
    make_scorer: Callable[[Cell, Path], CellScorer | None],
) -> None:
    """Score the answers that a killed session left unscored and record their rows; no request is sent again.

    An answer whose cell is not in the plan (a try of a search) stays unscored. After an interruption the remaining
    answers stay pending.

    Args:
        pending: The answers.
        cells: The plan's cells.
        writer: The run folder, open for writing.
        executor: Runs slow scorers.
        observer: Notified of progress every few seconds.
        stop_signal: An interruption stops the scoring; a spent budget does not.
        make_scorer: Returns the scorer of a cell in a run folder.

    Raises:
        DiskError: The disk is full or gone.
    """
    loop = asyncio.get_running_loop()
    cell_ids = {answer.attempt.cell_id for answer in pending}
    requests = {
        (cell.cell_id, planned.sample.sample_id, planned.repeat): (scorer, planned)
        for cell in cells
        if cell.cell_id in cell_ids and (scorer := make_scorer(cell, writer.folder)) is not None
        for planned in cell.requests
    }

    episodes = StoredEpisodes.read(writer.folder, pending)

    async def score_one(answer: PendingAnswer) -> Score:
        row = answer.attempt
        found = requests.get((row.cell_id, row.sample_id, row.repeat))
        if found is None:
            return Score(None, "unscored", reason="killed before it was scored; `bench score` scores it")
        scorer, planned = found
        transcript = episodes.transcript(answer, planned.sample)
        text = answer.payload.reply if row.trajectory_id is None else last_text(transcript, planned.sample)
        return await loop.run_in_executor(executor, score_reply, scorer, text, planned, transcript)

    observer.notify(f"scoring {len(pending)} answers that an earlier session left")
    last_progress_s = transport.now()
    for done in range(0, len(pending), SCORING_BATCH_SIZE):
        if stop_signal.reason == "interrupted":
            return
        if transport.now() - last_progress_s > PROGRESS_INTERVAL_S:
            observer.notify(f"scored {done} of {len(pending)}")
            last_progress_s = transport.now()
        batch = pending[done : done + SCORING_BATCH_SIZE]
        scores = await asyncio.gather(*map(score_one, batch))
        for (row, payload, trajectory), score in zip(batch, scores, strict=True):
            scored = with_score(row, score, payload.reply)
            scored_episode = None if trajectory is None else with_score_of(trajectory, scored)
            writer.add(scored, replace(payload, reason=score.reason), scored_episode)
    await asyncio.to_thread(writer.sync)
    writer.pending.clear()


def _needs_score(completed: CompletedAttempt) -> bool:
    """Return whether an attempt is scored: a complete reply, or the end of an episode that says something of the model."""
    response, turn = completed.response, completed.turn
    if not completed.planned.is_scored or response.finish_reason == "refusal":
        return False
    if turn is None:
        return response.failure is None
    return turn.end is not None and turn.end.transcript.termination != "infra"


def score_completed(scorer: CellScorer, completed: CompletedAttempt) -> Score:
    """Score an attempt that needs a score; see :func:`score_reply`."""
    response, planned = completed.response, completed.planned
    if completed.turn is not None and completed.turn.end is not None:
        transcript = completed.turn.end.transcript
        return score_reply(scorer, last_text(transcript, planned.sample), planned, transcript)
    transcript = single_reply_transcript(planned.sample, response.to_message())
    return score_reply(scorer, response.answer, planned, transcript)


def score_reply(scorer: CellScorer, reply: str, planned: PlannedRequest, transcript: Transcript) -> Score:
    """Score one answer; if the scorer raises, the answer is unscored and the error is the score's reason."""
    try:
        return scorer.score(reply, planned, transcript)
    except Exception as exc:  # noqa: BLE001 - an answer that was paid for must not be lost to a scorer's bug
        return Score(None, "unscored", reason=f"the scorer failed: {type(exc).__name__}: {exc}")


def score_without_core(scorer: CellScorer, reply: str, planned: PlannedRequest) -> Score | None:
    """Return the score of an answer without a program. None: a program must run, or the scorer raised."""
    try:
        return scorer.score_without_core(reply, planned)
    except Exception:  # noqa: BLE001 - it fails again when the answer is scored, and then it is the score's reason
        return None

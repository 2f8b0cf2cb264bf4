"""One model that is asked in batches: submit what is missing, wait, read the results, and send again what failed.

The journal is written before each step that the provider sees, and the rows are on the disk before a batch is closed. So
whatever ends this process, the next session finds each batch again and makes each row once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from gapbench.errors import RunnerError, SetupError
from gapbench.execution.batches.batch_collection import BatchCollection
from gapbench.execution.batches.batch_submission import BatchSubmission
from gapbench.execution.batches.open_requests import OpenRequests
from gapbench.execution.batches.settings import BatchSettings
from gapbench.execution.cell_run import CellRun
from gapbench.execution.earlier_sessions import EarlierSessions
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.model_session import ModelSession
from gapbench.execution.recording.observer import RunObserver
from gapbench.store.batch_journal import BatchJournal, BatchRecord
from gapbench.suite.plan import Cell
from gapbench.values.batches import Batch
from gapbench.values.failure_kinds import failure_traits

MAX_FAILED_READS = 20
"""Times in a row that the provider may fail to tell of a model's batches."""
MAX_REFUSED_BATCHES = 3
"""Batches in a row that the provider may refuse as a whole after it had taken them."""

SendLive = Callable[[Cell, Sequence[tuple[int, int]]], Awaitable[None]]
"""Sends requests of a cell without a batch: number of each, and the attempts already made at it."""


class ModelBatches:
    """One model of a run that is asked in batches.

    Args:
        cells: The model's cells.
        run: What the cells of the run have in common.
        session: The open model.
        journal: The journal of the run's batches.
        settings: How batches are treated.
        earlier: What earlier sessions left.
        observer: Receives progress.
        stop_signal: Ends the wait; what is out stays out.
        send_live: See :data:`SendLive`.
        is_another_out: Returns whether this session reads a batch of another model.

    Attributes:
        model: The model.
        runner: Its open runner.
        runs_here: Whether its batches keep this machine busy.

    Raises:
        SetupError: The provider has no batch API.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        run: CellRun,
        session: ModelSession,
        journal: BatchJournal,
        settings: BatchSettings,
        earlier: EarlierSessions,
        observer: RunObserver,
        stop_signal: StopSignal,
        send_live: SendLive,
        is_another_out: Callable[[], bool],
    ) -> None:
        self.model, self.runner = session.model, session.runner
        client = session.runner.batch_client()
        if client is None:
            raise SetupError(
                f"the provider of model {self.model.id!r} has no batch API at this address; set batch: false at the model, "
                "or leave out --batch"
            )
        self._client = client
        self.runs_here = client.runs_here
        self._journal = journal
        self._settings = settings
        self._observer = observer
        self._stop_signal = stop_signal
        self._send_live = send_live
        self._is_another_out = is_another_out
        self._requests = OpenRequests(
            self.model.id, cells, session.runner, journal, earlier, sends_unsent=settings.sends_unsent
        )
        self._collection = BatchCollection(
            run, session, client, self._requests, journal, stop_signal, self._notify
        )
        self._submission = BatchSubmission(
            run.manifest.run_id,
            self.model.id,
            client,
            self._requests,
            journal,
            run.recorder.spend_budget,
            settings,
            stop_signal,
            self._notify,
            self._collection.refuse,
            is_another_out,
        )
        self._may_submit = True
        self._failed_reads = 0
        self._refused_batches = 0
        self._last_counts: dict[str, tuple[int | None, int | None]] = {}

    async def submit(self) -> None:
        """Find out what became of earlier submissions, then submit what was never sent.

        Raises:
            RunnerError: The provider cannot be reached, or refuses; what was submitted before stays.
            DiskError: The disk is full or gone.
        """
        for cell in self._requests.cells:
            left = self._requests.count_of_cell(cell)
            self._observer.cell_started(cell, len(cell.requests), len(cell.requests) - left)
        # What is out is read all the same if this fails, and nothing more is submitted.
        self._may_submit = False
        await self._submission.confirm_out()
        if self._settings.sends_unsent and not self._is_stopped:
            await self._submission.submit()
        self._may_submit = True

    async def wait_until_ended(self) -> None:
        """Wait until the batches of earlier sessions have ended, or the run stops; reads nothing of them.

        Raises:
            RunnerError: The provider refuses, or cannot be reached.
        """
        is_told = False
        for record in self._journal.out_of(self.model.id):
            while record.batch_id is not None and not self._is_stopped:
                if (await self._client.read(record.batch_id)).state == "ended":
                    break
                if not is_told:
                    self._notify(
                        f"batch {record.batch_id} still runs on this machine; live models wait for its end"
                    )
                    is_told = True
                await self._stop_signal.sleep(self._settings.max_poll_s)

    async def read(self) -> None:
        """Read the batches that end, send again what failed, and end as :attr:`BatchSettings.until` says.

        Raises:
            RunnerError: The provider refuses, or cannot be reached for long; the batches stay.
            DiskError: The disk is full or gone.
        """
        poll_s = self._settings.poll_s
        while self._settings.until != "submitted" and not self._is_interrupted:
            has_read = await self._read_ended()
            if not self._is_out:
                if not self._is_stopped:
                    await self._send_again()
                if not (self._is_out or self._waits_for_dollars):
                    break
            # A spent budget ends the wait, but what has ended is paid for and read.
            if self._settings.until == "read" or self._is_stopped:
                break
            poll_s = self._settings.poll_s if has_read else min(self._settings.max_poll_s, 2 * poll_s)
            await self._stop_signal.sleep(poll_s)
        for cell in self._requests.cells:
            self._observer.cell_ended(cell)

    @property
    def _is_stopped(self) -> bool:
        return self._stop_signal.reason is not None

    @property
    def _is_interrupted(self) -> bool:
        return self._stop_signal.reason == "interrupted"

    @property
    def _is_out(self) -> bool:
        return bool(self._journal.out_of(self.model.id))

    @property
    def _waits_for_dollars(self) -> bool:
        """Whether more can be submitted once batches of other models are read, which cost less than their bound."""
        return self._submission.is_spent and not self._is_stopped and self._is_another_out()

    def _notify(self, line: str) -> None:
        self._observer.notify(f"{self.model.id}: {line}")

    async def _read_ended(self) -> bool:
        """Ask for the state of each batch that is out, and read those that have ended; returns whether any was read."""
        has_read = False
        for record in self._journal.out_of(self.model.id):
            if self._is_interrupted:
                break
            try:
                has_read |= await self._read_one(record)
            except RunnerError as exc:
                self._failed_reads += 1
                if not failure_traits(exc.kind).is_retryable or self._failed_reads >= MAX_FAILED_READS:
                    raise
                if self._failed_reads == 1:
                    self._notify(f"a batch cannot be read now ({exc}); trying again")
            else:
                self._failed_reads = 0
        return has_read

    async def _read_one(self, record: BatchRecord) -> bool:
        if record.batch_id is None:
            return await self._submission.confirm(record)
        try:
            batch = await self._client.read(record.batch_id)
        except RunnerError as exc:
            if exc.kind != "not_found":
                raise
            raise _gone(f"the provider has no batch {record.batch_id} any more", exc) from exc
        self._journal.note_seen(record, batch)
        if batch.state != "ended":
            self._show_progress(record, batch)
            return False
        try:
            is_read = await self._collection.collect(record, batch)
        except RunnerError as exc:
            if exc.kind != "not_found":
                raise
            raise _gone(f"the results of batch {record.batch_id} are gone", exc) from exc
        if is_read:
            self._refused_batches = 0
            return True
        self._refused_batches += 1
        problem = batch.problem or batch.state_raw
        self._submission.close(record, problem)
        if self._refused_batches >= MAX_REFUSED_BATCHES or not self._is_out:
            raise RunnerError("bad_request", f"the provider refused batch {batch.batch_id}: {problem}")
        # Its queue may have been full: the requests are submitted again when the others have ended.
        self._notify(
            f"the provider refused batch {batch.batch_id} ({problem}); its requests wait for another to end"
        )
        return True

    def _show_progress(self, record: BatchRecord, batch: Batch) -> None:
        counts = (batch.succeeded, batch.failed)
        if self._last_counts.get(record.label, (None, None)) != counts and batch.succeeded is not None:
            self._last_counts[record.label] = counts
            failed = f", {batch.failed} failed" if batch.failed else ""
            self._notify(
                f"batch {batch.batch_id}: {batch.state_raw}, {batch.succeeded} of {len(record.attempts)} answered{failed}"
            )

    async def _send_again(self) -> None:
        """Send what failed again, and what the provider or the spend limit did not let pass before."""
        if not self._may_submit:
            return
        waiting = self._requests.to_submit()
        again = [attempt for attempt in waiting if attempt.attempt > 1]
        if again and self._settings.retry_by == "live":
            for cell, todo in self._requests.by_cell(again):
                await self._send_live(cell, todo)
            for attempt in again:
                self._requests.note_row(attempt, final=True)
        if waiting and not self._is_stopped:
            await self._submission.submit()


def _gone(what: str, exc: RunnerError) -> RunnerError:
    """Return the error about a batch that will never be read."""
    return RunnerError(
        "not_found",
        f"{what} ({exc}); `bench batch cancel` gives it up, and its requests are then sent again on --resume",
        http_status=exc.http_status,
    )

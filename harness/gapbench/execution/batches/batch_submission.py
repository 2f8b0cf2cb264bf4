"""Submit batches so that none is ever submitted twice: the intent is on the disk before, the provider's id after."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from gapbench import credentials
from gapbench.errors import RunnerError
from gapbench.execution.batches.batch_cutting import BatchCutter, CutBatch, label_of
from gapbench.execution.batches.batch_lookup import adopt_batch, is_settled, look_up_batch
from gapbench.execution.batches.open_requests import OpenRequests
from gapbench.execution.batches.settings import BatchSettings
from gapbench.execution.limits.budgets import SpendBudget
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.formatting import count_of, format_usd
from gapbench.runner import BatchClient
from gapbench.store.batch_journal import BatchAttempt, BatchJournal, BatchRecord

MAX_LOST_ANSWERS = 3
"""Submissions in a row whose answer may be lost without a trace of the batch, before the model is left."""
MAX_WAITS = 10
"""Times in a row that a model without a batch that is out waits when the provider takes none."""
NEVER_ARRIVED = "the provider has no such batch: its submission never arrived"

Refuse = Callable[[BatchAttempt, str], Awaitable[None]]
"""Records that no batch can hold an attempt, and why."""


class BatchSubmission:
    """Submits the requests of one model.

    Args:
        run_id: The run.
        model_id: The model.
        client: The provider's batch API.
        requests: The model's requests that have no final row.
        journal: The journal of the run's batches.
        budget: Where the most that a batch can cost is reserved.
        settings: How batches are treated.
        stop_signal: Nothing is submitted once it is set.
        notify: Receives one line for the user.
        refuse: See :data:`Refuse`.
        is_another_out: Returns whether this session reads a batch of another model.

    Attributes:
        is_spent: Whether the spend limit ended the last submission.
    """

    def __init__(
        self,
        run_id: str,
        model_id: str,
        client: BatchClient,
        requests: OpenRequests,
        journal: BatchJournal,
        budget: SpendBudget,
        settings: BatchSettings,
        stop_signal: StopSignal,
        notify: Callable[[str], None],
        refuse: Refuse,
        is_another_out: Callable[[], bool],
    ) -> None:
        self._run_id = run_id
        self._model_id = model_id
        self._client = client
        self._requests = requests
        self._journal = journal
        self._budget = budget
        self._settings = settings
        self._stop_signal = stop_signal
        self._notify = notify
        self._refuse = refuse
        self._is_another_out = is_another_out
        self.is_spent = False
        self._lost_answers = 0
        self._waits = 0

    async def confirm_out(self) -> None:
        """Find out what became of submissions that were never confirmed, as far as the provider tells by now."""
        for record in self._journal.out_of(self._model_id):
            while record.batch_id is None and record.is_out and not await self.confirm(record):
                if self._stop_signal.reason is not None or self._is_settled(record):
                    break
                await self._stop_signal.sleep(self._settings.settle_s / 4)

    async def confirm(self, record: BatchRecord) -> bool:
        """Look for a batch whose submission was never confirmed; returns whether it is known by now what became of it.

        It is adopted if the provider has it. Its requests count as not sent if the provider certainly has none.
        """
        found = await look_up_batch(self._client, self._journal, record, self._settings.settle_s)
        if found.outcome == "none":
            self.close(record, NEVER_ARRIVED)
        await adopt_batch(self._client, self._journal, record, found, self._notify)
        return found.outcome != "unclear"

    def _is_settled(self, record: BatchRecord) -> bool:
        return is_settled(record, self._settings.settle_s)

    def close(self, record: BatchRecord, problem: str) -> None:
        """Close a batch that made no row; its requests count as not sent."""
        self._journal.note_refused(record, credentials.redact(problem))
        self._budget.release(record.attempts.values())

    async def submit(self) -> bool:
        """Submit all that may be sent; returns False if the provider takes no more until a batch of it has ended.

        Raises:
            RunnerError: The provider refuses, or cannot be reached; what was submitted before stays.
            DiskError: The disk is full or gone.
        """
        was_spent, self.is_spent = self.is_spent, False
        cutter = BatchCutter(self._run_id, self._client, self._budget.may_spend)
        while self._stop_signal.reason is None:
            waiting = {
                attempt: partial(self._requests.prepare, attempt) for attempt in self._requests.to_submit()
            }
            if not waiting:
                return True
            if not await self._wait_until_free():
                return False
            batch, is_spent = await cutter.cut(
                waiting, lambda attempt: self._settings.bound_usd(*self._requests.place(attempt))
            )
            for attempt, problem in batch.refused.items():
                await self._refuse(attempt, problem)
            if batch.requests and not await self._create(batch):
                return False
            if is_spent:
                self.is_spent = True
                if not (self._journal.out_of(self._model_id) or self._is_another_out()):
                    self._stop_signal.set(self._budget.describe_reserved())
                    self._notify(f"stopping: {self._stop_signal.reason}")
                elif not was_spent:
                    self._notify(f"{self._budget.describe_reserved()}; the rest waits for a batch to be read")
                return False
        return False

    async def _wait_until_free(self) -> bool:
        """Wait until the provider can take a batch; returns False if this session does not submit for now.

        It does not wait while a batch of this model is out, which must be read, nor if it only submits.
        """
        is_told = False
        while (busy := self._client.busy()) is not None:
            if self._journal.out_of(self._model_id):
                self._notify(f"{busy}; the rest waits for a batch to end")
                return False
            if self._settings.until != "done":
                self._notify(f"{busy}; `bench run --resume` submits the rest")
                return False
            if not is_told:
                self._notify(f"{busy}; waiting for its end")
                is_told = True
            await self._stop_signal.sleep(self._settings.max_poll_s)
            if self._stop_signal.reason is not None:
                return False
        return True

    async def _create(self, batch: CutBatch) -> bool:
        """Submit one batch; returns False if the provider refused it for now.

        Raises:
            RunnerError: The provider refuses it for good, or its answer was lost too often.
        """
        label = label_of(self._run_id, len(self._journal.records) + 1)
        self._budget.reserve(batch.bounds)
        record = self._journal.intend(
            label, self._model_id, batch.attempts, batch.bodies_sha256(), batch.bound_usd
        )
        try:
            created = await self._client.create(batch.requests, label)
        except RunnerError as exc:
            if not exc.is_refusal:
                self._notify(f"the answer to a submission was lost ({exc}): looking for the batch")
                await self._confirm_lost(record)
                if record.closed_by is None:
                    return record.batch_id is not None
                self._lost_answers += 1
                if self._lost_answers >= MAX_LOST_ANSWERS:
                    raise
                return True
            self.close(record, str(exc))
            if exc.kind != "rate_limit" or self._waits >= MAX_WAITS:
                raise
            if self._journal.out_of(self._model_id):
                self._notify(
                    f"the provider takes no further batch now ({exc}); the rest waits for one to end"
                )
                return False
            self._waits += 1
            self._notify(f"the provider takes no batch now ({exc}); trying again")
            await self._stop_signal.sleep(max(exc.retry_after_s or 0.0, self._settings.max_poll_s))
            return True
        self._lost_answers = self._waits = 0
        self._journal.note_created(record, created)
        bound = "" if batch.bound_usd is None else f", at most {format_usd(batch.bound_usd)}"
        self._notify(
            f"batch {created.batch_id} is submitted: {count_of(len(batch.requests), 'request')}{bound}"
        )
        return True

    async def _confirm_lost(self, record: BatchRecord) -> None:
        while self._stop_signal.reason is None and not await self.confirm(record):
            if self._is_settled(record):
                return  # it may still be among the provider's batches without a name
            await self._stop_signal.sleep(self._settings.settle_s / 4)

"""Cancel the batches of a run: each is asked for on its own, so that one that cannot be cancelled does not keep the others."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing

from gapbench import credentials
from gapbench.errors import RunnerError
from gapbench.execution.batches.batch_lookup import adopt_batch, look_up_batch
from gapbench.execution.batches.batch_status import GONE, open_batch_client
from gapbench.runner import BatchClient, Runner
from gapbench.store.batch_journal import BatchJournal, BatchRecord
from gapbench.values import Call, Model
from gapbench.values.batches import Batch

NOT_CONFIRMED = (
    "not confirmed yet: the provider shows no batch of this name, but its list may be late, or one of its running batches "
    "without a name may be this one. It stays open; cancel again later"
)
NEVER_ARRIVED = "it was given up before its submission was confirmed"


async def cancel_batches(
    journal: BatchJournal, model: Model, runner: Runner, settle_s: float, notify: Callable[[str], None]
) -> bool:
    """Ask the provider to end the batches of a model that are out; returns whether each of them ends or was given up.

    A batch that has ended is left to be read. One whose results can no longer be read is closed: its requests count as
    unanswered.

    Args:
        journal: The journal of the run's batches.
        model: The model.
        runner: Its runner, not open yet.
        settle_s: See :func:`gapbench.execution.batches.batch_lookup.look_up_batch`.
        notify: Receives one line for each batch, as soon as it is known what becomes of it.

    Raises:
        SetupError: The runner cannot be made ready, or its provider has no batch API.
        RunnerError: The runner cannot be opened.
        DiskError: The disk is full or gone.
    """
    is_done = True
    async with open_batch_client(model, runner, journal.folder) as client:

        def tell(line: str) -> None:
            notify(credentials.redact(f"{model.id}: {line}"))

        cancelling = _Cancelling(client, journal, settle_s, tell)
        for record in journal.out_of(model.id):
            try:
                said = await cancelling.cancel(record)
            except RunnerError as exc:
                is_done, said = False, f"not cancelled: {exc}"
            is_done &= said != NOT_CONFIRMED
            tell(f"{record.batch_id or record.label}: {said}")
    return is_done


class _Cancelling:
    """Cancels batches of one model.

    Args:
        client: The provider's batch API.
        journal: The journal of the run's batches.
        settle_s: Seconds that the provider's list may be late.
        notify: Receives one line for the user.
    """

    def __init__(
        self, client: BatchClient, journal: BatchJournal, settle_s: float, notify: Callable[[str], None]
    ) -> None:
        self._client = client
        self._journal = journal
        self._settle_s = settle_s
        self._notify = notify

    async def cancel(self, record: BatchRecord) -> str:
        """Cancel one batch, and return what became of it.

        Raises:
            RunnerError: The provider refuses, or cannot be reached; the batch stays open.
            DiskError: The disk is full or gone.
        """
        try:
            batch = await self._find(record)
            if isinstance(batch, str):
                return batch
            return await self._end(record, batch)
        except RunnerError as exc:
            if exc.kind != "not_found" or record.batch_id is None:
                raise
            return self._give_up(record, GONE)

    async def _find(self, record: BatchRecord) -> Batch | str:
        """Return the batch of a record, or what to say if the provider has none."""
        if record.batch_id is not None:
            return await self._client.read(record.batch_id)
        found = await look_up_batch(self._client, self._journal, record, self._settle_s)
        if found.batch is None:
            if found.outcome == "unclear":
                return NOT_CONFIRMED
            self._journal.note_refused(record, NEVER_ARRIVED)
            return "the provider shows no such batch; given up"
        await adopt_batch(self._client, self._journal, record, found, self._notify)
        return found.batch

    async def _end(self, record: BatchRecord, batch: Batch) -> str:
        was_asked = record.is_cancel_asked
        if batch.state != "ended":
            # Before the provider is asked: results may not tell that their batch was cancelled.
            self._journal.note_cancel(record)
            try:
                batch = await self._client.cancel(batch.batch_id)
            except RunnerError as exc:
                if exc.kind == "not_found":
                    raise
                if exc.is_refusal and not was_asked:
                    self._journal.note_cancel_refused(record)
                # It may have ended since it was looked at; vendors refuse to cancel such a batch.
                batch = await self._client.read(batch.batch_id)
                if batch.state != "ended":
                    raise
        self._journal.note_seen(record, batch)
        if batch.state != "ended":
            return batch.state_raw
        problem = await self._why_unreadable(batch)
        if problem is not None:
            return self._give_up(record, problem)
        return f"has ended ({batch.state_raw}); `bench batch fetch` reads it"

    async def _why_unreadable(self, batch: Batch) -> str | None:
        """Return why the results of a batch that has ended cannot be read any more. None: they can, or there are none.

        A failure that may pass is no reason: the results may be there tomorrow.
        """
        if not batch.has_results:
            return batch.problem or "the provider names no results of it"
        try:
            async with aclosing(self._client.results(batch, _no_call)) as replies:  # type: ignore[type-var]  # every client's is an async generator
                async for _ in replies:
                    break
        except RunnerError as exc:
            if exc.kind != "not_found":
                return None
            return f"its results are gone ({exc})"
        return None

    def _give_up(self, record: BatchRecord, problem: str) -> str:
        self._journal.note_lost(record, credentials.redact(problem))
        return (
            f"{problem}; given up. What it answered was paid for and is lost: its requests count as unanswered, and "
            "--resume asks and pays for them again"
        )


def _no_call(_: str) -> Call | None:
    return None

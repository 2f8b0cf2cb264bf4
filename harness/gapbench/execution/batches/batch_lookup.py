"""Look for a batch whose submission was never confirmed: the only place that decides whether the provider has one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from gapbench.errors import RunnerError
from gapbench.runner import BatchClient
from gapbench.store.batch_journal import BatchJournal, BatchRecord
from gapbench.values.batches import Batch

CLOCK_ROOM = timedelta(minutes=10)
"""How far the provider's clock may be behind ours when a lost batch is looked for."""

LookupOutcome = Literal["found", "unclear", "none"]


@dataclass(frozen=True, slots=True)
class BatchLookup:
    """What a provider tells of a batch whose submission was never confirmed.

    Attributes:
        outcome: ``found``: the provider has it. ``none``: it certainly has none. ``unclear``: its list may be late, or has
            a batch without a name that may be this one.
        batch: The batch, the oldest of several. None: it was not found.
        duplicates: Other batches that ask the same: a submission was repeated while the provider's list was late.
    """

    outcome: LookupOutcome
    batch: Batch | None = None
    duplicates: tuple[Batch, ...] = ()


async def look_up_batch(
    client: BatchClient, journal: BatchJournal, record: BatchRecord, settle_s: float
) -> BatchLookup:
    """Ask the provider for the batch of a record that has no id yet. Changes nothing.

    Args:
        client: The provider's batch API.
        journal: The journal of the run's batches: a batch that belongs to another record is not this one.
        record: The intent to submit the batch.
        settle_s: Seconds that a batch may be missing from the provider's list after its submission.

    Raises:
        RunnerError: The provider cannot be reached, or lists too many batches to look at all.
    """
    own = {known.batch_id for known in journal.records.values()}
    found: list[Batch] = []
    is_unclear = not is_settled(record, settle_s)
    async for batch in client.find(record.label, record.intended_at - CLOCK_ROOM):
        if batch.label == record.label:
            found.append(batch)
        elif batch.label is None and batch.batch_id not in own:
            # This provider shows labels only when a batch has ended. A batch of another size cannot be this one.
            is_unclear |= batch.total in {None, len(record.attempts)}
    if found:
        oldest, *duplicates = reversed(found)
        return BatchLookup("found", oldest, tuple(duplicates))
    return BatchLookup("unclear" if is_unclear else "none")


def is_settled(record: BatchRecord, settle_s: float) -> bool:
    """Return whether the provider's list shows a batch by now if its submission arrived.

    Args:
        record: The intent to submit the batch.
        settle_s: Seconds that the list may be late.
    """
    return datetime.now(UTC) - record.intended_at >= timedelta(seconds=settle_s)


async def adopt_batch(
    client: BatchClient,
    journal: BatchJournal,
    record: BatchRecord,
    found: BatchLookup,
    notify: Callable[[str], None],
) -> None:
    """Write the id of a batch that was found into its record, and cancel the batches that ask the same again.

    Args:
        client: The provider's batch API.
        journal: The journal of the run's batches.
        record: The intent to submit the batch.
        found: What :func:`look_up_batch` returned; nothing happens if it has no batch.
        notify: Receives one line for the user.

    Raises:
        DiskError: The disk is full or gone.
    """
    if found.batch is None:
        return
    journal.note_created(record, found.batch)
    notify(f"batch {found.batch.batch_id} was found at the provider and is adopted")
    for duplicate in found.duplicates:
        said = f"batch {duplicate.batch_id} asks the same again and"
        if duplicate.state == "ended":
            notify(f"{said} has ended: it was paid for, and is not read")
            continue
        try:
            await client.cancel(duplicate.batch_id)
        except RunnerError as exc:
            notify(f"{said} cannot be cancelled ({exc}); cancel it on the provider's own page")
        else:
            notify(f"{said} is cancelled")

"""What results of a batch ended as, and what they are charged."""

from __future__ import annotations

from gapbench.values.batches import BatchReply
from tests.gapbench_runners.batches.batching import Desk


def kinds(replies: list[BatchReply]) -> dict[str, str | None]:
    """Return the kind of each request's failure."""
    return {reply.custom_id: None if reply.failure is None else reply.failure.kind for reply in replies}


def charged(open_desk: Desk) -> list[int]:
    return [charge.charged for charge in open_desk.store.charges()]

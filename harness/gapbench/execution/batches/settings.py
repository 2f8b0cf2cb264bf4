"""How a run treats the models that it asks in batches."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from gapbench.suite.plan import Cell, PlannedRequest

Until = Literal["submitted", "read", "done"]
RetryBy = Literal["batch", "live"]


def _unknown_bound(_cell: Cell, _planned: PlannedRequest) -> Decimal | None:
    return None


@dataclass(frozen=True)
class BatchSettings:
    """How a run treats the models that it asks in batches.

    Attributes:
        until: When the session ends: once the batches are ``submitted``, once those that have ended are ``read``, or when
            all is ``done``.
        sends_live: Whether the models that are not batched get their requests in this session.
        sends_unsent: Whether requests that were never sent are submitted. False: only what failed is sent again.
        retry_by: How a request is sent again that failed in a batch: in a new ``batch``, or ``live`` at the live price.
        poll_s: Seconds before the provider is asked again for the first time; it doubles up to ``max_poll_s``.
        max_poll_s: Most seconds between two questions.
        settle_s: How long a batch may be missing from the provider's list after its submission before it is certain that
            there is none.
        sync_file: Puts the written bytes of the journal's file descriptor on the disk; tests replace it.
        bound_usd: Returns the most that a request in a batch can cost. None: unknown, or not billed by the call.
    """

    until: Until = "done"
    sends_live: bool = True
    sends_unsent: bool = True
    retry_by: RetryBy = "batch"
    poll_s: float = 5.0
    max_poll_s: float = 60.0
    settle_s: float = 60.0
    sync_file: Callable[[int], None] = os.fsync
    bound_usd: Callable[[Cell, PlannedRequest], Decimal | None] = _unknown_bound

"""Cut a model's requests into batches: names, sizes and hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import orjson

from gapbench.runner import BatchClient
from gapbench.store.batch_journal import BatchAttempt
from gapbench.values import Call, canonical_json, sha256
from gapbench.values.batches import BatchRequest


def custom_id_of(run_id: str, attempt: BatchAttempt) -> str:
    """Return the name of an attempt in a batch: the same for the same attempt, and another one for every other."""
    return sha256(canonical_json([run_id, *attempt]))[:32]


def label_of(run_id: str, number: int) -> str:
    """Return the name of a run's batch at the provider, at most 31 characters.

    Args:
        run_id: The run; its random end keeps the names of two runs apart.
        number: Number of the batch in the run, from 1.
    """
    return f"{label_prefix_of(run_id)}{number:05d}"


def label_prefix_of(run_id: str) -> str:
    """Return the start of the names of all batches of a run."""
    return f"gapbench-{sha256(run_id)[:12]}-"


@dataclass
class CutBatch:
    """Requests that fit into one batch.

    Attributes:
        attempts: The attempts by custom id.
        requests: The requests, in order.
        bounds: By attempt, the most that it can cost. None: unknown, or not billed by the call.
        bytes: Their size.
        refused: Attempts that no batch can hold, and why. They are not in the batch.
    """

    attempts: dict[str, BatchAttempt] = field(default_factory=dict)
    requests: list[BatchRequest] = field(default_factory=list)
    bounds: dict[BatchAttempt, Decimal | None] = field(default_factory=dict)
    bytes: int = 0
    refused: dict[BatchAttempt, str] = field(default_factory=dict)

    @property
    def bound_usd(self) -> Decimal | None:
        """The most that all of them can cost. None: unknown."""
        known = [usd for usd in self.bounds.values() if usd is not None]
        return sum(known, Decimal(0)) if len(known) == len(self.bounds) else None

    def bodies_sha256(self) -> str:
        """Return a hash of the requests' names and bodies."""
        found = hashlib.sha256()
        for request in self.requests:
            found.update(request.custom_id.encode())
            found.update(orjson.dumps(request.call.body, default=repr, option=orjson.OPT_SORT_KEYS))
        return found.hexdigest()


@dataclass
class BatchCutter:
    """Fills one batch after another up to the provider's limits.

    Attributes:
        run_id: The run.
        client: The provider's batch API.
        may_spend: Returns whether so many US dollars more are within the spend limit.
    """

    run_id: str
    client: BatchClient
    may_spend: Callable[[Decimal], bool]

    async def cut(
        self,
        waiting: Mapping[BatchAttempt, Callable[[], Call]],
        bound_usd: Callable[[BatchAttempt], Decimal | None],
    ) -> tuple[CutBatch, bool]:
        """Return the next batch, and whether the spend limit was what ended it.

        Args:
            waiting: What prepares the call of each attempt to submit, in order.
            bound_usd: Returns the most that an attempt can cost.
        """
        limits, batch = self.client.limits, CutBatch()
        usd = Decimal(0)
        for attempt, prepare in waiting.items():
            if len(batch.requests) >= limits.requests:
                break
            call = prepare()
            if call.problem is not None:
                batch.refused[attempt] = call.problem
                continue
            request = BatchRequest(custom_id_of(self.run_id, attempt), call)
            size = await self.client.size_bytes(request)
            if size > limits.bytes:
                batch.refused[attempt] = (
                    f"the request has {size:,} bytes, and a batch of this provider holds {limits.bytes:,}"
                )
                continue
            if batch.bytes + size > limits.bytes:
                break
            bound = bound_usd(attempt)
            if bound is not None:
                if not self.may_spend(usd + bound):
                    return batch, True
                usd += bound
            batch.attempts[request.custom_id] = attempt
            batch.requests.append(request)
            batch.bounds[attempt] = bound
            batch.bytes += size
        return batch, False

"""A circuit breaker for one model: a dead endpoint is probed a few times and then given up.

::

    closed --failures in a row--> open --wait--> probing (one request) --answer--> closed
                                   ^                |
                                   +---- failure ---+   after the last probe: given up

Once a model is given up, its remaining requests are not sent and get no row; ``bench run --resume`` sends them.
The same holds for requests whose last attempt was among the failures that opened the circuit. Failures that waiting
does not cure (no key, no credit) give the model up without a probe; only failures of that kind count towards their
threshold. An answer sets all counts back to zero.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Literal

from gapbench.formatting import count_of
from gapbench.values.failure_kinds import FailureTraits, failure_traits
from gapbench.values.policies import BreakerPolicy

BreakerState = Literal["closed", "open", "given_up"]
BreakerDecision = Literal["go", "probe", "no"]

_ANSWER = FailureTraits(proves_alive=True)


class CircuitBreaker:
    """Counts failures in a row over all requests of a model.

    Args:
        policy: When the circuit opens, and how many probes there are.
        sleep: Sleeps; returns early when the run is stopped.
        is_stopped: Returns whether the run is stopped.
        notify: Receives one line for the user.

    Attributes:
        reason: Why the circuit is open or the model was given up; later failures do not change it. "": it is closed.
    """

    def __init__(
        self,
        policy: BreakerPolicy,
        sleep: Callable[[float], Awaitable[None]],
        is_stopped: Callable[[], bool],
        notify: Callable[[str], None],
    ) -> None:
        self._state: BreakerState = "closed"
        self.reason = ""
        self._policy = policy
        self._sleep = sleep
        self._is_stopped = is_stopped
        self._notify = notify
        self._failures_in_a_row: Counter[str] = Counter()
        self._probes = 0
        self._probe_lock = asyncio.Lock()

    @property
    def state(self) -> BreakerState:
        """Whether requests pass; ``given_up`` is final."""
        return self._state

    async def acquire(self) -> BreakerDecision:
        """Return whether a request may be sent; waits while the endpoint is being probed."""
        if self.state == "closed":
            return "go"
        # One request at a time probes an open circuit. It holds the lock until `record_result` gets its result.
        await self._probe_lock.acquire()
        if self.state == "open" and not self._is_stopped():
            wait_s = self._policy.wait_s * 2**self._probes
            self._probes += 1
            self._notify(f"{self.reason}; probe {self._probes} of {self._policy.probes} in {wait_s:g} s")
            try:
                await self._sleep(wait_s)
            except BaseException:
                self._probe_lock.release()
                raise
            if self.state == "open" and not self._is_stopped():
                return "probe"
        self._probe_lock.release()
        return self._decision_after_probe()

    def _decision_after_probe(self) -> BreakerDecision:
        """Return the decision for the requests that waited for a probe."""
        return "go" if self.state == "closed" else "no"

    def record_result(self, failure_kind: str | None, decision: BreakerDecision) -> None:
        """Count the result of an attempt.

        Args:
            failure_kind: How it failed. None: it brought an answer.
            decision: What :meth:`acquire` returned for it.
        """
        traits = _ANSWER if failure_kind is None else failure_traits(failure_kind)
        if traits.trips_breaker and failure_kind is not None:
            self._record_failure(failure_kind, traits.gives_up_after)
        elif traits.proves_alive:
            self._failures_in_a_row.clear()
            if self.state == "open":
                self._notify("the endpoint answers again")
                self._state, self._probes, self.reason = "closed", 0, ""
        if decision == "probe":
            # Count every probe whatever its result, or rate-limited probes would repeat forever.
            if self.state == "open" and self._probes >= self._policy.probes:
                self.give_up(f"{self.reason}, and {count_of(self._probes, 'failed probe')}")
            self._probe_lock.release()

    def _record_failure(self, kind: str, gives_up_after: int | None) -> None:
        if self.state == "given_up":
            return
        counts = self._failures_in_a_row
        counts[kind] += 1
        if gives_up_after is not None and counts[kind] >= gives_up_after:
            self.give_up(_describe_failures(Counter({kind: counts[kind]})))
        elif self.state == "closed" and counts.total() >= self._policy.failures:
            self._state, self.reason = "open", _describe_failures(counts)
            if self._policy.probes == 0:
                self.give_up(self.reason)

    def give_up(self, reason: str) -> None:
        """Send nothing more to the model; the first reason is kept.

        Args:
            reason: What made it hopeless, to be read after "given up after".
        """
        if self.state == "given_up":
            return
        self._state, self.reason = "given_up", reason
        self._notify(f"given up after {reason}; --resume sends the remaining requests")


def _describe_failures(counts: Counter[str]) -> str:
    """Return a count of failures by kind in words, most frequent first, such as ``3 failures in a row (2 server, 1 timeout)``."""
    by_kind = ", ".join(
        f"{count} {kind}" if len(counts) > 1 else kind for kind, count in counts.most_common()
    )
    return f"{count_of(counts.total(), 'failure')} in a row ({by_kind})"

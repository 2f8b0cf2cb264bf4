"""A circuit breaker for one model: a dead endpoint is probed a few times and then given up.

::

    closed --failures in a row--> open --wait--> probing (one request) --answer--> closed
                                   ^                |
                                   +---- failure ---+   after the last probe: given up

Once a model is given up, its remaining requests are not sent and get no row; ``bench run --resume`` sends them.
The same holds for requests whose last attempt was among the failures that opened the circuit. Failures that waiting
does not cure (no key, no credit) give the model up without a probe.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

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
        self._consecutive_failures = 0
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
        if traits.trips_breaker:
            self._consecutive_failures += 1
            self.reason = f"{self._consecutive_failures} failures in a row, the last {failure_kind}"
            threshold = min(self._policy.failures, traits.gives_up_after or self._policy.failures)
            if self.state == "closed" and self._consecutive_failures >= threshold:
                self._state = "open"
                if traits.gives_up_after or self._policy.probes == 0:
                    self._give_up()
        elif traits.proves_alive:
            self._consecutive_failures = 0
            if self.state == "open":
                self._notify("the endpoint answers again")
                self._state, self._probes = "closed", 0
        if decision == "probe":
            # Count every probe whatever its result, or rate-limited probes would repeat forever.
            if self.state == "open" and (traits.gives_up_after or self._probes >= self._policy.probes):
                self._give_up()
            self._probe_lock.release()

    def _give_up(self) -> None:
        self._state = "given_up"
        self._notify(f"given up after {self.reason}; --resume does what is left")

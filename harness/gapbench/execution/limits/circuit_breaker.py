"""A circuit breaker for one model: a dead endpoint is probed a few times and then left alone.

::

    closed --failures in a row--> open --wait--> probing (one request) --answer--> closed
                                   ^                |
                                   +---- failure ---+   after the last probe: given up

A request that meets a circuit given up is not sent and gets no row: it is still to be done, and
``bench run --resume`` does it. So is a request whose last attempt was among the failures that opened the
circuit. What cannot heal by waiting (no key, no credit) gives the model up without a probe.
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
        policy: When it opens, and how often it is tried before it is given up.
        sleep: Waits; ends early when the run is halted.
        is_stopped: Whether the run is.
        notify: Takes one line for the user.
    """

    def __init__(
        self,
        policy: BreakerPolicy,
        sleep: Callable[[float], Awaitable[None]],
        is_stopped: Callable[[], bool],
        notify: Callable[[str], None],
    ) -> None:
        """Start closed."""
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
        """Whether requests go through; ``given_up`` is for good."""
        return self._state

    async def acquire(self) -> BreakerDecision:
        """Say whether a request may be sent; waits while the endpoint is being probed."""
        if self.state == "closed":
            return "go"
        # One request at a time tries an open circuit; it holds the lock until `record_result` has its end.
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
        """Return what those who waited for a probe may do."""
        return "go" if self.state == "closed" else "no"

    def record_result(self, failure_kind: str | None, decision: BreakerDecision) -> None:
        """Count how an attempt ended.

        Args:
            failure_kind: Failure kind. None: it brought an answer.
            decision: What :meth:`acquire` said when it was sent.
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
            # However the last probe ended: one that met a rate limit would else be followed by another for ever.
            if self.state == "open" and (traits.gives_up_after or self._probes >= self._policy.probes):
                self._give_up()
            self._probe_lock.release()

    def _give_up(self) -> None:
        self._state = "given_up"
        self._notify(f"given up after {self.reason}; --resume does what is left")

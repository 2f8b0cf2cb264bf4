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
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from gapbench.values.policies import BreakerPolicy

TRIPPING: frozenset[str] = frozenset(
    {"connect", "timeout", "cut_stream", "garbage", "server", "overloaded", "not_found", "auth", "quota"}
)
"""Failures that, many in a row and no answer between them, say that the endpoint is dead or hangs."""
ALIVE: frozenset[str | None] = frozenset({None, "bad_request"})
"""Ends that only a living endpoint can give. What is in neither set (a rate limit, a halt) says nothing."""
HOPELESS: Mapping[str, int] = {"quota": 1, "auth": 3, "not_found": 3}
"""Of them, those that no waiting cures, and how many in a row are enough."""

State = Literal["closed", "open", "given_up"]
Pass = Literal["go", "probe", "no"]


class Breaker:
    """Counts failures in a row over all requests of a model.

    Args:
        rule: When it opens, and how often it is tried before it is given up.
        sleep: Waits; ends early when the run is halted.
        halted: Whether the run is.
        tell: Takes one line for the user.
    """

    def __init__(
        self,
        rule: BreakerPolicy,
        sleep: Callable[[float], Awaitable[None]],
        halted: Callable[[], bool],
        tell: Callable[[str], None],
    ) -> None:
        """Start closed."""
        self._state: State = "closed"
        self.why = ""
        self._rule = rule
        self._sleep = sleep
        self._halted = halted
        self._tell = tell
        self._in_a_row = 0
        self._probes = 0
        self._probing = asyncio.Lock()

    @property
    def state(self) -> State:
        """Whether requests go through; ``given_up`` is for good."""
        return self._state

    async def enter(self) -> Pass:
        """Say whether a request may be sent; waits while the endpoint is being probed."""
        if self.state == "closed":
            return "go"
        # One request at a time tries an open circuit; it holds the lock until `took` has its end.
        await self._probing.acquire()
        if self.state == "open" and not self._halted():
            wait_s = self._rule.wait_s * 2**self._probes
            self._probes += 1
            self._tell(f"{self.why}; probe {self._probes} of {self._rule.probes} in {wait_s:g} s")
            try:
                await self._sleep(wait_s)
            except BaseException:
                self._probing.release()
                raise
            if self.state == "open" and not self._halted():
                return "probe"
        self._probing.release()
        return self._once_probed()

    def _once_probed(self) -> Pass:
        """Return what those who waited for a probe may do."""
        return "go" if self.state == "closed" else "no"

    def took(self, kind: str | None, let: Pass) -> None:
        """Count how an attempt ended.

        Args:
            kind: Failure kind. None: it brought an answer.
            let: What :meth:`enter` said when it was sent.
        """
        if kind in TRIPPING:
            self._in_a_row += 1
            self.why = f"{self._in_a_row} failures in a row, the last {kind}"
            enough = min(self._rule.failures, HOPELESS.get(str(kind), self._rule.failures))
            if self.state == "closed" and self._in_a_row >= enough:
                self._state = "open"
                if kind in HOPELESS or self._rule.probes == 0:
                    self._give_up()
        elif kind in ALIVE:
            self._in_a_row = 0
            if self.state == "open":
                self._tell("the endpoint answers again")
                self._state, self._probes = "closed", 0
        if let == "probe":
            # However the last probe ended: one that met a rate limit would else be followed by another for ever.
            if self.state == "open" and (kind in HOPELESS or self._probes >= self._rule.probes):
                self._give_up()
            self._probing.release()

    def _give_up(self) -> None:
        self._state = "given_up"
        self._tell(f"given up after {self.why}; --resume does what is left")

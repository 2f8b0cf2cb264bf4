"""As many requests in flight as a provider takes without refusing any: for accuracy runs, never for timed ones.

Additive increase, multiplicative decrease (Chiu and Jain, Comput. Netw. ISDN Syst. 17 (1989) 1), begun by doubling:

- an answer without trouble opens a little more room: one place for each answer until the first refusal, then one place
  for each round of answers;
- only a refusal of the rate (429) cuts: to half, once for all refusals of requests that were sent before the cut;
- a server in trouble (5xx, overload, time-out, lost connection) pauses growth until as many answers as are in flight have
  come without trouble: fewer requests would not have healed it;
- what says nothing of the load (a wrong key, a bad request) changes nothing.
"""

from __future__ import annotations

import asyncio

from gapbench.values import Failure
from gapbench.values.failure_kinds import failure_traits

INITIAL_LIMIT = 4


class AdaptiveLimiter:
    """How many requests may be in flight.

    Args:
        max_limit: Never more than this.

    Attributes:
        limit: How many now.
        in_flight: How many there are.
    """

    def __init__(self, max_limit: int) -> None:
        """Begin with a few places."""
        self.max_limit = max_limit
        self.limit = float(min(INITIAL_LIMIT, max_limit))
        self.in_flight = 0
        self._was_rate_limited = False
        self._growth_pause = 0
        self._request_count = 0
        self._last_cut_request = 0
        self._changed = asyncio.Event()

    async def acquire(self) -> int:
        """Wait for a place and take it; returns the number of the request, for :meth:`release`."""
        while self.in_flight >= int(self.limit):
            self._changed.clear()
            await self._changed.wait()
        self.in_flight += 1
        self._request_count += 1
        return self._request_count

    def release(self) -> None:
        """Give a place back."""
        self.in_flight -= 1
        self._changed.set()

    def record_result(self, request_number: int, failure: Failure | None) -> None:
        """Learn from how an attempt ended.

        Args:
            request_number: What :meth:`acquire` returned for it.
            failure: How it failed. None: it brought an answer.
        """
        if failure is None:
            if self._growth_pause > 0:
                self._growth_pause -= 1
                return
            self.limit = min(
                float(self.max_limit), self.limit + (1 / self.limit if self._was_rate_limited else 1.0)
            )
            self._changed.set()
            return
        load_signal = failure_traits(failure.kind).load_signal
        if load_signal == "too_fast":
            # Requests sent before the last cut tell of a rate that is already mended.
            if request_number > self._last_cut_request:
                self.limit = max(1.0, self.limit / 2)
                self._last_cut_request = self._request_count
                self._was_rate_limited = True
        elif load_signal == "in_trouble":
            self._growth_pause = max(1, self.in_flight)
        self._changed.set()

"""Find the number of requests in flight that a provider accepts; for accuracy runs, never for timed runs.

Additive increase, multiplicative decrease (Chiu and Jain, Comput. Netw. ISDN Syst. 17 (1989) 1), after a start that
doubles:

- each answer raises the limit: by one until the first rate-limit reply, then by one per round of answers;
- only a rate-limit reply (429) lowers the limit: to half, once for all requests that were sent before the cut;
- a server in trouble (5xx, overload, timeout, lost connection) pauses growth until as many answers have arrived as
  requests were in flight: fewer requests would not have helped it;
- failures that say nothing about the load (a wrong key, a bad request) change nothing.

:mod:`gapbench.values.failure_kinds` says which failure is which.
"""

from __future__ import annotations

import asyncio

from gapbench.values import Failure
from gapbench.values.failure_kinds import failure_traits

INITIAL_LIMIT = 4


class AdaptiveLimiter:
    """Limits the number of requests in flight.

    Args:
        max_limit: Upper bound of the limit.

    Attributes:
        limit: How many may be in flight now.
        in_flight: How many are in flight.
    """

    def __init__(self, max_limit: int) -> None:
        self.max_limit = max_limit
        self.limit = float(min(INITIAL_LIMIT, max_limit))
        self.in_flight = 0
        self._was_rate_limited = False
        self._growth_pause = 0
        self._request_count = 0
        self._last_cut_request = 0
        self._changed = asyncio.Event()

    async def acquire(self) -> int:
        """Wait until a request may start; returns its number, for :meth:`record_result`."""
        while self.in_flight >= int(self.limit):
            self._changed.clear()
            await self._changed.wait()
        self.in_flight += 1
        self._request_count += 1
        return self._request_count

    def release(self) -> None:
        """Count a request as no longer in flight."""
        self.in_flight -= 1
        self._changed.set()

    def record_result(self, request_number: int, failure: Failure | None) -> None:
        """Adjust the limit to the result of an attempt.

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
            # Requests sent before the last cut report a rate that has already been lowered.
            if request_number > self._last_cut_request:
                self.limit = max(1.0, self.limit / 2)
                self._last_cut_request = self._request_count
                self._was_rate_limited = True
        elif load_signal == "in_trouble":
            self._growth_pause = max(1, self.in_flight)
        self._changed.set()

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

FIRST_PLACES = 4
TROUBLE: frozenset[str] = frozenset({"server", "overloaded", "timeout", "connect", "cut_stream", "garbage"})


class Room:
    """How many requests may be in flight.

    Args:
        most: Never more than this.

    Attributes:
        places: How many now.
        in_flight: How many there are.
    """

    def __init__(self, most: int) -> None:
        """Begin with a few places."""
        self.most = most
        self.places = float(min(FIRST_PLACES, most))
        self.in_flight = 0
        self._was_refused = False
        self._pause = 0
        self._sent = 0
        self._cut_at = 0
        self._changed = asyncio.Event()

    async def enter(self) -> int:
        """Wait for a place and take it; returns the number of the request, for :meth:`leave`."""
        while self.in_flight >= int(self.places):
            self._changed.clear()
            await self._changed.wait()
        self.in_flight += 1
        self._sent += 1
        return self._sent

    def leave(self) -> None:
        """Give a place back."""
        self.in_flight -= 1
        self._changed.set()

    def saw(self, number: int, failure: Failure | None) -> None:
        """Learn from how an attempt ended.

        Args:
            number: What :meth:`enter` returned for it.
            failure: How it failed. None: it brought an answer.
        """
        if failure is None:
            if self._pause > 0:
                self._pause -= 1
                return
            self.places = min(float(self.most), self.places + (1 / self.places if self._was_refused else 1.0))
        elif failure.kind == "rate_limit":
            # Requests sent before the last cut tell of a rate that is already mended.
            if number > self._cut_at:
                self.places = max(1.0, self.places / 2)
                self._cut_at = self._sent
                self._was_refused = True
        elif failure.kind in TROUBLE:
            self._pause = max(1, self.in_flight)
        self._changed.set()

"""One address of a model: its requests in flight, and whether it is used."""

from __future__ import annotations

from collections.abc import Callable

from gapbench.runner import Runner
from gapbench.values.failure_kinds import failure_traits

FAILURES = 3
"""Failures in a row after which a replica is taken out."""
FIRST_WAIT_S, LONGEST_WAIT_S = 5.0, 60.0
"""Seconds until a replica that was taken out is tried with one request; each next wait is twice as long, up to the longest."""
CERTAIN_KINDS = frozenset({"connect", "auth", "not_found", "quota"})
"""Failures that the next request to the same address would share: one is enough."""


class Replica:
    """One address of a model, with a circuit breaker of its own.

    Args:
        address: The address.
        runner: The runner that sends to it.
        clock: Returns the current time in seconds.

    Attributes:
        in_flight: Requests that it is answering for this process.
        notify: Receives one line when it is taken out, and when it answers again.
    """

    def __init__(self, address: str, runner: Runner, clock: Callable[[], float]) -> None:
        self.address = address
        self.runner = runner
        self.in_flight = 0
        self.notify: Callable[[str], None] = lambda _: None
        self._clock = clock
        self._failures_in_a_row = 0
        self._tries = 0
        self.retry_at_s: float | None = None
        self._is_on_trial = False

    @property
    def is_in_use(self) -> bool:
        """Whether it gets requests like the others."""
        return self.retry_at_s is None

    @property
    def is_due(self) -> bool:
        """Whether it was taken out, and it is time to try it with one request."""
        return self.retry_at_s is not None and not self._is_on_trial and self._clock() >= self.retry_at_s

    def begin(self) -> None:
        """Count a request that is sent to it."""
        self.in_flight += 1
        self._is_on_trial = not self.is_in_use

    def end(self, failure_kind: str | None) -> None:
        """Count the end of a request.

        Args:
            failure_kind: How it failed. None: it brought an answer.
        """
        self.in_flight -= 1
        self._is_on_trial = False
        traits = None if failure_kind is None else failure_traits(failure_kind)
        if failure_kind is None or (traits is not None and traits.proves_alive):
            self._failures_in_a_row = self._tries = 0
            if not self.is_in_use:
                self.retry_at_s = None
                self.notify(f"{self.address} answers again")
        elif traits is not None and traits.trips_breaker:
            self._failures_in_a_row += 1
            if not self.is_in_use:
                self._wait_longer()
            elif failure_kind in CERTAIN_KINDS or self._failures_in_a_row >= FAILURES:
                self.take_out(f"{self._failures_in_a_row} in a row failed, the last with {failure_kind}")

    def take_out(self, reason: str) -> None:
        """Send it nothing for a while.

        Args:
            reason: Why, in words.
        """
        self._wait_longer()
        self.notify(f"{self.address} is left out ({reason}); it is tried again in {FIRST_WAIT_S:g} s")

    def _wait_longer(self) -> None:
        self.retry_at_s = self._clock() + min(FIRST_WAIT_S * 2**self._tries, LONGEST_WAIT_S)
        self._tries += 1

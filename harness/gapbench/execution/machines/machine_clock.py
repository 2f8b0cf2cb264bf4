"""How far another machine's clock is from ours, and how sure that is.

An exchange asks the other machine for its time. The answer was given somewhere between question and reply, so half of the
round trip (RTT) bounds the error of one exchange, whatever the two ways took. Later the clocks drift: quartz differs by
up to :data:`ASSUMED_DRIFT`, until a line through the best exchanges of two times says it better.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

ASSUMED_DRIFT = 2e-4
"""Seconds by which two clocks may part in a second: 100 millionths for each quartz."""
LEAST_DRIFT = 1e-5
"""What remains uncertain of a measured drift: temperature changes it."""
LEAST_LINE_S = 10.0
"""Shortest time between two exchanges that give a line."""
MAX_EXCHANGES = 1024
"""With more, the better one of each two neighbours is kept."""
MAX_INSTANTS = 60
"""Instants of a cell at which the bound is checked."""


@dataclass(frozen=True, slots=True)
class ClockExchange:
    """One question and its answer.

    Attributes:
        at_s: The middle between question and reply, on our clock.
        offset_s: The other clock minus ours.
        rtt_s: Round trip, without the time that the other machine took to answer.
    """

    at_s: float
    offset_s: float
    rtt_s: float


@dataclass(frozen=True, slots=True)
class ClockEstimate:
    """The other clock at one instant.

    Attributes:
        offset_s: The other clock minus ours.
        bound_s: The true offset differs by at most this.
    """

    offset_s: float
    bound_s: float


class MachineClock:
    """Exchanges with one machine, and what follows from them."""

    def __init__(self) -> None:
        self.exchanges: list[ClockExchange] = []

    def add(self, sent_s: float, received_s: float, answered_s: float, back_s: float) -> None:
        """Count an exchange.

        Args:
            sent_s: When the question left, on our clock.
            received_s: When it arrived, on the other clock.
            answered_s: When the answer left, on the other clock.
            back_s: When it arrived, on our clock.
        """
        rtt_s = (back_s - sent_s) - (answered_s - received_s)
        offset_s = ((received_s - sent_s) + (answered_s - back_s)) / 2
        if not (0 <= rtt_s < math.inf and sent_s <= back_s and math.isfinite(offset_s)):
            return  # no two clocks do that; the machine made it up
        self.exchanges.append(ClockExchange((sent_s + back_s) / 2, offset_s, rtt_s))
        if len(self.exchanges) > MAX_EXCHANGES:
            pairs = zip(self.exchanges[::2], self.exchanges[1::2], strict=False)
            self.exchanges = [min(pair, key=lambda e: e.rtt_s) for pair in pairs]

    @property
    def least_rtt_s(self) -> float | None:
        """The shortest round trip. None: there was no exchange."""
        return min((exchange.rtt_s for exchange in self.exchanges), default=None)

    def drift(self) -> tuple[float, float]:
        """Return the other clock's gain in seconds per second, and how uncertain that is."""
        if len(self.exchanges) < 2:
            return 0.0, ASSUMED_DRIFT
        middle_s = (self.exchanges[0].at_s + self.exchanges[-1].at_s) / 2
        early = min((e for e in self.exchanges if e.at_s <= middle_s), key=lambda e: e.rtt_s)
        late = min((e for e in self.exchanges if e.at_s > middle_s), key=lambda e: e.rtt_s, default=early)
        span_s = late.at_s - early.at_s
        if span_s < LEAST_LINE_S:
            return 0.0, ASSUMED_DRIFT
        uncertain = (early.rtt_s + late.rtt_s) / 2 / span_s + LEAST_DRIFT
        if uncertain >= ASSUMED_DRIFT:
            return 0.0, ASSUMED_DRIFT
        return (late.offset_s - early.offset_s) / span_s, uncertain

    def estimate(self, at_s: float) -> ClockEstimate:
        """Return the offset at an instant of our clock; there must have been an exchange.

        The exchange that bounds it best counts: a short round trip long ago, or a longer one just now.
        """
        gain, uncertain = self.drift()
        best = min(self.exchanges, key=lambda e: e.rtt_s / 2 + uncertain * abs(at_s - e.at_s))
        age_s = at_s - best.at_s
        return ClockEstimate(best.offset_s + gain * age_s, best.rtt_s / 2 + uncertain * abs(age_s))

    def bound_over(self, offset_s: float, start_s: float, end_s: float) -> float:
        """Return how wrong one offset can be anywhere in a stretch of time.

        Args:
            offset_s: The offset that was used.
            start_s: Start of the stretch, on our clock.
            end_s: Its end.
        """
        step_s = max((end_s - start_s) / MAX_INSTANTS, 1.0)
        instants = [start_s, end_s]
        at_s = start_s + step_s
        while at_s < end_s:
            instants.append(at_s)
            at_s += step_s
        estimates = map(self.estimate, instants)
        return max(abs(found.offset_s - offset_s) + found.bound_s for found in estimates)

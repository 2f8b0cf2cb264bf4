"""The search for the highest rate that keeps a service level: a bisection of levels, each tried until it is clear.

A level is tried again until its share of kept requests is surely above or surely below the target, or has been tried as
often as it may; the two levels between which the rate lies are always tried in full. Failures, time-outs and requests
without an answer are misses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gapbench.suite.loads.load import RateSearch
from gapbench.values import Attempt
from gapbench.values.slo import Slo


@dataclass
class TryTally:
    """One try as it happens.

    Attributes:
        slo: The service level.
        total: Measured requests of the try.
        met: Requests that kept every limit so far.
        sent: Measured requests that have ended so far.
    """

    slo: Slo
    total: int
    met: int = 0
    sent: int = 0

    def record(self, row: Attempt) -> None:
        """Count a row; warm-up, and an attempt that another follows, do not count."""
        if row.final and row.phase == "measure":
            self.sent += 1
            self.met += self.slo.is_met_by(row)

    @property
    def is_out_of_reach(self) -> bool:
        """Whether the target is out of reach, whatever the rest of the try does."""
        allowed = self.total - self.slo.attainment * self.total
        return self.sent - self.met > allowed + 1e-9


@dataclass
class RateBisection:
    """Which level to try next.

    Attributes:
        search: What is searched.
        tries: By place in the levels, (met, sent) of each try.
    """

    search: RateSearch
    tries: dict[int, list[tuple[int, int]]] = field(default_factory=dict)

    def next_try(self) -> tuple[float, int] | None:
        """Return the rate and the repetition to try next. None: the search is over."""
        levels = self.search.rates_rps
        low, high = self._bounds()
        if high - low > 1:
            place = (low + high) // 2
        else:
            # The answer hangs on these two, so they are tried in full.
            edge = [k for k in (low, high) if 0 <= k < len(levels) and not self._is_fully_tried(k)]
            if not edge:
                return None
            place = edge[0]
        return levels[place], len(self.tries.get(place, ())) + 1

    def record_try(self, rate_rps: float, met: int, sent: int) -> None:
        """Keep how a try went; one in which nothing could be sent counts as missed."""
        self.tries.setdefault(self.search.rates_rps.index(rate_rps), []).append((met, max(sent, 1)))

    def _bounds(self) -> tuple[int, int]:
        """Return the highest level known to pass and the lowest above it known to fail; -1 and the count when unknown."""
        low, high = -1, len(self.search.rates_rps)
        for place in sorted(self.tries):
            passed = self._passes(place)
            if passed is False:
                high = place
                break
            if passed:
                low = place
        return low, high

    def _is_fully_tried(self, place: int) -> bool:
        return len(self.tries.get(place, ())) >= self.search.repeats

    def _passes(self, place: int) -> bool | None:
        """Say whether a level passes; None: not clear yet."""
        target = self.search.slo.attainment
        met, sent = (int(sum(counts)) for counts in zip(*self.tries[place], strict=True))
        if self._is_fully_tried(place):
            return bool(met / sent >= target)
        from gapbench.stats import wilson  # noqa: PLC0415 - scipy, which other runs do not need

        bounds = wilson(met / sent, sent)
        if bounds.low is not None and bounds.low >= target:
            return True
        return False if bounds.high is not None and bounds.high < target else None

    def result(self) -> dict[str, Any]:
        """Return what ``run.json`` keeps: every level tried, the rate, its lower bound, and both in words."""
        levels: list[dict[str, Any]] = []
        from gapbench.stats import (  # noqa: PLC0415 - scipy, which other runs do not need
            TestedRate,
            attainment_crossing,
            attainment_low_bound,
        )

        tried: list[TestedRate] = []
        for place in sorted(self.tries):
            counts = self.tries[place]
            met, sent = sum(met for met, _ in counts), sum(sent for _, sent in counts)
            low = attainment_low_bound([met for met, _ in counts], [sent for _, sent in counts])
            rate = self.search.rates_rps[place]
            tried.append(TestedRate(rate, met / sent, low))
            levels.append(
                {
                    "rate_rps": rate,
                    "tries": len(counts),
                    "sent": sent,
                    "met": met,
                    "attainment": met / sent,
                    "attainment_low": low,
                    "passed": met / sent >= self.search.slo.attainment,
                }
            )
        if not tried:
            return {"levels": [], "rate_rps": None, "low_rps": None, "words": None, "is_done": False}
        found = attainment_crossing(tried, self.search.slo.attainment)
        return {
            "levels": levels,
            "rate_rps": found.rate_rps,
            "low_rps": found.low_rps,
            "words": found.description,
            "is_done": self.next_try() is None,
        }

"""Search for the highest request rate that meets a service level, by bisection over a list of rates.

A rate is tried again until its share of requests that met the level is clearly above or below the target, or until it
has been tried the allowed number of times. The two rates around the result are always tried the full number of times.
Failures, timeouts and requests without an answer count as missed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gapbench.suite.loads.load import RateSearch
from gapbench.values import Attempt
from gapbench.values.slo import Slo


@dataclass
class TryTally:
    """Counts the results of one try while it runs.

    Attributes:
        slo: The service level.
        total: Measured requests of the try.
        met: Requests that met every limit so far.
        sent: Measured requests that have ended so far.
    """

    slo: Slo
    total: int
    met: int = 0
    sent: int = 0
    _missed: set[tuple[str, int]] = field(default_factory=set)
    _due_s: dict[tuple[str, int], float | None] = field(default_factory=dict)

    def record(self, row: Attempt) -> None:
        """Count a row; warm-up requests and attempts that are retried do not count. An episode meets what all turns meet."""
        if row.phase != "measure":
            return
        request = (row.sample_id, row.repeat)
        if row.trajectory_id is not None:
            start_s = self._due_s.setdefault(request, row.scheduled_s)
            if not self.slo.is_met_by(row) or (row.final and not self.slo.is_task_met(start_s, row.done_s)):
                self._missed.add(request)
        if row.final:
            self._due_s.pop(request, None)
            self.sent += 1
            self.met += request not in self._missed and self.slo.is_met_by(row)
            self._missed.discard(request)

    @property
    def is_out_of_reach(self) -> bool:
        """Whether the target cannot be met any more, even if all remaining requests meet the level."""
        allowed = self.total - self.slo.attainment * self.total
        return self.sent - self.met > allowed + 1e-9


@dataclass
class RateBisection:
    """Chooses the rate to try next.

    Attributes:
        search: The search.
        tries: By index of the rate, (met, sent) of each try.
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
            # The result depends on these two, so they are tried the full number of times.
            edge = [k for k in (low, high) if 0 <= k < len(levels) and not self._is_fully_tried(k)]
            if not edge:
                return None
            place = edge[0]
        return levels[place], len(self.tries.get(place, ())) + 1

    def record_try(self, rate_rps: float, met: int, sent: int) -> None:
        """Record the result of a try; a try in which nothing could be sent counts as missed."""
        self.tries.setdefault(self.search.rates_rps.index(rate_rps), []).append((met, max(sent, 1)))

    def _bounds(self) -> tuple[int, int]:
        """Return the index of the highest rate known to pass and of the lowest above it known to fail.

        Unknown: -1, and the number of rates.
        """
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
        """Return whether a rate passes. None: not clear yet."""
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
        """Return the search's entry in ``run.json``: every rate tried, the result, its lower bound, both in words."""
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

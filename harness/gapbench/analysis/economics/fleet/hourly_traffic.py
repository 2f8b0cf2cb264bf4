"""Traffic by hour: what arrived in each hour of each day, the mean of each hour of the week, and how much it varies.

Work is counted in mean requests: a request with twice the mean tokens is 2. Matrices have a row for each day and 24
columns. Arrays of the week have 168 values, from Monday 00:00 UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gapbench.analysis.economics.fleet.request_prices import Api, ApiPrices
from gapbench.analysis.economics.fleet.requests_to_plan import RequestsToPlan
from gapbench.analysis.traffic.figures import weekday_groups
from gapbench.stats import Floats, Ints

HOURS_A_WEEK = 168
STREAMS = ("live", "wait")
"""Requests that need an answer now, and those that may wait."""
POOLED_WEIGHT = 8.0
"""Days of its own that an hour needs for its own dispersion to count as much as that of all hours."""


@dataclass(frozen=True)
class HourlyTraffic:
    """Traffic by hour.

    Attributes:
        groups: For each weekday from Monday, its group: with two weeks or more each weekday is one, else Monday to Friday
            and the weekend are.
        day_group: For each day, its group.
        requests: Requests by stream.
        work: Work by stream.
        usd: Dollars by API and stream, each stream at the tier that it would use.
        usd_squares: Sums of the squared dollars of requests, the same.
        size_factor: Mean square of a request's work; 1 if all have the same size.
    """

    groups: Ints
    day_group: Ints
    requests: Mapping[str, Floats]
    work: Mapping[str, Floats]
    usd: Mapping[tuple[Api, str], Floats]
    usd_squares: Mapping[tuple[Api, str], Floats]
    size_factor: float

    @property
    def is_pooled(self) -> bool:
        """Whether weekdays share their means, since some were seen only once."""
        return len(set(self.groups.tolist())) < len(self.groups)

    def week(self, matrix: Floats) -> Floats:
        """Return the mean of each hour of the week."""
        means = np.stack(
            [matrix[self.day_group == group].mean(axis=0) for group in range(self.groups.max() + 1)]
        )
        return np.asarray(means[self.groups].ravel())

    def variation(self) -> tuple[Floats, Floats]:
        """Return (unit, dispersion) of the work of each hour of the week that is still to come.

        Work of mean m has the variance unit * m + dispersion * m**2: the first from the number and the sizes of requests,
        the second from a rate that differs from week to week. An hour's own dispersion, by moments, is drawn to that of
        all hours. Both are larger by 1 / days of the group: the mean is estimated from so many days.
        """
        total = self.work["live"] + self.work["wait"]
        groups = [total[self.day_group == group] for group in range(self.groups.max() + 1)]
        count = np.array([len(group) for group in groups], dtype=np.float64)[:, None]
        mean = np.stack([group.mean(axis=0) for group in groups])
        squares = np.stack([group.var(axis=0) * len(group) for group in groups])
        # (n - 1) x dispersion x mean squared, without what chance explains; the squared mean without its own variance.
        above = squares - (count - 1) * self.size_factor * mean
        spread = squares / np.maximum(count - 1, 1)
        below = (count - 1) * np.maximum(mean**2 - spread / count, 0.0)
        pooled = max(0.0, float(above.sum() / below.sum())) if below.sum() > 0 else 0.0
        own = np.divide(above, below, out=np.full_like(above, pooled), where=below > 0)
        weight = (count - 1) / (count - 1 + POOLED_WEIGHT)
        dispersion = np.maximum(0.0, weight * own + (1 - weight) * pooled)
        more = 1 + 1 / count
        unit = np.broadcast_to(self.size_factor * more, mean.shape)
        return unit[self.groups].ravel(), (dispersion * more)[self.groups].ravel()


def count_by_hour(requests: RequestsToPlan, prices: Mapping[Api, ApiPrices]) -> HourlyTraffic:
    """Return the traffic of requests by hour.

    Args:
        requests: The requests.
        prices: What each of them costs, by API.
    """
    times = requests.frame["time"]
    first = requests.days[0]
    days = len(requests.days)
    place = ((times - first) // np.timedelta64(1, "h")).to_numpy(np.int64)
    share = {"live": 1 - requests.wait_share, "wait": requests.wait_share}
    tokens = requests.tokens
    work = tokens / tokens.mean()

    def matrix(weights: Floats) -> Floats:
        return np.asarray(np.bincount(place, weights, minlength=days * 24), dtype=np.float64).reshape(
            days, 24
        )

    usd = {
        (api, stream): price.live_usd if stream == "live" else price.wait_usd
        for api, price in prices.items()
        for stream in STREAMS
    }
    weekdays = np.array([day.weekday() for day in requests.days])
    groups = np.array(weekday_groups(requests.days))
    return HourlyTraffic(
        groups,
        groups[weekdays],
        {stream: matrix(share[stream]) for stream in STREAMS},
        {stream: matrix(share[stream] * work) for stream in STREAMS},
        {(api, stream): matrix(share[stream] * one) for (api, stream), one in usd.items()},
        {(api, stream): matrix(share[stream] * one**2) for (api, stream), one in usd.items()},
        float((work**2).mean()),
    )

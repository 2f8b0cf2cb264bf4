"""The requests of traffic tables that a fleet is planned for: of whole days, answered, with known sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from gapbench.analysis.traffic.figures import MonthlyVolume, monthly_volume, whole_days
from gapbench.errors import InputError, ResultsError
from gapbench.stats import Floats

DAYS_MIN = 7
"""Whole days without which an hour of the week would never have been seen."""
_WAITING_TIERS = ("batch", "flex")
_MAX_LISTED = 8


@dataclass(frozen=True)
class RequestsToPlan:
    """The requests that a fleet is planned for.

    Attributes:
        frame: The requests, as :func:`gapbench.analysis.traffic.read_requests` gives them, with known token counts.
        wait_share: For each request how much of it may wait: 1 or 0, or the same share of all.
        days: The whole days that the tables cover.
        a_month: Requests a month; see :func:`gapbench.analysis.traffic.figures.monthly_volume`.
        waits: Which requests may wait, in words.
        simulated: Whether a simulated provider answered some of them.
        notes: What was left out or filled in.
    """

    frame: pd.DataFrame
    wait_share: Floats
    days: Sequence[pd.Timestamp]
    a_month: MonthlyVolume
    waits: str
    simulated: bool
    notes: list[str] = field(default_factory=list)

    @property
    def tokens(self) -> Floats:
        """Input and output tokens of each request."""
        total = self.frame["input_tokens"] + self.frame["output_tokens"]
        return np.asarray(total.to_numpy(np.float64))


def select_requests(
    frame: pd.DataFrame, *, wait_share: float | None = None, waiting_routes: Sequence[str] = ()
) -> RequestsToPlan:
    """Return the requests that a fleet is planned for.

    Args:
        frame: Requests of traffic tables.
        wait_share: Share of all requests that may wait for a batch. None: those of ``waiting_routes``.
        waiting_routes: Routes whose requests may wait. (): those that a batch or flex tier answered.

    Raises:
        InputError: A route is unknown.
        ResultsError: The tables cover less than a week, or no request with token counts is left.
    """
    notes: list[str] = []
    timed = frame[frame["time"].notna()]
    if len(timed) < len(frame):
        notes.append(f"{len(frame) - len(timed):,} requests without a time are left out")
    days = whole_days(timed)
    if len(days) < DAYS_MIN:
        raise ResultsError(
            f"these tables cover {len(days)} whole days of traffic; a plan by hour of the week needs at least {DAYS_MIN}: "
            "import a longer log with `bench traffic import`"
        )
    day = timed["time"].dt.floor("D")
    used = timed[(day >= days[0]) & (day <= days[-1])]
    used = _without(used, used["is_error"], "that failed", notes)
    used = _without(used, used["from_cache"].eq(True), "that a gateway answered from its own cache", notes)
    used = _without(used, used["endpoint"].eq("embeddings"), "for embeddings", notes)
    used = _fill_tokens(used, notes)
    shares, words = _wait_shares(used, wait_share, waiting_routes)
    volume = monthly_volume(used, pd.Series(1.0, used.index), days)
    if volume is None:
        raise ResultsError(
            "no request is left on whole days; import a longer log with `bench traffic import`"
        )
    simulated = bool(used["simulated"].any())
    return RequestsToPlan(used.reset_index(drop=True), shares, days, volume, words, simulated, notes)


def _without(frame: pd.DataFrame, drop: pd.Series[bool], words: str, notes: list[str]) -> pd.DataFrame:
    count = int(drop.sum())
    if count:
        notes.append(f"{count:,} requests {words} are left out")
    return frame[~drop.to_numpy(dtype=bool)]


def _fill_tokens(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Return the requests with the mean of the known counts where one is unknown."""
    known = frame["input_tokens"].notna() & frame["output_tokens"].notna()
    if not known.any():
        raise ResultsError(
            "no answered request in these tables has token counts, so its load and its price are not known; "
            "import a log that has them"
        )
    sizes = frame.loc[known, ["input_tokens", "output_tokens"]].astype(float)
    if float(sizes.sum().sum()) <= 0:
        raise ResultsError("all requests in these tables have 0 tokens; import a log with token counts")
    if known.all():
        return frame
    notes.append(f"{int((~known).sum()):,} requests without token counts have the mean of the others")
    means = sizes.mean().round().astype(int)
    filled = {name: frame[name].where(known, int(means[name])) for name in sizes.columns}
    parts = {
        name: frame[name].where(known, 0)
        for name in ("cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens")
    }
    return frame.assign(**filled, **parts)


def _wait_shares(frame: pd.DataFrame, share: float | None, routes: Sequence[str]) -> tuple[Floats, str]:
    if share is not None:
        return np.full(len(frame), share), f"{100 * share:.0f} % of all requests"
    if not routes:
        tiers = np.asarray(frame["service_tier"].astype(object).isin(_WAITING_TIERS), dtype=np.float64)
        return tiers, "requests that a batch or flex tier answered" if tiers.any() else "none"
    known = frame["route"].dropna().astype(str)
    counts = known.value_counts()
    for route in routes:
        if route not in counts.index:
            listed = ", ".join(map(repr, counts.index[:_MAX_LISTED])) or "none"
            more = f" and {len(counts) - _MAX_LISTED} more" if len(counts) > _MAX_LISTED else ""
            raise InputError(f"found --wait-route {route!r}; the routes of these tables are {listed}{more}")
    waits = np.asarray(frame["route"].isin(routes), dtype=np.float64)
    return waits, f"requests of {', '.join(routes)}"

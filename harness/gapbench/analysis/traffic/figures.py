"""One function for each figure of an audit, over a frame of requests by :func:`read_requests`.

A figure over nothing is None. A share has the requests of which it is known as its denominator.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from gapbench.traffic.reply_labels import are_labels

DAYS_A_MONTH = 365.25 / 12
LONG_CONTEXT_TOKENS = 32_000
"""A prompt of more is counted as long context."""
LONG_ANSWER_TOKENS = 1_000
"""A reply of more generated tokens, reasoning included, is a long answer."""
SHORT_ANSWER_TOKENS = 200
"""A reply of at most so many is a short answer."""
RETRY_WITHIN_S = 300
"""A request with the prompt of one that failed at most so long before is a retry."""


def total_tokens(frame: pd.DataFrame, column: str) -> int | None:
    """Return the sum of a count; None if no request has it."""
    known = frame[column].dropna()
    return int(known.sum()) if len(known) else None


def total_usd(amounts: pd.Series[Any]) -> Decimal | None:
    """Return the exact sum of dollars; None if no request has any."""
    known = amounts[amounts.notna()]
    return sum(known, Decimal(0)) if len(known) else None


def cache_share(frame: pd.DataFrame) -> float | None:
    """Return the share of input tokens that were read from a provider's cache, of requests whose log tells."""
    known = frame[["input_tokens", "cached_input_tokens"]].dropna()
    given = int(known["input_tokens"].sum())
    return int(known["cached_input_tokens"].sum()) / given if given else None


def gateway_cache_share(frame: pd.DataFrame) -> float | None:
    """Return the share of requests that a gateway answered itself, of those whose log tells."""
    known = frame["from_cache"].dropna()
    return float(known.astype(bool).mean()) if len(known) else None


def error_share(frame: pd.DataFrame) -> float:
    """Return the share of requests with an error or an HTTP status from 400."""
    return float(frame["is_error"].mean())


def retry_share(frame: pd.DataFrame) -> float | None:
    """Return the share of requests that repeat a failed one's prompt within 5 minutes; None without prompts."""
    is_known = (frame["prompt_hash"] != 0) & frame["time"].notna()
    known = frame.loc[is_known, ["prompt_hash", "model_asked", "time", "is_error"]]
    if known.empty:
        return None
    before = known.groupby(["prompt_hash", known["model_asked"].fillna("")], sort=False)
    since_s = (known["time"] - before["time"].shift()).dt.total_seconds()
    is_retry = before["is_error"].shift().eq(True) & (since_s <= RETRY_WITHIN_S)
    return float(is_retry.mean())


def near_duplicate_share(frame: pd.DataFrame) -> float | None:
    """Return the share of requests whose prompt is a near-duplicate of an earlier one's; None without prompts."""
    known = frame["is_near_duplicate"].dropna()
    return float(known.astype(bool).mean()) if len(known) else None


def cacheable_share(frame: pd.DataFrame) -> float | None:
    """Return the share of input tokens that a cache could have read at most, those that it did read included.

    Of requests for which it is known; None if there is none.
    """
    is_known = frame["cacheable_tokens"].notna()
    known = frame.loc[is_known, ["input_tokens", "cached_input_tokens", "cacheable_tokens"]]
    given = int(known["input_tokens"].sum())
    if not given:
        return None
    read = known["cached_input_tokens"].fillna(0)
    return int(known["cacheable_tokens"].where(known["cacheable_tokens"] > read, read).sum()) / given


def cache_saving_share(frame: pd.DataFrame) -> float | None:
    """Return what better caching would save at most over the price book's dollars, of requests for which it is known."""
    known = frame.loc[frame["usd_cache_saving"].notna(), ["usd_cache_saving", "usd_booked"]]
    booked = sum(known["usd_booked"], Decimal(0))
    return float(sum(known["usd_cache_saving"], Decimal(0)) / booked) if booked else None


def quantile(frame: pd.DataFrame, column: str, share: float) -> float | None:
    """Return a quantile of what is known of a column."""
    known = frame[column].dropna()
    return float(np.quantile(known.to_numpy(float), share)) if len(known) else None


def share_of(is_so: pd.Series[Any]) -> float | None:
    """Return the share of requests of which something is true, of those for which it is known (not NA)."""
    known = is_so.dropna()
    return float(known.astype(bool).mean()) if len(known) else None


def long_answer_share(frame: pd.DataFrame) -> float | None:
    """Return the share of requests with more than 1,000 generated tokens, of those whose count is known."""
    return share_of(frame["output_tokens"] > LONG_ANSWER_TOKENS)


def short_answer_share(frame: pd.DataFrame) -> float | None:
    """Return the share of requests with at most 200 generated tokens, of those whose count is known."""
    return share_of(frame["output_tokens"] <= SHORT_ANSWER_TOKENS)


def tool_loop_share(frame: pd.DataFrame) -> float | None:
    """Return the share of requests whose prompt has the result of a tool, of those with a stored prompt."""
    return share_of(frame["is_tool_loop"])


def json_share(frame: pd.DataFrame) -> float | None:
    """Return the share of requests that are answered in JSON or ask for it, of those with a stored reply."""
    return share_of(frame["is_json"])


def zero_temperature_share(frame: pd.DataFrame) -> float | None:
    """Return the share of requests with a temperature of 0, of those with stored parameters or a stored prompt."""
    return share_of(frame["is_zero_temperature"])


def label_share(frame: pd.DataFrame) -> float | None:
    """Return the share of stored replies that are labels, if the short ones are; None without replies.

    They are if the short replies of these requests are few different texts; see :mod:`gapbench.traffic.reply_labels`.
    """
    replies = frame.loc[frame["has_reply"], "label_hash"]
    if replies.empty:
        return None
    short = replies[replies != 0]
    return len(short) / len(replies) if are_labels(short.nunique(), len(short)) else 0.0


def image_share(frame: pd.DataFrame) -> float | None:
    """Return the share of requests with images, of those whose log tells."""
    return share_of(frame["image_count"] > 0)


def tool_share(frame: pd.DataFrame) -> float | None:
    """Return the share of requests that offer tools, of those with a stored prompt."""
    return share_of(frame["has_tools"])


def long_context_share(frame: pd.DataFrame) -> float | None:
    """Return the share of requests with more than 32,000 prompt tokens, of those whose count is known."""
    return share_of(frame["input_tokens"] > LONG_CONTEXT_TOKENS)


@dataclass(frozen=True, slots=True)
class Burstiness:
    """How unevenly requests arrive.

    Attributes:
        hours: Clock hours from the first arrival to the last, both included.
        mean_per_hour: Arrivals an hour over them.
        peak_per_hour: Of the fullest clock hour.
        peak_hour: Its start, ISO 8601.
        peak_per_minute: Of the fullest clock minute.
        peak_to_mean: The fullest hour over the mean. None: the log covers less than two hours.
    """

    hours: int
    mean_per_hour: float
    peak_per_hour: int
    peak_hour: str
    peak_per_minute: int
    peak_to_mean: float | None


def burstiness(frame: pd.DataFrame) -> Burstiness | None:
    """Return how unevenly requests arrive; None without times."""
    times = frame["time"].dropna()
    if times.empty:
        return None
    by_hour = times.dt.floor("h").value_counts()
    hours = round((times.max().floor("h") - times.min().floor("h")) / pd.Timedelta(hours=1)) + 1
    mean = len(times) / hours
    return Burstiness(
        hours=hours,
        mean_per_hour=float(mean),
        peak_per_hour=int(by_hour.iloc[0]),
        peak_hour=pd.Timestamp(by_hour.index[0]).isoformat(),
        peak_per_minute=int(times.dt.floor("min").value_counts().iloc[0]),
        peak_to_mean=float(by_hour.iloc[0] / mean) if hours >= 2 else None,
    )


@dataclass(frozen=True, slots=True)
class MonthlyVolume:
    """An amount a month of 365.25 / 12 days.

    Attributes:
        value: The estimate.
        low: Lower end of its 95 % interval. None: there are fewer than three whole days.
        high: Upper end.
    """

    value: float
    low: float | None
    high: float | None


def whole_days(frame: pd.DataFrame) -> list[pd.Timestamp]:
    """Return the days that a log covers wholly: all between the day of its first request and that of its last.

    Those two are whole only if the log starts within the first hour and ends within the last; days without a request
    count as days.
    """
    times = frame["time"].dropna()
    if times.empty:
        return []
    first, last = times.min(), times.max()
    hour = pd.Timedelta(hours=1)
    start = first.floor("D") if first - first.floor("D") < hour else first.floor("D") + pd.Timedelta(days=1)
    end = last.floor("D") if last - last.floor("D") >= 23 * hour else last.floor("D") - pd.Timedelta(days=1)
    return list(pd.date_range(start, end, freq="D"))


def weekday_groups(days: Sequence[pd.Timestamp]) -> list[int]:
    """Return the group of each weekday from Monday, whose days share a mean.

    With two weeks or more each weekday is one. With a week or more Monday to Friday and the weekend are, so that a log of
    ten days, with two weekends, does not count four of them as weekend. With fewer days all are.
    """
    seen = np.bincount([day.weekday() for day in days], minlength=7)
    if seen.min() >= 2:
        return list(range(7))
    return [0, 0, 0, 0, 0, 1, 1] if seen.min() >= 1 else [0] * 7


def monthly_volume(
    frame: pd.DataFrame, amounts: pd.Series[Any], days: list[pd.Timestamp] | None = None
) -> MonthlyVolume | None:
    """Return an amount a month, from whole days; None without one.

    Each group of weekdays has its own mean, see :func:`weekday_groups`, and the interval (Welch's, by Satterthwaite's degrees
    of freedom) has only the variation within them: that Sundays are quiet is no uncertainty. With less than a week and three
    days or more the interval is Student's over days. It takes days as independent.

    Args:
        frame: Requests.
        amounts: The amount of each, such as 1, its tokens or its dollars; unknown counts as nothing.
        days: The whole days of the log that the requests are of. None: those of these requests.
    """
    days = whole_days(frame) if days is None else days
    if not days:
        return None
    by_day = (
        amounts.fillna(0)
        .astype(float)
        .groupby(frame["time"].dt.floor("D"))
        .sum()
        .reindex(days, fill_value=0.0)
    )
    group_of = np.array(weekday_groups(days))
    group = group_of[[day.weekday() for day in days]]
    groups = [by_day.to_numpy()[group == one] for one in range(int(group_of.max()) + 1)]
    weights = [DAYS_A_MONTH / 7 * int((group_of == one).sum()) for one in range(len(groups))]
    value = sum(weight * float(part.mean()) for weight, part in zip(weights, groups, strict=True))
    if len(groups) == 1 and len(groups[0]) < 3:
        return MonthlyVolume(value, None, None)
    parts = [
        (weight**2 * float(part.var(ddof=1)) / len(part), len(part) - 1)
        for weight, part in zip(weights, groups, strict=True)
    ]
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return MonthlyVolume(value, value, value)
    freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts if part)
    margin = float(stats.t.ppf(0.975, freedom)) * math.sqrt(variance)
    return MonthlyVolume(value, max(0.0, value - margin), value + margin)

"""The audit of a team's traffic: the month, and tables by model, route, day and hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

import pandas as pd

from gapbench.analysis.traffic import figures
from gapbench.analysis.traffic.duplicates import is_near_duplicate
from gapbench.analysis.traffic.figures import Burstiness, MonthlyVolume
from gapbench.analysis.traffic.personal_data import count_personal_data
from gapbench.analysis.traffic.prefixes import shared_tokens
from gapbench.analysis.traffic.prices import explain_difference, price_requests
from gapbench.analysis.traffic.takeover import OpenPrice, TakeOver, find_take_over
from gapbench.formatting import ALL
from gapbench.store.free_memory import release_memory

Row = dict[str, Any]
_SUMMARIZED = (
    "time", "model_asked", "input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens",
    "cost_usd", "usd_booked", "cacheable_tokens", "usd_cache_saving", "is_near_duplicate", "from_cache", "is_error",
    "prompt_hash", "response_s", "first_token_s", "image_count", "has_tools",
)  # fmt: skip
_COMPARED = ("cost_usd", "usd_booked", "usd_uncached", "unpriced")
"""Columns that are copied when requests are put into groups: no others are."""


@dataclass(frozen=True, slots=True)
class TrafficAudit:
    """What a team's traffic is.

    Attributes:
        total: The figures over all requests.
        groups: The same by ``model``, ``route``, ``day`` and ``hour`` (of the day, UTC), the largest first or in order.
        dollars: By model: reported and price-book dollars of the requests that have both, and why they differ.
        requests_a_month: Requests.
        tokens_a_month: Input and output tokens. None: the log tells none.
        usd_a_month: Dollars: as reported, else by the price book.
        cache_saving_a_month: Dollars by the price book that better caching would save at most. None: unknown.
        whole_days: Whole days that the month is estimated from.
        days_without_requests: Whole days on which no request was sent.
        usd_requests: Requests with known dollars.
        failed_without_usd: Failed requests whose dollars are unknown.
        arrivals: How unevenly requests arrive. None: no request has a time.
        simulated: Whether a simulated provider answered some of them.
        take_over: What an open model could take over, by shape alone.
        personal_data: By route, the first row of all: requests with personal data, at all and by kind. None: it was not
            looked for.
        tables: The tables, as they were named.
        requests_without_time: Requests that are in no day, hour or month.
    """

    total: Row
    groups: dict[str, list[Row]]
    dollars: list[Row]
    requests_a_month: MonthlyVolume | None
    tokens_a_month: MonthlyVolume | None
    usd_a_month: MonthlyVolume | None
    cache_saving_a_month: MonthlyVolume | None
    whole_days: int
    days_without_requests: int
    usd_requests: int
    failed_without_usd: int
    arrivals: Burstiness | None
    simulated: bool
    take_over: TakeOver
    personal_data: list[Row] | None = None
    tables: tuple[str, ...] = ()
    requests_without_time: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the audit for scripts; dollars are numbers."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def audit_traffic(
    frame: pd.DataFrame, open_price: OpenPrice | None = None, tables: Sequence[str] = ()
) -> TrafficAudit:
    """Return the audit of requests.

    Args:
        frame: The requests, as :func:`gapbench.analysis.traffic.read_requests` gives them.
        open_price: The price of an open model that is compared with. None: none is known.
        tables: Names of the tables, for the commands that check a tier.
    """
    models = _models(frame)
    cacheable = shared_tokens(frame, models)
    prices = price_requests(frame, cacheable)
    frame = frame.drop(columns=["prefix_hashes", "prompt_chars"]).assign(
        usd_booked=prices["usd"],
        usd_uncached=prices["usd_uncached"],
        unpriced=prices["reason"],
        cacheable_tokens=cacheable,
        usd_cache_saving=prices["usd_cache_saving"],
        is_near_duplicate=is_near_duplicate(frame),
    )
    del prices, cacheable
    release_memory()
    frame["usd"] = frame["cost_usd"].where(frame["cost_usd"].notna(), frame["usd_booked"])
    times = frame["time"].dt
    by = {
        "model": models,
        "route": frame["route"].fillna("unknown"),
        "day": times.floor("D"),
        "hour": times.hour,
    }
    groups = {name: _group(frame, name, keys) for name, keys in by.items()}
    dollars = [_compare(model, part) for model, part in frame[[*_COMPARED]].groupby(by["model"], sort=False)]
    personal_data = _personal_data(frame, by["route"]) if "personal_data" in frame else None
    by.clear()
    release_memory()
    take_over = find_take_over(frame, models, open_price)
    tokens = frame["input_tokens"].fillna(0) + frame["output_tokens"].fillna(0)
    has_tokens = bool(frame[["input_tokens", "output_tokens"]].notna().to_numpy().any())
    days = figures.whole_days(frame)
    return TrafficAudit(
        total=summarize(frame),
        groups=groups,
        dollars=dollars,
        requests_a_month=figures.monthly_volume(frame, pd.Series(1.0, frame.index)),
        tokens_a_month=figures.monthly_volume(frame, tokens) if has_tokens else None,
        usd_a_month=figures.monthly_volume(frame, frame["usd"]) if frame["usd"].notna().any() else None,
        cache_saving_a_month=figures.monthly_volume(frame, frame["usd_cache_saving"])
        if frame["usd_cache_saving"].notna().any()
        else None,
        whole_days=len(days),
        days_without_requests=len(set(days) - set(times.floor("D"))),
        usd_requests=int(frame["usd"].notna().sum()),
        failed_without_usd=int((frame["usd"].isna() & frame["is_error"]).sum()),
        arrivals=figures.burstiness(frame),
        simulated=bool(frame["simulated"].any()),
        take_over=take_over,
        personal_data=personal_data,
        tables=tuple(tables),
        requests_without_time=int(frame["time"].isna().sum()),
    )


def _personal_data(frame: pd.DataFrame, routes: pd.Series[Any]) -> list[Row]:
    parts = [
        {"route": route, **count_personal_data(part)}
        for route, part in frame[["personal_data"]].groupby(routes, sort=True)
    ]
    parts.sort(key=lambda row: (-(row["personal_data_share"] or 0.0), -row["requests"]))
    return [{"route": ALL, **count_personal_data(frame)}, *parts]


def _models(frame: pd.DataFrame) -> pd.Series[Any]:
    """Return the model of each request: as served; of a failed one what serves its like most often, else as asked."""
    answered = frame[frame["model_served"].notna() & frame["model_asked"].notna()]
    usual = {
        asked: part.mode().iloc[0]
        for asked, part in answered.groupby("model_asked", sort=False)["model_served"]
    }
    found = frame["model_served"].where(frame["model_served"].notna(), frame["model_asked"].map(usual))
    return found.where(found.notna(), frame["model_asked"]).fillna("unknown")


def summarize(frame: pd.DataFrame) -> Row:
    """Return the figures of some requests."""
    return {
        "requests": len(frame),
        "input_tokens": figures.total_tokens(frame, "input_tokens"),
        "cached_input_tokens": figures.total_tokens(frame, "cached_input_tokens"),
        "cache_write_tokens": figures.total_tokens(frame, "cache_write_tokens"),
        "output_tokens": figures.total_tokens(frame, "output_tokens"),
        "reasoning_tokens": figures.total_tokens(frame, "reasoning_tokens"),
        "usd_reported": figures.total_usd(frame["cost_usd"]),
        "usd_booked": figures.total_usd(frame["usd_booked"]),
        "cache_share": figures.cache_share(frame),
        "cacheable_share": figures.cacheable_share(frame),
        "usd_cache_saving": figures.total_usd(frame["usd_cache_saving"]),
        "cache_saving_share": figures.cache_saving_share(frame),
        "near_duplicate_share": figures.near_duplicate_share(frame),
        "gateway_cache_share": figures.gateway_cache_share(frame),
        "error_share": figures.error_share(frame),
        "retry_share": figures.retry_share(frame),
        "output_tokens_p50": figures.quantile(frame, "output_tokens", 0.5),
        "output_tokens_p95": figures.quantile(frame, "output_tokens", 0.95),
        "response_p50_s": figures.quantile(frame, "response_s", 0.5),
        "response_p95_s": figures.quantile(frame, "response_s", 0.95),
        "first_token_p50_s": figures.quantile(frame, "first_token_s", 0.5),
        "first_token_p95_s": figures.quantile(frame, "first_token_s", 0.95),
        "image_share": figures.image_share(frame),
        "tool_share": figures.tool_share(frame),
        "long_context_share": figures.long_context_share(frame),
    }


def _group(frame: pd.DataFrame, name: str, keys: pd.Series[Any]) -> list[Row]:
    """Return the figures of each group: days and hours in order, the others by requests."""
    rows = [{name: key, **summarize(part)} for key, part in frame[[*_SUMMARIZED]].groupby(keys, sort=True)]
    if name == "day":
        rows = [{**row, "day": f"{row['day']:%Y-%m-%d}"} for row in rows]
    if name == "hour":
        rows = [{**row, "hour": int(row["hour"])} for row in rows]
    if name in {"day", "hour"}:
        return rows
    return sorted(rows, key=lambda row: -row["requests"])


def _compare(model: Any, frame: pd.DataFrame) -> Row:
    """Return a model's dollars by the log and by the price book, over the requests that have both."""
    is_reported, is_booked = frame["cost_usd"].notna(), frame["usd_booked"].notna()
    both = frame[is_reported & is_booked]
    reported, booked, uncached = (
        sum(both[name], Decimal(0)) for name in ("cost_usd", "usd_booked", "usd_uncached")
    )
    reasons = frame["unpriced"].dropna()
    if len(both):
        words = explain_difference(reported, booked, uncached)
    elif is_reported.any():
        words = f"no price: {reasons.mode().iloc[0]}" if len(reasons) else "no price"
    else:
        words = "the log reports no dollars" if is_booked.any() else f"no price: {reasons.mode().iloc[0]}"
    return {
        "model": model,
        "requests": len(frame),
        "requests_with_both": len(both),
        "requests_without_report": int((~is_reported).sum()),
        "requests_without_price": int((~is_booked).sum()),
        "usd_reported": reported if len(both) else None,
        "usd_booked": booked if len(both) else None,
        "explanation": words,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return float(value) if isinstance(value, Decimal) else value

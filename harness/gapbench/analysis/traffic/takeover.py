"""What an open model could take over, in the article's three tiers, by the shape of the requests alone.

The article's tiers: an open model for most of the traffic (tier 1), a closed model for the hard part (tier 2), and
purpose-built models for narrow work (tier 3). The shape of a request is no quality: a tier here is a candidate, which
``bench gap`` and ``bench tiers`` confirm or refute.

The rules, in their order, for each route:

1. **Tier 2, hard by shape**: at least 20 % of its requests have images, more than 32,000 prompt tokens, the result of a
   tool in the prompt, or more than 1,000 generated tokens.
2. **Tier 2, rare**: it is one of the smallest routes, which together have at most 5 % of the requests.
3. **Tier 3**: at least 80 % of its requests are answered by one of few labels, or are embeddings.
4. **Tier 1**: everything else of which the log tells the generated tokens.
5. **Not known**: the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from gapbench.analysis.traffic import figures
from gapbench.analysis.traffic.figures import monthly_volume, share_of, total_usd, whole_days
from gapbench.analysis.traffic.personal_data import count_personal_data
from gapbench.analysis.traffic.prices import is_open_model, quote_requests
from gapbench.pricing import UnitPrices

Row = dict[str, Any]
Tier = Literal["1", "2", "3", "open", "unknown"]
TIERS: tuple[Tier, ...] = ("1", "2", "3", "open", "unknown")
HARD_SHARE = 0.2
"""Share of a route's requests from which on a sign of hard work counts."""
RARE_SHARE = 0.05
"""Share of all requests that the rare routes have together at most."""
MOST_SHARE = 0.8
"""Share of a route's requests from which on a sign describes it."""
REPEATED_SHARE = 0.5
"""The same for near-duplicates."""
HARD_SIGNS = {
    "image_share": "images",
    "long_context_share": "long context",
    "tool_loop_share": "tool loops",
    "long_answer_share": "long answers",
}
"""Signs of hard work, and their words."""
EASY_SIGNS = {
    "label_share": ("labels", MOST_SHARE),
    "json_share": ("JSON", MOST_SHARE),
    "short_answer_share": ("short answers", MOST_SHARE),
    "near_duplicate_share": ("near-duplicates", REPEATED_SHARE),
    "zero_temperature_share": ("temperature 0", MOST_SHARE),
    "tool_share": ("offers tools", HARD_SHARE),
}
"""What else describes a route: words, and the share from which on they are said."""
_USED = (
    "time", "endpoint", "input_tokens", "output_tokens", "image_count", "is_tool_loop", "has_reply", "label_hash", "is_json",
    "is_near_duplicate", "is_zero_temperature", "has_tools",
)  # fmt: skip
"""Columns from which the signs of a route are counted."""


@dataclass(frozen=True, slots=True)
class OpenPrice:
    """The price of an open model that is compared with.

    Attributes:
        quote: The price.
        label: Which model at which provider.
    """

    quote: UnitPrices
    label: str


@dataclass(frozen=True, slots=True)
class TakeOver:
    """What an open model could take over, by shape alone.

    Attributes:
        tiers: A row for each tier that has requests.
        routes: A row for each route, by tier and then by dollars or tokens. Requests without a route are shown by model.
        open_label: The open model whose price is compared. None: no price is known.
        requests_without_tokens: Requests whose tokens are unknown, so that they have no price at the open model.
    """

    tiers: list[Row]
    routes: list[Row]
    open_label: str | None
    requests_without_tokens: int


def find_take_over(frame: pd.DataFrame, models: pd.Series[Any], open_price: OpenPrice | None) -> TakeOver:
    """Return what an open model could take over.

    Args:
        frame: Requests with ``usd``, ``is_near_duplicate``, and the columns of
            :func:`gapbench.analysis.traffic.read_requests`.
        models: The model of each request.
        open_price: The price of an open model. None: no price is known.
    """
    days = whole_days(frame)
    tokens = frame["input_tokens"].fillna(0) + frame["output_tokens"].fillna(0)
    is_counted = frame["input_tokens"].notna() & (
        frame["output_tokens"].notna() | frame["endpoint"].eq("embeddings")
    )
    amounts = pd.DataFrame({"tokens": tokens.astype(float), "usd": frame["usd"]}, index=frame.index)
    amounts["usd_open"] = np.nan
    if open_price is not None:
        usd = quote_requests(frame, open_price.quote)
        amounts["usd_open"] = np.where(frame["from_cache"].eq(True), 0.0, np.where(is_counted, usd, np.nan))
    unnamed = {model: f"no route: {model}" for model in models.unique()}
    names = frame["route"].where(frame["route"].notna(), models.map(unnamed))
    is_open = _is_open(frame["provider"], models)
    totals = _totals(amounts, len(frame))
    routes = [
        _describe(str(name), part, amounts.loc[part.index], totals, days)
        for name, part in frame[[*_USED]].groupby(names.where(~is_open), sort=False)
    ]
    if "personal_data" in frame:
        found = {
            name: count_personal_data(part)["personal_data_share"]
            for name, part in frame[["personal_data"]].groupby(names.where(~is_open), sort=False)
        }
        routes = [{**row, "personal_data_share": found[row["route"]]} for row in routes]
    _mark_rare(routes)
    for row in routes:
        row["tier"], row["reasons"] = _place(row)
    tier_of = names.map({row["route"]: row["tier"] for row in routes}).where(~is_open, "open")
    tiers = [
        {
            "tier": tier,
            "routes": int(names[part.index].nunique()),
            **_shares(part, totals),
            **_months(frame.loc[part.index, ["time"]], part, days),
        }
        for tier in TIERS
        if len(part := amounts[tier_of.eq(tier)])
    ]
    routes.sort(key=lambda row: (TIERS.index(row["tier"]), -float(row["usd"] or 0), -row["tokens"]))
    return TakeOver(
        tiers,
        routes,
        None if open_price is None else open_price.label,
        int((~is_counted & ~frame["is_error"]).sum()),
    )


def _is_open(providers: pd.Series[Any], models: pd.Series[Any]) -> pd.Series[bool]:
    """Return which requests a model with open weights answered."""
    found: dict[tuple[Any, Any], bool] = {}
    answered = np.zeros(len(models), dtype=bool)
    for place, pair in enumerate(zip(providers, models, strict=True)):
        known = found.get(pair)
        if known is None:
            known = found[pair] = is_open_model(*pair)
        answered[place] = known
    return pd.Series(answered, index=models.index, dtype=bool)


def _totals(amounts: pd.DataFrame, requests: int) -> Row:
    return {"requests": requests, "tokens": int(amounts["tokens"].sum()), "usd": total_usd(amounts["usd"])}


def _shares(amounts: pd.DataFrame, totals: Row) -> Row:
    """Return requests, tokens and dollars, and their shares of all; None where nothing is known."""
    own = _totals(amounts, len(amounts))
    shares = {
        f"{name}_share".replace("requests", "request").replace("tokens", "token"): (
            float(own[name] / totals[name]) if own[name] is not None and totals[name] else None
        )
        for name in own
    }
    known = amounts["usd_open"].dropna()
    return {**own, **shares, "usd_open": float(known.sum()) if len(known) else None}


def _months(frame: pd.DataFrame, amounts: pd.DataFrame, days: list[pd.Timestamp]) -> Row:
    """Return the amounts a month; None where nothing is known, or the log covers no whole day."""
    return {
        f"{name}_a_month": monthly_volume(frame, amounts[name], days) if amounts[name].notna().any() else None
        for name in ("usd", "usd_open")
    }


def _describe(
    name: str, frame: pd.DataFrame, amounts: pd.DataFrame, totals: Row, days: list[pd.Timestamp]
) -> Row:
    """Return the figures of a route by which its tier is decided. Failed requests tell nothing of replies."""
    return {
        "route": name,
        "tier": "unknown",
        "reasons": [],
        **_shares(amounts, totals),
        **_months(frame, amounts, days),
        "output_tokens_p50": figures.quantile(frame, "output_tokens", 0.5),
        "output_tokens_p95": figures.quantile(frame, "output_tokens", 0.95),
        "image_share": figures.image_share(frame),
        "long_context_share": figures.long_context_share(frame),
        "tool_loop_share": figures.tool_loop_share(frame),
        "long_answer_share": figures.long_answer_share(frame),
        "label_share": figures.label_share(frame),
        "json_share": figures.json_share(frame),
        "short_answer_share": figures.short_answer_share(frame),
        "near_duplicate_share": figures.near_duplicate_share(frame),
        "zero_temperature_share": figures.zero_temperature_share(frame),
        "tool_share": figures.tool_share(frame),
        "embedding_share": share_of(frame["endpoint"].eq("embeddings").where(frame["endpoint"].notna())),
        "personal_data_share": None,
        "is_rare": False,
    }


def _mark_rare(routes: list[Row]) -> None:
    """Mark the smallest routes, as long as they have at most 5 % of the requests together."""
    seen = 0.0
    for row in sorted(routes, key=lambda row: row["requests"]):
        seen += row["request_share"]
        row["is_rare"] = seen <= RARE_SHARE


def _place(row: Row) -> tuple[Tier, list[str]]:
    """Return the tier of a route by the rules of this module, and why in words."""
    hard = [
        f"{words} {row[name] * 100:.0f} %"
        for name, words in HARD_SIGNS.items()
        if (row[name] or 0.0) >= HARD_SHARE
    ]
    easy = [
        f"{words} {row[name] * 100:.0f} %"
        for name, (words, least) in EASY_SIGNS.items()
        if (row[name] or 0.0) >= least
    ]
    if hard:
        return "2", hard
    if row["is_rare"]:
        return "2", ["rare", *easy]
    if (row["embedding_share"] or 0.0) >= MOST_SHARE:
        return "3", ["embeddings"]
    if (row["label_share"] or 0.0) >= MOST_SHARE:
        return "3", easy
    if row["output_tokens_p50"] is None:
        return "unknown", ["the log tells no generated tokens"]
    return "1", easy or ["no sign of hard work"]


def unknown_signs(row: Row) -> list[str]:
    """Return the signs of hard work of which the log tells nothing for a route."""
    return [words for name, words in HARD_SIGNS.items() if row[name] is None]

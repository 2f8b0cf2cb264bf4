"""What an open model could take over, as sentences and tables, and the commands that check it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection
from typing import Any

from gapbench.analysis.traffic.audit import TrafficAudit
from gapbench.analysis.traffic.figures import LONG_ANSWER_TOKENS, LONG_CONTEXT_TOKENS, SHORT_ANSWER_TOKENS
from gapbench.analysis.traffic.takeover import (
    HARD_SHARE,
    MOST_SHARE,
    RARE_SHARE,
    Tier,
    unknown_signs,
)
from gapbench.formatting import NOTHING, format_count, format_percent, format_short_usd
from gapbench.report.table import Column, Row, Span, Table
from gapbench.report.traffic_amounts import usd_lines
from gapbench.traffic.personal_data import KINDS

TIER_NAMES: dict[Tier, str] = {
    "1": "1 open model",
    "2": "2 closed model",
    "3": "3 purpose-built",
    "open": "already open",
    "unknown": "not known",
}
"""The article's tiers, in words."""
_CANDIDATES = ("1", "3")
_MOST_ROUTES = 30
"""Routes that a table shows; JSON has all."""


def take_over_line(audit: TrafficAudit) -> str:
    """Return in a sentence what an open model could take over, by shape alone."""
    found = {row["tier"]: row for row in audit.take_over.tiers}
    rows = [found[tier] for tier in _CANDIDATES if tier in found]
    if not rows:
        return "By their shape alone, no route is a candidate for an open model."
    routes = sum(row["routes"] for row in rows)
    share = format_percent(sum(row["request_share"] for row in rows))
    of_all = len(audit.take_over.routes)
    named = f"{routes} of {of_all} routes" if of_all > 1 else "the one route"
    tiers = " and ".join(row["tier"] for row in rows)
    line = (
        f"By shape alone, an open model could take over {named} ({'tier' if len(rows) == 1 else 'tiers'} {tiers}): "
        f"{share} of the requests"
    )
    months = [row["usd_a_month"] for row in rows]
    if all(month is not None for month in months):
        usd = format_short_usd(sum(month.value for month in months))
        line += f" and {usd} a month ({format_percent(sum(row['usd_share'] or 0.0 for row in rows))} of the dollars)"
        at_open = [row["usd_open_a_month"] for row in rows]
        if all(month is not None for month in at_open):
            usd = format_short_usd(sum(month.value for month in at_open))
            line += f", {usd} at the list price of {audit.take_over.open_label}"
    return f"{line}. These are candidates and no results: the end tells how to measure them."


def take_over_tables(audit: TrafficAudit) -> list[Table]:
    """Return the tables of the tiers, of personal data if it was looked for, and of the routes."""
    found = audit.take_over
    is_monthly = any(
        row["usd_a_month"] is not None or row["usd_open_a_month"] is not None for row in found.tiers
    )
    routes = found.routes[:_MOST_ROUTES]
    more = len(found.routes) - len(routes)
    hidden: tuple[Span, ...] = ((f"{more:,} more routes are in --json.", "dim"),) if more else ()
    return [
        Table("traffic_routes", "Each route by the shape of its requests", _route_columns(audit, is_monthly=is_monthly), routes, notes=(*hidden, (_rules(audit), "dim"))),
        *([_personal_data_table(audit.personal_data or [])] if _has_personal_data(audit) else []),
        Table(
            "traffic_take_over", "What an open model could take over, by shape alone",
            _tier_columns(is_monthly=is_monthly, has_open=found.open_label is not None), found.tiers,
            notes=_tier_notes(audit),
        ),
    ]  # fmt: skip


def _tier_columns(*, is_monthly: bool, has_open: bool) -> tuple[Column, ...]:
    columns = (
        Column("tier", "tier", lambda row: TIER_NAMES[row["tier"]], is_text=True),
        Column("routes", "routes", lambda row: format_count(row["routes"])),
        Column("request_share", "requests", _share("request_share")),
        Column("token_share", "tokens", _share("token_share"), rank=1),
        Column("usd", "now $ a month" if is_monthly else "now $", _usd("usd", is_monthly=is_monthly)),
        Column(
            "usd_open", "open $ a month" if is_monthly else "open $", _usd("usd_open", is_monthly=is_monthly)
        ),
    )
    return columns if has_open else columns[:-1]


def _route_columns(audit: TrafficAudit, *, is_monthly: bool) -> tuple[Column, ...]:
    untold = _untold_signs(audit)
    now, then = ("now $ a month", "open $ a month") if is_monthly else ("now $", "open $")
    columns = [
        Column("route", "route", lambda row: str(row["route"]), is_text=True),
        Column("tier", "tier", lambda row: _SHORT_TIERS[row["tier"]], is_text=True, min_width=8),
        Column("request_share", "requests", _share("request_share")),
        Column("usd", now, _usd("usd", is_monthly=is_monthly, interval=False)),
        Column("usd_open", then, _usd("usd_open", is_monthly=is_monthly, interval=False)),
        Column("personal_data_share", "personal data", _share("personal_data_share"), rank=1),
        Column("reasons", "shape", lambda row: _reasons(row, untold), is_text=True, is_detail=True),
    ]
    left_out = {"usd_open"} if audit.take_over.open_label is None else set()
    if not _has_personal_data(audit):
        left_out.add("personal_data_share")
    return tuple(column for column in columns if column.key not in left_out)


def _has_personal_data(audit: TrafficAudit) -> bool:
    """Return whether personal data was looked for and found."""
    return audit.personal_data is not None and bool(audit.personal_data[0]["requests_with_any"])


def _untold_signs(audit: TrafficAudit) -> list[str]:
    """Return the signs of hard work of which the log tells nothing for any route."""
    routes = [set(unknown_signs(row)) for row in audit.take_over.routes]
    return sorted(set.intersection(*routes)) if routes else []


_SHORT_TIERS: dict[Tier, str] = {"1": "1", "2": "2", "3": "3", "open": "open", "unknown": "not known"}


def _reasons(row: Row, untold: Collection[str]) -> str:
    unknown = [sign for sign in unknown_signs(dict(row)) if sign not in untold]
    return ", ".join([*row["reasons"], *([f"not known: {', '.join(unknown)}"] if unknown else [])])


def _share(key: str) -> Callable[[Row], str]:
    return lambda row: format_percent(row[key])


def _usd(key: str, *, is_monthly: bool, interval: bool = True) -> Callable[[Row], str]:
    def text(row: Row) -> str:
        if not is_monthly:
            return format_short_usd(row[key])
        month = row[f"{key}_a_month"]
        if month is None:
            return NOTHING
        return usd_lines(month) if interval else format_short_usd(month.value)

    return text


_RULES = (
    f"Tier 2: {HARD_SHARE * 100:.0f} % or more of a route's requests have images, more than {LONG_CONTEXT_TOKENS:,} prompt tokens, "
    f"the result of a tool in the prompt (a tool loop), or more than {LONG_ANSWER_TOKENS:,} generated tokens; or it is rare: one of "
    f"the smallest routes, which have {RARE_SHARE * 100:.0f} % of the requests together. Tier 3: {MOST_SHARE * 100:.0f} % of the replies "
    f"are one of few labels, or it is embeddings. Tier 1: the rest. Short answers have at most {SHORT_ANSWER_TOKENS} generated tokens."
)


def _rules(audit: TrafficAudit) -> str:
    untold = _untold_signs(audit)
    if not untold:
        return _RULES
    return f"{_RULES} The log does not tell {', '.join(untold)}: a route may be harder than it looks."


def _tier_notes(audit: TrafficAudit) -> tuple[Span, ...]:
    found = audit.take_over
    notes = []
    if any(row["usd_a_month"] is not None and row["usd_a_month"].low is not None for row in found.tiers):
        notes.append("Below each amount is its 95 % interval, by whole days.")
    if found.open_label is not None:
        notes.append(
            f"Open: today's list price of {found.open_label} for the same tokens. Another tokenizer counts others, and your own GPUs cost otherwise (`bench tco`)."
        )
    if found.requests_without_tokens:
        notes.append(
            f"The tokens of {found.requests_without_tokens:,} requests are unknown; at the open model they count as nothing."
        )
    missing = audit.total["requests"] - audit.usd_requests
    if missing:
        notes.append(
            f"Now: without the {missing:,} requests whose dollars are unknown. Open: with them, where their tokens are known."
        )
    notes.append(_sensitivity(audit))
    return tuple((note, "dim") for note in notes)


def _sensitivity(audit: TrafficAudit) -> str:
    """Return what is known of the sensitivity of the data, by the article's rule."""
    rule = (
        "evaluate the risk of each provider, and keep confidential or regulated data in house: then only self-hosting remains "
        "(`bench advise --sensitivity regulated`)"
    )
    if audit.personal_data is None:
        return f"Sensitivity of the data: not looked at. --personal-data flags routes with personal data; {rule}."
    total = audit.personal_data[0]
    if total["requests_with_any"] is None:
        return f"Sensitivity of the data: not known, no text is stored. If it is personal, {rule}."
    if not total["requests_with_any"]:
        return (
            f"Sensitivity of the data: nothing was found in {total['requests_with_text']:,} requests. Names, postal addresses and what a "
            "text tells about a person are not looked for."
        )
    tier_of = {row["route"]: row["tier"] for row in audit.take_over.routes}
    flagged = sum(
        tier_of.get(row["route"]) in _CANDIDATES and bool(row["requests_with_any"])
        for row in audit.personal_data[1:]
    )
    routes = (
        f"{flagged} of the routes that an open model could take over {'has' if flagged == 1 else 'have'}"
        if flagged
        else "No route that an open model could take over has"
    )
    return f"Sensitivity of the data: {routes} personal data. Where there is some, {rule}."


def _personal_data_table(rows: list[dict[str, Any]]) -> Table:
    kinds = [kind for kind in KINDS if rows[0][f"{kind}_requests"]]

    def count_text(key: str) -> Callable[[Row], str]:
        def text(row: Row) -> str:
            if row[key] is None:
                return NOTHING
            return f"{row[key]:,} ({format_percent(row[key] / row['requests_with_text'])})"

        return text

    columns = (
        Column("route", "route", lambda row: str(row["route"]), is_text=True),
        Column("requests_with_text", "with text", lambda row: format_count(row["requests_with_text"])),
        Column("requests_with_any", "personal data", count_text("requests_with_any")),
        *(Column(f"{kind}_requests", KINDS[kind], count_text(f"{kind}_requests"), rank=1 + place) for place, kind in enumerate(kinds)),
    )  # fmt: skip
    note = (
        "Requests by what their prompt or reply has, by its form and its check digits; a request may have several. Secrets were "
        "removed at the import. Names, postal addresses, images and files are not looked at, so none found does not mean none there."
    )
    found = [row for row in rows if row["requests_with_any"]]
    shown = found[: _MOST_ROUTES + 1]
    more = len(found) - len(shown)
    others = f"{more:,} more routes are in --json." if more else "No other route has any."
    return Table(
        "traffic_personal_data",
        "Personal data: requests that have some",
        columns,
        shown,
        notes=((f"{others} {note}", "dim"),),
    )


def check_line() -> str:
    """Return the sentence that stands above the commands."""
    return (
        "A tier here is a candidate by shape only: no answer was compared, so it says nothing about quality. "
        "These commands measure it on your own requests:"
    )


def check_commands(audit: TrafficAudit) -> list[str]:
    """Return the commands that confirm or refute a tier."""
    tables = " ".join(map(shlex.quote, audit.tables)) or "TABLE"
    has_prompts = audit.total["near_duplicate_share"] is not None
    return [
        *([] if has_prompts else ["# these tables have no prompts: first import the log with its texts"]),
        f"bench traffic sample {tables} --out my-suite.yaml",
        "bench run my-suite.yaml      # name your two models in it first",
        "bench judge results/RUN      # where replies are free text",
        "bench gap results/RUN",
        "bench tiers results/RUN --guarantee 1pp@95%",
    ]

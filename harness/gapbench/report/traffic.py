"""The audit of a team's traffic as tables: the answer first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from gapbench.analysis.traffic.audit import TrafficAudit
from gapbench.analysis.traffic.figures import LONG_CONTEXT_TOKENS
from gapbench.analysis.traffic.prefixes import CACHE_HOURS, MIN_CACHED_TOKENS
from gapbench.analysis.traffic.prices import FAR_ABOVE
from gapbench.formatting import (
    NOTHING,
    SIMULATED,
    count_of,
    format_percent,
    format_seconds,
    format_short_usd,
    format_usd,
    format_volume,
    is_known,
    strip_controls,
)
from gapbench.report import markdown_tables
from gapbench.report.table import Column, Row, Span, Table
from gapbench.report.traffic_amounts import usd_text, volume_text
from gapbench.report.traffic_takeover import check_commands, check_line, take_over_line, take_over_tables


def answer_lines(audit: TrafficAudit) -> list[str]:
    """Return what the traffic is in a few sentences: the month, what an open model could take over, then the rest."""
    total = audit.total
    mark = (
        f"{SIMULATED}: some of these requests were answered by a simulated provider. "
        if audit.simulated
        else ""
    )
    lines = [f"{mark}{_month_line(audit)}", *_unknown_lines(audit)]
    lines.append(take_over_line(audit))
    if audit.arrivals is not None and total["requests"] > 1:
        at = audit.arrivals
        ratio = "" if at.peak_to_mean is None else f", {at.peak_to_mean:,.1f} times the mean"
        mean = "" if at.hours == 1 else f"On average {_rate(at.mean_per_hour, at.hours)}. "
        lines.append(
            f"{mean}The fullest hour had {at.peak_per_hour:,} ({at.peak_hour[:16]} UTC{ratio}), the fullest minute {at.peak_per_minute:,}."
        )
    if total["near_duplicate_share"]:
        lines.append(
            f"{format_percent(total['near_duplicate_share'])} of the prompts are near-duplicates of earlier ones: the same words, but for those with a digit."
        )
    return [*lines, *_caching_lines(audit)]


def _month_line(audit: TrafficAudit) -> str:
    """Return the month: requests, tokens and dollars."""
    if audit.requests_a_month is None:
        sent = count_of(audit.total["requests"], "request")
        why = "no request has a time" if audit.arrivals is None else "the log covers no whole day"
        return f"You sent {sent}; {why}, so no month is computed from it."
    sent = f"{volume_text(audit.requests_a_month)} requests"
    if audit.tokens_a_month is not None:
        sent += f" and {volume_text(audit.tokens_a_month)} tokens"
    dollars = "" if audit.usd_a_month is None else f" for {usd_text(audit.usd_a_month)}"
    return f"You send {sent} a month{dollars}, by {count_of(audit.whole_days, 'whole day')}."


def _unknown_lines(audit: TrafficAudit) -> list[str]:
    """Return what the log does not tell of some requests, and what it tells that can hardly be."""
    total, lines = audit.total, []
    timeless = audit.requests_without_time
    if timeless and audit.arrivals is not None:
        are = "is" if timeless == 1 else "are"
        lines.append(
            f"{timeless:,} of {total['requests']:,} requests {are} without a time, and so in no day, hour or month."
        )
    if audit.days_without_requests > audit.whole_days / 2:
        lines.append(
            f"On {audit.days_without_requests:,} of these days there is no request: a time may be wrong, or the log has parts of several months."
        )
    if audit.tokens_a_month is None and audit.requests_a_month is not None:
        lines.append("The log tells no tokens.")
    elif audit.take_over.requests_without_tokens:
        lines.append(
            f"The tokens of {audit.take_over.requests_without_tokens:,} of {total['requests']:,} requests are unknown, though they did not fail, and count as nothing."
        )
    missing, failed = total["requests"] - audit.usd_requests, audit.failed_without_usd
    if missing:
        of_them = (
            ""
            if not failed
            else "; all of them failed"
            if failed == missing
            else f"; {failed:,} of them failed"
        )
        lines.append(
            f"The dollars of {missing:,} of {total['requests']:,} requests are unknown and count as nothing{of_them}."
        )
    for row in audit.dollars:
        if row["usd_booked"] and row["usd_reported"] >= FAR_ABOVE * row["usd_booked"]:
            times = f"{row['usd_reported'] / row['usd_booked']:,.0f} times the list price"
            lines.append(
                f"The log's dollars of {strip_controls(row['model'])} are {times}, so they and all sums with them can hardly be dollars: "
                "a log in cents is imported with --map and `cost_cents`."
            )
    return lines


def _caching_lines(audit: TrafficAudit) -> list[str]:
    """Return what better caching would save at most, and where; [] if that is unknown or nothing."""
    total = audit.total
    if not total["usd_cache_saving"]:
        return []
    month = audit.cache_saving_a_month
    amount = format_usd(total["usd_cache_saving"]) if month is None else f"{usd_text(month)} a month"
    line = f"Better caching would save at most {amount}, {format_percent(total['cache_saving_share'])} of the list price"
    first = max(audit.groups["route"], key=lambda row: row["usd_cache_saving"] or 0)
    part = float(first["usd_cache_saving"] / total["usd_cache_saving"])
    if len(audit.groups["route"]) > 1:
        line += f"; {format_percent(part)} of that on the route {strip_controls(first['route'])}"
    return [f"{line}."]


def audit_tables(audit: TrafficAudit) -> list[Table]:
    """Return the tables of an audit in their order. Figures that no request of the log has are named below the first."""

    def known_columns(key: str, heading: str, name: Callable[[Row], str]) -> tuple[Column, ...]:
        return tuple(one for one in _columns(key, heading, name) if one.key not in unknown)

    figures = [one for one in _columns("what", "", _text("what")) if one.key != "what"]
    unknown = {one.key: one.heading for one in figures if not is_known(audit.total[one.key])}
    tables = [
        Table(
            "traffic_total",
            "All requests",
            known_columns("what", "", lambda _: "all"),
            [{"what": "all", **audit.total}],
        ),
        *(
            Table(
                f"traffic_by_{name}",
                f"By {title}",
                known_columns(name, name, _text(name)),
                audit.groups[name],
            )
            for name, title in (
                ("model", "model"),
                ("route", "route"),
                ("day", "day"),
                ("hour", "hour of the day, UTC"),
            )
            if audit.groups[name]
        ),
        Table("traffic_dollars", "Dollars: the log and the price book", _DOLLARS, audit.dollars),
    ]
    caching = [row for row in audit.groups["route"] if row["cacheable_share"] is not None]
    if caching:
        caching.sort(key=lambda row: -(row["usd_cache_saving"] or 0))
        tables.append(
            Table(
                "traffic_caching",
                "Caching: what is read, and at most could be",
                _CACHING,
                caching,
                notes=_CACHING_NOTES,
            )
        )
    tables += take_over_tables(audit)
    first, *rest = (
        replace(
            table,
            simulated=audit.simulated,
            # The table of all requests says it for those by route, day and hour, which have the same columns.
            wider_hint="" if table.key in _SAME_COLUMNS else _WIDER,
        )
        for table in tables
    )
    untold = f"The log does not tell: {', '.join(unknown.values())}. " if unknown else ""
    return [replace(first, notes=((f"{untold}{_TOTAL_NOTE}", "dim"),)), *rest]


_WIDER = "a wider terminal, --html FILE, --md FILE or --json has them"
_SAME_COLUMNS = frozenset(f"traffic_by_{name}" for name in ("model", "route", "day", "hour"))
_TOTAL_NOTE = (
    f"Long context: more than {LONG_CONTEXT_TOKENS:,} prompt tokens. Near-duplicates: the prompt is that of an earlier request "
    "but for case, punctuation, and words with a digit. Shares are of the requests whose log tells."
)
_CACHING_NOTE = (
    f"At most: as if every start of a prompt that the same model got in the {CACHE_HOURS} hours before were read from the "
    f"provider's cache, from {MIN_CACHED_TOKENS} tokens on, and writing it cost nothing. Prompts with images, and requests "
    "without a stored prompt, are left out. The dollars are those of the whole log."
)
_CACHING_NOTES: tuple[Span, ...] = ((_CACHING_NOTE, "dim"),)


def _text(key: str) -> Callable[[Row], str]:
    return lambda row: str(row[key])


def _share(key: str) -> Callable[[Row], str]:
    return lambda row: format_percent(row[key])


def _count(key: str) -> Callable[[Row], str]:
    return lambda row: _short(row[key])


def _money(key: str) -> Callable[[Row], str]:
    return lambda row: format_usd(row[key])


def _pair(first: str, second: str, show: Callable[[Any], str]) -> Callable[[Row], str]:
    def text(row: Row) -> str:
        if not is_known(row[first]):
            return NOTHING
        return f"{show(row[first])} / {show(row[second])}"

    return text


def _columns(key: str, heading: str, name: Callable[[Row], str]) -> tuple[Column, ...]:
    """Return the columns of the figures; a narrow terminal leaves out those of the highest rank first."""
    return (
        Column(key, heading, name, is_text=True),
        Column("requests", "requests", lambda row: f"{row['requests']:,}"),
        Column("input_tokens", "tokens in", _count("input_tokens")),
        Column("output_tokens", "tokens out", _count("output_tokens")),
        Column("usd_reported", "reported $", _money("usd_reported"), rank=1),
        Column("usd_booked", "list $", _money("usd_booked"), rank=2),
        Column("cache_share", "cached", _share("cache_share"), rank=3),
        Column("error_share", "errors", _share("error_share"), rank=4),
        Column("retry_share", "retries", _share("retry_share"), rank=8),
        Column(
            "response_p50_s",
            "response p50 / p95",
            _pair("response_p50_s", "response_p95_s", format_seconds),
            rank=5,
        ),
        Column(
            "first_token_p50_s",
            "first token p50 / p95",
            _pair("first_token_p50_s", "first_token_p95_s", format_seconds),
            rank=6,
        ),
        Column(
            "output_tokens_p50",
            "tokens out p50 / p95",
            _pair("output_tokens_p50", "output_tokens_p95", _short),
            rank=7,
        ),
        Column("near_duplicate_share", "near-dup.", _share("near_duplicate_share"), rank=8),
        Column("tool_share", "tools", _share("tool_share"), rank=9),
        Column("image_share", "images", _share("image_share"), rank=10),
        Column("long_context_share", "long", _share("long_context_share"), rank=11),
        Column("gateway_cache_share", "own cache", _share("gateway_cache_share"), rank=12),
    )


_CACHING = (
    Column("route", "route", _text("route"), is_text=True),
    Column("input_tokens", "tokens in", _count("input_tokens")),
    Column("cache_share", "cached", _share("cache_share")),
    Column("cacheable_share", "at most", _share("cacheable_share")),
    Column("usd_cache_saving", "saves at most $", _money("usd_cache_saving")),
    Column("cache_saving_share", "of list $", _share("cache_saving_share"), rank=1),
)

_DOLLARS = (
    Column("model", "model", _text("model"), is_text=True),
    Column("requests", "requests", lambda row: f"{row['requests']:,}"),
    Column("requests_with_both", "with both", lambda row: f"{row['requests_with_both']:,}", rank=1),
    Column("usd_reported", "reported $", _money("usd_reported")),
    Column("usd_booked", "list $", _money("usd_booked")),
    Column("explanation", "why they differ", _text("explanation"), is_text=True, min_width=24),
)


def _short(value: Any) -> str:
    """Return a count, from ten thousand on as 12.3K, 4.56M or 7.89B."""
    if not is_known(value):
        return NOTHING
    if float(value) < 10_000:
        return f"{float(value):,.0f}"
    return format_short_usd(value).replace("$", "")


def _rate(per_hour: float, hours: int) -> str:
    """Return a rate in the shortest unit with ten requests or more, and in no unit longer than the log."""
    units = ((1 / 3600, "a second"), (1 / 60, "a minute"), (1, "an hour"), (24, "a day"), (168, "a week"))
    known = [(per_hour * size, unit) for size, unit in units if size <= max(hours, 1)]
    rate, unit = next((one for one in known if one[0] >= 9.95), known[-1])
    number = format_volume(rate) if rate >= 9.95 else f"{rate:.1f}".removesuffix(".0")
    one = number == "1"
    return f"{number} request{'' if one else 's'} arrive{'s' if one else ''} {unit}"


def render_markdown(audit: TrafficAudit) -> str:
    """Return the audit as a Markdown page."""
    # Names of routes and models may have marks of Markdown; the backticks are ours.
    lines = [markdown_tables.escape(line).replace("\\`", "`") for line in answer_lines(audit)]
    parts = ["# Traffic audit", *lines]
    for table in audit_tables(audit):
        parts += [
            f"## {table.title}",
            markdown_tables.render_table(table),
            *(note for note, _ in table.notes),
        ]
    parts += [check_line(), "\n".join(["```bash", *check_commands(audit), "```"])]
    return "\n\n".join(parts) + "\n"

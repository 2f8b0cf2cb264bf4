"""The plan of a fleet as text: the answer first, then what it is compared with, hour by hour, and what would change it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gapbench.analysis.economics.fleet.fleet_plan import FleetPlan
from gapbench.formatting import (
    NOTHING,
    SIMULATED,
    count_of,
    format_percent,
    format_short_usd,
    format_volume,
    is_known,
)
from gapbench.report import markdown_tables
from gapbench.report.table import Column, Row, Table

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WIDER = "a wider terminal, --md FILE or --json has them"


def answer_lines(plan: FleetPlan) -> list[str]:
    """Return the plan in a few sentences: what to do, what it costs, and what that saves."""
    mark = f"{SIMULATED}: a figure comes from a simulated provider. " if plan.simulated else ""
    return [f"{mark}{_servers(plan)}: {_dollars(plan)}.", _requests(plan), *_service_level(plan)]


def _servers(plan: FleetPlan) -> str:
    most = max(plan.rented, default=0)
    if not plan.found.has_own:
        others = (
            "the API"
            if plan.wait_tier is None or not plan.flows.wait
            else f"the API and its {plan.wait_tier} tier"
        )
        return f"Rent no GPUs and send everything to {others}"
    parts = []
    if plan.reserved:
        parts.append(f"reserve {_replicas(plan, plan.reserved)}")
    if most:
        parts.append(f"rent up to {_replicas(plan, most)}{' more' if plan.reserved else ''} by the hour")
    elsewhere = plan.flows.total - plan.flows.own
    if elsewhere > 0:
        parts.append(f"send {_share(elsewhere, plan)} of requests to APIs")
    words = f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]
    return words[:1].upper() + words[1:]


def _replicas(plan: FleetPlan, count: int) -> str:
    """Return a number of replicas by their GPUs, such as ``4 x H100-80GB (2 replicas)``."""
    gpus = count * plan.gpus_per_replica
    return f"{gpus:,g} x {plan.scenario.gpu or 'GPU'} ({count_of(count, 'replica')})"


def _dollars(plan: FleetPlan) -> str:
    own = plan.options[0]
    words = f"{_usd(own['usd'])} a month (95 % {_interval(own, '', _usd)})"
    other = plan.option("closed") or plan.option("hosted")
    if other is None:
        return words
    label = f"all {'closed' if other['name'] == 'closed' else 'hosted open'}"
    saved, low, high = (other[name] for name in ("saving_usd", "saving_low", "saving_high"))
    if max(abs(saved), abs(low), abs(high)) < 0.005:
        return f"{words}, the same as {label}"
    if low * high < 0:
        return f"{words}, {_than(saved)} than {label} (95 % from {_than(high)} to {_than(low)})"
    ends = sorted((abs(low), abs(high)))
    return f"{words}, {_than(saved)} than {label} (95 % {_usd(ends[0])} to {_usd(ends[1])})"


def _than(saved_usd: float) -> str:
    return f"{_usd(abs(saved_usd))} {'less' if saved_usd >= 0 else 'more'}"


def _usd(value: float) -> str:
    return "$0" if abs(value) < 0.005 else format_short_usd(value)


def _requests(plan: FleetPlan) -> str:
    flows, volume = plan.flows, plan.requests_a_month
    now = flows.live if plan.wait_tier else flows.live + flows.wait
    parts = [
        (flows.own, "are answered by your own GPUs"),
        (now, f"go to the {plan.choice.live} API at once"),
        (flows.overflow, "go to it because your GPUs are full or down"),
        (flows.wait if plan.wait_tier else 0.0, f"go to the {plan.choice.wait} {plan.wait_tier} tier"),
        (flows.closed_only, "need the closed API"),
    ]
    said = ", ".join(f"{_share(count, plan)} {words}" for count, words in parts if count > 0)
    return f"Of {format_volume(volume.value)} requests a month {said}."


def _service_level(plan: FleetPlan) -> list[str]:
    if not plan.found.has_own:
        return []
    used = [chance for chance, share in zip(plan.found.fits, plan.found.share, strict=True) if share > 0]
    if not used:
        return []
    least, asked = (format_percent(share) for share in (min(used), plan.settings.probability))
    held = f"one replica holds {plan.capacity_per_h:,.0f} of your requests an hour"
    return [f"What is sent to your GPUs fits with at least {least} in every hour (asked: {asked}); {held}."]


def _share(count: float, plan: FleetPlan) -> str:
    percent = 100 * count / plan.flows.total
    if 0 < percent < 0.1:
        return "under 0.1 %"
    return f"{percent:.1f} %" if percent < 10 else f"{percent:.0f} %"


def fleet_tables(plan: FleetPlan) -> list[Table]:
    """Return the tables of a plan in their order."""
    tables = [Table("fleet_options", "Dollars a month", _OPTIONS, plan.options)]
    if plan.found.has_own:
        tables.append(
            Table(
                "fleet_hours",
                "Replicas on, and the share of the open model's load sent to them, by hour (UTC)",
                _hour_columns(),
                _hour_rows(plan),
            )
        )
    tables.append(
        Table("fleet_sensitivity", "The plan under other conditions", _SENSITIVITY, plan.sensitivity)
    )
    return [replace(table, simulated=plan.simulated, wider_hint=_WIDER) for table in tables]


def _hour_rows(plan: FleetPlan) -> list[Row]:
    """Return the hours of the day, those with the same plan on all days together."""
    rows: list[Row] = []
    for hour in range(24):
        cells = {
            day: (
                plan.reserved + plan.rented[24 * place + hour],
                round(100 * float(plan.found.share[24 * place + hour])),
            )
            for place, day in enumerate(_DAYS)
        }
        if rows and rows[-1]["cells"] == cells:
            rows[-1] = {**rows[-1], "last": hour}
        else:
            rows.append({"first": hour, "last": hour, "cells": cells})
    return rows


def _hour_columns() -> tuple[Column, ...]:
    def cell(day: str) -> Callable[[Row], str]:
        return lambda row: f"{row['cells'][day][0]} {row['cells'][day][1]:.0f} %"

    return (
        Column(
            "hour", "hour", lambda row: f"{row['first']:02}-{row['last'] + 1:02}", is_text=True, min_width=5
        ),
        *(Column(day, day, cell(day)) for day in _DAYS),
    )


def _interval(row: Row, prefix: str, show: Callable[[float], str]) -> str:
    if not is_known(row.get(f"{prefix}low")):
        return NOTHING
    return f"{show(row[f'{prefix}low'])} to {show(row[f'{prefix}high'])}"


_OPTIONS = (
    Column("label", "option", lambda row: str(row["label"]), is_text=True, min_width=16),
    Column("usd", "$ a month", lambda row: _usd(row["usd"]), is_strong=lambda row: row["name"] == "plan"),
    Column("low", "95 %", lambda row: _interval(row, "", _usd)),
    Column("saving_usd", "plan saves", lambda row: _saving(row, _usd(row.get("saving_usd", 0.0)))),
    Column("saving_low", "95 % of that", lambda row: _saving(row, _interval(row, "saving_", _usd)), rank=1),
    Column("servers_usd", "own servers", lambda row: _usd(row["servers_usd"]), rank=2),
    Column("reserved_replicas", "reserved", lambda row: f"{row['reserved_replicas']:,}", rank=3),
)
_SENSITIVITY = (
    Column("case", "if it were", lambda row: str(row["case"]), is_text=True, min_width=16),
    Column("reserved_replicas", "reserved", lambda row: f"{row['reserved_replicas']:,}"),
    Column("rented_replicas_most", "rented", lambda row: f"{row['rented_replicas_most']:,}"),
    Column("own_share", "own", lambda row: format_percent(row["own_share"])),
    Column("usd", "$ a month", lambda row: _usd(row["usd"])),
    Column(
        "closed_usd",
        "all closed",
        lambda row: _usd(row["closed_usd"]) if is_known(row["closed_usd"]) else NOTHING,
    ),
)


def _saving(row: Row, text: str) -> str:
    return NOTHING if row["name"] == "plan" else text


def note_lines(plan: FleetPlan) -> list[str]:
    """Return what the plan rests on."""
    first = (
        f"By {count_of(plan.whole_days, 'whole day')} of traffic; may wait: {plan.waits}. The dollars are of a month of 30.4 days, "
        "with 95 % intervals of what such a month will cost: days as they were, and the ranges of prices and capacity."
    )
    gap = "Cheapest of all plans by hour, share and replica: proven by HiGHS"
    gap += "." if plan.found.gap == 0 else f" to {plan.found.gap:.1g} of the dollars."
    return [first, gap, *(f"{note[:1].upper()}{note[1:]}." for note in plan.notes)]


def render_markdown(plan: FleetPlan) -> str:
    """Return the plan as a Markdown page."""
    parts = ["# Fleet plan", *map(markdown_tables.escape, answer_lines(plan))]
    for table in fleet_tables(plan):
        parts += [f"## {table.title}", markdown_tables.render_table(table)]
    notes = "\n".join(f"- {markdown_tables.escape(line)}" for line in note_lines(plan))
    return "\n\n".join([*parts, "## What it rests on", notes]) + "\n"

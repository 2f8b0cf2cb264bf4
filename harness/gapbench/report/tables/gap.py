"""The gap table: closed minus open, with intervals and verdicts."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable

from markupsafe import Markup

from gapbench import formatting
from gapbench.analysis.quality.gap import GapTable
from gapbench.analysis.quality.gap_metrics import remarks
from gapbench.analysis.quality.gap_row import PLAIN_CONFIDENCE, PRIMARY
from gapbench.analysis.quality.side_by_side import describe_company
from gapbench.analysis.quality.user_fairness import describe_users
from gapbench.report.equal_quality import describe_equal_quality, describe_lags
from gapbench.report.page_sparklines import axis_range, draw_gap_interval
from gapbench.report.table import Column, Row, Sections, Span, Table, Tone
from gapbench.store.json_records import records

TITLE = "Gap: closed minus open on shared requests, accuracy in points"
NO_VIOLATION = "no broken condition found: same prompts, budgets, settings and images."


def _gap(row: Row) -> str:
    gap, percent = formatting.format_gap(row["unit"], row["gap_points"]), row["gap_percent_of_closed"]
    # For accuracy alone; the other metrics have a ratio, on the page and in JSON.
    shown = row["metric"] == "accuracy" and formatting.is_known(percent)
    return f"{gap} ({round(float(percent)) or 0:+d} %)".replace("(+0 %)", "(0 %)") if shown else gap


def _metric(row: Row) -> str:
    name = formatting.METRICS.get(str(row["metric"]), str(row["metric"]))
    return f"{name} at {row['shown_load']}" if formatting.is_known(row.get("shown_load")) else name


def _ratio(row: Row) -> str:
    if not formatting.is_known(row["ratio"]):
        return formatting.NOTHING
    ratio = formatting.format_number(row["ratio"])
    if not formatting.is_known(row["ratio_low"]):
        return ratio
    return f"{ratio} ({formatting.format_number(row['ratio_low'])}–{formatting.format_number(row['ratio_high'])})"


def _verdict(row: Row) -> str:
    return "\n".join([str(row["verdict"]), *(f"({remark})" for remark in remarks(row))])


def _verdict_tone(row: Row) -> Tone:
    verdict = str(row["verdict"])
    tones: dict[str, Tone] = {"closed ahead": "closed", "open ahead": "open"}
    return "good" if verdict.startswith("equivalent") else tones.get(verdict, "")


def _is_accuracy(row: Row) -> bool:
    return bool(row["metric"] == "accuracy")


_CATEGORY = Column("category", "category", lambda row: str(row["category"]), is_text=True)
COLUMNS = (
    Column("metric", "metric", _metric, is_text=True),
    Column(
        "closed_value", "closed", lambda row: formatting.format_metric(row["unit"], row["closed_value"]), 1,
        owner=lambda row: str(row["closed_model"]), tone=lambda _: "closed",
    ),
    Column(
        "open_value", "open", lambda row: formatting.format_metric(row["unit"], row["open_value"]), 1,
        owner=lambda row: str(row["open_model"]), tone=lambda _: "open",
    ),
    Column("gap_points", "gap", _gap, is_strong=_is_accuracy),
    Column("interval", "95 % interval", lambda row: formatting.format_interval(row["unit"], row["ci_low"], row["ci_high"])),
    Column("ratio", "closed / open", _ratio, on_phone=False, outputs=frozenset(("page", "json"))),
    Column("p_value", "p (Holm)", lambda row: formatting.format_p_value(row["p_value"]), 3, on_phone=False),
    Column("n_pairs", "pairs", lambda row: formatting.format_count(row["n_pairs"]), 2, on_phone=False),
    Column("verdict", "verdict", _verdict, is_text=True, min_width=15, tone=_verdict_tone, is_strong=_is_accuracy),
)  # fmt: skip


def gap_table(gap: GapTable) -> Table:
    """Return every metric of every pair, with the verdict as a sentence and the violations of fairness."""
    headline: Span = (gap.headline(), "headline")
    if gap.frame.empty:
        return Table("gap", TITLE, COLUMNS, (), simulated=gap.simulated, notes=(headline,))
    tone: Tone = "warning" if gap.fairness else "good"
    fairness: list[Span] = [(f"Fairness: {line}", tone) for line in gap.fairness or [NO_VIOLATION]]
    counted: Span = (gap.weights.describe(), "dim")
    conditions = (describe_users(gap.conditions), describe_company(gap.conditions))
    fairness += [(line, "dim") for line in conditions if line is not None]
    return Table(
        "gap",
        TITLE,
        COLUMNS,
        _rows(gap),
        Sections(_pair, _heading, (_CATEGORY,)),
        simulated=gap.simulated,
        notes=(
            headline,
            counted,
            *fairness,
            *((line, "") for line in (*_family_lines(gap), *equal_quality_lines(gap))),
        ),
        warnings=tuple(gap.warnings),
    )


def _rows(gap: GapTable) -> list[Row]:
    """Return the rows, each with the load to name: that of times and dollars, if there are several."""
    rows = records(gap.frame)
    several = len({row["load"] for row in rows if row["load"] is not None}) > 1
    return [{**row, "shown_load": row["load"] if several else None} for row in rows]


def _family_lines(gap: GapTable) -> list[str]:
    """Return how rows are corrected together, if any are."""
    tested = gap.frame[gap.frame["confidence"].notna() & gap.frame["p_value"].notna()]
    wide = tested[tested["confidence"] > PLAIN_CONFIDENCE]
    if wide.empty:
        return []
    corrected = dict.fromkeys(map(str, wide["family"]))
    # With every pair of models there are several rows of overall quality, which are a family too.
    alone = "" if PRIMARY in corrected else "Overall quality is tested alone at 5 %. "
    return [f"{alone}Corrected within each family (Holm), intervals included: {', '.join(corrected)}."]


def accuracy_gap_table(gap: GapTable) -> Table:
    """Return the accuracy gaps alone, one row for each category, each with its interval drawn: the page's first table."""
    rows = [row for row in records(gap.frame) if row["metric"] == "accuracy"]
    axis = axis_range(rows, gap.margin_points)

    def draw(row: Row) -> Markup:
        return draw_gap_interval(row, axis, gap.margin_points)

    chart = Column(
        "chart", "← open better · closed better →", lambda _: "", is_text=True, drawing=draw, outputs=frozenset(("page",))
    )  # fmt: skip
    _, closed, opened, points, interval, _, p_value, pairs, verdict = COLUMNS
    columns = (
        dataclasses.replace(_CATEGORY, is_strong=lambda _: True),
        closed,
        opened,
        points,
        chart,
        interval,
        p_value,
        verdict,
        pairs,
    )
    ends = " to ".join(formatting.format_gap("points", end) for end in axis)
    lead = (
        "Closed minus open, in points, on the same requests. Line: 95 % interval. "
        f"Band: {gap.margin_points:g} points either way, which make no difference to you. Axis from {ends}."
    )
    if gap.selection_note:
        lead += f" {gap.selection_note[0].upper()}{gap.selection_note[1:]}."
    return Table("gap", "Gap in accuracy", columns, rows, simulated=gap.simulated, lead=lead)


def time_cost_gap_table(gap: GapTable) -> Table:
    """Return the gaps in time and cost alone, for the page."""
    table = gap_table(gap)
    return dataclasses.replace(
        table,
        key="gap-time-cost",
        title="Gap in time and cost",
        rows=[row for row in table.rows if row["metric"] != "accuracy"],
        notes=(),
        warnings=(),
        lead="The same pairs. Response times are what a user waits, this client's queue included; costs include retries.",
    )


def equal_quality_lines(gap: GapTable) -> list[str]:
    """Return what is known at equal quality: the cheapest open model that is no worse, and how far behind open models are."""
    return [*map(describe_equal_quality, gap.matched), *describe_lags(gap.lag)]


def _pair(row: Row) -> Hashable:
    return row["category"], row["closed_model"], row["open_model"]


def _heading(row: Row) -> tuple[Span, ...]:
    return (
        (str(row["category"]), "headline"),
        (": ", ""),
        (str(row["closed_model"]), "closed"),
        (" minus ", ""),
        (str(row["open_model"]), "open"),
    )

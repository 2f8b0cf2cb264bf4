"""Tables of hybrid tiers and the text of a recommendation, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from gapbench import formatting
from gapbench.analysis.economics.advice import OPTION_NAMES, Advice
from gapbench.analysis.economics.tiers import Tiers
from gapbench.report.cost_tables import describe_volume, dim_lines, empty_table
from gapbench.report.tables.cost import LEG_NAMES
from gapbench.store.json_records import records


def tiers_table(tiers: Tiers) -> RenderableType:
    """Return what routing is worth as a sentence, each policy's quality, cost and measures, and both models by category."""
    heads = ("quality %", formatting.METRICS["usd_per_task"], "closed", "over mix (95 %)", "APGR (95 %)")
    table = empty_table(f"Tiers of {formatting.strip_controls(tiers.open_model)} and {formatting.strip_controls(tiers.closed_model)}", ("policy",),
                     heads, simulated=tiers.simulated)  # fmt: skip
    for row in records(tiers.frame):
        average = formatting.NOTHING
        if row["apgr"] is not None:
            average = f"{row['apgr']:.2f}"
            if row["apgr_low"] is not None:
                average += f"\n{row['apgr_low']:.2f}-{row['apgr_high']:.2f}"
        over = formatting.format_gap("points", row["over_mix_points"])
        if row["over_mix_low"] is not None:
            over += f"\n{formatting.format_interval('points', row['over_mix_low'], row['over_mix_high'])}"
        table.add_row(
            str(row["policy"]),
            f"{row['quality'] * 100:.1f}",
            formatting.format_usd_per_1000(row["usd_per_task"]),
            f"{100 * row['closed_share']:.0f} %",
            over,
            average,
        )
    by = empty_table("By category", ("category",), ("n", "open %", "closed %", "only open", "only closed"))
    for row in records(tiers.categories):
        shares = ("open_quality", "closed_quality", "only_open_right", "only_closed_right")
        by.add_row(
            formatting.strip_controls(row["category"]),
            formatting.format_count(row["n"]),
            *(f"{row[name] * 100:.1f}" for name in shares),
        )
    third = [_purpose_built_table(tiers)] if len(tiers.purpose_built) else []
    mark = f" [{formatting.SIMULATED}]" if tiers.simulated else ""
    headline = Text(f"{formatting.strip_controls(tiers.headline())}{mark}\n", "bold")
    lines: list[Text] = []
    if not third:
        lines.append(
            Text(
                "Tier 3 (purpose-built models) was not measured: --purpose-built ID adds a model of these runs.",
                "dim",
            )
        )
    if tiers.needed_acceptance is not None:
        lines.append(Text(
            f"A cascade costs less than the closed model alone from {100 * tiers.needed_acceptance:.0f} % accepted open answers on; "
            f"only the open model solved {100 * tiers.only_open_right:.1f} % of the tasks."
        ))  # fmt: skip
    counted = [Text(line, "dim") for line in tiers.weights.describe_traffic()]
    return Group(headline, table, by, *third, *lines, *counted, *dim_lines(tiers.warnings))


def _purpose_built_table(tiers: Tiers) -> RenderableType:
    table = empty_table(
        "Tier 3: purpose-built models, by category",
        ("category", "model"),
        ("n", "its %", "best other %", "its $/1k tasks", "best other $/1k", "gets"),
    )
    for row in records(tiers.purpose_built):
        table.add_row(
            formatting.strip_controls(row["category"]),
            formatting.strip_controls(row["model_id"]),
            formatting.format_count(row["n"]),
            f"{row['quality'] * 100:.1f}",
            f"{row['best_quality'] * 100:.1f}",
            formatting.format_usd_per_1000(row["usd_per_task"]),
            formatting.format_usd_per_1000(row["best_usd_per_task"]),
            f"{100 * row['chosen_share']:.0f} %",
        )
    return table


def advice_head(advice: Advice) -> list[Text]:
    """Return the recommendation, and what would settle a provisional one."""
    head = f"Recommendation: {advice.choice}" + (" (provisional)" if advice.provisional else "")
    marked = (
        f"{head}  [{formatting.SIMULATED}: a simulated provider is behind a number]"
        if advice.simulated
        else head
    )
    return [
        Text(marked, "bold red" if advice.simulated else "bold"),
        *(Text(f"To settle it: {formatting.strip_controls(line)}") for line in advice.settles),
    ]


def advice_lines(advice: Advice) -> RenderableType:
    """Return the recommendation, its reasons, what would change it, and what its numbers rest on."""
    lines: list[RenderableType] = [*advice_head(advice), option_table(advice)]
    questions = [
        f"{question.question} ({question.priority}: {_legs(question.favours)}) {question.because}."
        for question in advice.questions
    ]
    for title, texts, style in (
        ("Because", advice.because, ""),
        ("Before you follow it", advice.conditions, ""),
        ("What would change it", advice.would_change, ""),
        ("Strategic questions, and the option that each favors", questions, ""),
        ("Pilot", advice.pilot, ""),
        ("What the numbers rest on", advice.assumed, "dim"),
    ):
        if texts:
            lines.append(Text(title, "bold"))
            lines += [Text(f"  {formatting.strip_controls(line)}", style) for line in texts]
    return Group(*lines)


def option_table(advice: Advice) -> RenderableType:
    """Return what each option costs in a month, with its interval, and for 1,000 tasks."""
    volume = ""
    if advice.volume_mtok is not None and advice.requests is not None:
        volume = f" at {describe_volume(advice.volume_mtok, advice.requests)}"
    heads = ("a month", "5 to 95 %", formatting.METRICS["usd_per_task"])
    table = empty_table(f"What each option costs{volume}", ("option",), heads, simulated=advice.simulated)
    for cost in advice.costs:
        low, high = (formatting.format_short_usd(end) for end in (cost.low, cost.high))
        table.add_row(
            OPTION_NAMES[cost.leg],
            formatting.format_short_usd(cost.usd),
            formatting.NOTHING if cost.low is None or cost.high is None else f"{low} to {high}",
            formatting.format_usd_per_1000(cost.usd_per_task),
        )
    return table


def _legs(legs: Sequence[str]) -> str:
    return ", ".join(LEG_NAMES[leg] for leg in legs)

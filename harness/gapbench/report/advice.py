"""Hybrid tiers and the recommendation, for the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from gapbench import formatting
from gapbench.analysis.economics.advise import Advice
from gapbench.analysis.economics.tiers import Tiers
from gapbench.report.cost_tables import notes, table_of
from gapbench.store.json_records import records


def tiers_table(found: Tiers) -> RenderableType:
    """Return each policy's quality, cost and measures, and both models by category."""
    heads = ("quality %", "$/task", "closed", "APGR (95 %)", "dIBC %")
    table = table_of(f"Tiers of {formatting.clean(found.open_model)} and {formatting.clean(found.closed_model)}", ("policy",),
                     heads, simulated=found.simulated)  # fmt: skip
    for row in records(found.frame):
        average = formatting.NOTHING
        if row["apgr"] is not None:
            average = f"{row['apgr']:.2f}"
            if row["apgr_low"] is not None:
                average += f" ({row['apgr_low']:.2f}-{row['apgr_high']:.2f})"
        benefit = row["delta_ibc_percent"]
        table.row(
            str(row["policy"]),
            f"{row['quality'] * 100:.1f}",
            formatting.usd(row["usd_per_task"]),
            f"{row['closed_share']:.0%}",
            average,
            formatting.NOTHING if benefit is None else f"{benefit:+.0f}",
        )
    by = table_of("By category", ("category",), ("n", "open %", "closed %", "only open", "only closed"))
    for row in records(found.categories):
        shares = ("open_quality", "closed_quality", "only_open_right", "only_closed_right")
        by.row(
            formatting.clean(row["category"]),
            formatting.count(row["n"]),
            *(f"{row[name] * 100:.1f}" for name in shares),
        )
    said = [Text(formatting.clean(found.headline()), "bold")]
    if found.needed_acceptance is not None:
        said.append(Text(
            f"A cascade costs less than the closed model alone from {found.needed_acceptance:.0%} accepted open answers on; "
            f"only the open model solved {found.only_open_right:.1%} of the tasks."
        ))  # fmt: skip
    return Group(table, by, *said, *notes(found.warnings))


def advice_lines(found: Advice) -> RenderableType:
    """Return the recommendation, its reasons, what would change it, and what its numbers rest on."""
    head = f"Recommendation: {found.choice}" + (" (provisional)" if found.provisional else "")
    marked = (
        f"{head}  [{formatting.SIMULATED}: a simulated provider is behind a number]"
        if found.simulated
        else head
    )
    lines = [Text(marked, "bold red" if found.simulated else "bold"), Text("Because", "bold")]
    lines += [Text(f"  {formatting.clean(line)}") for line in found.because]
    lines.append(Text("What would change it", "bold"))
    lines += [Text(f"  {formatting.clean(line)}") for line in found.would_change]
    lines.append(Text("What the numbers rest on", "bold"))
    lines += [Text(f"  {formatting.clean(line)}", "dim") for line in found.assumed]
    return Group(*lines)

"""The answer of `bench tiers --guarantee` for the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from gapbench import formatting
from gapbench.analysis.economics.tiers_guarantee import TiersGuarantee
from gapbench.report.cost_tables import dim_lines, empty_table

_SHOWN = 12


def guarantee_table(found: TiersGuarantee) -> RenderableType:
    """Return the rule, the tests behind it, what more tasks would give, and what is assumed."""
    head = formatting.strip_controls(found.headline())
    if found.simulated:
        head = f"{head}  [{formatting.SIMULATED}]"
    table = empty_table(
        "Rules in the order of the tests", ("to the open model",),
        ("saves", "calls saved", "loss (s.e.)", "p", "guaranteed"), simulated=found.simulated,
    )  # fmt: skip
    closed = found.found.closed_usd
    for one in found.found.tested[:_SHOWN]:
        groups = ", ".join(one.rule.groups) if one.rule.rest else "everything" if one.rule.groups else ""
        name = "; ".join(part for part in (groups, one.rule.condition) if part)
        table.add_row(
            formatting.strip_controls(name),
            formatting.NOTHING
            if one.saved_usd is None or not closed
            else f"{100 * one.saved_usd / closed:.0f} %",
            f"{100 * one.calls_saved:.0f} %",
            f"{formatting.format_gap('points', 100 * one.loss)} ({100 * one.loss_error:.1f})",
            f"≤ {one.p_value:.2g}" if one.is_guaranteed else formatting.format_p_value(one.p_value),
            "yes" if one.is_guaranteed else "no",
        )
    lines = [Text(head, "bold red" if found.simulated else "bold")]
    advice = found.advice()
    if advice:
        lines.append(Text(formatting.strip_controls(advice)))
    rest = len(found.found.tested) - _SHOWN
    sample = found.found
    notes = [
        f"{rest} more rules: --json" if rest > 0 else "",
        (
            f"{formatting.format_count(sample.n - sample.n_tested)} tasks chose and ordered the rules, and {formatting.format_count(sample.n_tested)} tested "
            f"them, up to the first that failed: {formatting.format_count(sample.clusters)} independent clusters"
            + (", with weights." if sample.is_weighted else ".")
        ),
        (
            "It holds for traffic of which these tasks are a random sample"
            + (" by their weights" if sample.is_weighted else "")
            + ", with no larger cluster, and for these models, prompts and scorers."
        ),
    ]
    shown = [table] if sample.tested else []
    return Group(*lines, *shown, *dim_lines([*(line for line in notes if line), *found.warnings]))

"""The same tables as Markdown, for a pull request or a job summary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gapbench import formatting
from gapbench.analysis.cost.attempt_costs import bill
from gapbench.analysis.cost.cost import cost
from gapbench.analysis.frames import Folders, Runs, load_runs
from gapbench.analysis.quality.gap import OVERALL, gap
from gapbench.analysis.quality.gap_metrics import remarks
from gapbench.analysis.quality.pass_at_k import summarize_pass_at_k
from gapbench.analysis.quality.summary import summarize
from gapbench.report.columns import COST_COLUMNS, SUMMARY_COLUMNS, Columns, describe_outcomes
from gapbench.report.equal_quality import describe_equal_quality, describe_lag
from gapbench.report.pass_at_k import pass_at_k_markdown, pass_at_k_note
from gapbench.store.json_records import records

Row = Mapping[str, Any]


def markdown_report(runs: Runs | Folders) -> str:
    """Return verdict, gap, fairness, summary and cost of runs as Markdown.

    Raises:
        ResultsError: A folder is no run.
    """
    read_runs = load_runs(runs)
    billed = bill(read_runs)
    costs = cost(read_runs, billed)
    summary = summarize(read_runs, costs)
    gaps = gap(read_runs, billed=billed)
    mark = f" ({formatting.SIMULATED})" if summary.simulated else ""
    suites = ", ".join(dict.fromkeys(str(manifest.suite) for manifest in read_runs.manifests))
    parts = [f"# {_text(suites)}: open against closed{mark}", f"**{_text(gaps.headline())}**"]
    if summary.simulated:
        parts.append(
            "> SIMULATED: a simulated provider answered. Nothing here says anything about a real model."
        )
    if len(gaps.frame):
        parts += [f"## Gap, closed minus open{mark}", _gap(records(gaps.frame))]
        fair = gaps.fairness or ["No broken condition was found."]
        parts += ["## Fairness", "\n".join(f"- {_text(line)}" for line in fair)]
        held = [*map(describe_equal_quality, gaps.matched), *map(describe_lag, gaps.lag)]
        if held:
            parts += ["## At equal quality", "\n".join(f"- {_text(line)}" for line in held)]
    models = records(summary.level("model"))
    parts += [f"## Summary{mark}", _summary(records(summary.level("category")), models)]
    others = describe_outcomes(models)
    if others:
        parts.append("\n".join(f"- {_text(line)}" for line in others))
    found = summarize_pass_at_k(read_runs)
    if len(found.frame):
        head, body = pass_at_k_markdown(found)
        table = _table(head, [[_text(cell) for cell in line] for line in body])
        parts += [f"## pass@k over repeats{mark}", table, pass_at_k_note(found)]
    parts += [f"## Cost, retries included{mark}", _cost(records(costs.frame))]
    notes = dict.fromkeys([*summary.warnings, *gaps.warnings])
    if notes:
        parts += ["## Notes", "\n".join(f"- {_text(line)}" for line in notes)]
    ids = ", ".join(f"`{manifest.run_id}`" for manifest in read_runs.manifests)
    parts.append(f"Runs: {ids}")
    return "\n\n".join(parts) + "\n"


def _gap(rows: Iterable[Row]) -> str:
    head = [
        "category",
        "metric",
        "closed",
        "open",
        ">gap",
        ">95 % interval",
        ">p (Holm)",
        "verdict",
        ">pairs",
    ]
    body = [
        [
            _text(row["category"]),
            formatting.METRICS.get(str(row["metric"]), str(row["metric"])),
            f"{_text(row['closed_model'])} {formatting.format_metric(row['unit'], row['closed_value'])}",
            f"{_text(row['open_model'])} {formatting.format_metric(row['unit'], row['open_value'])}",
            formatting.format_gap(row["unit"], row["gap_points"])
            + (" pts" if row["unit"] == "points" else ""),
            formatting.format_interval(row["unit"], row["ci_low"], row["ci_high"]),
            formatting.format_p_value(row["p_value"]),
            (f"**{_text(row['verdict'])}**" if row["metric"] == "accuracy" else _text(row["verdict"]))
            + "".join(f" ({more})" for more in remarks(row)),
            formatting.format_count(row["n_pairs"]),
        ]
        for row in rows
    ]
    return _table(head, body)


def _summary(categories: Sequence[Row], models: Sequence[Row]) -> str:
    several = len({row["category"] for row in categories}) > 1
    rows = [*categories, *(({**row, "category": OVERALL} for row in models) if several else ())]
    head = ["category", "model", *(f">{column.name}" for column, _ in SUMMARY_COLUMNS)]
    return _table(
        head,
        ([_text(row["category"]), _text(row["model_id"]), *_cells(row, SUMMARY_COLUMNS)] for row in rows),
    )


def _cost(rows: Iterable[Row]) -> str:
    head = ["model", "category", *(f">{column.name}" for column, _ in COST_COLUMNS), "price", "source"]
    body = [
        [
            _text(row["model_id"]),
            _text(formatting.category_name(row["category"])),
            *_cells(row, COST_COLUMNS),
            _text(row["price"]),
            _text(row["price_source"]),
        ]
        for row in rows
    ]
    return _table(head, body)


def _cells(row: Row, columns: Columns) -> list[str]:
    """Return a row's cells, the second line of one in brackets."""
    said = [cell(row).split("\n") for _, cell in columns]
    return [first + (f" ({more[0]})" if more else "") for first, *more in said]


def _table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; a heading that begins with ``>`` is aligned right."""
    lines = [
        "| " + " | ".join(name.removeprefix(">") for name in head) + " |",
        "|" + "|".join("---:" if name.startswith(">") else "---" for name in head) + "|",
    ]
    lines += ["| " + " | ".join(row) + " |" for row in body]
    return "\n".join(lines)


def _text(value: Any) -> str:
    """Return text that cannot break out of a cell or turn into markup."""
    said = formatting.strip_controls(value).replace("\\", "\\\\").replace("\n", " ")
    for mark in ("|", "<", ">", "*", "_", "`", "[", "]"):
        said = said.replace(mark, "\\" + mark)
    return said

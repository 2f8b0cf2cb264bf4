"""What the analysis says of a run, as JSON for the app: the verdict, each model's figures, and the tables of a report.

All figures come from :class:`gapbench.report.results.ResultTables`, like those of ``bench report``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from gapbench import formatting
from gapbench.analysis.quality.gap import OVERALL, GapTable
from gapbench.report.results import ResultTables, load_results
from gapbench.report.table import Row, Table, cell_lines
from gapbench.store.json_records import records
from gapbench.view.cache import ViewCache, write_cached
from gapbench.view.figures_file import figures_path

_MODEL_FIGURES = (
    "model_id", "weights", "simulated", "planned", "done", "n", "scored", "coverage", "accuracy", "accuracy_low",
    "accuracy_high", "all_right", "all_right_low", "all_right_high", "partial_credit", "response_p50_s", "response_p95_s",
    "ttft_p50_s", "usd_per_task", "usd_per_correct", "invalid", "correct", "wrong", "unparsed", "truncated", "refused",
    "infra", "unscored",
)  # fmt: skip
_GAP_FIGURES = (
    "category", "metric", "unit", "closed_model", "closed_value", "open_model", "open_value", "gap_points", "ci_low",
    "ci_high", "verdict", "n_pairs", "ratio",
)  # fmt: skip


def write_figures(run: Path, cache: ViewCache) -> None:
    """Compute the figures of a run and keep them, unless the cache has them.

    Raises:
        ResultsError: The run cannot be read.
    """
    path = figures_path(run, cache)
    if not path.exists():
        write_cached(path, orjson.dumps(compute_figures(run), default=float))


def compute_figures(run: Path) -> dict[str, Any]:
    """Return the figures of a run.

    Raises:
        ResultsError: It cannot be read.
    """
    results = load_results([run])
    if results.runs.tally.empty:
        return {
            "empty": True,
            "headline": "No answer yet.",
            "models": [],
            "gaps": [],
            "tables": [],
            "warnings": [],
        }
    return _figures(results.compute(whole_summary=True))


def _figures(results: ResultTables) -> dict[str, Any]:
    gap = results.gap
    by_task = [
        {
            name: row[name]
            for name in (
                "model_id",
                "category",
                "task",
                "accuracy",
                "accuracy_low",
                "accuracy_high",
                "scored",
            )
        }
        for row in records(results.summary.level("task"))
    ]
    spent = [row["usd_spent"] for row in records(results.cost.frame) if row["category"] == _whole(results)]
    return {
        "empty": False,
        "headline": formatting.strip_controls(gap.headline()),
        "answer": [[label, formatting.strip_controls(text)] for label, text in results.answer.lines()[:3]],
        "side": _leading_side(gap),
        "simulated": results.summary.simulated,
        "margin_points": gap.margin_points,
        "warnings": [formatting.strip_controls(line) for line in results.warnings],
        "fairness": [formatting.strip_controls(line) for line in gap.fairness],
        "models": [_model(row) for row in records(results.summary.level("model"))],
        "by_task": by_task,
        "gaps": [_gap(row) for row in records(gap.frame)],
        "usd_spent": sum(known) if (known := [usd for usd in spent if usd is not None]) else None,
        "shown_spent": formatting.format_usd(sum(known) if known else None),
        "tables": [
            render(table) for table in results.tables.values() if "page" in table.outputs and table.rows
        ],
    }


def _whole(results: ResultTables) -> Any:
    """Return the category of the cost table's rows over all categories; a run of one category has only that."""
    categories = list(dict.fromkeys(results.cost.frame["category"]))
    return formatting.ALL if formatting.ALL in categories else categories[0] if categories else None


def _leading_side(gap: GapTable) -> str:
    rows = [row for row in records(gap.frame) if row["metric"] == "accuracy"]
    overall = [row for row in rows if row["category"] == OVERALL] or rows
    verdict = str(overall[0]["verdict"]) if overall else ""
    return {"closed ahead": "closed", "open ahead": "open"}.get(verdict, "even")


def _model(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: row.get(name) for name in _MODEL_FIGURES},
        "shown": {
            "accuracy": formatting.format_accuracy(row),
            "response_p95_s": formatting.format_time(row, "response_p95_s").split("\n")[0],
            "ttft_p50_s": formatting.format_time(row, "ttft_p50_s").split("\n")[0],
            "usd_per_task": formatting.format_usd_per_1000(row["usd_per_task"]),
            "usd_per_correct": formatting.format_usd_per_1000(row["usd_per_correct"]),
            "done": f"{formatting.format_count(row['done'])}/{formatting.format_count(row['planned'])}",
            "coverage": formatting.format_percent(row["coverage"]),
        },
    }


def _gap(row: Mapping[str, Any]) -> dict[str, Any]:
    unit = row["unit"]
    return {
        **{name: row.get(name) for name in _GAP_FIGURES},
        "shown": {
            "metric": formatting.METRICS.get(str(row["metric"]), str(row["metric"])),
            "closed": formatting.format_metric(unit, row["closed_value"]),
            "open": formatting.format_metric(unit, row["open_value"]),
            "gap": formatting.format_gap(unit, row["gap_points"]),
            "interval": formatting.format_interval(unit, row["ci_low"], row["ci_high"]),
        },
    }


def render(table: Table) -> dict[str, Any]:
    """Return a table as texts: headings, and sections of rows whose cells have lines, a tone and an emphasis."""
    columns = [column for column in table.columns_in("page") if column.drawing is None]
    return {
        "key": table.key,
        "title": table.title,
        "lead": table.lead,
        "columns": [{"heading": column.heading, "is_text": column.is_text} for column in columns],
        "groups": [
            {
                "heading": [[formatting.strip_controls(text), tone] for text, tone in table.heading(rows[0])],
                "rows": [[_cell(column, row) for column in columns] for row in rows],
            }
            for rows in table.row_groups()
        ],
        "notes": [formatting.strip_controls(text) for text, _ in table.notes],
    }


def _cell(column: Any, row: Row) -> dict[str, Any]:
    lines: Sequence[str] = cell_lines(column, row)
    cell: dict[str, Any] = {"lines": lines}
    tone = column.tone(row)
    if tone:
        cell["tone"] = tone
    if column.is_strong(row):
        cell["strong"] = True
    if column.owner is not None:
        cell["owner"] = formatting.strip_controls(column.owner(row))
    return cell

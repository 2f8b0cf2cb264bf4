"""The summary table: what each model did, by category."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from gapbench import formatting
from gapbench.analysis.quality.gap import OVERALL
from gapbench.analysis.quality.summary import Summary
from gapbench.report.table import Column, Row, Sections, Span, Table, Tone
from gapbench.store.json_records import records


def weights_tone(row: Row) -> Tone:
    """Return the tone of a model: whether its weights are open or closed."""
    weights = row.get("weights")
    return weights if weights in ("open", "closed") else ""


def _model_name(row: Row) -> str:
    load = row["load"]
    return str(row["model_id"]) + (f" {load}" if formatting.is_known(load) else "")


def _done(row: Row) -> str:
    return f"{formatting.format_count(row['done'])}/{formatting.format_count(row['planned'])}"


def _time_column(key: str, rank: int) -> Column:
    return Column(key, formatting.METRICS[key], partial(_format_time, key=key), rank)


def _format_time(row: Row, key: str) -> str:
    return formatting.format_time(row, key)


def _tokens(row: Row) -> str:
    return (
        f"{formatting.format_number(row['input_tokens'])} / {formatting.format_number(row['output_tokens'])}"
    )


COLUMNS = (
    Column("model_id", "model", _model_name, is_text=True, min_width=18, tone=weights_tone),
    Column("weights", "weights", lambda row: str(row["weights"]), 7, outputs=frozenset(("terminal", "markdown", "json"))),
    Column("done", "done", _done, 6),
    Column("accuracy", "accuracy % (95 %)", formatting.format_accuracy),
    # Next to the accuracy at every width: the share of the requests that it is about.
    Column("coverage", "coverage", lambda row: formatting.format_percent(row["coverage"])),
    _time_column("ttft_p50_s", 4),
    _time_column("response_p50_s", 2),
    _time_column("response_p95_s", 3),
    Column("output_tokens_per_s", "tokens/s", lambda row: formatting.format_speed(row, "output_tokens_per_s"), 5),
    Column(
        "answer_chars_per_s_p50", formatting.METRICS["answer_chars_per_s_p50"],
        lambda row: formatting.format_speed(row, "answer_chars_per_s_p50"), 8,
    ),
    Column("usd_per_correct", formatting.METRICS["usd_per_correct"], lambda row: formatting.format_usd_per_1000(row["usd_per_correct"]), 1),
    Column("tokens", "tokens in / out", _tokens, outputs=frozenset(("page",))),
)  # fmt: skip
_ALL_RIGHT = Column("all_right", "fully correct %", partial(formatting.format_accuracy, key="all_right"))
_TWO_SHARES = (
    "accuracy: the mean score, with partial credit, which the gap compares; fully correct: the share of answers that are wholly right, "
    "which $/1k correct counts"
)
_CATEGORY = Column("category", "category", lambda row: str(row["category"]), is_text=True)
_LEAD = (
    "Under a figure: its 95 % interval; a question mark: too few values for a bound. "
    "Invalid: this client was the limit, so the time or speed is not the provider's."
)


def summary_table(summary: Summary) -> Table:
    """Return accuracy, coverage, times and cost by category and model.

    Where a task gives partial credit, the share of wholly right answers has a column of its own next to the accuracy, which
    is the mean score.
    """
    rows, models = records(summary.level("category")), records(summary.level("model"))
    if len({row["category"] for row in rows}) > 1:
        rows += [{**row, "category": OVERALL} for row in models]
    gives_partial_credit = any(row["partial_credit"] for row in rows)
    counted = summary.weights.counts_items(
        "Counts of requests, and tokens/s, are those of the run: they count"
    )
    notes = [summary.weights.describe(), *counted, *([_TWO_SHARES] if gives_partial_credit else [])]
    lead = " ".join([_LEAD, *(f"{line[:1].upper()}{line[1:].removesuffix('.')}." for line in notes[1:])])
    return Table(
        "summary",
        "Summary",
        _with_all_right(COLUMNS) if gives_partial_credit else COLUMNS,
        rows,
        Sections(lambda row: row["category"], _heading, (_CATEGORY,)),
        simulated=summary.simulated,
        notes=tuple((line, "dim") for line in [*notes, *describe_outcomes(models)]),
        warnings=tuple(summary.warnings),
        # The page shows the lead and not the notes.
        lead=f"{lead} {summary.weights.describe()}" if summary.weights.is_traffic else lead,
        fits_phone=False,
    )


def _with_all_right(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    at = next(number for number, column in enumerate(columns) if column.key == "accuracy")
    return (*columns[: at + 1], _ALL_RIGHT, *columns[at + 1 :])


def _heading(row: Row) -> tuple[Span, ...]:
    return ((str(row["category"]), "headline"),)


def describe_outcomes(models: Iterable[dict[str, Any]]) -> list[str]:
    """Return one line for each model that has outcomes other than right and wrong, or retries."""
    lines: list[str] = []
    for row in models:
        kinds = ("unparsed", "truncated", "refused", "infra", "unscored", "retries")
        counts = [f"{formatting.format_count(row[kind])} {kind}" for kind in kinds if row[kind]]
        if counts:
            model = formatting.strip_controls(row["model_id"])
            lines.append(f"{model}: {', '.join(counts)}, of {formatting.format_count(row['n'])} requests")
    return lines

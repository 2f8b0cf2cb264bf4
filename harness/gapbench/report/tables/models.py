"""One row for each model: its figures, and how it compares with the best model of the other side. Shown after a run."""

from __future__ import annotations

from typing import Any

from gapbench import formatting
from gapbench.analysis.quality.answer import comparison_of_each_model
from gapbench.analysis.quality.gap import GapTable
from gapbench.analysis.quality.summary import Summary
from gapbench.report.table import Column, Row, Span, Table, Tone
from gapbench.report.tables.summary import weights_tone
from gapbench.store.json_records import records

MAX_ROWS = 8
"""Models that are shown: with more, the table would not fit 25 lines of a terminal."""


def _gap(row: Row) -> str:
    if not formatting.is_known(row["gap_points"]):
        return formatting.NOTHING
    interval = formatting.format_interval("points", row["ci_low"], row["ci_high"])
    return f"{formatting.format_gap('points', row['gap_points'])}\n{interval}"


def _response(row: Row) -> str:
    shown = formatting.format_seconds(row["response_p50_s"])
    return f"{shown}\ninvalid" if row["are_times_invalid"] else shown


def _verdict_tone(row: Row) -> Tone:
    tones: dict[str, Tone] = {"closed ahead": "closed", "open ahead": "open"}
    return tones.get(str(row["verdict"]), "")


COLUMNS = (
    Column("model_id", "model", lambda row: str(row["model_id"]), is_text=True, min_width=12, tone=weights_tone),
    Column("accuracy", "accuracy", lambda row: formatting.format_percent(row["accuracy"])),
    Column("gap_points", "gap (95 %)", _gap),
    Column("verdict", "verdict", lambda row: str(row["verdict"]), is_text=True, min_width=15, tone=_verdict_tone),
    Column("response_p50_s", formatting.METRICS["response_p50_s"], _response, 2),
    Column("usd_per_task", formatting.METRICS["usd_per_task"], lambda row: formatting.format_usd_per_1000(row["usd_per_task"]), 1),
    Column("usd_per_correct", formatting.METRICS["usd_per_correct"], lambda row: formatting.format_usd_per_1000(row["usd_per_correct"]), 3),
)  # fmt: skip


def models_table(gap: GapTable, summary: Summary) -> Table:
    """Return one row for each model of the runs, the best of each side first.

    The figures are those of the comparison. A model without one has those of the summary.
    """
    compared = comparison_of_each_model(gap)
    rows = [_row(model, compared.get(str(model["model_id"]))) for model in records(summary.level("model"))]
    places = {name: number for number, name in enumerate(compared)}
    rows.sort(key=lambda row: places.get(str(row["model_id"]), len(places)))
    notes: list[Span] = []
    if len(rows) > MAX_ROWS:
        notes.append((f"{len(rows) - MAX_ROWS} more models: bench report", "dim"))
    if len(compared) > 2:
        best = ", ".join(list(compared)[:2])
        notes.append(
            (
                f"Gap: closed minus open, each against the best of the other side ({best}); all: --all-pairs",
                "dim",
            )
        )
    if gap.selection_note:
        notes.append((f"Note: {gap.selection_note}", "dim"))
    return Table(
        "compared",
        "Each model",
        COLUMNS,
        rows[:MAX_ROWS],
        simulated=gap.simulated,
        notes=tuple(notes),
        wider_hint="bench gap has them",
    )


def is_anything_answered(summary: Summary) -> bool:
    """Return whether any model answered a request; without one, the table would have only dashes."""
    return any(_has_answer(model) for model in records(summary.level("model")))


def _has_answer(model: Row) -> bool:
    return bool(model["n"]) and model["infra"] != model["n"]


def _row(model: Row, compared: Row | None) -> dict[str, Any]:
    own = {name: model[name] for name in ("model_id", "weights")}
    if compared is not None:
        return {**compared, **own}
    figures = {
        name: model[name] for name in ("accuracy", "response_p50_s", "usd_per_task", "usd_per_correct")
    }
    nothing = dict.fromkeys(("gap_points", "ci_low", "ci_high", "against"))
    verdict = "not compared" if _has_answer(model) else "no answer"
    return {
        **own,
        **figures,
        "are_times_invalid": formatting.is_known(model["invalid"]),
        **nothing,
        "verdict": verdict,
        "n_pairs": 0,
    }

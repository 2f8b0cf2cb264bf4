"""The table of ladders: the rung at which each model is right half of the time, and the gap in rungs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gapbench import formatting
from gapbench.analysis.quality.answer import LadderAnswer
from gapbench.analysis.quality.ladders import Ladder, LadderModel
from gapbench.analysis.weighting import AppliedWeights
from gapbench.report.table import Column, Row, Sections, Span, Table
from gapbench.report.tables.summary import weights_tone

_TASK = Column("task", "task", lambda row: str(row["task"]), is_text=True)
_NOTE = (
    "The rung at which half of the answers are right, with its 95 % interval; a larger one is better. It has no ceiling "
    "before the last rung. Where an adaptive run picked the questions, their share of right answers says nothing by itself, "
    "so it is left out of every accuracy."
)


def ladder_table(ladders: Sequence[Ladder], weights: AppliedWeights | None = None) -> Table | None:
    """Return one row for each ladder and model. None: there is not a ladder.

    Args:
        ladders: The ladders.
        weights: What the figures of the other tables count. None: each request once.
    """
    if not ladders:
        return None
    rows = [_row(ladder, model) for ladder in ladders for model in ladder.models]
    lines = dict.fromkeys(line for row in rows if (line := _gap_line(row)) is not None)
    gaps: list[Span] = [(line, "") for line in lines]
    uncounted = (
        []
        if weights is None
        else weights.counts_items(
            "A rung is a difficulty and no part of your traffic: thresholds, curves and their gap count"
        )
    )
    return Table(
        "ladders",
        "Ladders: the rung at which a model is right half of the time",
        (
            Column("model_id", "model", lambda row: str(row["model_id"]), is_text=True, min_width=12, tone=weights_tone),
            Column("rung", "half right at rung", _rung, is_strong=lambda _: True),
            Column("interval", "95 % interval", _interval),
            Column("answers", "items", lambda row: formatting.format_count(row["answers"]), 1),
            Column("curve", "right % by rung", _curve, 2, is_text=True, min_width=20),
        ),
        rows,
        Sections(lambda row: row["task"], _heading, (_TASK,)),
        simulated=any(ladder.simulated for ladder in ladders),
        notes=(*gaps, (_NOTE, "dim"), *((f"{line}.", "dim") for line in uncounted)),
        lead="Each ladder has questions from easy to hard, by construction.",
        fits_phone=False,
    )  # fmt: skip


def describe_rung_gap(gap: LadderAnswer) -> str:
    """Return the gap on one ladder in a few words, with its interval."""
    return f"{gap.verdict}: {_signed(gap.gap_rungs)} rungs of {gap.rungs} (95 % interval {_reach(gap.ci_low, gap.ci_high)})"


def _signed(rungs: float) -> str:
    return f"{rungs:+.1f}"


def _reach(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return "without bounds"
    if low is None:
        return f"up to {_signed(high or 0.0)}"
    return f"{_signed(low)} or more" if high is None else f"{_signed(low)} to {_signed(high)}"


def _row(ladder: Ladder, model: LadderModel) -> dict[str, Any]:
    found = model.threshold
    return {
        "task": ladder.task,
        "measure": ladder.measure,
        "rungs": ladder.rungs,
        "is_adaptive": ladder.is_adaptive,
        "model_id": model.model_id,
        "weights": model.weights,
        "rung": found.rung,
        "low": found.low,
        "high": found.high,
        "answers": found.answers,
        "curve": [
            {"rung": point.rung, "items": point.items, "accuracy": point.accuracy} for point in model.curve
        ],
        "gap": None
        if ladder.main_gap is None
        else {
            "closed": ladder.main_gap.closed,
            "open": ladder.main_gap.open,
            "rungs": ladder.main_gap.gap.rungs,
            "low": ladder.main_gap.gap.low,
            "high": ladder.main_gap.gap.high,
            "shared_items": ladder.main_gap.gap.shared,
            "verdict": ladder.main_gap.verdict,
        },
    }


def _heading(row: Row) -> tuple[Span, ...]:
    measure = f", by {row['measure']}" if row["measure"] else ""
    adaptive = ", adaptive" if row["is_adaptive"] else ""
    heading: Span = (f"{row['task']}: {row['rungs']} rungs{measure}{adaptive}", "headline")
    return (heading,)


def _gap_line(row: Row) -> str | None:
    """Return the gap between the best of each side on a row's ladder. None: a side is missing."""
    gap = row["gap"]
    if gap is None:
        return None
    reach = _reach(gap["low"], gap["high"])
    return (
        f"{row['task']}: {gap['closed']} (closed) against {gap['open']} (open): {gap['verdict']}, {_signed(gap['rungs'])} rungs, "
        f"95 % interval {reach}, {gap['shared_items']} shared items."
    )


def _rung(row: Row) -> str:
    if row["low"] is None and row["high"] is not None and row["high"] < 1.5:
        return "below 1"
    if row["high"] is None and row["low"] is not None and row["low"] > row["rungs"] - 0.5:
        return f"above {row['rungs']}"
    return f"{row['rung']:.1f}"


def _interval(row: Row) -> str:
    low, high = row["low"], row["high"]
    if low is None and high is None:
        return "unknown"
    if low is None:
        return f"below {high:.1f}"
    return f"above {low:.1f}" if high is None else f"{low:.1f} to {high:.1f}"


def _curve(row: Row) -> str:
    return " ".join(f"{point['rung']}:{point['accuracy'] * 100:.0f}" for point in row["curve"])

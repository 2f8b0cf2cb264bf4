"""What runs show of the quality and speed of a closed and an open model: the evidence behind a recommendation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gapbench.analysis.cost.cost import CostTable
from gapbench.analysis.frames import Runs, as_floats
from gapbench.analysis.performance.client_limits import client_limits
from gapbench.analysis.quality.gap import OVERALL, GapTable
from gapbench.analysis.quality.gap_metrics import NO_RIGHT_ANSWER, describe_pairs_needed
from gapbench.analysis.quality.gap_row import NOT_DISTINGUISHABLE
from gapbench.analysis.sample_design import design_of_replies
from gapbench.errors import ResultsError
from gapbench.formatting import format_gap, format_interval
from gapbench.stats import weighted_quantile
from gapbench.store.json_records import records

CLOSED_AHEAD, OPEN_AHEAD = "closed ahead", "open ahead"


@dataclass(frozen=True)
class MeasuredQuality:
    """A closed and an open model on the same tasks.

    Attributes:
        closed_model: The closed model.
        open_model: The open model.
        verdict: The gap table's verdict in words.
        is_open_no_worse: Whether it is shown that the open model is no worse by the margin.
        is_closed_no_worse: Whether it is shown that the closed model is no worse by the margin.
        is_closed_ahead: Whether the closed model is ahead by more than the margin.
        words: The finding as sentences: the gap, or why there is none.
        pairs_needed: A phrase on how many pairs would settle it; "" if it is settled or not known.
        margin_points: Gap that makes no difference, in points of accuracy.
        first_text_s: 95th percentile of the time to the first text of each model, in seconds. Models without a
            measured time are left out.
        invalid_times: Why the times of a model are not its server's, by model; models with valid times are left out.
        lag_months: How much earlier a closed model was as good as the open one, in months. None if not known.
    """

    closed_model: str
    open_model: str
    verdict: str
    is_open_no_worse: bool
    is_closed_no_worse: bool
    is_closed_ahead: bool
    words: list[str]
    pairs_needed: str
    margin_points: float
    first_text_s: Mapping[str, float] = field(default_factory=dict)
    lag_months: float | None = None
    invalid_times: Mapping[str, str] = field(default_factory=dict)


def measured_quality(runs: Runs, gaps: GapTable, costs: CostTable) -> MeasuredQuality:
    """Return what runs show of the models to choose from.

    The closed model is the one of the gap table's headline. The open model is the cheapest that is no worse than it or,
    if none is shown to be, the one of the headline.

    Args:
        runs: The runs.
        gaps: Their gap table.
        costs: Their cost table, for the number of requests that each model answered.

    Raises:
        ResultsError: The runs have no closed model or no open model.
    """
    row = headline_row(gaps)
    if row is None:
        raise ResultsError(f"{_missing_side(runs, gaps)}; name a run of each: --run CLOSED --run OPEN")
    closed, margin = str(row["closed_model"]), gaps.margin_points
    matched = next(
        (match for match in gaps.matched if match["closed"]["model"] == closed and match["open"] is not None),
        None,
    )
    if matched is not None:
        row = {**row, **matched, "open_model": matched["open"]["model"]}
        if row["open_model"] != (headline_row(gaps) or {})["open_model"]:
            row |= {"items_needed": None}
    open_model, verdict = str(row["open_model"]), str(row["verdict"])
    unanswered = _unanswered(costs, (closed, open_model))
    words = [*_describe_answers(costs, (closed, open_model)), *_describe_gap(row, closed, open_model)]
    loses_more = unanswered[open_model] - unanswered[closed] > margin
    if loses_more and row["gap_points"] is not None:
        words.append(
            f"the share of requests without an answer is {unanswered[open_model] - unanswered[closed]:.1f} points higher "
            f"with {open_model}, more than the margin of {margin:g}"
        )
    words += gaps.look_notes
    shown = (
        matched is not None
        or verdict == OPEN_AHEAD
        or verdict.startswith(("equivalent", "open no worse by "))
    )
    return MeasuredQuality(
        closed,
        open_model,
        verdict,
        shown and not loses_more,
        (verdict == CLOSED_AHEAD or verdict.startswith("equivalent"))
        and unanswered[closed] - unanswered[open_model] <= margin,
        verdict == CLOSED_AHEAD and row["gap_points"] is not None and float(row["gap_points"]) > margin,
        words,
        describe_pairs_needed(row) if verdict in {NOT_DISTINGUISHABLE, NO_RIGHT_ANSWER} else "",
        margin,
        _first_text_s(runs, (closed, open_model)),
        next((float(one["lag_months"]) for one in gaps.lag if one["open"]["model"] == open_model), None),
        _invalid_times(runs, (closed, open_model)),
    )


def headline_row(gaps: GapTable) -> dict[str, Any] | None:
    """Return the accuracy row over all tasks if there is one, else the first accuracy row; None without rows."""
    rows = [row for row in records(gaps.frame) if row["metric"] == "accuracy"]
    overall = [row for row in rows if row["category"] == OVERALL]
    return next(iter(overall or rows), None)


def _missing_side(runs: Runs, gaps: GapTable) -> str:
    have = {runs.model(name).weights for name in runs.models}
    for side in ("closed", "open"):
        if side not in have:
            return f"the runs have no {side} model, so there is nothing to choose between"
    return gaps.warnings[0] if gaps.warnings else "nothing was compared"


def _unanswered(costs: CostTable, models: Sequence[str]) -> dict[str, float]:
    """Return the share of each model's requests without an answer, in points."""
    found = {}
    for name in models:
        row = _total_row(costs, name)
        found[name] = 100 * (1 - row["tasks"] / row["requests"]) if row["requests"] else 100.0
    return found


def _describe_answers(costs: CostTable, models: Sequence[str]) -> list[str]:
    """Return a sentence for each model that left requests without an answer."""
    rows = [_total_row(costs, name) for name in models]
    return [
        f"{row['model_id']} answered {row['tasks']} of {row['requests']} requests"
        + ("; nothing was measured for it" if not row["tasks"] else "")
        for row in rows
        if row["tasks"] < row["requests"] or not row["requests"]
    ]


def _describe_gap(row: Mapping[str, Any], closed: str, open_model: str) -> list[str]:
    if row["gap_points"] is None:
        return [f"{closed} and {open_model}: {row['verdict']}, so no gap was measured"]
    if row["verdict"] == NO_RIGHT_ANSWER:
        return [
            (
                f"{NO_RIGHT_ANSWER}: {closed} and {open_model} both scored 0, so nothing was learned about either; "
                "check the scorer and the format of the answers"
            )
        ]
    gap = f"{format_gap('points', float(row['gap_points']))} points ({format_interval('points', row['ci_low'], row['ci_high'])})"
    return [f"measured gap: {closed} minus {open_model} is {gap}, {row['verdict']}"]


def _total_row(costs: CostTable, name: str) -> dict[str, Any]:
    # The last row of a model covers all its categories.
    return next(row for row in reversed(records(costs.frame)) if row["model_id"] == name)


def _invalid_times(runs: Runs, models: Sequence[str]) -> dict[str, str]:
    """Return the first reason of each model with a cell whose times this client's delays invalidate."""
    limits = client_limits(runs)
    found: dict[str, str] = {}
    for run_id, cell in runs.cells:
        if cell.model_id in models and cell.load_kind != "search" and (run_id, cell.cell_id) in limits:
            found.setdefault(cell.model_id, limits[run_id, cell.cell_id])
    return found


def _first_text_s(runs: Runs, models: Sequence[str]) -> dict[str, float]:
    frame = runs.measured_replies
    found = {}
    for name in models:
        is_known = (
            (frame["model_id"] == name) & (frame["outcome"] != "infra") & frame["answer_ttft_s"].notna()
        )
        known = frame[is_known.to_numpy(dtype=bool)]
        if len(known):
            found[name] = weighted_quantile(as_floats(known["answer_ttft_s"]), 0.95, design_of_replies(known))
    return found

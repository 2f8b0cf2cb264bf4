"""The answer of some runs in three figures: quality, speed and cost of the best closed and the best open model.

Every output that starts with the answer takes it from :func:`answer_of`, and its words from :mod:`gapbench.report.answer`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gapbench import formatting
from gapbench.analysis.caveats import Caveats
from gapbench.analysis.performance.client_limits import CLIENT_LIMIT
from gapbench.analysis.quality.gap_metrics import describe_pairs_needed
from gapbench.analysis.quality.gap_row import PLAIN_CONFIDENCE
from gapbench.analysis.quality.model_requests import ModelRequests
from gapbench.analysis.weighting import Weighting
from gapbench.stats import weighted_mean, weighted_quantile
from gapbench.store.json_records import records

if TYPE_CHECKING:
    from gapbench.analysis.quality.gap import GapTable


@dataclass(frozen=True, slots=True)
class TwoSides:
    """One figure of both sides. None means unknown, or that the side has no model."""

    closed: float | None = None
    open: float | None = None

    @property
    def ratio(self) -> float | None:
        """The larger over the smaller. None: a side is unknown or zero."""
        if not self.closed or not self.open:
            return None
        return max(self.closed, self.open) / min(self.closed, self.open)


@dataclass(frozen=True, slots=True)
class LoneFigures:
    """The figures of the best model where the other side has none.

    Attributes:
        model: The model.
        weights: ``open`` or ``closed``.
        accuracy: Mean score, 0 to 1.
        response_p50_s: Median time to the whole answer.
        response_p95_s: Its 95th percentile.
        usd_per_task: US dollars per request.
        usd_per_correct: US dollars per right answer.
    """

    model: str
    weights: str
    accuracy: float | None
    response_p50_s: float | None
    response_p95_s: float | None
    usd_per_task: float | None
    usd_per_correct: float | None


@dataclass(frozen=True, slots=True)
class LadderAnswer:
    """The gap on one ladder: the rungs at which the best model of each side is right half of the time.

    Attributes:
        task: The ladder.
        rungs: Rungs that it has.
        is_adaptive: Whether its answers count in rungs alone.
        closed: Rung of the best closed model.
        open: Rung of the best open model.
        gap_rungs: Closed minus open.
        ci_low: Lower end of the 95 % interval of the gap. None: no bound.
        ci_high: Upper end. None: no bound.
        verdict: In words.
    """

    task: str
    rungs: int
    is_adaptive: bool
    closed: float
    open: float
    gap_rungs: float
    ci_low: float | None
    ci_high: float | None
    verdict: str


@dataclass(frozen=True)
class Answer:
    """The answer of some runs.

    Attributes:
        closed_model: The best closed model. None: there is none.
        open_model: The best open model. None: there is none.
        simulated: Whether a simulated provider is behind a figure.
        accuracy: Mean score of each side, 0 to 1.
        gap_points: Closed minus open in points of accuracy, corrected for the choice of the best.
        ci_low: Lower end of the interval of ``gap_points`` that decides the verdict.
        ci_high: Upper end.
        is_corrected: Whether that interval is wider than 95 %, because several rows are tested together.
        verdict: In words, as in the gap table. None: there is nothing to compare.
        pairs_needed: What would settle the verdict, in words; "" if it is settled or unknown.
        response_p50_s: Median time to the whole answer: what a user waits.
        response_p95_s: Its 95th percentile.
        are_times_invalid: Whether this client was the limit, so that the times are not the providers'.
        usd_per_task: US dollars per request.
        usd_per_correct: US dollars per right answer.
        load: Load of the times and costs, if there are several. None: there is one.
        n_pairs: Requests that both answered and that were scored.
        pairs_by_category: The same by category; each request counts once.
        fairness: Broken conditions of a fair comparison of these two models.
        caveats: What else limits the answer, counted.
        missing: Why there is no gap; "" if there is one.
        ladders: Of each ladder on which both sides were measured, the best of each side and their gap in rungs.
        weights: ``traffic``: the figures count the requests that the items stand for; ``equal``: each request once.
    """

    closed_model: str | None = None
    open_model: str | None = None
    simulated: bool = False
    accuracy: TwoSides = TwoSides()
    gap_points: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    is_corrected: bool = False
    verdict: str | None = None
    pairs_needed: str = ""
    response_p50_s: TwoSides = TwoSides()
    response_p95_s: TwoSides = TwoSides()
    are_times_invalid: bool = False
    usd_per_task: TwoSides = TwoSides()
    usd_per_correct: TwoSides = TwoSides()
    load: str | None = None
    n_pairs: int = 0
    pairs_by_category: Mapping[str, int] = field(default_factory=dict)
    fairness: tuple[str, ...] = ()
    caveats: Caveats = field(default_factory=Caveats)
    missing: str = ""
    ladders: tuple[LadderAnswer, ...] = ()
    weights: Weighting = "equal"

    def to_json(self) -> dict[str, Any]:
        """Return the figures, with the ratio of each cost."""
        document = asdict(self)
        for name in ("usd_per_task", "usd_per_correct"):
            document[name]["ratio"] = getattr(self, name).ratio
        return document


def answer_of(table: GapTable) -> Answer:
    """Return the answer of a gap table that compares the best model of each side.

    Where there are several loads, times and costs are those of the load with the most pairs.
    """
    if table.frame.empty:
        return _answer_of_one_side(table)
    main = records(table.main_rows())
    rows = _rows_of_all(main)
    at_load = _at_one_load(rows)
    quality = at_load["accuracy"]
    loads = {row["load"] for row in rows if row["metric"] != "accuracy"}
    confidence = quality["confidence"]
    return Answer(
        closed_model=str(quality["closed_model"]),
        open_model=str(quality["open_model"]),
        simulated=table.simulated,
        accuracy=_sides(quality),
        gap_points=quality["gap_points"],
        ci_low=quality["ci_low"],
        ci_high=quality["ci_high"],
        is_corrected=confidence is not None and confidence > PLAIN_CONFIDENCE,
        verdict=str(quality["verdict"]),
        pairs_needed=describe_pairs_needed(quality),
        response_p50_s=_sides(at_load["response_p50_s"]),
        response_p95_s=_sides(at_load["response_p95_s"]),
        are_times_invalid=at_load["response_p50_s"]["verdict"] == CLIENT_LIMIT,
        usd_per_task=_sides(at_load["usd_per_task"]),
        usd_per_correct=_sides(at_load["usd_per_correct"]),
        load=str(at_load["response_p50_s"]["load"]) if len(loads) > 1 else None,
        n_pairs=int(quality["n_pairs"]),
        pairs_by_category={
            str(row["category"]): int(row["n_pairs"])
            for row in main
            if row["metric"] == "accuracy" and row["category"] != formatting.OVERALL
        },
        fairness=tuple(table.unequal.get((str(quality["closed_model"]), str(quality["open_model"])), ())),
        caveats=table.caveats,
        ladders=_ladder_answers(table),
        weights=table.weights.name,
    )


def _ladder_answers(table: GapTable) -> tuple[LadderAnswer, ...]:
    return tuple(
        LadderAnswer(
            ladder.task,
            ladder.rungs,
            ladder.is_adaptive,
            ladder.model(found.closed).threshold.rung,
            ladder.model(found.open).threshold.rung,
            found.gap.rungs,
            found.gap.low,
            found.gap.high,
            found.verdict,
        )
        for ladder in table.ladders
        if (found := ladder.main_gap) is not None
    )


def comparison_of_each_model(table: GapTable) -> dict[str, dict[str, Any]]:
    """Return each model's own figures over all requests, and how it compares with the best model of the other side.

    The figures of a model are those of its comparison, so that they are the ones of the answer and of the gap table.

    Returns:
        By model: ``accuracy``, ``response_p50_s``, ``response_p95_s``, ``usd_per_task`` and ``usd_per_correct`` of the model;
        ``against``, ``gap_points`` (closed minus open), ``ci_low``, ``ci_high``, ``verdict`` and ``n_pairs`` of the
        comparison; and ``are_times_invalid``, whether this client was the limit of the model's own times at that load.
        A model without a comparison is left out.
    """
    found: dict[str, dict[str, Any]] = {}
    by_pair: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in records(table.frame):
        by_pair.setdefault((row["closed_model"], row["open_model"]), []).append(row)
    for pair, rows in by_pair.items():
        scoped = _rows_of_all(rows)
        if not scoped:
            continue
        at_load = _at_one_load(scoped)
        quality = at_load["accuracy"]
        compared = {name: quality[name] for name in ("gap_points", "ci_low", "ci_high", "verdict", "n_pairs")}
        timed = at_load["response_p50_s"]
        for side, model, other in (("closed", *pair), ("open", *reversed(pair))):
            values = {metric: row[f"{side}_value"] for metric, row in at_load.items()}
            invalid = (model, timed["category"], timed["load"]) in table.limited
            own = {"against": other, "weights": side, "are_times_invalid": invalid}
            found.setdefault(model, {**values, **compared, **own})
    return found


def _rows_of_all(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows over all requests: those of ``overall``, or of the only category."""
    scopes = {str(row["category"]) for row in rows}
    if formatting.OVERALL in scopes:
        return [row for row in rows if row["category"] == formatting.OVERALL]
    return list(rows) if len(scopes) == 1 else []


def _at_one_load(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the rows of one comparison by metric: accuracy, and times and costs of the load with the most pairs."""
    loads: dict[Any, int] = {}
    for row in rows:
        if row["metric"] != "accuracy":
            loads[row["load"]] = max(loads.get(row["load"], 0), row["n_pairs"])
    load = max(loads, key=lambda name: loads[name])
    return {row["metric"]: row for row in rows if row["metric"] == "accuracy" or row["load"] == load}


def lone_figures(model: str, weights: str, requests: ModelRequests) -> LoneFigures:
    """Return the figures of a model that has no counterpart."""
    usd, right = requests.columns["usd"], requests.columns["correct"]
    priced = requests.filter(~np.isnan(usd) & ~np.isnan(right))
    design = priced.design
    total, correct = (
        float((priced.columns[name] * (1.0 if design is None else design.weights)).sum())
        for name in ("usd", "correct")
    )
    return LoneFigures(
        model,
        weights,
        _mean(requests, "score"),
        _quantile(requests, "response_s", 0.5),
        _quantile(requests, "response_s", 0.95),
        _mean(requests, "usd"),
        total / correct if correct else None,
    )


def _answer_of_one_side(table: GapTable) -> Answer:
    missing = table.warnings[0] if table.warnings else "nothing was measured"
    lone = table.alone
    if lone is None:
        return Answer(simulated=table.simulated, caveats=table.caveats, missing=missing)
    figures: dict[str, Any] = {
        name: TwoSides(**{lone.weights: getattr(lone, name)})
        for name in ("accuracy", "response_p50_s", "response_p95_s", "usd_per_task", "usd_per_correct")
    }
    models: dict[str, Any] = {f"{lone.weights}_model": lone.model}
    return Answer(
        **models,
        **figures,
        weights=table.weights.name,
        simulated=table.simulated,
        caveats=table.caveats,
        missing=missing,
    )


def _sides(row: Mapping[str, Any]) -> TwoSides:
    return TwoSides(row["closed_value"], row["open_value"])


def _mean(requests: ModelRequests, column: str) -> float | None:
    known = requests.filter(~np.isnan(requests.columns[column]))
    return weighted_mean(known.columns[column], known.design) if len(known.item) else None


def _quantile(requests: ModelRequests, column: str, share: float) -> float | None:
    known = requests.filter(~np.isnan(requests.columns[column]))
    return weighted_quantile(known.columns[column], share, known.design) if len(known.item) else None

"""Ladders: accuracy by rung, the rung at which each model is right half of the time, and the gap in rungs.

The figures come from any run of a ladder, adaptive or not; see :mod:`gapbench.stats.rung_threshold`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.frames import Folders, Runs, as_floats, load_runs
from gapbench.ladder import MOST_RUNGS
from gapbench.stats import mean_interval
from gapbench.stats.rung_threshold import Threshold, ThresholdGap, ThresholdPosterior, compare_thresholds
from gapbench.store.attempt_frame import read_frame

LADDER_COLUMNS = (
    "task", "category", "model_id", "sample_id", "prompt_sha256", "score", "rung", "complexity", "simulated",
)  # fmt: skip
"""Columns that :func:`summarize_ladders` reads, of the answers on a rung."""
MIN_RUNGS = 2
"""Fewest rungs with answers for a curve."""


@dataclass(frozen=True, slots=True)
class RungAccuracy:
    """A model's answers on one rung.

    Attributes:
        rung: From 1.
        complexity: Mean of the items' difficulty on the ladder's measure. None: not known.
        items: Different items with a score.
        accuracy: Mean score, 0 to 1.
        low: Lower end of its 95 % interval.
        high: Upper end.
    """

    rung: int
    complexity: float | None
    items: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LadderModel:
    """One model on one ladder.

    Attributes:
        model_id: The model.
        weights: ``open`` or ``closed``.
        threshold: The rung at which it is right half of the time.
        curve: Its accuracy by rung, in order.
        fitted: Chance of a right answer on each rung, from 1, by the fitted curve.
    """

    model_id: str
    weights: str
    threshold: Threshold
    curve: tuple[RungAccuracy, ...]
    fitted: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class LadderGap:
    """A closed and an open model on one ladder.

    Attributes:
        closed: The closed model.
        open: The open model.
        gap: Closed minus open, in rungs.
        verdict: ``closed ahead``, ``open ahead`` or ``not distinguishable``.
    """

    closed: str
    open: str
    gap: ThresholdGap
    verdict: str


@dataclass(frozen=True)
class Ladder:
    """What the runs say about one ladder.

    Attributes:
        task: The task.
        category: Its category.
        rungs: Rungs of the ladder.
        measure: What the complexity counts. None: not said.
        is_adaptive: Whether any run picked the next rung by the answers.
        models: The models, in the order of the suites.
        gaps: Every closed model against every open one; the first is that of the model with the highest threshold on
            each side.
        simulated: Whether a simulated provider is behind a figure.
    """

    task: str
    category: str
    rungs: int
    measure: str | None
    is_adaptive: bool
    models: tuple[LadderModel, ...]
    gaps: tuple[LadderGap, ...]
    simulated: bool

    @property
    def main_gap(self) -> LadderGap | None:
        """The gap between the best of each side. None: a side is missing."""
        return self.gaps[0] if self.gaps else None

    def model(self, model_id: str) -> LadderModel:
        """Return one of the models."""
        return next(model for model in self.models if model.model_id == model_id)

    def to_json(self) -> dict[str, Any]:
        """Return the ladder as plain values."""
        return asdict(self)


@dataclass
class _Answers:
    """The mean score of each item, in the order in which the items were first answered."""

    posterior: ThresholdPosterior
    places: dict[str, int] = field(default_factory=dict)


def summarize_ladders(runs: Runs | Folders) -> list[Ladder]:
    """Return each ladder of some runs; [] if no task of them is one.

    Args:
        runs: Run folders, or what was read from them.

    Raises:
        ResultsError: A folder is not a run.
    """
    read_runs = load_runs(runs, columns=LADDER_COLUMNS)
    if not read_runs.tally["rungs"].any():
        return []
    rows = read_frame(
        read_runs.attempts,
        LADDER_COLUMNS,
        ("sample_id", "prompt_sha256"),
        where="a.final AND a.phase = 'measure' AND a.outcome NOT IN ('infra', 'unscored') "
        "AND a.score IS NOT NULL AND a.rung IS NOT NULL",
        where_columns=("final", "phase", "outcome", "score", "rung"),
    )
    order = [str(task) for task in dict.fromkeys(cell.task for _, cell in read_runs.cells)]
    found = {str(task): part for task, part in rows.groupby("task", observed=True, sort=False)}
    ladders = (_summarize(read_runs, task, found[task]) for task in order if task in found)
    return [ladder for ladder in ladders if ladder is not None]


def _summarize(runs: Runs, task: str, rows: pd.DataFrame) -> Ladder | None:
    entries = [entry for manifest in runs.manifests for entry in manifest.tasks if entry.name == task]
    highest = int(as_floats(rows["rung"]).max())
    rungs = max([highest, *(entry.rungs for entry in entries if entry.rungs is not None)])
    # Rows may come from elsewhere: more rungs than a suite may have would take all memory.
    if rows["rung"].nunique() < MIN_RUNGS or rungs > MOST_RUNGS:
        return None
    answers: dict[str, _Answers] = {}
    models: list[LadderModel] = []
    for model_id in runs.models:
        part = rows[rows["model_id"] == model_id]
        if part.empty:
            continue
        items = _items_of(part)
        answers[model_id] = _answers(items, rungs)
        posterior = answers[model_id].posterior
        models.append(
            LadderModel(
                model_id,
                runs.model(model_id).weights,
                posterior.threshold(),
                _curve(items),
                tuple(posterior.chances()),
            )
        )
    return Ladder(
        task=task,
        category=str(rows["category"].iloc[0]),
        rungs=rungs,
        measure=next((entry.rung_measure for entry in entries if entry.rung_measure is not None), None),
        is_adaptive=any(entry.adaptive is not None for entry in entries),
        models=tuple(models),
        gaps=tuple(_gaps(models, answers)),
        simulated=bool(rows["simulated"].any()),
    )


def _items_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each item: several answers to one are not independent, so their mean counts once."""
    numbers = rows.assign(
        rung=as_floats(rows["rung"]), score=as_floats(rows["score"]), complexity=as_floats(rows["complexity"])
    )
    key = numbers["sample_id"].astype(str) + "\x1f" + numbers["prompt_sha256"].astype(str)
    grouped = numbers.assign(item=key).groupby("item", sort=False)
    return grouped[["rung", "score", "complexity"]].mean().reset_index()


def _answers(items: pd.DataFrame, rungs: int) -> _Answers:
    found = _Answers(ThresholdPosterior(rungs))
    for place, (item, rung, score) in enumerate(
        zip(items["item"], items["rung"], items["score"], strict=True)
    ):
        found.posterior.record(int(rung), float(score))
        found.places[str(item)] = place
    return found


def _curve(items: pd.DataFrame) -> tuple[RungAccuracy, ...]:
    curve: list[RungAccuracy] = []
    for rung, part in items.groupby("rung", sort=True):
        scores = part["score"].to_numpy(dtype=float)
        interval = mean_interval(scores, np.arange(len(scores)))
        known = part["complexity"].dropna()
        curve.append(
            RungAccuracy(
                int(float(str(rung))),
                float(known.mean()) if len(known) else None,
                len(scores),
                float(scores.mean()),
                interval.low or 0.0,
                1.0 if interval.high is None else interval.high,
            )
        )
    return tuple(curve)


def _gaps(models: Sequence[LadderModel], answers: Mapping[str, _Answers]) -> list[LadderGap]:
    """Return the gap of every closed and open model, the best of each side first."""
    best_first = sorted(models, key=lambda model: -model.threshold.rung)
    closed = [model.model_id for model in best_first if model.weights == "closed"]
    opened = [model.model_id for model in best_first if model.weights == "open"]
    gaps: list[LadderGap] = []
    for one in closed:
        for two in opened:
            first, second = answers[one], answers[two]
            shared = [
                (place, second.places[item]) for item, place in first.places.items() if item in second.places
            ]
            gap = compare_thresholds(first.posterior, second.posterior, shared)
            gaps.append(LadderGap(one, two, gap, _verdict(gap)))
    return gaps


def _verdict(gap: ThresholdGap) -> str:
    if gap.low is not None and gap.low > 0:
        return "closed ahead"
    if gap.high is not None and gap.high < 0:
        return "open ahead"
    return "not distinguishable"

"""The best model of one side, and how much being chosen flatters its score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gapbench.analysis.quality.model_requests import Bools, ModelRequests
from gapbench.stats import Design, Floats, Ints, selection_bias, weighted_mean


@dataclass(frozen=True)
class ReferenceModel:
    """The best model of one side.

    Attributes:
        model: The model.
        scores: Scores of all models of the side on the requests that they share, one column for each model; None if
            there was nothing to choose from.
        clusters: Cluster of each of these requests.
        category: Category of each of these requests.
        warnings: Caveats about the choice.
        design: Weights and strata of these requests. None: each counts once.
    """

    model: str
    scores: Floats | None = None
    clusters: Ints | None = None
    category: Ints | None = None
    warnings: list[str] = field(default_factory=list)
    design: Design | None = None
    _known: dict[int | None, float] = field(default_factory=dict, compare=False, repr=False)

    def bias(self, category: int | None) -> float:
        """Return how much being chosen flatters the model's score, 0 to 1.

        Args:
            category: Where the score is looked at. None: over all categories.
        """
        if self.scores is None or self.clusters is None or self.category is None:
            return 0.0
        if category not in self._known:
            counted = None if category is None else self.category == category
            self._known[category] = selection_bias(self.scores, self.clusters, counted, self.design)
        return self._known[category]


def choose_reference(requests: Mapping[str, ModelRequests], names: Sequence[str]) -> ReferenceModel:
    """Return the model with the highest mean score, on the requests that all models of the side share.

    Models without a scored request are left out, unless none has one.

    Args:
        requests: Each model's requests.
        names: The models of one side, at least one.
    """
    scored = {name: _scored_requests(requests[name]) for name in names}
    scored = {name: side for name, side in scored.items() if len(side.item)} or scored
    if len(scored) == 1:
        return ReferenceModel(next(iter(scored)))
    names = list(scored)
    shared = _shared_items(list(scored.values()))
    if not shared.any():
        warning = (
            f"{', '.join(names)} share no request; the best is picked on their own requests, uncorrected"
        )
        means = [_mean_score(side.columns["score"], side.design) for side in scored.values()]
        return ReferenceModel(_best(names, means), warnings=[warning])
    # One row for each model. Its other arrays are freed before those of the next model are made.
    scores: Floats = np.empty((len(names), np.count_nonzero(shared)))
    means = []
    first: ModelRequests | None = None
    for row, name in zip(scores, names, strict=True):
        side = scored.pop(name)
        side = side.filter(shared[side.item])
        row[:] = side.columns["score"]
        means.append(_mean_score(row, side.design))
        first = first or side
    assert first is not None
    return ReferenceModel(_best(names, means), scores.T, first.cluster, first.category, design=first.design)


def _shared_items(sides: Sequence[ModelRequests]) -> Bools:
    """Return for each code of an item whether all models have it; the codes of a model ascend without repetition."""
    models: Ints = np.zeros(1 + max(int(side.item[-1]) if len(side.item) else -1 for side in sides), np.int16)
    for side in sides:
        models[side.item] += 1
    return np.asarray(models == len(sides))


def _mean_score(scores: Floats, design: Design | None) -> float:
    return weighted_mean(scores, design) if len(scores) else -1.0


def _best(names: Sequence[str], means: Sequence[float]) -> str:
    """Return the first name with the highest mean."""
    return max(zip(names, means, strict=True), key=lambda one: one[1])[0]


def _scored_requests(side: ModelRequests) -> ModelRequests:
    return side.select("score").filter(~np.isnan(side.columns["score"]))

"""The best model of one side, and how much being chosen flatters its score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gapbench.analysis.quality.model_requests import ModelRequests
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
    shared = np.bincount(np.concatenate([side.item for side in scored.values()])) == len(scored)
    if not shared.any():
        warning = (
            f"{', '.join(scored)} share no request; the best is picked on their own requests, uncorrected"
        )
        return ReferenceModel(_highest_mean(scored), warnings=[warning])
    on_shared = {name: side.filter(shared[side.item]) for name, side in scored.items()}
    first = next(iter(on_shared.values()))
    # The scores of a model are neighbours.
    scores = np.stack([side.columns["score"] for side in on_shared.values()]).T
    return ReferenceModel(
        _highest_mean(on_shared), scores, first.cluster, first.category, design=first.design
    )


def _highest_mean(sides: Mapping[str, ModelRequests]) -> str:
    means = {
        name: weighted_mean(side.columns["score"], side.design) if len(side.item) else -1.0
        for name, side in sides.items()
    }
    return max(means, key=lambda name: means[name])


def _scored_requests(side: ModelRequests) -> ModelRequests:
    mask: np.ndarray[Any, np.dtype[np.bool_]] = ~np.isnan(side.columns["score"])
    return side.select("score").filter(mask)

"""Stopping rules of a comparison that is looked at more than once, and what may be concluded at a look.

A rule gives an interval of the gap at each look. All intervals of a run hold together with 95 %, so everything that is
concluded from them (ahead, no worse, equivalent) is wrong in at most 5 % of runs, whenever the run stops.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gapbench.stats.proportions import Floats
from gapbench.stats.sequential_evidence import confidence_sequence
from gapbench.stats.sequential_looks import look_levels, repeated_interval, spent_alpha

ALPHA = 0.05
"""Probability that a run ends with any wrong conclusion, over all its comparisons."""
Decision = Literal["equivalent", "closed ahead", "open ahead", "no worse"]


@dataclass(frozen=True)
class StoppingRule:
    """How a run decides that it is sure.

    Attributes:
        largest_cluster: Pairs in the largest cluster of the plan.
        information: Share of the plan at each of a fixed number of looks, rising to 1. (): any number of looks, by the
            always-valid e-process.
        comparisons: Pairs of models that are compared; each gets an equal part of :data:`ALPHA`.
    """

    largest_cluster: int
    information: tuple[float, ...] = ()
    comparisons: int = 1

    @property
    def name(self) -> str:
        """The rule in words, for tables."""
        if self.information:
            return f"{len(self.information)} looks, O'Brien-Fleming spending"
        return "always-valid e-process"

    @property
    def alpha(self) -> float:
        """Probability of a wrong conclusion about one comparison."""
        return ALPHA / self.comparisons

    def interval(self, sums: Floats, sizes: Floats, look: int) -> tuple[float, float]:
        """Return the interval of the gap at a look, 0 to 1; (-1, 1) where nothing is known.

        Args:
            sums: Sum of the differences, closed minus open, in each cluster.
            sizes: Pairs in each cluster.
            look: Number of the look, from 1. 0 with a fixed number of looks: none has been taken.
        """
        if not self.information:
            return confidence_sequence(sums, sizes, self.largest_cluster, self.alpha)
        if look < 1:
            return -1.0, 1.0
        level = look_levels(self.information, self.alpha)[min(look, len(self.information)) - 1]
        return repeated_interval(sums, sizes, level)

    def spent(self, look: int) -> float | None:
        """Return the error spent on one comparison up to a look. None: the rule spends nothing by looking."""
        if not self.information:
            return None
        return (
            spent_alpha(self.information[min(look, len(self.information)) - 1], self.alpha) if look else 0.0
        )


def conclude(low: float, high: float, margin: float) -> Decision | None:
    """Return the strongest conclusion that an interval allows. None: it allows none.

    Args:
        low: Lower bound of the gap, closed minus open.
        high: Upper bound.
        margin: Largest gap that makes no difference, in the same unit.
    """
    if -margin < low and high < margin:
        return "equivalent"
    if low > 0:
        return "closed ahead"
    if high < 0:
        return "open ahead"
    return "no worse" if high < margin else None


def describe(decision: Decision | None, margin_points: float) -> str:
    """Return a conclusion in the words of the gap table."""
    if decision is None:
        return "not distinguishable"
    if decision == "equivalent":
        return f"equivalent within {margin_points:g} points"
    return f"open no worse by {margin_points:g} points" if decision == "no worse" else decision


def cluster_totals(differences: Sequence[float] | Floats, clusters: Sequence[int]) -> tuple[Floats, Floats]:
    """Return the sum of the differences in each cluster and its number of pairs."""
    codes = np.asarray(clusters, dtype=np.int64)
    if not len(codes):
        return np.zeros(0), np.zeros(0)
    sums: Floats = np.bincount(codes, np.asarray(differences, dtype=float)).astype(np.float64)
    sizes: Floats = np.bincount(codes).astype(np.float64)
    return sums[sizes > 0], sizes[sizes > 0]

"""Sums over clusters of tasks, in the order of the tests: what learns first, then what tests."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from gapbench.analysis.economics.routing import Bools
from gapbench.stats import Floats, Ints, required_pairs
from gapbench.stats.loss_test import clusters_for_zero_losses
from gapbench.stats.power import POWER

MAX_LEARNT = 4_000
"""Blocks of clusters that tests are simulated from."""


@dataclass(frozen=True)
class LossEstimate:
    """A mean loss over the clusters that test.

    Attributes:
        mean: The loss, -1 to 1.
        error: Its standard error.
        spread: Standard deviation of one cluster, in units of the mean weight of a cluster.
    """

    mean: float
    error: float
    spread: float


@dataclass(frozen=True)
class Stake:
    """What a rule could lose.

    Attributes:
        largest_loss: Largest weighted loss that a cluster could have: as many tasks as the largest cluster has, each of the
            largest weight among tasks whose open answer the rule may use; at most the weight of the heaviest cluster.
        largest_learnt: The same of the clusters that learn.
        least_square: Least mean square of its gains, over the clusters that learn, if losses of 0 and 1 had a mean at the
            margin. That is however the tasks of a cluster agree.
    """

    largest_loss: float
    largest_learnt: float
    least_square: float


class ClusterSums:
    """Sums over clusters, in the order of the tests.

    Args:
        place: Place of each task's cluster in that order.
        weights: Weight of each task.
        count: Number of clusters.
        learning: Number of clusters that learn, the first ones.
        margin: Loss that is tolerated, 0 to 1.

    Attributes:
        weight: Weight of each cluster, shape (clusters,).
    """

    def __init__(self, place: Ints, weights: Floats, count: int, learning: int, margin: float) -> None:
        self._place, self._task_weights, self._count, self._margin = place, weights, count, margin
        self._learning = learning
        # One cluster each, unless there are more than the simulation of tests can hold.
        self._block_size = -(-learning // MAX_LEARNT)
        self._sizes = np.bincount(place, minlength=count)
        self.weight: Floats = self.of(np.ones(len(place)))

    def stake(self, tasks: Bools) -> Stake:
        """Return what a rule could lose that may use the open answers of some tasks.

        If their losses make up the margin of all weight, a task is lost with a chance of the margin times the weight of all
        tasks over that of these.
        """
        used = self._task_weights * tasks
        learn = self._place < self._learning
        squares = float((used[learn] ** 2).sum()) / self._learning
        lost = self._margin * float(self._task_weights[learn].sum() / max(used[learn].sum(), 1e-300))
        return Stake(
            self._largest_loss(used, slice(None)),
            self._largest_loss(used * learn, slice(self._learning)),
            min(lost, 1.0) * (1 - self._margin) * squares,
        )

    def _largest_loss(self, used: Floats, clusters: slice) -> float:
        """Return the largest loss of a cluster. The size is that of any: a rule's own tasks may be few."""
        return float(min(self.weight[clusters].max(), self._sizes[clusters].max() * used.max()))

    def of(self, loss: Floats) -> Floats:
        """Return the weighted sum of each cluster."""
        return np.bincount(self._place, self._task_weights * loss, minlength=self._count).astype(np.float64)

    def gains_in_blocks(self, loss: Floats) -> Floats:
        """Return margin times weight minus weight times loss of the clusters that learn, summed over blocks of clusters."""
        return self._in_blocks(self._margin * self.weight - self.of(loss))

    def worst_in_blocks(self, tasks: Bools) -> Floats:
        """Return the gain of a mean cluster of each block if it lost each of some tasks."""
        return self.gains_in_blocks(tasks.astype(np.float64)) / self._block_size

    def count_in_blocks(self, values: Floats) -> Floats:
        """Return the sum of some values of tasks over the same blocks, without weights."""
        return self._in_blocks(np.bincount(self._place, values, minlength=self._count).astype(np.float64))

    def _in_blocks(self, values: Floats) -> Floats:
        return np.add.reduceat(values[: self._learning], np.arange(0, self._learning, self._block_size))

    def estimate(self, loss: Floats, stake: Stake) -> LossEstimate:
        """Return the mean loss over the clusters that test. The spread is at least that of losses of 0 and 1 at the margin."""
        sums, weight = self.of(loss)[self._learning :], self.weight[self._learning :]
        if not len(weight):
            return LossEstimate(0.0, 0.0, 1.0)
        mean = float(sums.sum() / weight.sum())
        square = float(np.mean((sums - mean * weight) ** 2))
        scale = float(weight.mean())
        return LossEstimate(
            mean,
            math.sqrt(square / len(weight)) / scale,
            math.sqrt(max(square, stake.least_square)) / scale,
        )

    def clusters_needed(self, found: LossEstimate, confidence: float, stake: Stake) -> float | None:
        """Return the tested clusters with which a rule with this loss would pass with a chance of 80 %.

        The bound of the test is as wide as losses at the margin would spread, the estimate as wide as they do spread.

        Returns:
            None if its loss is not below the margin.
        """
        tested = self._count - self._learning
        level, power = float(special.ndtri(confidence)), float(special.ndtri(POWER))
        spread = (level * found.spread + power * found.error * math.sqrt(tested)) / (level + power)
        pairs = required_pairs(self._margin - found.mean, spread**2, level=confidence)
        if pairs is None:
            return None
        largest = stake.largest_loss / float(self.weight.mean())
        least = clusters_for_zero_losses(self._margin, 1 - confidence, largest)
        return max(pairs, least if found.mean >= 0 else 0)

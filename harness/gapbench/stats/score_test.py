"""The score test of a mean paired difference: one test that gives the p-value and, inverted, the interval.

It keeps a positive width if all pairs agree, works for scores of 0 and 1 and for partial credit, and allows for clusters.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from gapbench.stats.bootstrap import distinct
from gapbench.stats.power import MIN_CLUSTERS
from gapbench.stats.proportions import Floats

MIN_DESIGN_EFFECT = 0.5
"""Lower bound of the design effect. Without it, answers that cancel by chance within clusters would leave no width."""
_GRID = 65
_ROUNDS = 7
_HALVINGS = 45
_TINY = 1e-12


class ScoreTest:
    """Tests whether the mean difference of pairs equals a hypothesized gap.

    The statistic is the distance between the observed and the hypothesized gap, in standard errors that hold at the
    hypothesized gap. The variance there is that of the most likely distribution of the differences with that mean. For
    scores of 0 and 1 this is Tango's test, Stat. Med. 17 (1998) 891, and at a gap of 0 McNemar's. For partial credit it
    is the empirical likelihood's distribution (Owen, Empirical Likelihood (2001), section 2.4) over the observed
    differences and both signs of the largest one. Critical values are Student's.

    With clusters, the variance is multiplied by their design effect (Rao and Scott, Biometrics 48 (1992) 577), also taken
    at the hypothesized gap. Taken at the observed gap it would be smallest when by chance no cluster with a large gap was
    sampled. With few clusters, all cluster sums are often equal, and Student's t would be unbounded. The standard error
    is therefore at least that of independent pairs with a design effect of :data:`MIN_DESIGN_EFFECT`. With fewer than
    :data:`MIN_CLUSTERS` clusters, each counts as one pair. Partial credit is never tested at a smaller error than
    Student's.

    Args:
        difference: Difference of each pair, -1 to 1.
        sums: Sum of the differences of each cluster.
        sizes: Number of pairs of each cluster.
        error: Cluster-robust standard error of the mean difference.
    """

    def __init__(self, difference: Floats, sums: Floats, sizes: Floats, error: float) -> None:
        """Compute what every hypothesized gap needs."""
        n, groups = len(difference), len(sizes)
        self._n: float
        self._groups: float
        self.gap = float(difference.mean())
        self._values, places = distinct(difference)
        counts = np.bincount(places)
        self._shares = counts / n
        self._is_binary = bool(np.isin(self._values, (-1.0, 0.0, 1.0)).all())
        # If all differences are equal, they do not show how large others can be.
        self._largest = 1.0 if len(counts) == 1 else float(np.abs(self._values).max())
        self._groups = groups
        self._clustered = groups < n and groups >= MIN_CLUSTERS
        # Too few clusters to estimate how alike their pairs are: assume the worst case, one pair for each cluster.
        self._n = n if self._clustered else groups
        self._together = float(sums @ sums), float(sums @ sizes), float(sizes @ sizes)
        self._apart = float(difference @ difference), float(sums.sum()), float(n)
        self._least_error = 0.0 if self._is_binary else error
        self._floor = 0.0
        if self._clustered:
            within = math.sqrt(MIN_DESIGN_EFFECT * float(difference.var(ddof=1)) / n)
            self._least_error = max(within, self._least_error)
            # All pairs show the same difference: the only evidence is how many clusters have the same sign.
            self._floor = 0.5**groups if within <= _TINY else 0.0
        self._grids = [self._evidence(end) for end in (-1.0, 1.0)]

    def p_value(self, gap: float = 0.0) -> float:
        """Return the two-sided p-value of a gap: the smallest level whose interval leaves the gap out."""
        if abs(gap - self.gap) <= _TINY:
            return 1.0
        places, largest = self._grids[int(gap > self.gap)]
        farther = largest[np.abs(places - self.gap) >= abs(gap - self.gap)]
        return max(float(farther.max(initial=0.0)), float(self._p_values(np.array([gap]))[0]))

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return the smallest and the largest gap that the test does not reject at ``1 - confidence``."""
        low, high = (self._bound(grid, 1 - confidence) for grid in self._grids)
        return low, high

    def variance_at(self, gaps: Floats) -> Floats:
        """Return the variance of one difference under the most likely distribution that has each gap as its mean."""
        if self._is_binary:
            gains, losses = (float(self._shares[self._values == side].sum()) for side in (1.0, -1.0))
            b = -gains - losses + (2 - gains + losses) * gaps
            root = np.sqrt(np.maximum(b * b + 8 * losses * gaps * (1 - gaps), 0.0))
            return np.asarray((root - b) / 2 + gaps * (1 - gaps))
        largest = self._largest
        inside = np.clip(gaps, -largest * (1 - 1e-9), largest * (1 - 1e-9))
        centred = self._values - inside[:, None]
        low, high = -1 / (largest - inside), 1 / (largest + inside)
        # The tilt at which the distribution has the wanted mean. The slope falls, so halving finds it.
        left, right = low.copy(), high.copy()
        for _ in range(_HALVINGS):
            middle = (left + right) / 2
            above = self._slope(centred, middle) > 0
            left, right = np.where(above, middle, left), np.where(above, right, middle)
        tilt = (left + right) / 2
        weights = self._shares / np.maximum(1 + tilt[:, None] * centred, _TINY)
        # If tilting is not enough, the rest of the weight lies at the largest difference of the other sign.
        rest_high = np.maximum(-self._slope(centred, low), 0.0) * (largest - inside)
        rest_low = np.maximum(self._slope(centred, high), 0.0) * (largest + inside)
        return np.asarray((weights * centred**2).sum(axis=1) + rest_high + rest_low)

    def _slope(self, centred: Floats, tilt: Floats) -> Floats:
        scale = np.maximum(1 + tilt[:, None] * centred, _TINY)
        return np.asarray((self._shares * centred / scale).sum(axis=1))

    def _p_values(self, gaps: Floats) -> Floats:
        """Return the two-sided p-value of each gap, each tested alone."""
        distance = np.abs(gaps - self.gap)
        variance = np.maximum(self.variance_at(gaps), 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            squared = np.where(distance > _TINY, self._n * distance**2 / variance, 0.0)
            groups = self._groups
            if self._clustered:
                squared = squared / self._design_effects(gaps)
                # Student's t if its sum of squares is taken at the hypothesized gap, not at the mean.
                t = np.sqrt(squared * (groups - 1) / np.maximum(groups - squared, 1e-9))
            else:
                t = np.sqrt(squared * max(self._n - 1, 0) / self._n)
            if self._least_error > _TINY:
                t = np.minimum(t, distance / self._least_error)
        # Of one pair nothing is known: 0 degrees of freedom.
        p = 2 * special.stdtr(max(groups - 1, 1), -np.nan_to_num(t, nan=0.0, posinf=np.inf))
        return np.asarray(np.maximum(p, self._floor))

    def _design_effects(self, gaps: Floats) -> Floats:
        of_clusters, of_pairs = (a - 2 * gaps * b + gaps**2 * c for a, b, c in (self._together, self._apart))
        known = np.maximum(MIN_DESIGN_EFFECT, of_clusters / np.maximum(of_pairs, _TINY))
        return np.asarray(np.where(of_pairs > _TINY, known, self._together[2] / self._apart[2]))

    def _evidence(self, end: float) -> tuple[Floats, Floats]:
        """Return gaps from an end to the observed gap, and the largest p-value up to each: what an interval shows."""
        places = np.linspace(end, self.gap, _GRID)
        return places, np.maximum.accumulate(self._p_values(places))

    def _bound(self, grid: tuple[Floats, Floats], level: float) -> float:
        places, largest = grid
        first = int(np.searchsorted(largest, level, side="left"))
        if first == 0:
            return float(places[0])
        outside, inside = float(places[first - 1]), float(places[min(first, _GRID - 1)])
        for _ in range(_ROUNDS):
            between = np.linspace(outside, inside, 33)
            kept = self._p_values(between) >= level
            kept[-1] = True
            first = max(1, int(np.argmax(kept)))
            outside, inside = float(between[first - 1]), float(between[first])
        return (outside + inside) / 2


class WeightedScoreTest(ScoreTest):
    """The test of the weighted mean difference of a survey sample.

    The distribution of the differences is the weighted one, over the number of independent pairs that would have its
    variance (Rao and Scott, Biometrics 48 (1992) 577).

    Args:
        difference: Difference of each pair, -1 to 1.
        weights: Weight of each pair.
        effective: Number of independent pairs of equal weight that say as much.
        degrees: Degrees of freedom of the standard error.
        error: Standard error of the weighted mean; partial credit is never tested at a smaller one.
    """

    def __init__(
        self, difference: Floats, weights: Floats, *, effective: float, degrees: float, error: float
    ) -> None:
        """Compute what every hypothesized gap needs."""
        self._values, places = distinct(difference)
        self._shares = np.bincount(places, weights=weights) / weights.sum()
        self.gap = float(np.round(self._shares @ self._values, 12))
        self._is_binary = bool(np.isin(self._values, (-1.0, 0.0, 1.0)).all())
        # If all differences are equal, they do not show how large others can be.
        self._largest = 1.0 if len(self._values) == 1 else float(np.abs(self._values).max())
        self._n, self._groups, self._clustered = effective, degrees + 1, False
        self._least_error = 0.0 if self._is_binary else error
        self._floor = 0.0
        self._grids = [self._evidence(end) for end in (-1.0, 1.0)]

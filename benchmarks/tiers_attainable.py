"""What no guaranteed router can save more than, for `benchmarks/tiers_guarantee.py`.

A procedure looks at a sample and chooses one of the listed policies, or none. Whatever the distribution of a cluster is, it chooses
a policy whose loss is above the margin with a probability of at most ``level``. What can it save, at most, if the truth is P?

Take distributions Q_1 … Q_k and prices m_1 … m_k of at least 0. With b_k(policy) = 1 if the policy loses the margin or more under
Q_k, the procedure has ``E_P[b_k(choice) dQ_k/dP] <= level`` for each k, so

    E_P[saved(choice)] <= level sum_k m_k + E_P[ max over policies of saved(policy) - sum_k m_k b_k(policy) dQ_k/dP ].

That is the dual of the linear program of the best procedure, and holds for all Q and all prices; with a single Q and policy it is
the lemma of Neyman and Pearson. The Q are those nearest to P (least KL(Q, P), an exponential tilt by the excess loss), one under
which each policy alone loses the margin, and one under which all policies lose it that save more than that policy does or as
much. The prices are fitted on one half of the simulated samples, the bound is the mean over the other half. A broken promise counts
as saving nothing. The bound is for the listed policies; it may be above what one procedure can save at all truths together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import optimize, special

Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]
MAX_ACTIVE = 60
SLACK = 1e-6
"""Excess loss, 0 to 1, that is taken for none."""
MAX_NULLS = 60
"""Distributions Q."""


def attainable_savings(
    excess: Floats,
    saved: Floats,
    probability: Floats,
    counts: Ints,
    stratum: Ints,
    level: float,
    samples: int = 4_000,
) -> tuple[float, float]:
    """Return a bound of the expected savings of procedures with the guarantee, and its standard error.

    Args:
        excess: Weight times loss, minus the margin times the weight, of each cluster of the traffic under each policy, in units
            of the mean weight; shape (clusters, policies).
        saved: What each policy saves.
        probability: Probability with which each cluster is drawn; the sum is 1 in each stratum.
        counts: Number of clusters drawn from each stratum.
        stratum: Stratum of each cluster.
        level: Chance, at most, with which a policy is chosen that loses the margin or more.
        samples: Number of samples that are simulated.
    """
    truth = Truth(excess, probability, counts, stratum)
    kept = (truth.mean_excess(np.zeros(len(saved))) <= 0) & (saved > 0)
    if not kept.any():
        return 0.0, 0.0
    truth = Truth(excess[:, kept], probability, counts, stratum)
    saved = saved[kept]
    tilts = []
    by_savings = np.argsort(-saved)
    if len(by_savings) > MAX_NULLS // 2:
        by_savings = by_savings[np.unique(np.linspace(0, len(by_savings) - 1, MAX_NULLS // 2).astype(int))]
    for at in by_savings:
        alone = np.arange(len(saved)) == at
        tilts += [truth.nearest(alone), truth.nearest(saved >= saved[at] * (1 - 1e-9))]
    tilts = list(np.unique(np.round(tilts, 9), axis=0))
    bad = np.array([truth.mean_excess(tilt) >= -SLACK for tilt in tilts])
    # Of policies that the same Q are bad for, the one that saves most counts.
    patterns, place = np.unique(bad, axis=1, return_inverse=True)
    most = np.zeros(patterns.shape[1])
    np.maximum.at(most, place.ravel(), saved)
    ratios = np.exp(np.minimum(truth.log_ratios(tilts, samples), 50.0))
    half = samples // 2
    prices = _prices(ratios[:half], patterns, most, level)
    values = _values(ratios[half:], patterns, most, prices)
    return level * float(prices.sum()) + float(values.mean()), float(values.std() / np.sqrt(len(values)))


def _values(ratios: Floats, bad: Any, saved: Floats, prices: Floats) -> Floats:
    return np.asarray(np.maximum((saved - (ratios * prices) @ bad).max(axis=1), 0.0))


def _prices(ratios: Floats, bad: Any, saved: Floats, level: float) -> Floats:
    """Return prices that make the bound small; the maximum is smoothed, so that it has a gradient."""
    scale = float(saved.max())

    def smooth(prices: Floats, width: float) -> tuple[float, Floats]:
        gains = np.column_stack([np.zeros(len(ratios)), saved / scale - (ratios * prices) @ bad]) / width
        share = special.softmax(gains, axis=1)[:, 1:]
        value = width * special.logsumexp(gains, axis=1).mean()
        return float(level * prices.sum() + value), level - ((share @ bad.T) * ratios).mean(axis=0)

    prices = np.full(len(bad), 0.1)
    for width in (0.1, 0.03, 0.01):
        found = optimize.minimize(
            smooth, prices, args=(width,), jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(bad),
            options={"maxiter": 150},
        )  # fmt: skip
        prices = found.x
    return np.asarray(prices * scale)


class Truth:
    """The distribution of a cluster, and its exponential tilts ``q = p exp(excess @ tilt)``, normalized in each stratum."""

    def __init__(self, excess: Floats, probability: Floats, counts: Ints, stratum: Ints) -> None:
        # Clusters that are alike under every policy are one outcome. A random projection tells outcomes apart.
        projected = np.column_stack([stratum, excess]) @ np.random.default_rng(0).random(1 + excess.shape[1])
        _, first, place = np.unique(np.round(projected, 9), return_index=True, return_inverse=True)
        self._stratum = stratum[first].astype(np.int64)
        self._excess: Floats = excess[first]
        self._counts = counts
        self._share: Floats = counts / counts.sum()
        self._probability: Floats = np.bincount(place.ravel(), probability).astype(np.float64)

    def _log_ratio(self, exponent: Floats) -> tuple[Floats, Floats]:
        """Return log(q/p) of each outcome, and the log of each stratum's norm."""
        mass = np.bincount(self._stratum, self._probability * np.exp(exponent))
        return exponent - np.log(mass)[self._stratum], np.log(mass)

    def mean_excess(self, tilt: Floats) -> Floats:
        """Return the mean excess loss of each policy."""
        active = np.flatnonzero(tilt)
        ratio, _ = self._log_ratio(self._excess[:, active] @ tilt[active])
        return np.asarray((self._probability * np.exp(ratio) * self._share[self._stratum]) @ self._excess)

    def nearest(self, wanted: Any) -> Floats:
        """Return the tilt of the distribution nearest to the truth under which all wanted policies lose the margin.

        No tilt if one of them never loses in the traffic.
        """
        tilt = np.zeros(len(wanted))
        if (self._excess[:, wanted].max(axis=0) <= 0).any():
            return tilt
        active: list[int] = []
        for _ in range(MAX_ACTIVE):
            mean = np.where(wanted, self.mean_excess(tilt), np.inf)
            worst = int(mean.argmin())
            if mean[worst] >= -SLACK:
                break
            if worst not in active:
                active.append(worst)
            fitted = self._fit(active, tilt[active])
            tilt = np.zeros(len(wanted))
            tilt[active] = fitted
            active = [at for at in active if tilt[at] > 0]
        return tilt

    def _fit(self, active: list[int], start: Floats) -> Floats:
        """Minimize the sum over strata of share times log norm, over tilts of at least 0: the dual of the least KL."""
        columns = self._excess[:, active]

        def dual(tilt: Floats) -> tuple[float, Floats]:
            ratio, norms = self._log_ratio(columns @ tilt)
            q = self._probability * np.exp(ratio) * self._share[self._stratum]
            return float(self._share @ norms), q @ columns

        found = optimize.minimize(
            dual, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(active),
            options={"ftol": 1e-16, "gtol": SLACK / 10, "maxiter": 500},
        )  # fmt: skip
        return np.asarray(found.x)

    def log_ratios(self, tilts: list[Floats], samples: int) -> Floats:
        """Return log(dQ/dP) of samples from the truth, shape (samples, tilts)."""
        singles = np.stack(
            [self._log_ratio(self._excess[:, tilt > 0] @ tilt[tilt > 0])[0] for tilt in tilts], axis=1
        )
        rng = np.random.default_rng(1)
        sums = np.zeros((samples, len(tilts)))
        for one, count in enumerate(self._counts):
            here = np.flatnonzero(self._stratum == one)
            p = self._probability[here] / self._probability[here].sum()
            if len(here) < 4 * count:
                sums += rng.multinomial(int(count), p, samples) @ singles[here]
                continue
            upto = np.cumsum(p)
            for at in range(samples):
                drawn = np.minimum(np.searchsorted(upto, rng.random(int(count))), len(here) - 1)
                sums[at] += singles[here[drawn]].sum(axis=0)
        return sums

"""Bradley-Terry strengths from comparisons by maximum likelihood, on the Elo scale and corrected for covariates.

Bradley and Terry, Biometrika 39 (1952) 324: the log-odds that one player beats another is the difference of
their strengths. Covariates of a comparison (how much longer one answer was) are further terms of the same logistic
regression, so that strengths apply at equal style (Chiang and others, arXiv 2403.04132).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import special

from gapbench.stats.bootstrap import SEED
from gapbench.stats.proportions import Floats, Ints

ELO_PER_LOGIT = 400 / math.log(10)
"""Elo points per unit of log-odds: 400 points are odds of ten to one."""
ELO_CENTRE = 1_000.0
_STEPS = 100
_TOLERANCE = 1e-12
_RESAMPLE_RIDGE = 1e-3
"""Keeps the estimates of a resample finite if a player never loses in it, or a covariate predicts every winner."""


class Strengths(NamedTuple):
    """Fitted strengths, one for each player, and the effect of each covariate.

    Attributes:
        logits: Strengths in log-odds; their mean is zero.
        elo: Strengths on the Elo scale; their mean is 1,000. Only differences are meaningful, levels are not.
        elo_low: Lower bounds of the 95 % intervals of ``elo``. None without resamples.
        elo_high: Upper bounds.
        standard_errors: Of ``logits``, from the information matrix. Valid only for independent comparisons.
        effects: Log-odds for one unit of each covariate.
        effects_low: Lower bounds of the 95 % intervals of ``effects``. None without resamples.
        effects_high: Upper bounds.
        draws: Resampled ``elo``, shape (resamples, players), for intervals of differences. None without resamples.
    """

    logits: Floats
    elo: Floats
    elo_low: Floats | None
    elo_high: Floats | None
    standard_errors: Floats
    effects: Floats
    effects_low: Floats | None
    effects_high: Floats | None
    draws: Floats | None

    def win_rate(self, first: int, second: int) -> float:
        """Return the expected share of comparisons that player ``first`` wins, ties as half."""
        return elo_win_rate(float(self.elo[first] - self.elo[second]))

    def gap_interval(self, first: int, second: int) -> tuple[float, float] | None:
        """Return the 95 % interval of ``first`` minus ``second`` in Elo, or None without resamples."""
        if self.draws is None:
            return None
        low, high = np.quantile(self.draws[:, first] - self.draws[:, second], [0.025, 0.975])
        return float(low), float(high)


def elo_win_rate(gap: float) -> float:
    """Return the expected share of wins of a player who is ``gap`` Elo points ahead.

    Elo, The Rating of Chessplayers (1978): 1 / (1 + 10^(-gap / 400)).
    """
    return float(special.expit(gap / ELO_PER_LOGIT))


def bradley_terry(
    first: Ints,
    second: Ints,
    outcome: Floats,
    players: int,
    *,
    covariates: Floats | None = None,
    clusters: Ints | None = None,
    ridge: float = 0.0,
    resamples: int = 0,
    seed: int = SEED,
) -> Strengths:
    """Return the maximum likelihood strengths.

    Args:
        first: Code of the player shown first in each comparison, 0 to ``players`` - 1.
        second: Code of the other player.
        outcome: 1 if the first won, 0 if the second won, 0.5 for a tie (half a win each).
        players: Number of players.
        covariates: First minus second, one row for each comparison. A constant column of ones is the advantage of being
            shown first. None means no covariates.
        clusters: Cluster code of each comparison; comparisons of one cluster, such as those over one prompt, are
            resampled together. None means that each is its own cluster.
        ridge: Penalty on squared strengths. Above 0 a finite solution always exists, pulled towards equal strengths.
        resamples: Bootstrap draws for the intervals. 0 means no intervals.
        seed: Seed of the draws.

    Raises:
        ValueError: The arrays differ in length, or no finite maximum exists because some players never lost to, or
            never met, the others (Ford, Am. Math. Mon. 64 (1957) 28).
    """
    n = len(first)
    extra = np.empty((n, 0)) if covariates is None else np.asarray(covariates, dtype=np.float64)
    if n == 0 or len(second) != n or len(outcome) != n or len(extra) != n:
        msg = f"comparisons need arrays of equal length: {n} first, {len(second)} second, {len(outcome)} outcomes"
        raise ValueError(msg)
    if ridge <= 0:
        unconnected = _unconnected_players(first, second, outcome, players)
        if unconnected:
            msg = (
                f"players {unconnected} never lost to, or never met, the others, so their strengths have no "
                "finite value; add comparisons, or a ridge above 0"
            )
            raise ValueError(msg)
    design = np.zeros((n, players))
    rows = np.arange(n)
    np.add.at(design, (rows, first), 1.0)
    np.add.at(design, (rows, second), -1.0)
    whole = np.concatenate([design, extra, outcome[:, None]], axis=1)
    kinds, of_kind = np.unique(whole, axis=0, return_inverse=True)
    of_kind = of_kind.ravel()
    x, y = kinds[:, :-1], kinds[:, -1]
    weights = np.bincount(of_kind, minlength=len(kinds)).astype(np.float64)
    penalty = np.repeat([ridge, 0.0], [players, extra.shape[1]])
    found, covariance = _fit(x, y, weights, players, penalty)
    errors = np.sqrt(np.maximum(np.diag(covariance)[:players], 0.0))
    logits, effects = found[:players], found[players:]
    elo = ELO_CENTRE + ELO_PER_LOGIT * logits
    if resamples <= 0:
        return Strengths(logits, elo, None, None, errors, effects, None, None, None)
    resample_penalty = np.maximum(penalty, _RESAMPLE_RIDGE)
    estimates = _resample_fits(x, y, of_kind, clusters, players, resample_penalty, found, resamples, seed)
    draws = ELO_CENTRE + ELO_PER_LOGIT * estimates[:, :players]
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    effects_low, effects_high = np.quantile(estimates[:, players:], [0.025, 0.975], axis=0)
    return Strengths(logits, elo, low, high, errors, effects, effects_low, effects_high, draws)


def _fit(
    x: Floats, y: Floats, weights: Floats, players: int, penalty: Floats, start: Floats | None = None
) -> tuple[Floats, Floats]:
    """Return the estimates (strengths sum to zero) and their covariance, by Newton's method with step halving."""
    width = x.shape[1]
    beta = np.zeros(width) if start is None else start.copy()
    # Strengths are determined up to a constant. Fix their sum with a term that is zero at the solution.
    level = np.zeros((width, width))
    level[:players, :players] = weights.sum() / players**2

    def loss(at: Floats) -> float:
        eta = x @ at
        fit = float((weights * (np.logaddexp(0, eta) - y * eta)).sum())
        return fit + float((penalty * at * at).sum() / 2 + at @ level @ at / 2)

    old_loss = loss(beta)
    for _ in range(_STEPS):
        p = special.expit(x @ beta)
        gradient = x.T @ (weights * (p - y)) + penalty * beta + level @ beta
        hessian = (x.T * (weights * p * (1 - p))) @ x + np.diag(penalty) + level
        step = _solve(hessian, gradient)
        size = 1.0
        new_loss = loss(beta - step)
        while new_loss > old_loss + 1e-12 * abs(old_loss) and size > 1e-6:
            size /= 2
            new_loss = loss(beta - size * step)
        beta = beta - size * step
        old_loss = new_loss
        if np.abs(step).max() * size < _TOLERANCE:
            break
    p = special.expit(x @ beta)
    hessian = (x.T * (weights * p * (1 - p))) @ x + np.diag(penalty) + level
    beta[:players] -= beta[:players].mean()
    covariance = np.linalg.pinv(hessian)
    # The fixed constant must not add to the variance of strengths whose mean is zero.
    centre = np.eye(width)
    centre[:players, :players] -= 1 / players
    return beta, centre @ covariance @ centre.T


def _solve(hessian: Floats, gradient: Floats) -> Floats:
    """Return the Newton step, by least squares if the Hessian is singular because a covariate never varies."""
    try:
        return np.asarray(np.linalg.solve(hessian, gradient))
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.lstsq(hessian, gradient, rcond=None)[0])


def _resample_fits(
    x: Floats,
    y: Floats,
    of_kind: Ints,
    clusters: Ints | None,
    players: int,
    penalty: Floats,
    start: Floats,
    resamples: int,
    seed: int,
) -> Floats:
    """Return the estimates of each draw of whole clusters."""
    rng = np.random.default_rng(seed)
    n, kinds = len(of_kind), len(x)
    out = np.empty((resamples, x.shape[1]))
    if clusters is None:
        counts = np.bincount(of_kind, minlength=kinds)
        draw_weights = rng.multinomial(n, counts / n, size=resamples).astype(np.float64)
    else:
        _, codes = np.unique(clusters, return_inverse=True)
        groups = int(codes.max()) + 1
        times = rng.multinomial(groups, np.full(groups, 1 / groups), size=resamples)
        draw_weights = np.stack([np.bincount(of_kind, weights=row[codes], minlength=kinds) for row in times])
    for number, weights in enumerate(draw_weights):
        used = weights > 0
        out[number] = _fit(x[used], y[used], weights[used], players, penalty, start)[0]
    return out


def _unconnected_players(first: Ints, second: Ints, outcome: Floats, players: int) -> Sequence[int]:
    """Return the players outside the largest group in which every player is connected to every other by wins."""
    wins = np.zeros((players, players), dtype=bool)
    wins[first[outcome > 0], second[outcome > 0]] = True
    wins[second[outcome < 1], first[outcome < 1]] = True
    reach = wins | np.eye(players, dtype=bool)
    for _ in range(max(1, math.ceil(math.log2(max(players, 2))))):
        reach = (reach.astype(np.int64) @ reach.astype(np.int64)) > 0
    mutual = reach & reach.T
    largest = int(mutual.sum(axis=1).argmax())
    return [int(player) for player in np.flatnonzero(~mutual[largest])]

"""Which rules a guarantee tests, and in which order, so that the expected savings of the last one that passes are largest.

Tests are made in the order of savings, up to the first that fails (Learn then Test, arXiv 2110.01052). A rule that saves little is
worth its place only if it passes far more surely than the next. So the outcomes of all tests are simulated together, from the
clusters that learn: the Bayesian bootstrap (Rubin, Ann. Stat. 9 (1981) 130) draws a traffic that they could come from, and that
traffic draws the clusters that test. Any order is valid; a poor one only saves less.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from gapbench.stats import Floats, Ints

DRAWS = 128
"""Traffics that are simulated."""
UNSEEN_LOSSES = 0.2
"""Lost clusters that are added to those seen in each group: a group without a loss may have some."""
_SOFT = 0.3
"""Spread of a test's outcome beyond what is simulated, in standard errors."""
_LEAST_CHANCE = 1e-12


@dataclass(frozen=True)
class LearntClusters:
    """What the clusters that learn say of the rules.

    Attributes:
        count: Number of clusters. They may be added up in blocks.
        gains: Margin times weight, minus weight times loss, of each block under each rule; shape (blocks, rules).
        worst: The same of a mean cluster of the block, if each open answer that a rule uses were wrong.
        unseen: Lost clusters to add, for each block and each way to group tasks; shape (ways, blocks).
        way: The way of each rule.
        least_square: Least mean square of each rule's gains if its loss were at the margin.
        largest_loss: Largest weighted loss that a cluster could have under each rule.
    """

    count: int
    gains: Floats
    worst: Floats
    unseen: Floats
    way: Ints
    least_square: Floats
    largest_loss: Floats


def simulate_tests(learnt: LearntClusters, tested: int, confidence: float, seed: int) -> Floats:
    """Return the chance that each rule passes in each of several simulated traffics, shape (draws, rules).

    The test is taken for a normal one, of which no rule without a loss passes that the game would not let pass: that takes a sum
    of gains of log(1/level) times the largest loss of a cluster.

    Args:
        learnt: The clusters that learn.
        tested: Number of clusters that test.
        confidence: One minus the level of a test.
        seed: Seed of the simulation.
    """
    rng = np.random.default_rng(seed)
    blocks, rate = len(learnt.gains), tested / learnt.count
    seen = rng.poisson(rate * rng.standard_exponential((DRAWS, blocks))).astype(np.float64)
    total = seen @ learnt.gains
    square = seen @ learnt.gains**2
    for way, mass in enumerate(learnt.unseen):
        rules = np.flatnonzero(learnt.way == way)
        more = rng.poisson(rate * rng.standard_gamma(mass, (DRAWS, blocks))).astype(np.float64)
        total[:, rules] += more @ learnt.worst[:, rules]
        square[:, rules] += more @ learnt.worst[:, rules] ** 2
    needed = float(special.ndtri(confidence))
    error = np.sqrt(np.maximum(square, tested * learnt.least_square))
    error = np.maximum(error, -math.log1p(-confidence) * learnt.largest_loss / max(needed, 0.5))
    chance = special.ndtr((total / np.maximum(error, 1e-300) - needed) / _SOFT)
    return np.asarray(np.maximum(chance, _LEAST_CHANCE))


def order_of_tests(chance: Floats, saved: Floats, *, limit: int) -> list[int]:
    """Return the rules to test, in order.

    A set of rules is tested in the order of savings. Rules are added to the set and left out of it again, one at a time, as long
    as the expected savings grow.

    Args:
        chance: Chance that each rule passes in each simulated traffic, shape (draws, rules).
        saved: Predicted savings of each rule; rules that save nothing are left out.
        limit: Largest number of rules to test.
    """
    order = np.argsort(saved, kind="stable")
    order = order[saved[order] > 0]
    chances, savings = chance[:, order], saved[order]
    chosen: list[int] = []
    value = 0.0
    for _ in range(4 * limit):
        values = _values_with(chances, savings, chosen) if len(chosen) < limit else np.zeros(0)
        best = int(values.argmax()) if len(values) else -1
        without = [_value(chances, savings, [at for at in chosen if at != one]) for one in chosen]
        if without and max(without) > value and (best < 0 or max(without) >= values[best]):
            value = max(without)
            chosen.remove(chosen[int(np.argmax(without))])
        elif best >= 0 and values[best] > value:
            value = float(values[best])
            chosen = sorted([*chosen, best])
        else:
            break
    return [int(order[at]) for at in chosen]


def _value(chances: Floats, savings: Floats, chosen: Sequence[int]) -> float:
    """Return the expected savings of a set: each rule that is reached and passes adds what it saves beyond the one before."""
    if not chosen:
        return 0.0
    reached = np.cumprod(chances[:, list(chosen)], axis=1).mean(axis=0)
    return float(reached @ np.diff(savings[list(chosen)], prepend=0.0))


def _values_with(chances: Floats, savings: Floats, chosen: Sequence[int]) -> Floats:
    """Return the expected savings of the set with each further rule in its place."""
    marks = np.array(chosen, dtype=np.int64)
    place = np.searchsorted(marks, np.arange(len(savings)))
    passed = np.concatenate([np.ones((len(chances), 1)), np.cumprod(chances[:, marks], axis=1)], axis=1)
    steps = np.diff(savings[marks], prepend=0.0)
    before = np.concatenate([[0.0], np.cumsum(passed[:, 1:].mean(axis=0) * steps)])
    # What is gained after a place, for each traffic that gets there.
    after = np.zeros((len(chances), len(marks) + 1))
    for at in range(len(marks) - 1, -1, -1):
        after[:, at] = chances[:, marks[at]] * (steps[at] + after[:, at + 1])
    base = np.concatenate([[0.0], savings[marks]])[place]
    # The rule saves more than the one before it; the one after it adds that much less.
    follows = np.append(chances[:, marks], np.zeros((len(chances), 1)), axis=1)[:, place]
    rise = savings - base
    gained = chances * (rise - follows * rise + after[:, place])
    values = before[place] + (passed[:, place] * gained).mean(axis=0)
    values[marks] = -math.inf
    return np.asarray(values)

"""The test that a loss is below a margin: its error rate, its power, and the least number of clusters."""

from __future__ import annotations

import numpy as np
import pytest

from gapbench.stats import Floats
from gapbench.stats.loss_test import MAX_STEPS, clusters_for_zero_losses, loss_evidence

MARGIN = 0.01


def evidence(
    losses: Floats,
    weights: Floats | None = None,
    *,
    heaviest: float = 1.0,
    largest_loss: Floats | None = None,
) -> Floats:
    """Return the evidence against each column of losses of clusters of one task, at most the heaviest of which could be lost."""
    weight = np.ones(len(losses)) if weights is None else weights
    largest = np.full(losses.shape[1], heaviest) if largest_loss is None else largest_loss
    # Losses of the largest kind that make up the margin: a chance of MARGIN times the mean weight over the largest.
    square = MARGIN * (1 - MARGIN) * float(weight.mean()) * largest
    return loss_evidence(
        losses * weight[:, np.newaxis], weight, MARGIN, largest_loss=largest,
        variance=square, variance_clusters=50, least_variance=square,
    )  # fmt: skip


def ternary(loss: float, win: float, *shape: int, seed: int = 3) -> Floats:
    """Return losses of 1, 0 and -1 with these shares of 1 and -1."""
    draw = np.random.default_rng(seed).random(shape)
    return np.where(draw < loss, 1.0, np.where(draw < loss + win, -1.0, 0.0))


@pytest.mark.parametrize(("loss", "win"), [(0.01, 0.0), (0.03, 0.02), (0.11, 0.10)])
def test_a_loss_at_the_margin_passes_in_at_most_one_of_twenty(loss: float, win: float) -> None:
    """2,000 samples of 600 tasks with a mean loss of exactly the margin; 5 % and two standard errors, 0.0097."""
    passed = evidence(ternary(loss, win, 600, 2_000)) >= 20

    assert passed.mean() <= 0.05 + 2 * (0.05 * 0.95 / 2_000) ** 0.5


def test_unequal_weights_that_follow_the_loss_do_not_raise_the_error() -> None:
    """Half of the clusters weigh 4 and lose 1.25 points, the others weigh 1 and gain nothing: 4 x 0.0125 / 5 = 0.01."""
    rng = np.random.default_rng(5)
    weight = np.where(np.arange(800) % 2 == 0, 4.0, 1.0)
    passed = []
    for _ in range(20):
        rng.shuffle(weight)
        losses = (rng.random((800, 100)) < np.where(weight == 4, 0.0125, 0.0)[:, np.newaxis]).astype(float)
        passed.append((evidence(losses, weight, heaviest=4.0) >= 20).mean())

    assert np.mean(passed) <= 0.06


def test_it_is_nearly_as_powerful_as_the_normal_test() -> None:
    """5 % lost and 5 % won, 9,000 tasks: se 0.316 / sqrt(9000) = 0.33 points, so the normal test passes in 91 %."""
    passed = evidence(ternary(0.05, 0.05, 9_000, 400)) >= 20

    assert passed.mean() > 0.85


def test_without_a_loss_a_few_hundred_tasks_are_enough_and_fewer_never_are() -> None:
    """0.99^299 = 0.0495 < 0.05 < 0.99^298."""
    least = clusters_for_zero_losses(MARGIN)

    assert 299 == least
    assert 20 == evidence(np.zeros((320, 1)))[0]
    assert evidence(np.zeros((least - 1, 1)))[0] < 20


def test_a_heavier_cluster_that_could_come_needs_more() -> None:
    """If one could weigh 4 times the mean, log(20) / log(1 + 0.01 / 0.99 / 4) = 1,187."""
    assert 1_188 == clusters_for_zero_losses(MARGIN, largest_loss=4.0)


def test_the_unit_of_the_weights_does_not_matter() -> None:
    """All weights and the heaviest times 7."""
    losses = ternary(0.01, 0.01, 500, 3)

    assert list(evidence(losses)) == pytest.approx(
        list(evidence(losses, np.full(500, 7.0), heaviest=7.0)), rel=1e-9
    )


def test_a_loss_of_everything_leaves_no_debt() -> None:
    """All tasks are lost: the capital falls to nothing, and the largest is that of the start."""
    assert 1 == evidence(np.ones((100, 1)))[0]


def test_many_clusters_are_played_together() -> None:
    """Twice as many as there are steps, and one more."""
    losses = ternary(0.01, 0.01, 2 * MAX_STEPS + 1, 2)

    assert [20, 20] == list(evidence(losses))


def test_what_a_policy_could_lose_decides_what_it_needs() -> None:
    """Every second cluster weighs 7, the others 1, the mean is 4.

    A policy that could lose only the light ones needs log(20) / log(1 + 0.01 / 0.99 / (1/4)) = 76 without a loss, one that could
    lose the heavy ones 521.
    """
    weight = np.tile([1.0, 7.0], 100)

    assert [76, 521] == [clusters_for_zero_losses(MARGIN, largest_loss=largest / 4) for largest in (1, 7)]
    found = evidence(np.zeros((200, 2)), weight, heaviest=7.0, largest_loss=np.array([1.0, 7.0]))
    assert 20 == found[0]
    assert found[1] < 20


@pytest.mark.parametrize("light", [0.5, 1.0, 2.0])
def test_a_policy_that_loses_light_clusters_alone_passes_in_at_most_one_of_twenty(light: float) -> None:
    """Half of the clusters weigh 4 and cannot be lost; the others lose as often as makes a loss of a point of all weight."""
    rng = np.random.default_rng(7)
    passed = []
    for _ in range(20):
        weight = rng.permutation(np.where(np.arange(600) % 2 == 0, 4.0, light))
        share = MARGIN * (4 + light) / light
        lost = (rng.random((600, 100)) < np.where(weight == light, share, 0.0)[:, np.newaxis]).astype(float)
        found = evidence(lost, weight, heaviest=4.0, largest_loss=np.full(100, light))
        passed.append((found >= 20).mean())

    assert np.mean(passed) <= 0.05 + 2 * (0.05 * 0.95 / 2_000) ** 0.5


@pytest.mark.parametrize(("weight", "largest"), [(2.0, 0.5), (0.5, 1.0)])
def test_a_loss_larger_than_planned_is_refused(weight: float, largest: float) -> None:
    """The bets would risk more than the capital."""
    with pytest.raises(ValueError, match="lost more than"):
        loss_evidence(
            np.ones((10, 1)), np.full(10, weight), MARGIN, largest_loss=np.array([largest]),
            variance=np.ones(1), variance_clusters=50, least_variance=np.ones(1),
        )  # fmt: skip

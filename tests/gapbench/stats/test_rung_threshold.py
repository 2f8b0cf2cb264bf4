"""The rung at which a model is right half of the time, its interval, the next rungs, and the gap of two models."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from gapbench.stats.rung_threshold import ThresholdPosterior, compare_thresholds

RUNGS = 12


def answered(right_up_to: float, per_rung: int = 10, rungs: int = RUNGS) -> ThresholdPosterior:
    """Return what a model's answers say that is right on every rung up to one, and never above."""
    posterior = ThresholdPosterior(rungs)
    for rung in range(1, rungs + 1):
        for _ in range(per_rung):
            posterior.record(rung, float(rung <= right_up_to))
    return posterior


def by_hand(answers: list[tuple[int, float]], rungs: int) -> float:
    """Return the threshold's posterior mean by summing over the grid in loops, for the default priors."""
    total = mean = 0.0
    for step in range((rungs + 1) * 10 + 1):
        threshold = step / 10
        for slope in np.geomspace(0.25, 6, 14):
            for lapse, prior in zip((0.0, 0.02, 0.05, 0.1, 0.2), (0.35, 0.3, 0.2, 0.1, 0.05), strict=True):
                weight = prior * np.exp(-((np.log(slope) - 0.1) ** 2) / (2 * 0.85**2))
                for rung, score in answers:
                    chance = (1 - lapse) / (1 + np.exp(slope * (rung - threshold)) * (0.5 - lapse) / 0.5)
                    weight *= chance**score * (1 - chance) ** (1 - score)
                total += weight
                mean += weight * threshold
    return float(mean / total)


def test_the_threshold_is_the_posterior_mean() -> None:
    """Against loops over the grid: right on 1 and 2, wrong on 3, half right on 4, of five rungs."""
    answers = [(1, 1.0), (2, 1.0), (3, 0.0), (4, 0.5)]
    posterior = ThresholdPosterior(5)
    for rung, score in answers:
        posterior.record(rung, score)

    assert by_hand(answers, 5) == pytest.approx(posterior.threshold().rung, abs=1e-6)


@pytest.mark.parametrize("last_right", [3, 6, 9])
def test_it_lies_between_the_last_right_and_the_first_wrong_rung(last_right: int) -> None:
    """Ten answers on each of twelve rungs; the interval is less than a rung and a half wide."""
    found = answered(last_right).threshold()

    assert last_right < found.rung < last_right + 1
    assert found.low is not None
    assert found.high is not None
    assert found.low < last_right + 0.5 < found.high
    assert found.high - found.low < 1.5
    assert found.answers == 120


def test_the_chance_at_the_threshold_is_one_half() -> None:
    """Right up to 6.5: the fitted curve crosses 1/2 between rungs 6 and 7."""
    chances = answered(6).chances()

    assert chances == sorted(chances, reverse=True)
    assert chances[5] > 0.5 > chances[6]


def test_no_bound_where_a_model_is_beyond_the_ladder() -> None:
    """All right: no upper end; all wrong: no lower end; and both are settled, since nothing harder or easier is left."""
    strong, weak = answered(RUNGS), answered(0)

    assert (strong.threshold().high, weak.threshold().low) == (None, None)
    assert strong.is_settled(0.1)
    assert weak.is_settled(0.1)


def test_without_answers_nothing_is_known() -> None:
    """The interval has no bound on either side, or reaches nearly over the whole ladder."""
    fresh = ThresholdPosterior(RUNGS)
    found = fresh.threshold()

    assert found.low is None
    assert found.high is None
    assert not fresh.is_settled(RUNGS - 1)


def test_the_first_questions_are_spread_over_the_ladder() -> None:
    """Four of twelve rungs: the middles of its quarters."""
    assert [2, 5, 8, 11] == ThresholdPosterior(RUNGS).next_rungs(4)


def test_later_questions_gather_around_the_threshold() -> None:
    """After 120 answers with the change between 6 and 7, the next eight are on rungs 5 to 8."""
    assert set(answered(6).next_rungs(8)) <= {5, 6, 7, 8}


def test_a_rung_without_questions_left_is_not_chosen() -> None:
    """One question is left on rung 6 and two on rung 9: three are chosen in all."""
    assert Counter({9: 2, 6: 1}) == Counter(answered(6).next_rungs(8, {6: 1, 9: 2}))


def test_partial_credit_counts_in_proportion() -> None:
    """Two half-right answers say what one right and one wrong say."""
    halves, whole = ThresholdPosterior(5), ThresholdPosterior(5)
    for score in (0.5, 0.5):
        halves.record(3, score)
    for score in (1.0, 0.0):
        whole.record(3, score)

    assert halves.threshold().rung == pytest.approx(whole.threshold().rung)


def test_influences_are_what_leaving_an_answer_out_changes() -> None:
    """To first order: of 120 answers each one's influence is near the change of the mean without it."""
    posterior = answered(6)
    full, influences = posterior.threshold().rung, posterior.influences()
    without = ThresholdPosterior(RUNGS)
    for rung in range(1, RUNGS + 1):
        for place in range(10):
            if (rung, place) != (7, 0):
                without.record(rung, float(rung <= 6))

    assert full - without.threshold().rung == pytest.approx(influences[60], rel=0.2)


def test_the_gap_of_equal_models_is_zero_and_its_interval_holds_it() -> None:
    """Both right up to 6: the gap is 0, and the interval is the two intervals at right angles."""
    one, two = answered(6), answered(6)
    gap, alone = compare_thresholds(one, two, []), one.threshold()
    assert alone.low is not None
    assert alone.high is not None
    expected = np.hypot(alone.rung - alone.low, alone.high - alone.rung)

    assert gap.rungs == 0
    assert gap.low == pytest.approx(-expected)
    assert gap.high == pytest.approx(expected)


def test_shared_questions_make_the_interval_narrower() -> None:
    """The same 120 questions, answered alike: correlation 1, shrunk by 120 / (120 + 20)."""
    places = [(place, place) for place in range(120)]
    one, two = answered(6), answered(6)
    paired, alone = compare_thresholds(one, two, places), compare_thresholds(one, two, [])

    assert paired.correlation == pytest.approx(120 / 140)
    assert paired.high is not None
    assert alone.high is not None
    assert paired.high < alone.high / 2


def test_the_gap_has_no_bound_where_a_model_has_none() -> None:
    """The closed model is above the ladder: the gap is at least so much."""
    gap = compare_thresholds(answered(RUNGS), answered(4), [])

    assert gap.high is None
    assert gap.low is not None
    assert gap.low > 6

"""Bradley-Terry against a published example, statsmodels, and arithmetic by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm

from gapbench.stats import Floats, Ints, Strengths, bradley_terry, elo_win_rate

# Agresti, Categorical Data Analysis (2002), table 10.10: American League 1987, wins of row over column.
TEAMS = ("Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore")
WINS = (
    (0, 7, 9, 7, 7, 9, 11),
    (6, 0, 7, 5, 11, 9, 9),
    (4, 6, 0, 7, 7, 8, 12),
    (6, 8, 6, 0, 6, 7, 10),
    (6, 2, 6, 7, 0, 7, 12),
    (4, 4, 5, 6, 6, 0, 6),
    (2, 4, 1, 3, 1, 7, 0),
)


def games() -> tuple[Ints, Ints]:
    """Return winner and loser of each game."""
    pairs = [(i, j) for i, row in enumerate(WINS) for j, wins in enumerate(row) for _ in range(wins)]
    winner, loser = np.array(pairs).T
    return winner, loser


def league(resamples: int = 0) -> Strengths:
    winner, loser = games()
    return bradley_terry(winner, loser, np.ones(len(winner)), len(TEAMS), resamples=resamples)


def battles(n: int = 2_000, players: int = 4) -> tuple[Ints, Ints, Floats, Floats]:
    """Return battles of players half a logit apart, where a style is worth 0.7 logits, with ties."""
    rng = np.random.default_rng(3)
    first = rng.integers(0, players, n)
    second = (first + rng.integers(1, players, n)) % players
    style = rng.normal(size=n)
    odds = 0.5 * (first - second) + 0.7 * style
    outcome = (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(float)
    outcome[rng.random(n) < 0.1] = 0.5
    return first, second, outcome, style[:, None]


def test_the_american_league_of_1987() -> None:
    """Agresti's estimates, with Baltimore at 0: 1.581, 1.436, 1.294, 1.248, 1.108, 0.684."""
    found = league().logits - league().logits[-1]

    assert found.round(3).tolist() == [1.581, 1.436, 1.294, 1.248, 1.108, 0.684, 0.0]


def test_a_fit_is_statsmodels_to_a_millionth() -> None:
    """The logistic regression of statsmodels on the same design gives the same strengths and effect."""
    first, second, outcome, style = battles()
    design = np.zeros((len(first), 4))
    design[np.arange(len(first)), first] += 1
    design[np.arange(len(first)), second] -= 1
    peer = sm.GLM(outcome, np.hstack([design[:, 1:], style]), family=sm.families.Binomial()).fit(tol=1e-14)

    found = bradley_terry(first, second, outcome, 4, covariates=style)

    assert (found.logits[1:] - found.logits[0]).tolist() == pytest.approx(peer.params[:3].tolist(), abs=1e-6)
    assert found.effects.tolist() == pytest.approx(peer.params[3:].tolist(), abs=1e-6)


def test_standard_errors_are_statsmodels() -> None:
    """The error of each contrast to the mean follows from statsmodels' covariance."""
    first, second, outcome, _ = battles()
    design = np.zeros((len(first), 4))
    design[np.arange(len(first)), first] += 1
    design[np.arange(len(first)), second] -= 1
    peer = sm.GLM(outcome, design[:, 1:], family=sm.families.Binomial()).fit(tol=1e-14)
    whole = np.zeros((4, 4))
    whole[1:, 1:] = peer.cov_params()
    centre = np.eye(4) - 0.25
    expected = np.sqrt(np.diag(centre @ whole @ centre.T))

    errors = bradley_terry(first, second, outcome, 4).standard_errors

    assert errors.tolist() == pytest.approx(expected.tolist(), abs=1e-6)


def test_two_players_by_hand() -> None:
    """Three wins to one are odds of three: 400 log10(3) = 190.85 Elo, a win rate of 0.75."""
    found = bradley_terry(np.zeros(4, dtype=int), np.ones(4, dtype=int), np.array([1.0, 1, 1, 0]), 2)

    assert found.elo[0] - found.elo[1] == pytest.approx(400 * math.log10(3), abs=1e-6)
    assert found.win_rate(0, 1) == pytest.approx(0.75, abs=1e-9)


def test_a_tie_is_half_a_win_each() -> None:
    """Ties alone say that two players are alike."""
    found = bradley_terry(np.zeros(6, dtype=int), np.ones(6, dtype=int), np.full(6, 0.5), 2)

    assert found.logits.tolist() == pytest.approx([0, 0], abs=1e-9)


def test_elo_is_centred_at_a_thousand() -> None:
    """Levels are a convention; ours is a mean of 1,000."""
    assert league().elo.mean() == pytest.approx(1000)


@pytest.mark.parametrize(("gap", "expected"), [(0, 0.5), (25, 0.536), (150, 0.703), (400, 10 / 11)])
def test_an_elo_gap_as_win_rate(gap: float, expected: float) -> None:
    """25 points are 53.6 %, 150 are 70.3 %, 400 are ten to one."""
    assert elo_win_rate(gap) == pytest.approx(expected, abs=5e-4)


def test_intervals_have_the_width_of_the_standard_error() -> None:
    """Resampled bounds of the league are within a quarter of 1.96 standard errors on each side."""
    found = league(resamples=400)
    assert found.elo_low is not None
    assert found.elo_high is not None
    half = (found.elo_high - found.elo_low) / 2
    expected = 1.96 * found.standard_errors * 400 / math.log(10)

    assert (np.abs(half / expected - 1) < 0.25).all()


def test_a_gap_has_an_interval_of_its_own() -> None:
    """Milwaukee is ahead of Baltimore beyond doubt, and not of Detroit."""
    found = league(resamples=200)
    far, near = found.gap_interval(0, 6), found.gap_interval(0, 1)

    assert far is not None
    assert far[0] > 0
    assert near is not None
    assert near[0] < 0 < near[1]


def test_comparisons_of_one_prompt_are_drawn_together() -> None:
    """Every battle told five times over is no more battles: clustered bounds are about sqrt(5) wider."""
    first, second, outcome, _ = battles(300)
    ones, others = np.repeat(first, 5), np.repeat(second, 5)
    alone = bradley_terry(ones, others, np.repeat(outcome, 5), 4, resamples=200)
    together = bradley_terry(
        ones, others, np.repeat(outcome, 5), 4, clusters=np.repeat(np.arange(300), 5), resamples=200
    )
    assert alone.draws is not None
    assert together.draws is not None
    ratio = together.draws.std(axis=0).mean() / alone.draws.std(axis=0).mean()

    assert 1.8 < ratio < 2.7


def test_style_is_taken_out() -> None:
    """A player who is only longer looks stronger until length is a covariate."""
    rng = np.random.default_rng(9)
    n = 4_000
    first = rng.integers(0, 2, n)
    longer = np.where(first == 0, 1.0, -1.0) + 0.5 * rng.normal(size=n)
    outcome = (rng.random(n) < 1 / (1 + np.exp(-0.8 * longer))).astype(float)

    plain = bradley_terry(first, 1 - first, outcome, 2)
    fair = bradley_terry(first, 1 - first, outcome, 2, covariates=longer[:, None])

    assert plain.elo[0] - plain.elo[1] > 100
    assert abs(fair.elo[0] - fair.elo[1]) < 50
    assert fair.effects[0] == pytest.approx(0.8, abs=0.15)


def test_a_player_who_never_lost_has_no_strength() -> None:
    """Without a bound there is an error that names the player, or a ridge."""
    winner, loser = np.array([0, 1, 2, 1]), np.array([1, 2, 1, 2])

    with pytest.raises(ValueError, match=r"players \[0\] never lost"):
        bradley_terry(winner, loser, np.ones(4), 3)
    assert bradley_terry(winner, loser, np.ones(4), 3, ridge=0.1).logits.argmax() == 0


def test_columns_of_different_length_are_refused() -> None:
    """A battle has a first, a second and an outcome."""
    with pytest.raises(ValueError, match="2 first, 1 second, 2 outcomes"):
        bradley_terry(np.array([0, 1]), np.array([1]), np.ones(2), 2)


def test_a_style_that_tells_every_winner_leaves_numbers_finite() -> None:
    """Who is longer wins every time: no overflow, and the draws are held to a finite effect."""
    first, second = np.array([0, 1, 0, 1]), np.array([1, 0, 1, 0])
    length = np.array([[0.001], [-0.3], [-0.3], [0.001]])
    found = bradley_terry(first, second, np.array([1.0, 0, 0, 1]), 2, covariates=length, resamples=50)

    assert found.effects_high is not None
    assert np.abs(found.effects_high).max() < np.abs(found.effects).max()


def test_a_gap_beyond_every_power_of_ten_is_a_sure_win() -> None:
    """10^(-gap / 400) has no float at a million Elo; the win rate does."""
    assert (elo_win_rate(-1e6), elo_win_rate(1e6)) == (0.0, 1.0)

"""What a run says about a claim: whether it could have detected it, and whether its interval holds it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gapbench.analysis.article.article import check_article
from gapbench.analysis.article.claim_power import check_against_run, describe
from gapbench.stats.power import required_pairs

Make = Callable[..., Path]
Answers = Callable[..., Any]


def measured(**changes: Any) -> dict[str, Any]:
    """Return 400 independent pairs with a discordance of .2 and no gap: a standard error of 2.236 points."""
    given = {
        "n_pairs": 400, "n_clusters": 400, "standard_error": math.sqrt(0.2 / 400) * 100, "ci_low": -4.4, "ci_high": 4.4,
    }  # fmt: skip
    return {**given, **changes}


def test_400_pairs_could_not_have_detected_5_8_points() -> None:
    """They detect 2.8016 x 2.236 = 6.3 points; 5.8 needs 467. The claim lies outside -4.4 to 4.4."""
    found = check_against_run(5.8, measured())

    assert (467, False, False) == (
        found["pairs_needed"], found["could_detect"], found["claim_in_interval"],
    )  # fmt: skip
    assert 6.3 == round(found["detectable_points"], 1)


def test_500_pairs_could() -> None:
    """And the claim of 3.2 points lies in the interval."""
    found = check_against_run(5.8, measured(n_pairs=500, standard_error=math.sqrt(0.2 / 500) * 100))

    assert found["could_detect"] is True
    assert check_against_run(3.2, measured())["claim_in_interval"] is True


def test_an_unknown_spread_is_unknown() -> None:
    """No pairs, or pairs that all agree."""
    nothing = measured(standard_error=None, ci_low=None, ci_high=None)

    assert {None} == set(check_against_run(3.2, nothing).values())
    assert check_against_run(3.2, measured(standard_error=0.0))["could_detect"] is None
    assert "" == describe(3.2, {**nothing, **check_against_run(3.2, nothing)})


@pytest.mark.parametrize("claim", [3.2, 4.1, 5.8])
def test_a_sentence_says_both(claim: float) -> None:
    """With the pairs that the claim needs."""
    mine = measured()
    text = describe(claim, {**mine, **check_against_run(claim, mine)})

    assert (
        f"could not have detected {claim:g}, which needs about {math.ceil(required_pairs(claim / 100, 0.2) or 0):,}"
        in text
    )
    assert ("inside" if claim <= 4.4 else "outside") in text


def test_the_article_checks_its_claims_against_a_run(make_run: Make, answers: Answers) -> None:
    """100 pairs with a gap of 30 points detect the claim of 2026 only if it is large; the JSON has it all."""
    found = check_article([make_run([*answers("closed-a", 90, 100), *answers("open-b", 60, 100)])])
    row = next(row for row in found.rows if (row.claim.category, row.claim.year) == ("reasoning", 2026))
    shown = row.to_json()

    assert row.measured is not None
    assert shown["measured"]["could_detect"] is False
    assert shown["measured"]["pairs_needed"] > 100
    assert shown["measured"]["claim_in_interval"] is False
    assert shown["pairs_needed"] == math.ceil(required_pairs(row.claim.claim / 100, 0.2) or 0)


def test_the_articles_claims_of_2026_need_many_pairs() -> None:
    """3.2, 4.1 and 5.8 points need 1,533, 934 and 467 pairs a category; an Elo gap has no number of pairs."""
    rows = [row.to_json() for row in check_article().rows]
    needed = {row["claim"]: row["pairs_needed"] for row in rows if row["year"] == 2026}

    assert (1_533, 934, 467) == (needed[3.2], needed[4.1], needed[5.8])
    assert all(row["pairs_needed"] is None for row in rows if row["unit"] == "elo")

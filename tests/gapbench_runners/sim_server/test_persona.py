"""A persona's true skill, speed and faults are what it was told, and no order of arrival changes a draw."""

from __future__ import annotations

import math
import statistics
from typing import Any

import pytest
from scipy.stats import multivariate_normal

from gapbench.errors import InputError
from gapbench_runners.sim_server.persona import FAULT_KINDS, Persona

PROMPTS = [f"prompt-{number}" for number in range(4_000)]


def bound(share: float, count: int = len(PROMPTS)) -> float:
    """Return three standard errors of a share."""
    return 3 * math.sqrt(share * (1 - share) / count)


def right(persona: Persona, category: str = "coding", nth: int = 0) -> list[bool]:
    return [persona.is_right(prompt, category, nth) for prompt in PROMPTS]


@pytest.mark.parametrize(("category", "skill"), [("coding", 0.8), ("reasoning", 0.55), ("other", 0.3)])
def test_the_share_of_right_answers_is_the_skill(category: str, skill: float) -> None:
    """4,000 prompts, within three standard errors; a category of no skill has the default's."""
    persona = Persona.from_mapping({"seed": 3, "skill": {"coding": 0.8, "reasoning": 0.55, "default": 0.3}})

    assert abs(statistics.fmean(right(persona, category)) - skill) < bound(skill)


def test_skills_of_nothing_and_all_are_kept_exactly() -> None:
    """0 is never right, 1 always."""
    assert [sum(right(Persona.from_mapping({"skill": skill}))) for skill in (0, 1)] == [0, len(PROMPTS)]


@pytest.mark.parametrize("rho", [0.0, 0.5, 1.0])
def test_two_personas_find_the_same_prompts_hard(rho: float) -> None:
    """Both are right as often as two normals of correlation rho are both below their quantiles."""
    one, two = (Persona.from_mapping({"seed": seed, "skill": 0.7, "rho": rho}) for seed in (1, 2))
    quantile = statistics.NormalDist().inv_cdf(0.7)
    covariance = [[1.0, rho], [rho, 1.0]]
    expected = float(multivariate_normal.cdf([quantile] * 2, cov=covariance, allow_singular=True))

    both = statistics.fmean(a and b for a, b in zip(right(one), right(two), strict=True))

    assert abs(both - expected) < bound(expected)


def test_a_repeat_is_a_new_draw_of_the_same_skill() -> None:
    """Asked again, some answers change and the share does not."""
    persona = Persona.from_mapping({"skill": 0.7})
    first, second = right(persona), right(persona, nth=1)

    assert first != second
    assert abs(statistics.fmean(second) - 0.7) < bound(0.7)


def test_faults_come_in_their_shares() -> None:
    """Six kinds at once, each with exactly its share: one draw decides."""
    shares = dict(zip(FAULT_KINDS, (0.2, 0.1, 0.15, 0.05, 0.1, 0.3), strict=True))
    persona = Persona.from_mapping({"faults": shares})
    drawn = [persona.fault(prompt, 0) for prompt in PROMPTS]

    assert {
        kind: True for kind, share in shares.items() if abs(drawn.count(kind) / 4_000 - share) < bound(share)
    } == dict.fromkeys(shares, True)


def test_times_spread_around_their_medians() -> None:
    """Half of the first tokens come before the median; without spread all come at it."""
    spread, exact = (
        Persona.from_mapping({"ttft_s": 0.2, "ttft_sigma": 0.5}),
        Persona.from_mapping({"ttft_s": 0.2, "ttft_sigma": 0}),
    )
    early = statistics.fmean(spread.first_token_s(prompt, 0) < 0.2 for prompt in PROMPTS)

    assert abs(early - 0.5) < bound(0.5)
    assert {exact.first_token_s(prompt, 0) for prompt in PROMPTS} == {0.2}


def test_gaps_are_even_unless_told_to_spread() -> None:
    """The median of spread gaps is the gap."""
    even = Persona.from_mapping({"gap_s": 0.01}).gaps_s("p", 0, 5)
    spread = Persona.from_mapping({"gap_s": 0.01, "gap_sigma": 0.4}).gaps_s("p", 0, 4_000)

    assert even == [0.01] * 5
    assert abs(statistics.fmean(gap < 0.01 for gap in spread) - 0.5) < bound(0.5)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"skil": 0.8}, "sim.skil: unknown key; did you mean 'skill'? known keys: seed, skill, half_at_rung"),
        (
            {"faults": {"cuts": 0.1}},
            "sim.faults.cuts: unknown key; did you mean 'cut'? known keys: rate_limit",
        ),
        ({"skill": {"coding": 1.2}}, "sim.skill.coding: found 1.2; expected a share from 0 to 1"),
        ({"skill": True}, "sim.skill.default: found True; expected a share"),
        ({"ttft_s": "fast"}, "sim.ttft_s: found 'fast'; expected a number of at least 0"),
        ({"gap_s": float("nan")}, "sim.gap_s: found nan; expected a number"),
        ({"tokens_per_chunk": 0}, "sim.tokens_per_chunk: found 0; expected a whole number of at least 1"),
        ({"capacity": 4}, "sim.capacity: found 4; expected a mapping"),
        ({"capacity": {"streams": 1.5}}, "sim.capacity.streams: found 1.5; expected a whole number"),
        ({"reasoning": {"shown": "partly"}}, "found 'partly'; expected verbatim, summary, hidden"),
        ({"faults": {"cut": 0.6, "garbage": 0.6}}, "sim.faults: the shares add up to 1.2; lower them"),
    ],
)
def test_a_wrong_setting_is_named_with_what_would_do(given: dict[str, Any], said: str) -> None:
    """Key path, what was found, what is known."""
    with pytest.raises(InputError) as caught:
        Persona.from_mapping(given)

    assert said in str(caught.value)

"""The bound of an episode: every turn sends what all turns before added."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from gapbench.execution.cost_bound import CostBound, estimate_cost_bounds
from gapbench.pricing import TokenRates, UnitPrices
from gapbench.suite.plan import Plan
from gapbench.values import EpisodeLimits, Params
from tests.episodes import episode_plan
from tests.makers import plan

# $1 a token each way.
DOLLAR = UnitPrices(TokenRates(Decimal(10**6), Decimal(10**6)), (), "suite", "", None, "m")


def bound(made: Plan) -> CostBound:
    cells = tuple(replace(cell, params=Params(max_tokens=100)) for cell in made.cells)
    (found,) = estimate_cost_bounds(replace(made, cells=cells), {"m": True}, {"m": DOLLAR})
    return found


def first_prompt(made: Plan) -> int:
    """Return the tokens of the first prompt: those of an episode of one turn."""
    one = bound(made)
    assert 1 == one.calls
    return one.input_tokens


def test_a_request_is_one_call() -> None:
    """Four sums."""
    found = bound(plan())

    assert (4, 4, 400) == (found.requests, found.calls, found.output_tokens)


def test_the_prompt_grows_by_a_reply_and_a_result() -> None:
    """3 turns of p, p + g, p + 2 g with g = 100 + 300/3 = 200: 3 p + 600; the reply is 100 each."""
    p = first_prompt(episode_plan(limits=EpisodeLimits(turns=1, result_chars=300)))
    found = bound(episode_plan(limits=EpisodeLimits(turns=3, result_chars=300)))

    assert (1, 3, 3 * p + 600, 300) == (found.requests, found.calls, found.input_tokens, found.output_tokens)
    assert Decimal(3 * p + 900) == found.usd


def test_a_limit_of_tokens_is_noticed_one_reply_late() -> None:
    """P + 100 is more than 1 token: the first reply is the last."""
    p = first_prompt(episode_plan(limits=EpisodeLimits(turns=1)))
    found = bound(episode_plan(limits=EpisodeLimits(turns=40, tokens=1)))

    assert (40, p, 100) == (found.calls, found.input_tokens, found.output_tokens)


def test_a_limit_in_dollars_bounds_the_price() -> None:
    """$5 and the last reply of three: p + 2 g and 100."""
    p = first_prompt(episode_plan(limits=EpisodeLimits(turns=1, result_chars=300)))
    found = bound(episode_plan(limits=EpisodeLimits(turns=3, result_chars=300, usd=5.0)))

    assert 5 + p + 2 * 200 + 100 == found.usd


def test_declarations_of_tools_are_part_of_the_prompt() -> None:
    """The same prompt without tools is shorter."""
    limits = EpisodeLimits(turns=1)

    assert first_prompt(episode_plan(limits=limits)) > first_prompt(episode_plan(limits=limits, tools=None))

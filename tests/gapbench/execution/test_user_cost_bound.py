"""The bound of a model that plays users: asked after each reply, it hears all of them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from gapbench.execution.cost_bound import estimate_prompt_tokens
from gapbench.execution.user_cost_bound import estimate_user_bounds
from gapbench.pricing import TokenRates, UnitPrices
from gapbench.suite.plan import Plan
from gapbench.values import Episode, EpisodeLimits, Params, PlayedUser
from gapbench.values.played_user import user_prompt
from tests.makers import model, plan, sample

# $1 a token each way.
DOLLAR = UnitPrices(TokenRates(Decimal(10**6), Decimal(10**6)), (), "suite", "", None, "m")
USER = PlayedUser("u", "You want tea.", max_lines=2)


def tea_plan(turns: int, user: PlayedUser = USER) -> Plan:
    episode = Episode(played_user=user, limits=EpisodeLimits(turns=turns))
    made = plan(samples=(sample(0, episode=episode),))
    cells = tuple(replace(cell, params=Params(max_tokens=100)) for cell in made.cells)
    return replace(made, cells=cells, users={"u": model("u", params=Params(max_tokens=10))})


def test_two_lines_over_two_replies() -> None:
    """2 p + (10 + 100) for what was said between the lines + 2 * 100 for the one reply more; 2 * 10 out."""
    (found,) = estimate_user_bounds(tea_plan(2), {"u": True}, {"u": DOLLAR})
    p = estimate_prompt_tokens(user_prompt(USER, sample(0).messages))

    assert (2, 2 * p + 110 + 200, 20, 0) == (
        found.calls, found.input_tokens, found.output_tokens, found.requests,
    )  # fmt: skip
    assert Decimal(2 * p + 330) == found.usd
    assert "u (plays users)" == found.label


def test_it_is_asked_once_more_than_the_model_at_most() -> None:
    """Before the first reply and after each: three times for two turns, however many lines it may say."""
    (found,) = estimate_user_bounds(tea_plan(2, replace(USER, max_lines=40)), {"u": True}, {"u": DOLLAR})

    assert 3 == found.calls


def test_what_is_finished_is_not_counted() -> None:
    """The only episode."""
    made = tea_plan(2)
    (found,) = estimate_user_bounds(made, {"u": True}, {"u": DOLLAR}, {(made.cells[0].cell_id, "s0", 0)})

    assert (0, Decimal(0)) == (found.calls, found.usd)


def test_an_unknown_price_is_no_bound() -> None:
    """And a user that is not billed costs nothing."""
    assert [None] == [row.usd for row in estimate_user_bounds(tea_plan(2), {"u": True}, {"u": None})]
    assert [Decimal(0)] == [row.usd for row in estimate_user_bounds(tea_plan(2), {"u": False}, {"u": None})]

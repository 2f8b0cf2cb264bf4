"""One rule decides on a router or cascade in `bench tiers` and in `bench advise` (finding 3)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from gapbench.analysis.economics.advise import advise
from gapbench.analysis.economics.routing import (
    RoutedTasks,
    assign_folds,
    points_over_mix,
    route_to_closed,
    routing_outcome,
)
from gapbench.analysis.economics.routing_policies import PolicyEvaluator, draw_clusters
from gapbench.analysis.economics.run_money import RunMoney, measure_money
from gapbench.analysis.economics.scenario_inputs import build_scenario
from gapbench.analysis.economics.situation import Situation
from gapbench.analysis.economics.tco import tco
from gapbench.analysis.frames import load_runs
from gapbench.values import Attempt

Make = Callable[..., Path]
Answers = Callable[..., list[Attempt]]
OPEN = {"runner": "openai", "cost": {"input_usd_per_mtok": 0.1, "output_usd_per_mtok": 0.1}}


def test_points_over_a_mix_that_spends_the_same() -> None:
    """60 % for $1 and 80 % for $5: for $3 a mix has 70 %, so 75 % is 5 points over it; beyond $5 it has 80 %."""
    sides = ((np.array(0.6), np.array(1.0)), (np.array(0.8), np.array(5.0)))

    assert points_over_mix(np.array(0.75), np.array(3.0), *sides) == pytest.approx(0.05)
    assert points_over_mix(np.array(0.82), np.array(9.0), *sides) == pytest.approx(0.02)


def test_a_closed_model_that_costs_no_more_has_no_mix() -> None:
    """A mix has nothing to buy."""
    sides = ((np.array(0.6), np.array(5.0)), (np.array(0.8), np.array(5.0)))

    assert np.isnan(points_over_mix(np.array(0.75), np.array(5.0), *sides))


def random_tasks(rng: np.random.Generator, count: int) -> RoutedTasks:
    """Return tasks of an open model with 60 % and a closed one with 85 %, at about $0.001 and $0.005."""
    open_usd, closed_usd = (price * rng.lognormal(0, 0.3, count) for price in (0.001, 0.005))
    open_right, closed_right = ((rng.random(count) < share).astype(float) for share in (0.6, 0.85))
    return RoutedTasks(
        open_right,
        closed_right,
        open_usd,
        closed_usd,
        np.ones(count),
        np.ones(count),
        np.zeros(count, dtype=np.int64),
        np.arange(count),
    )


def test_random_routers_seldom_beat_a_random_mix() -> None:
    """Five routers by chance on 60 tasks, 40 times: the best of them is called better in at most 5 % and sampling error."""
    found = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        items = random_tasks(rng, 60)
        fold = assign_folds(items.cluster, 0)
        evaluator = PolicyEvaluator(
            items, fold, draw_clusters(items.cluster, 400, 0), 0.8, resolved=True, tried=5
        )
        signals = [rng.random(60) for _ in range(5)]
        rows = [
            evaluator.evaluate_sweep(
                "x", "router", routing_outcome(items, route_to_closed(score, fold, 0), "router")
            )
            for score in signals
        ]
        found += any(row.get("beats_mix") for row in rows)

    assert found <= 5  # P(more than 5 of 40 at 5 %) = 1.4 %


def money_of(run: Path) -> RunMoney:
    return measure_money(load_runs([run]))


@pytest.fixture
def visible_failures(make_run: Make, answers: Answers) -> Path:
    """The open model's wrong answers are unparsed, so a cascade on bad form finds all of them."""
    rows = [
        dataclasses.replace(row, outcome="unparsed") if row.outcome == "wrong" else row
        for row in (*answers("open-a", 60, 100), *answers("closed-a", 100, 100))
    ]
    return make_run(rows, open_a=OPEN)


def test_advise_follows_tiers_where_a_cascade_is_better(visible_failures: Path) -> None:
    """The tier has a monthly price with an interval, below the closed API's, and the sentence of `bench tiers`."""
    money = money_of(visible_failures)
    found = advise(
        Situation(),
        tco(build_scenario(at=date(2026, 11, 24), run=money.legs), 50.0, draws=200),
        money.quality,
        money.tiers,
    )
    costs = {cost.leg: cost for cost in found.costs}
    assert money.tiers is not None
    sentence = money.tiers.headline().partition("tasks. ")[2]

    assert "is better than a random mix of the two for the same dollars" in sentence
    assert f"tiers: {sentence}" in found.because
    assert (found.choice, found.provisional) == ("open tier before the closed API", False)
    tier, closed = costs["tier"], costs["closed"]
    assert tier.usd is not None
    assert closed.usd is not None
    assert tier.low is not None
    assert tier.high is not None
    assert tier.low <= tier.usd <= tier.high
    assert tier.usd < closed.usd
    assert "the open model is the hosted one" in tier.label


def test_a_months_price_of_a_tier_by_hand(visible_failures: Path) -> None:
    """Requests of one size: a cascade costs the hosted month, and that share of the closed one that it sends there."""
    money = money_of(visible_failures)
    answer = tco(build_scenario(at=date(2026, 11, 24), run=money.legs), 50.0, draws=200)
    found = {cost.leg: cost.usd for cost in advise(Situation(), answer, money.quality, money.tiers).costs}

    assert money.tiers is not None
    assert money.tiers.best_policy is not None
    share = money.tiers.best_policy["closed_share"]

    assert 0 < share < 0.5
    assert found["tier"] == pytest.approx(share * (found["closed"] or 0) + (found["hosted"] or 0))


def test_advise_follows_tiers_where_no_router_is_better(make_run: Make, answers: Answers) -> None:
    """Nothing tells the open model's wrong answers: the closed API stays, and both commands say not distinguishable."""
    rows = [*answers("open-a", 60, 100), *answers("closed-a", 100, 100)]
    money = money_of(make_run(rows, open_a=OPEN))
    found = advise(
        Situation(),
        tco(build_scenario(at=date(2026, 11, 24), run=money.legs), 50.0, draws=200),
        money.quality,
        money.tiers,
    )
    assert money.tiers is not None

    assert "not distinguishable from a random mix" in money.tiers.headline()
    assert found.choice == "closed API"
    assert any("not distinguishable from a random mix" in line for line in found.because)


def test_not_distinguishable_is_provisional_and_says_what_settles_it(
    make_run: Make, answers: Answers
) -> None:
    """50 of 60 against 49 of 60: the number of pairs that would settle it."""
    money = money_of(make_run([*answers("open-a", 49, 60), *answers("closed-a", 50, 60)], open_a=OPEN))
    found = advise(
        Situation(),
        tco(build_scenario(at=date(2026, 11, 24), run=money.legs), 50.0, draws=200),
        money.quality,
        money.tiers,
    )

    assert found.provisional
    assert any("the gap is not distinguishable: it needs about" in line for line in found.settles)


def test_invalid_times_are_provisional_and_rule_nothing_out(make_run: Make, answers: Answers) -> None:
    """Finding 3: a first text after 25 s that this client delayed does not exclude a model; it asks for another run."""
    rows = [
        *(dataclasses.replace(row, first_answer_s=30.5, done_s=31.0) for row in answers("open-a", 100, 100)),
        *answers("closed-a", 50, 100),
    ]
    run = make_run(rows, open_a=OPEN)
    money = money_of(run)
    assert money.quality is not None
    late = dataclasses.replace(money.quality, invalid_times={"open-a": "a worker used 99 % of a core"})
    answer = tco(build_scenario(at=date(2026, 11, 24), run=money.legs), 50.0, draws=200)
    valid = advise(Situation(), answer, money.quality)
    found = advise(Situation(), answer, late)

    assert (valid.choice, valid.provisional) == ("closed API", False)
    assert (found.choice, found.provisional) == ("hosted open model", True)
    assert any("open-a 25.0 s (invalid: this client was the limit)" in line for line in found.because)
    assert any(
        "the times of open-a are invalid (a worker used 99 % of a core)" in line for line in found.settles
    )

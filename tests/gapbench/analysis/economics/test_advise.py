"""What is advised to a team by its answers, at list prices and published figures."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import pytest

from gapbench.analysis.economics.advise import advise
from gapbench.analysis.economics.measured_quality import MeasuredQuality
from gapbench.analysis.economics.situation import Situation
from gapbench.analysis.economics.strategic_questions import PRIORITIES
from gapbench.analysis.economics.tco import Tco
from gapbench.suite.tco_fields import CapacityDocument
from tests.advised_teams import OPEN, Answers, Make, advice_of, answer

EQUAL = MeasuredQuality("cl", "op", "equivalent within 1.7 points", True, True, False, ["equal"], "", 1.7)


def test_without_a_measurement_what_is_in_use_stays() -> None:
    """50M tokens at 3:1 of Opus ($5 and $25: $10.00 a million): $500. The host would be cheaper, and nothing is shown."""
    found = advise(Situation(), answer(50.0))

    assert ("closed API", True) == (found.choice, found.provisional)
    assert "closed API $5" in found.because[0]
    assert any("but nothing was measured" in line for line in found.because)
    assert any("bench run" in line for line in found.would_change)
    assert any("break-even" in line for line in found.would_change)


def test_with_nothing_in_use_the_cheapest_is_bought() -> None:
    """50M tokens at $0.70: $35. Nothing was measured, so it is provisional."""
    found = advise(Situation(in_use="none"), answer(50.0))

    assert ("hosted open model", True) == (found.choice, found.provisional)
    assert "hosted open model $35.0" in found.because[0]


def test_at_a_large_volume_it_is_hosted_by_those_who_have_people() -> None:
    """100B tokens with a dear provider: self-hosting with an engineer, else the provider."""
    costly = answer(100_000.0, hosted_usd=8.0)

    assert "self-hosted open model" == advise(Situation(engineers=1), costly, EQUAL).choice
    without = advise(Situation(engineers=0), costly, EQUAL)
    assert "hosted open model" == without.choice
    assert any("engineers" in line for line in without.because)


def test_confined_data_leave_only_self_hosting() -> None:
    """Whatever it costs, and it says what: the median of the draws, not the point."""
    found = advise(Situation(sensitivity="regulated"), answer(50.0))
    own = next(cost for cost in found.costs if cost.leg == "self")

    assert "self-hosted open model" == found.choice
    assert own.usd is not None
    assert own.low is not None
    assert own.high is not None
    assert own.low < own.usd < own.high
    assert any("must stay in house" in line for line in found.because)
    assert any("hire first" in line for line in found.conditions)


def test_fine_tuning_prices_a_dedicated_endpoint() -> None:
    """Two H100 at $7.00 for 730.5 h: $10,227 a month, however cheap the serverless price of the base weights is."""
    found = advise(Situation(customisation="fine-tuning"), answer(50.0, hosted_usd=0.01))
    hosted = next(cost for cost in found.costs if cost.leg == "hosted")

    assert 2 * 7.00 * 730.5 == pytest.approx(hosted.usd)
    assert "hosted open model" == found.choice
    assert found.provisional
    assert any("serverless cannot serve your fine-tuned weights" in line for line in found.because)
    assert any("measure the fine-tuned ones" in line for line in found.conditions)


def test_a_dedicated_endpoint_of_unknown_size_has_no_price(make_run: Make, answers: Answers) -> None:
    """The open model was bought by the token: nothing says how many GPUs it needs."""
    given = {**OPEN, "name": "someone/strange-model"}
    found = advice_of(
        make_run([*answers("open-a", 50, 60), *answers("closed-a", 50, 60)], open_a=given),
        Situation(customisation="fine-tuning"),
    )

    assert "tco.capacity" in next(cost for cost in found.costs if cost.leg == "hosted").missing


def test_what_nobody_told_is_not_stated_as_a_fact() -> None:
    """Neither the data's sensitivity nor the number of engineers was given: the conditions say that they are assumed."""
    said = " ".join(advise(Situation(), answer(50.0)).conditions)
    told = " ".join(advise(Situation(sensitivity="internal", engineers=0.0), answer(50.0)).conditions)

    assert "internal data (assumed; --sensitivity changes it)" in said
    assert "none are named (--engineers): hire first" in said
    assert "internal data: evaluate" in told
    assert "there are 0: hire first" in told


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"sensitivity": "internal"}, "evaluate the risk of each provider"),
        ({"sensitivity": "public"}, None),
        ({"latency": "tight"}, "0.5 s"),
        ({"latency": "relaxed"}, "10 s"),
        ({"engineers": 5.0}, "there are 5"),
        ({"engineers": 0.0}, "hire first"),
        ({"scale": "unpredictable"}, "three times the volume"),
        ({"in_use": "hosted"}, None),
    ],
)
def test_each_answer_of_the_team_changes_the_advice(changed: dict[str, Any], words: str | None) -> None:
    """At 500M tokens every setting says something of its own."""
    other: dict[str, Any] = {
        "sensitivity": "confidential",
        "engineers": 1.0,
        "latency": "interactive",
        "scale": "steady",
    }
    found = advise(Situation(**changed), answer(500.0), EQUAL)
    base = advise(Situation(**{name: other.get(name, "none") for name in changed}), answer(500.0), EQUAL)

    assert found.to_json() != base.to_json() or changed == {"in_use": "hosted"}
    text = "\n".join([*found.because, *found.conditions])
    assert words is None or words in text
    if changed == {"sensitivity": "public"}:
        assert "evaluate the risk" not in text


def test_internal_data_have_a_price() -> None:
    """Keeping them in house: the cost of self-hosting less the cheapest API."""
    found = advise(Situation(), answer(500.0), EQUAL)
    usd = {cost.leg: cost.usd or 0.0 for cost in found.costs}
    extra = usd["self"] - min(usd["closed"], usd["hosted"])

    assert any(f"${extra / 1000:.1f}K a month more" in line for line in found.conditions)


def test_an_unpredictable_volume_is_paid_by_the_token() -> None:
    """Self-hosting pays at 30B tokens and not at a third of it."""
    own: dict[str, Any] = {"hosted_usd": 3.2, "availability_target": 0, "headroom": 1, "overhead": 0, "engineers": 0.5,
           "usd_per_gpu_hour": 2.0, "usd_per_engineer_year": 300_000, "updates_per_year": 0,
           "days_per_update": 0, "usd_per_day": 0, "storage_usd_per_month": 0, "input_share": 0.75,
           "capacity": CapacityDocument(requests_per_s=10)}  # fmt: skip
    asked = answer(6_000.0, **own)
    steady = advise(Situation(engineers=1), asked, EQUAL)
    unsure = advise(Situation(engineers=1, scale="unpredictable"), asked, EQUAL)

    assert "self-hosted open model" == steady.choice
    assert "hosted open model" == unsure.choice
    assert any("pay by the token until it is known" in line for line in unsure.because)


def test_the_five_questions_of_strategy_are_answered() -> None:
    """Each has a row that names what it favors."""
    found = advise(Situation(), answer(500.0), EQUAL)

    assert list(PRIORITIES) == [question.priority for question in found.questions]
    assert all(question.favours and question.because for question in found.questions)


@pytest.mark.parametrize(
    ("priority", "choice"),
    [
        ("speed-to-market", "hosted open model"),
        ("support", "hosted open model"),
        ("transparency", "hosted open model"),
        ("predictable-cost", "self-hosted open model"),
        ("cutting-edge", "hosted open model"),
    ],
)
def test_a_priority_decides_before_cost(priority: Any, choice: str) -> None:
    """Among options that the other rules leave."""
    assert choice == advise(Situation(priorities=(priority,)), answer(500.0), EQUAL).choice


def test_a_priority_does_not_undo_quality() -> None:
    """Transparency favors open weights; the closed model is ahead and stays."""
    ahead = dataclasses.replace(EQUAL, verdict="closed ahead", is_open_no_worse=False, is_closed_ahead=True)
    found = advise(Situation(priorities=("transparency",)), answer(500.0), ahead)

    assert "closed API" == found.choice
    assert any("which the other rules leave out" in line for line in found.because)


def test_a_pilot_has_five_steps() -> None:
    """With a parallel run and a migration."""
    steps = advise(Situation(), answer(500.0), EQUAL).pilot

    assert ["1", "2", "3", "4", "5"] == [step[0] for step in steps]
    assert "Parallel run" in steps[3]
    assert "Migration" in steps[4]


def test_what_was_priced_is_named_in_the_numbers_of_tco() -> None:
    """Model, host, GPU, prices and the price book."""
    found = advise(Situation(), answer(50.0))
    said = "\n".join(found.assumed)

    for part in (
        "claude-opus-4-6 at anthropic, $5.00 in, $25.00 out",
        "H100-80GB at $2.95 a GPU-hour",
        "price book 20",
    ):
        assert part in said
    assert "set with --set NAME=VALUE or in the tco: block): input_share 0.75 (0.5 to 0.91)" in said
    assert found.to_json()["assumed"] == found.assumed


@pytest.fixture(scope="module")
def wide() -> Tco:
    """A scenario with a price for every option."""
    return answer(500.0)


@pytest.mark.parametrize("seed", range(4))
def test_the_rules_hold_for_any_situation(wide: Tco, seed: int) -> None:
    """200 situations a seed, drawn at random; each must respect the rules as they are written in the module."""
    rng = random.Random(seed)
    usd = {"hosted open model": wide.monthly_usd("hosted"), "closed API": wide.monthly_usd("closed")}
    names = {"closed": "closed API", "hosted": "hosted open model", "self": "self-hosted open model"}
    for _ in range(200):
        asked = Situation(
            sensitivity=rng.choice(["public", "internal", "confidential", "regulated"]),
            customisation=rng.choice(["none", "prompts", "fine-tuning"]),
            engineers=rng.choice([0.0, 0.5, 5.0]),
            latency=rng.choice(["relaxed", "interactive", "tight"]),
            scale=rng.choice(["steady", "unpredictable"]),
            in_use=rng.choice(["closed", "hosted", "self", "none"]),
        )
        shown = rng.choice([True, False])
        ahead = not shown and rng.random() < 0.5
        verdict = (
            "equivalent within 1.7 points" if shown else "closed ahead" if ahead else "not distinguishable"
        )
        measured = rng.choice(
            [None, dataclasses.replace(
                EQUAL, verdict=verdict, is_open_no_worse=shown, is_closed_no_worse=shown or ahead,
                is_closed_ahead=ahead,
            )]
        )  # fmt: skip
        found = advise(asked, wide, measured)
        is_shown = measured is not None and shown
        if asked.is_confined:
            assert found.choice == "self-hosted open model"
        elif asked.customisation == "fine-tuning":
            assert found.choice != "closed API"
        elif measured is not None and ahead:
            assert found.choice == "closed API"
        elif asked.in_use in {"closed", "none"} and is_shown:
            assert found.choice == min(usd, key=lambda name: usd[name] or 0.0)
        elif asked.in_use == "closed":
            assert found.choice == "closed API"
        elif asked.in_use in {"hosted", "self"} and not is_shown:
            assert found.choice in {"hosted open model", "self-hosted open model", names[asked.in_use]}
        assert found.provisional == (
            not (is_shown or (measured is not None and ahead)) or asked.customisation == "fine-tuning"
        )
        assert 5 == len(found.questions) == len(found.pilot)
        assert {"closed", "hosted", "self"} == {cost.leg for cost in found.costs}

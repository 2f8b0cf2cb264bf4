"""The recommendation: each rule with the numbers that trigger it."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gapbench.analysis.cost.attempt_costs import bill
from gapbench.analysis.cost.cost import cost
from gapbench.analysis.economics.advice import Advice
from gapbench.analysis.economics.advise import advise
from gapbench.analysis.economics.measured_inputs import throughput_at_load
from gapbench.analysis.economics.measured_legs import measured_legs
from gapbench.analysis.economics.measured_quality import MeasuredQuality, measured_quality
from gapbench.analysis.economics.scenario_inputs import build_scenario
from gapbench.analysis.economics.situation import Situation
from gapbench.analysis.economics.strategic_questions import PRIORITIES
from gapbench.analysis.economics.tco import Tco, tco
from gapbench.analysis.economics.tiers import evaluate_tiers
from gapbench.analysis.frames import load_runs
from gapbench.analysis.quality.gap import gap
from gapbench.errors import ResultsError
from gapbench.suite.tco_fields import CapacityDocument, LegDocument, TcoDocument
from gapbench.values import Attempt
from tests.run_folders import make_attempt

Make = Callable[..., Path]
Answers = Callable[..., list[Attempt]]
DAY = date(2026, 11, 24)
OPEN = {"runner": "openai", "cost": {"input_usd_per_mtok": 0.1, "output_usd_per_mtok": 0.1}}
V3 = {
    "name": "deepseek-ai/DeepSeek-V3",
    "runner": "vllm",
    "cost": {"gpu": "H200-141GB", "gpus": 8, "usd_per_gpu_hour": 3.5},
}
EQUAL = MeasuredQuality("cl", "op", "equivalent within 1.7 points", True, True, False, ["equal"], "", 1.7)


def answer(volume_mtok: float, hosted_usd: float = 0.7, **block: Any) -> Tco:
    """Return the defaults with a hosted price of one's own."""
    hosted = LegDocument(input_usd_per_mtok=hosted_usd, output_usd_per_mtok=hosted_usd)
    return tco(build_scenario(TcoDocument(hosted=hosted, **block), at=DAY), volume_mtok, draws=200)


def quality_of(run: Path) -> MeasuredQuality:
    runs = load_runs([run])
    return measured_quality(runs, gap(runs), cost(runs))


def advice_of(
    run: Path, situation: Situation | None = None, block: TcoDocument | None = None, volume: float = 5000.0
) -> Advice:
    """Return the advice of `bench advise --run RUN`."""
    runs = load_runs([run])
    account = bill(runs)
    table = cost(runs, account)
    quality = measured_quality(runs, gap(runs, billed=account), table)
    legs = measured_legs(
        runs, table, account, closed_model=quality.closed_model, open_model=quality.open_model,
        throughput=throughput_at_load(runs, account, quality.open_model),
    )  # fmt: skip
    return advise(
        situation or Situation(), tco(build_scenario(block, at=DAY, run=legs), volume, draws=200), quality
    )


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

    assert "internal data (taken as internal; --sensitivity tells)" in said
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


def test_an_open_model_that_is_behind_keeps_the_closed_api(make_run: Make, answers: Answers) -> None:
    """A gap of 40 points, resolved: closed, however cheap the open one; the gap is among the reasons."""
    run = make_run([*answers("open-a", 50, 100), *answers("closed-a", 90, 100)], open_a=OPEN)
    found = advise(Situation(), answer(50.0), quality_of(run))

    assert ("closed API", False) == (found.choice, found.provisional)
    assert any("+40.0 points" in line for line in found.because)


def test_an_open_model_that_is_no_worse_is_taken(make_run: Make, answers: Answers) -> None:
    """The same answers to 600 tasks are equivalent: the cheaper one."""
    run = make_run([*answers("open-a", 540, 600), *answers("closed-a", 540, 600)], open_a=OPEN)
    found = advice_of(run)

    assert ("hosted open model", False) == (found.choice, found.provisional)


def test_not_distinguishable_is_no_leave_to_switch(make_run: Make, answers: Answers) -> None:
    """15 of 30 against 18 of 30: what is in use stays, whichever it is, and it says how many tasks would settle it."""
    run = make_run([*answers("open-a", 15, 30), *answers("closed-a", 18, 30)], open_a=OPEN)
    found = advice_of(run)

    assert ("closed API", True) == (found.choice, found.provisional)
    assert any("not shown that open-a is no worse by 1.7 points" in line for line in found.because)
    assert any("settling the gap needs about" in line for line in found.would_change)
    assert "hosted open model" == advice_of(run, Situation(in_use="hosted")).choice
    assert 1 == found.to_json()["schema"]


def test_a_model_that_answered_nothing_is_no_leave_to_switch(make_run: Make, answers: Answers) -> None:
    """0 of 40: named, and the closed API stays."""
    rows = [make_attempt(model_id="open-a", sample_id=str(k), outcome="infra") for k in range(40)]
    found = advice_of(make_run([*answers("closed-a", 40, 40), *rows], open_a=OPEN))

    assert ("closed API", True) == (found.choice, found.provisional)
    assert any("open-a answered 0 of 40 requests" in line for line in found.because)


def test_more_failures_than_the_margin_are_no_leave_to_switch(make_run: Make, answers: Answers) -> None:
    """Equal on 570 answers, and 30 of 600 without one: 5 points more failures."""
    rows = [make_attempt(model_id="open-a", sample_id=str(570 + k), outcome="infra") for k in range(30)]
    run = make_run([*answers("closed-a", 600, 600), *answers("open-a", 570, 570), *rows], open_a=OPEN)
    found = advice_of(run)

    assert "closed API" == found.choice
    assert any("answered 570 of 600" in line for line in found.because)
    assert any("5.0 points higher" in line for line in found.because)


def test_no_right_answer_on_either_side_shows_nothing(make_run: Make, answers: Answers) -> None:
    """Both at zero: the closed API stays, and the scorer is suspected."""
    run = make_run([*answers("open-a", 0, 100), *answers("closed-a", 0, 100)], open_a=OPEN)
    found = advice_of(run)

    assert ("closed API", True) == (found.choice, found.provisional)
    assert any("no right answer on either side" in line for line in found.because)


def test_a_run_of_one_side_is_refused(make_run: Make, answers: Answers) -> None:
    """Nothing to choose between: which side is missing, and how to add it."""
    with pytest.raises(ResultsError, match=r"no open model.*--run CLOSED --run OPEN"):
        quality_of(make_run(answers("closed-a", 5, 10)))


def test_the_run_is_priced_and_not_a_default(make_run: Make, answers: Answers) -> None:
    """The audit's run: DeepSeek-V3 on eight H200 at $3.50, 1,000 tokens in and 100 out; GPT-5.2 at $2.86 a million.

    (1,000 x 1.75 + 100 x 14) / 1,100 = 2.8636; 5B of it are $14,318. 40 answers in 100 s of 8 x $3.50 are $0.01944 each.
    """
    found = advice_of(make_run([*answers("open-a", 30, 40), *answers("closed-a", 36, 40)], open_a=V3))
    costs = {cost.leg: cost for cost in found.costs}
    said = "\n".join([*found.because, *found.assumed])

    assert (1000 * 1.75 + 100 * 14) / 1100 * 5000 == pytest.approx(costs["closed"].usd)
    assert 3.5 == costs["self"].usd_per_gpu_hour
    assert costs["self"].measured is not None
    assert 100 * 8 * 3.5 / 3600 / 40 == pytest.approx(costs["self"].measured.usd_per_task)
    assert "8 x H200-141GB at $3.5" in said
    assert "deepseek-ai/DeepSeek-V3 at together" in said
    assert "lama" not in said
    assert "laude" not in said
    assert "input_tokens" not in said


def test_what_a_run_does_not_say_is_asked_for(make_run: Make, answers: Answers) -> None:
    """A host without a price, weights without a host: no number of another model, but what would supply one."""
    given = {"name": "someone/strange-model", "runner": "vllm"}
    gateway = {"base_url": "http://gateway/v1"}
    run = make_run([*answers("open-a", 30, 40), *answers("closed-a", 36, 40)], open_a=given, closed_a=gateway)
    missing = {cost.leg: cost.missing for cost in advice_of(run).costs}

    assert "cost: {provider, model}" in missing["closed"]
    assert "no provider of someone/strange-model" in missing["hosted"]
    assert "usd_per_gpu_hour" in missing["self"]


def test_a_model_that_does_not_fit_is_not_self_hosted(make_run: Make, answers: Answers) -> None:
    """671 billion parameters need 336 GB even at 4 bits, and two H100 have 160 GB."""
    block = TcoDocument(gpu="H100-80GB", gpus=2)
    run = make_run([*answers("open-a", 30, 40), *answers("closed-a", 36, 40)], open_a=V3)
    found = advice_of(run, Situation(sensitivity="confidential"), block)

    assert any("does not fit: 2 x H100-80GB have 160 GB" in line for line in found.because)
    assert any("no option meets every requirement" in line for line in found.because)


def test_a_first_text_that_comes_too_late_rules_a_model_out(make_run: Make, answers: Answers) -> None:
    """3 s at the 95th percentile: fine for relaxed use, too late for interactive use."""
    slow = [
        dataclasses.replace(
            row, first_token_s=row.sent_s + 3, first_answer_s=row.sent_s + 3, done_s=row.sent_s + 4
        )
        for row in answers("open-a", 540, 600)
        if row.sent_s is not None
    ]
    run = make_run([*slow, *answers("closed-a", 540, 600)], open_a=OPEN)

    assert "hosted open model" == advice_of(run, Situation(latency="relaxed")).choice
    late = advice_of(run)
    assert "closed API" == late.choice
    assert any("first text after 3.00 s" in line for line in late.because)


def test_the_blocks_own_closed_model_comes_before_the_measured_one(make_run: Make, answers: Answers) -> None:
    """It was asked for; a note says that the answers are of another model."""
    block = TcoDocument(closed=LegDocument(provider="anthropic", model="claude-opus-4-6"))
    run = make_run([*answers("open-a", 30, 40), *answers("closed-a", 36, 40)], open_a=OPEN)
    said = advice_of(run, block=block).assumed

    assert any("closed API: claude-opus-4-6 at anthropic" in line for line in said)
    assert any("the run measured closed-a" in line for line in said)


def test_a_cascade_that_pays_goes_before_the_closed_api(make_run: Make, answers: Answers) -> None:
    """The open model fails visibly: a tier in front."""
    rows = [
        dataclasses.replace(row, outcome="unparsed") if row.outcome == "wrong" else row
        for row in (*answers("open-a", 60, 100), *answers("closed-a", 100, 100))
    ]
    run = make_run(rows, open_a=OPEN)
    found = advise(Situation(), answer(50.0), quality_of(run), evaluate_tiers([run], draws=200))

    assert "open tier before the closed API" == found.choice
    assert any("cascade on bad form" in line for line in found.because)
    assert any("the open model is the hosted one; it reaches" in line for line in found.because)


@pytest.mark.parametrize(
    ("volume", "hosted_usd", "engineers", "choice"),
    [
        (50.0, 9.0, 0, "closed API"),
        (50.0, 90.0, 1, "closed API"),
        (20_000.0, 90.0, 0, "closed API"),
        (20_000.0, 90.0, 1, "open tier before the closed API"),
    ],
    ids=[
        "a dear host",
        "own servers at a small volume",
        "nobody to run them",
        "own servers at a large volume",
    ],
)
def test_a_tier_must_cost_less_a_month_than_the_closed_api(
    make_run: Make, answers: Answers, volume: float, hosted_usd: float, engineers: float, choice: str
) -> None:
    """The cascade beats a random mix by the run's dollars; its month is that of the option that can serve it."""
    rows = [
        dataclasses.replace(row, outcome="unparsed") if row.outcome == "wrong" else row
        for row in (*answers("open-a", 60, 100), *answers("closed-a", 100, 100))
    ]
    run = make_run(rows, open_a=OPEN)
    situation = Situation(engineers=engineers)
    found = advise(situation, answer(volume, hosted_usd), quality_of(run), evaluate_tiers([run], draws=200))

    assert choice == found.choice
    assert any(line.startswith("tiers: ") for line in found.because)


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

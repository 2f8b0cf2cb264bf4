"""What is advised by what runs measured: quality, prices, memory, and the time to the first text."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from gapbench.analysis.cost.cost import cost
from gapbench.analysis.economics.advise import advise
from gapbench.analysis.economics.measured_quality import MeasuredQuality, measured_quality
from gapbench.analysis.economics.situation import Situation
from gapbench.analysis.economics.tiers import evaluate_tiers
from gapbench.analysis.frames import load_runs
from gapbench.analysis.quality.gap import gap
from gapbench.errors import ResultsError
from gapbench.suite.tco_fields import LegDocument, TcoDocument
from tests.advised_teams import OPEN, Answers, Make, advice_of, answer
from tests.run_folders import make_attempt

V3 = {
    "name": "deepseek-ai/DeepSeek-V3",
    "runner": "vllm",
    "cost": {"gpu": "H200-141GB", "gpus": 8, "usd_per_gpu_hour": 3.5},
}


def quality_of(run: Path) -> MeasuredQuality:
    runs = load_runs([run])
    return measured_quality(runs, gap(runs), cost(runs))


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

"""The recommendation: each rule with the numbers that trigger it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

from gapbench.analysis.economics.advise import Situation, advise
from gapbench.analysis.economics.scenario_inputs import build_scenario
from gapbench.analysis.economics.tco import Tco, tco
from gapbench.analysis.economics.tiers import evaluate_tiers
from gapbench.analysis.quality.gap import gap
from gapbench.pricing import Unpriced
from gapbench.suite.tco_fields import LegDocument, TcoDocument
from gapbench.values import Attempt

Make = Callable[..., Path]
Answers = Callable[..., list[Attempt]]
OPEN = {"runner": "openai", "cost": {"input_usd_per_mtok": 0.1, "output_usd_per_mtok": 0.1}}


def answer(volume_mtok: float, hosted_usd: float = 0.7) -> Tco:
    """Return the defaults with a hosted price of one's own."""
    hosted = LegDocument(input_usd_per_mtok=hosted_usd, output_usd_per_mtok=hosted_usd)
    return tco(build_scenario(TcoDocument(hosted=hosted), at=date(2026, 11, 24)), volume_mtok, draws=200)


def test_at_a_small_volume_the_cheapest_is_bought() -> None:
    """50M tokens: $750, $35 or $25,375. Nothing was measured, so it is provisional and says how to measure."""
    found = advise(Situation(), answer(50.0))

    assert ("hosted open model", True) == (found.choice, found.provisional)
    assert "$750" in found.because[0]
    assert any("bench run" in line for line in found.would_change)
    assert any("breaks even" in line or "break-even" in line for line in found.would_change)


def test_at_a_large_volume_it_is_hosted_by_those_who_have_people() -> None:
    """100B tokens with a dear provider: self-hosting with an engineer, else the provider."""
    costly = answer(100_000.0, hosted_usd=8.0)

    assert "self-hosted open model" == advise(Situation(engineers=1), costly).choice
    without = advise(Situation(engineers=0), costly)
    assert "hosted open model" == without.choice
    assert any("engineers" in line for line in without.because)


def test_confined_data_leave_only_self_hosting() -> None:
    """Whatever it costs, and it says what."""
    found = advise(Situation(sensitivity="regulated"), answer(50.0))

    assert "self-hosted open model" == found.choice
    assert any("$25.4K" in line for line in found.because)
    assert any("hire first" in line for line in found.because)


def test_fine_tuning_rules_out_the_closed_api() -> None:
    """Also where the closed API would be the cheapest."""
    dear = answer(50.0, hosted_usd=500.0)

    assert "closed API" == advise(Situation(), dear).choice
    assert "hosted open model" == advise(Situation(customisation="fine-tuning"), dear).choice


def test_an_open_model_that_is_behind_keeps_the_closed_api(make_run: Make, answers: Answers) -> None:
    """A gap of 40 points, resolved: closed, however cheap the open one; the gap is among the reasons."""
    run = make_run([*answers("open-a", 50, 100), *answers("closed-a", 90, 100)], open_a=OPEN)
    found = advise(Situation(), answer(50.0), gap([run]))

    assert ("closed API", False) == (found.choice, found.provisional)
    assert any("+40.0 points" in line for line in found.because)


def test_a_measured_closed_model_without_a_price_is_said() -> None:
    """One line: whose answers, and whose dollars."""
    found = build_scenario(at=date(2026, 11, 24), closed=("cl", Unpriced("no list price")))

    assert ["cl was measured; the dollars are of claude-opus-4-6 (default): no list price"] == [
        note for note in found.notes if "cl " in note
    ]
    assert "claude-opus-4-6 at anthropic" == found.labels["closed"]


def test_the_blocks_own_closed_model_stands_above_the_measured_one() -> None:
    """It was asked for."""
    block = TcoDocument(closed=LegDocument(provider="openai", model="gpt-5.2"))
    found = build_scenario(block, at=date(2026, 11, 24), closed=("cl", Unpriced("no list price")))

    assert "gpt-5.2 at openai" == found.labels["closed"]
    assert not any("cl was measured" in note for note in found.notes)


def test_a_cascade_that_pays_goes_before_the_closed_api(make_run: Make, answers: Answers) -> None:
    """The open model fails visibly: a tier in front."""
    import dataclasses

    rows = [
        dataclasses.replace(row, outcome="unparsed") if row.outcome == "wrong" else row
        for row in (*answers("open-a", 60, 100), *answers("closed-a", 100, 100))
    ]
    run = make_run(rows, open_a=OPEN)
    found = advise(Situation(), answer(50.0), gap([run]), evaluate_tiers([run], draws=200))

    assert "open tier before the closed API" == found.choice
    assert any("cascade on bad form" in line for line in found.because)


def test_a_gap_that_settles_nothing_is_provisional(make_run: Make, answers: Answers) -> None:
    """Five of ten against seven of ten: not distinguishable, and how many tasks would settle it."""
    run = make_run([*answers("open-a", 15, 30), *answers("closed-a", 18, 30)], open_a=OPEN)
    found = advise(Situation(), answer(50.0), gap([run]))

    assert found.provisional
    assert any("settling the gap needs about" in line for line in found.would_change)
    assert 1 == found.to_json()["schema"]


def test_what_was_priced_is_named_in_the_numbers_of_tco() -> None:
    """Model, host, GPU, prices and the price book; a month's dollars as `bench tco` writes them."""
    found = advise(Situation(), answer(50.0))
    said = "\n".join(found.assumed)

    for part in (
        "claude-opus-4-6 at anthropic, $5.00 in, $25.0 out",
        "H100-80GB at $2.95 a GPU-hour",
        "price book 20",
    ):
        assert part in said
    assert "assumed, not given: input_tokens" in said
    assert "self-hosted open model $25.4K" in found.because[0]
    assert found.to_json()["assumed"] == found.assumed

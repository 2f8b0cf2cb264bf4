"""The total cost of an API and of own servers: scenarios, draws, and what a suite may state."""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import yaml

from gapbench.analysis.article.claim_inputs import MIX_3TO1
from gapbench.analysis.economics.break_even import format_mtok
from gapbench.analysis.economics.model_memory import memory_fit
from gapbench.analysis.economics.quantity import Quantity, parse_quantity, parse_setting, parse_token_count
from gapbench.analysis.economics.scenario import api_usd_per_mtok, self_usd_per_month
from gapbench.analysis.economics.scenario_inputs import build_scenario
from gapbench.analysis.economics.sensitivity import monte_carlo, tornado
from gapbench.analysis.economics.sizing import SECONDS_PER_MONTH
from gapbench.analysis.economics.tco import tco
from gapbench.errors import DocumentError, InputError
from gapbench.pricing.price_book import row_price
from gapbench.pricing.price_file import read_price_file
from gapbench.suite.cost_fields import GpuCost
from gapbench.suite.suite import load_suite
from gapbench.suite.tco_fields import (
    CapacityDocument,
    DemandDocument,
    LegDocument,
    OwnDocument,
    Ranged,
    TcoDocument,
)
from tests.scenarios import plain

DAY = date(2026, 11, 24)


def test_the_smallest_deployment_of_the_notes() -> None:
    """2 x $28 x 730.5 h x 1.25 + $12,500 = $63.6 K; over 50 M, 1 B and 10 B: 1,273, 63.6 and 6.36."""
    usd, replicas = self_usd_per_month(plain(), plain().point_values, np.array([50.0, 1_000.0, 10_000.0]))

    assert [63_635] * 3 == pytest.approx(list(usd), abs=1)
    assert [2, 2, 2] == list(replicas)
    assert [1_273, 63.6, 6.36] == pytest.approx(list(usd / [50, 1_000, 10_000]), rel=1e-3)


def test_autoscaling_saves_idle_hours() -> None:
    """Office hours: 40 of 168 hours need replicas for the load, the others one."""
    volume = np.array([20_000.0])
    fixed = plain(shape="business", peak_over_average=4.2, availability_target=0)
    scaled = plain(shape="business", peak_over_average=4.2, availability_target=0, autoscale=True)
    usd, replicas = self_usd_per_month(scaled, scaled.point_values, volume)
    at_peak = np.ceil(20_000e6 / 2_000 / SECONDS_PER_MONTH * 4.2 / (13.016 / 2))
    hours = (40 * at_peak + 128) / 168

    assert [at_peak] == list(replicas)
    assert usd[0] == pytest.approx(hours * 28 * 730.5 * 1.25 + 12_500)
    assert usd[0] < self_usd_per_month(fixed, fixed.point_values, volume)[0][0]


def test_an_api_price_of_cache_and_batch() -> None:
    """3,000 in of which half cached, 1,000 out, 40 % in batches at half price, 1.1 attempts."""
    values = {
        "input_tokens": 3000.0, "output_tokens": 1000.0, "cached_share": 0.5, "batch_share": 0.4,
        "attempts": 1.1, "closed_input_usd_per_mtok": 5.0, "closed_cached_usd_per_mtok": 0.5,
        "closed_output_usd_per_mtok": 25.0, "closed_batch_factor": 0.5,
    }  # fmt: skip
    by_hand = (1500 * 5 + 1500 * 0.5 + 1000 * 25) / 4000 * (0.6 + 0.4 * 0.5) * 1.1

    assert by_hand == pytest.approx(api_usd_per_mtok("closed", values))


def test_nothing_to_draw_gives_certainty() -> None:
    """Without ranges every draw is the point, and the chance is 0 or 1."""
    drawn = monte_carlo(plain(), np.array([1_000.0, 20_000.0]), draws=100)
    closed = drawn.frame[drawn.frame["leg"] == "closed"]

    assert [0.0, 1.0] == closed["p_self_cheaper"].tolist()
    assert closed["usd_p05"].tolist() == closed["usd_p95"].tolist() == [10_000.0, 200_000.0]


def test_chance_of_being_cheaper_is_the_share_of_a_triangle() -> None:
    """Price 5 to 15 around 10: at F / V = 6.36 the chance is 1 - (6.3635 - 5)^2 / (10 x 5)."""
    price = Quantity(10.0, "USD/Mtok", 5.0, 15.0)
    drawn = monte_carlo(plain(closed_usd_per_mtok=price), np.array([10_000.0]), draws=40_000)
    chance = drawn.frame.set_index("leg").loc["closed", "p_self_cheaper"]

    assert 1 - (6.3635 - 5) ** 2 / 50 == pytest.approx(chance, abs=0.005)


def test_draws_repeat_with_their_seed() -> None:
    """The same seed gives the same table."""
    given = plain(usd_per_gpu_hour=Quantity(3.5, "USD/GPU-hour", 2.5, 7.0), autoscale=True)
    one, two = (monte_carlo(given, np.array([30_000.0]), draws=500, seed=3).frame for _ in range(2))

    assert one.equals(two)


def test_a_peak_with_a_range_under_autoscaling() -> None:
    """Days of other peaks are drawn anew: the spread is there, and the middle near the point's cost."""
    given = plain(peak_over_average=Quantity(3.0, "ratio", 2.0, 5.0), autoscale=True)
    drawn = monte_carlo(given, np.array([30_000.0]), draws=2_000).frame.set_index("leg").loc["self"]
    point = float(self_usd_per_month(given, given.point_values, np.array([30_000.0]))[0][0])

    assert drawn["usd_p05"] < drawn["usd_p95"]
    assert point == pytest.approx(drawn["usd_p50"], rel=0.15)


def test_a_tornado_by_hand() -> None:
    """GPU-hours at 2.5 and 7 instead of 3.5, two nodes of eight: 16 x 730.5 x 1.25 times the difference."""
    given = plain(
        usd_per_gpu_hour=Quantity(3.5, "USD/GPU-hour", 2.5, 7.0),
        engineers=Quantity(0.5, "engineers", 0.4, 0.6),
    )
    rows = tornado(given, 1_000.0, 1e5)

    assert ["usd_per_gpu_hour", "engineers"] == rows["input"].tolist()
    assert 16 * 730.5 * 1.25 * 4.5 == pytest.approx(rows["swing_usd"].iloc[0])
    assert 5_000 == pytest.approx(rows["swing_usd"].iloc[1])
    assert rows["break_even_mtok_at_low"].iloc[0] < rows["break_even_mtok_at_high"].iloc[0]


def test_the_token_mix_is_a_driver() -> None:
    """Opus at 5 and 25: 10:1 is $6.82 a million and 1:3 is $20, so $25,375 break even at 3.72B and at 1.27B (flat demand)."""
    block = TcoDocument(
        input_share=Ranged(value=0.5, low=0.25, high=10 / 11), demand=DemandDocument(shape="flat")
    )
    rows = tornado(build_scenario(block, at=DAY), 50.0, 1e6).set_index("input")
    at_low, at_high = (rows.loc["input_share", f"break_even_mtok_at_{end}"] for end in ("low", "high"))

    assert 25_374.875 / 20 == pytest.approx(at_low)
    assert 25_374.875 / ((10 * 5 + 25) / 11) == pytest.approx(at_high)


def test_the_mix_is_that_of_the_article_and_has_a_range() -> None:
    """3:1 in both; the draws go from 1:1 to 10:1."""
    given = build_scenario(at=DAY)
    draws = given.draw(2_000, 1)
    share = draws["input_tokens"] / (draws["input_tokens"] + draws["output_tokens"])

    assert MIX_3TO1 == given.inputs["input_share"].value
    assert 3 == given.point_values["input_tokens"] / given.point_values["output_tokens"]
    assert (0.5, 0.91) == (given.inputs["input_share"].low, given.inputs["input_share"].high)
    assert 0.5 <= share.min() < share.max() <= 0.91


def test_given_tokens_say_the_mix() -> None:
    """Without a range of its own, and the capacity follows the size: half the tokens, twice the requests."""
    given = build_scenario(TcoDocument(input_tokens=500, output_tokens=500), at=DAY)

    assert "input_share" not in given.inputs
    assert 4418 / 1000 * 0.5 * 2 == pytest.approx(given.point_values["replica_requests_per_s"])


def test_the_middle_is_the_median_of_the_draws() -> None:
    """GPU-hours at 3.5 that go to 14: the point is low among its draws, and not what is printed."""
    wide = plain(usd_per_gpu_hour=Quantity(3.5, "USD/GPU-hour", 3.0, 14.0))
    found = tco(wide, 1_000.0, draws=2_000)
    row = found.legs.set_index("leg").loc["self"]

    assert row["usd"] < 0.8 * row["usd_p50"]
    assert row["usd_p50"] == found.monthly_usd("self")
    assert row["usd_p50"] / 1_000 == pytest.approx(found.needed_api_usd_per_mtok)


def test_without_a_capacity_there_is_no_self_hosting() -> None:
    """The APIs are still compared."""
    inputs = {name: value for name, value in plain().inputs.items() if name != "replica_requests_per_s"}
    found = tco(dataclasses.replace(plain(), inputs=inputs), 1_000.0, draws=100)

    assert found.monthly_usd("self") is None
    assert found.needed_api_usd_per_mtok is None
    assert 10_000 == found.monthly_usd("closed")
    assert {} == found.break_evens
    assert "no price" in found.headline()


@pytest.mark.parametrize(
    ("weights", "gpu", "gpus", "fits", "words"),
    [
        ("deepseek-ai/DeepSeek-V3", "H100-80GB", 2, False, "need 336 GB even at 4 bits"),
        ("deepseek-ai/DeepSeek-V3", "H100-80GB", 8, True, "fits only quantized"),
        ("deepseek-ai/DeepSeek-V3", "H200-141GB", 8, True, ""),
        ("meta-llama/Llama-3.3-70B-Instruct", "H100-80GB", 2, True, ""),
        ("meta-llama/Llama-3.1-405B-Instruct-FP8", "H100-80GB", 8, True, ""),
        ("meta-llama/Llama-3.1-405B-Instruct", "A100-80GB", 2, False, "does not fit"),
        ("Qwen/Qwen2.5-7B-Instruct-AWQ", "RTX4090-24GB", 1, True, ""),
        ("mistralai/Mixtral-8x22B-Instruct-v0.1", "H100-80GB", 2, True, "fits only quantized"),
    ],
)
def test_weights_fit_their_gpus(weights: str, gpu: str, gpus: float, words: str, *, fits: bool) -> None:
    """Billions of parameters from the name or the table, against the memory of the GPUs."""
    found = memory_fit(weights, gpu, gpus)

    assert found is not None
    assert fits == found.fits
    assert words in found.words
    assert bool(words) == bool(found.words)


@pytest.mark.parametrize(
    ("weights", "gpu"),
    [("someone/model", "H100-80GB"), ("a/b-70B", "TPU"), ("a/b-70B", None), (None, "H100-80GB")],
)
def test_an_unknown_size_says_nothing(weights: str | None, gpu: str | None) -> None:
    """No claim without both sizes."""
    assert memory_fit(weights, gpu, 8) is None


def test_the_answer_has_three_legs_at_the_volume() -> None:
    """Savings, needed price and needed utilisation by hand."""
    table = tco(plain(), 1_000.0, draws=200)
    rows = table.legs.set_index("leg")
    fixed = 2 * 28 * 730.5 * 1.25 + 12_500

    assert ["closed", "hosted", "self"] == table.legs["leg"].tolist()
    assert 12 * (10_000 - fixed) == pytest.approx(rows.loc["closed", "saving_usd_per_year"])
    assert rows["usd"].isna()["hosted"]
    assert fixed / 1_000 == pytest.approx(table.needed_api_usd_per_mtok)
    assert fixed * 1e6 / (10 * 2 * 13_016 * SECONDS_PER_MONTH) == pytest.approx(
        rows.loc["closed", "needed_utilisation"]
    )
    assert 1_000e6 / (2 * 13_016 * SECONDS_PER_MONTH) == pytest.approx(rows.loc["self", "utilisation"])


def test_the_json_holds_no_nan() -> None:
    """Unknown is null; every input says how it is known."""
    document = json.loads(json.dumps(tco(build_scenario(at=DAY), 50.0, draws=100).to_json(), allow_nan=False))

    assert 1 == document["schema"]
    assert {"closed", "hosted"} == {row["leg"] for row in document["break_even"]}
    assert {"published", "assumed"} == {given["kind"] for given in document["inputs"].values()}
    assert any("not measured" in line for line in document["warnings"])


def test_the_block_of_a_suite() -> None:
    """Own prices, a capacity with a range, bought servers: as given, each with its range."""
    block = TcoDocument(
        closed=LegDocument(input_usd_per_mtok=5, output_usd_per_mtok=25),
        capacity=CapacityDocument(requests_per_s=Ranged(value=4, low=3, high=5)),
        own=OwnDocument(capex_usd=300_000, power_kw=10.2),
        demand=DemandDocument(shape="flat"),
        gpus=8,
        engineers=0,
    )
    given = build_scenario(block, at=DAY)

    assert (4, 3, 5) == tuple(
        getattr(given.inputs["replica_requests_per_s"], name) for name in ("value", "low", "high")
    )
    assert given.owned
    assert "usd_per_gpu_hour" not in given.inputs
    assert 0.75 * 5 + 0.25 * 25 == api_usd_per_mtok("closed", given.point_values)
    assert 1.0 == given.point_values["peak_over_average"]


def test_bought_servers_pay_back() -> None:
    """Capex over what the API costs beyond the running costs."""
    block = TcoDocument(
        closed=LegDocument(input_usd_per_mtok=10, output_usd_per_mtok=10),
        capacity=CapacityDocument(requests_per_s=100),
        own=OwnDocument(capex_usd=100_000, power_kw=10, pue=1, usd_per_kwh=0.1),
        overhead=0, engineers=0, updates_per_year=0, storage_usd_per_month=0, availability_target=0,
        demand=DemandDocument(shape="flat"),
    )  # fmt: skip
    row = tco(build_scenario(block, at=DAY), 2_000.0, draws=50).legs.set_index("leg").loc["closed"]

    assert 100_000 / (20_000 - 10 * 730.5 * 0.1) == pytest.approx(row["payback_months"])


@pytest.mark.parametrize(
    "block",
    [
        TcoDocument(closed=LegDocument(provider="openai")),
        TcoDocument(closed=LegDocument(input_usd_per_mtok=1)),
        TcoDocument(capacity=CapacityDocument(published="no-such")),
        TcoDocument(gpu="TPU-9"),
        TcoDocument(headroom=0),
        TcoDocument(input_tokens=0, output_tokens=0),
        TcoDocument(output_tokens=0, capacity=CapacityDocument(output_tokens_per_s=100)),
        TcoDocument(availability=0),
        TcoDocument(availability_target=1),
        TcoDocument(demand=DemandDocument(peak_over_average=0.5)),
        TcoDocument(headroom=1.5),
        TcoDocument(demand=DemandDocument(shape="night")),
        TcoDocument(usd_per_gpu_hour=Ranged(value=9, low=1, high=2)),
        TcoDocument(usd_per_gpu_hour=Ranged(value=9, low=1)),
    ],
)
def test_a_block_that_cannot_be(block: TcoDocument) -> None:
    """Half a leg, unknown names, a share above one, a value outside its range."""
    with pytest.raises(InputError):
        build_scenario(block, at=DAY)


def test_a_peak_goes_with_a_day() -> None:
    """Office hours have a peak of their own: another one is refused, not mixed."""
    office = build_scenario(TcoDocument(demand=DemandDocument(shape="business")), at=DAY)

    assert 4.2 == pytest.approx(office.point_values["peak_over_average"])
    with pytest.raises(InputError, match=r"has its own, 4\.2"):
        office.with_inputs(peak_over_average=Quantity(3.0, "ratio"))


def test_the_block_and_the_row_of_the_document(tmp_path: Path) -> None:
    """docs/explanation/economics.md shows what is read: a row of the book, a model's cost, a price file, a tco: block."""
    text = (Path(__file__).parents[4] / "docs" / "explanation" / "economics.md").read_text(encoding="utf-8")
    row, model, own, block = (
        yaml.safe_load(part) for part in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    )
    (tmp_path / "prices.yaml").write_text(yaml.safe_dump(own))
    found = TcoDocument(**{**block["tco"], "usd_per_gpu_hour": Ranged(**block["tco"]["usd_per_gpu_hour"])})

    assert 0.003 == float(row_price(row[0], "").rates.image or 0)
    assert 2.35 == GpuCost(**{**model["models"][0]["cost"], "as_of": "2026-05-20"}).usd_per_gpu_hour
    assert "H100-80GB" == read_price_file(tmp_path / "prices.yaml")["gpus"][0]["gpu"]
    assert build_scenario(found, at=DAY).demand.autoscale


def test_a_suite_may_hold_the_block(tmp_path: Path) -> None:
    """Checked with the suite; a slip names its line."""
    file = tmp_path / "suite.yaml"
    text = "name: s\nmodels: [{id: m, runner: sim, weights: open}]\ntasks: [reasoning/arithmetic]\ntco:\n  volume: 2B\n"
    file.write_text(text)

    assert TcoDocument(volume="2B") == load_suite(file).tco
    file.write_text(text + "  enginers: 1\n")
    with pytest.raises(DocumentError, match=r"suite.yaml:6.*enginers"):
        load_suite(file)


def test_volumes_in_words() -> None:
    """50M, 1.5B and 20k are tokens; words go back."""
    assert [50e6, 1.5e9, 20e3, 7.0] == [parse_token_count(text) for text in ("50M", "1.5B", "20k", 7)]
    assert ["50M", "6.36B", "1T", "20k"] == [format_mtok(mtok) for mtok in (50, 6363.5, 1e6, 0.02)]
    for text in ("", "-5M", "0", "5X", "M"):
        with pytest.raises(InputError):
            parse_token_count(text)


def test_settings_from_the_command_line() -> None:
    """A value, or a range around it."""
    assert ("a", 2.0, None, None) == parse_setting("a=2")
    assert ("a", 2.0, 1.0, 3.0) == parse_setting("a=1..2..3")
    for text in ("a", "a=", "a=x", "a=3..2..1", "=2", "a=1..2"):
        with pytest.raises(InputError):
            parse_setting(text)
    with pytest.raises(InputError):
        parse_quantity(None, "USD")

"""What was spent, and what it could have been: judges, intervals, energy, three legs, what-ifs, an invoice."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gapbench.analysis.cost.cost import cost
from gapbench.analysis.cost.energy import energy_kwh
from gapbench.analysis.cost.what_if import what_if
from gapbench.errors import InputError
from gapbench.stats import ratio_interval
from gapbench.store import RunWriter
from gapbench.values import Attempt

Make = Callable[..., Path]
Attempts = Callable[..., Attempt]
Answers = Callable[..., list[Attempt]]
FEBRUARY = datetime(2026, 2, 12, tzinfo=UTC)


def test_a_judge_is_paid_apart(make_run: Make, attempt: Attempts) -> None:
    """A judge's 1,000 and 100 tokens are in what was spent, not in what the task costs."""
    rows = [attempt(sample_id="a"), attempt(sample_id="a", model_id="judge", phase="judge", weights="closed")]
    table = cost([make_run(rows)])
    frame = table.frame.set_index("model_id")

    assert "judging by judge cost $0.0032 more; it is in no row of tasks" in table.warnings
    assert (0.00315, 0.0, 0.00315) == pytest.approx(
        tuple(frame.loc["closed-a", ["usd", "usd_judge", "usd_spent"]])
    )
    assert (0.00315, 0.00315) == pytest.approx(tuple(frame.loc["judge", ["usd_judge", "usd_spent"]]))
    assert pd.isna(frame["usd"]["judge"])


def test_dollars_per_task_have_an_interval(make_run: Make, attempt: Attempts) -> None:
    """Tasks of 100 and of 200 output tokens, half each: the interval lies around the mean."""
    rows = [attempt(sample_id=str(k), output_tokens=100 + 100 * (k % 2)) for k in range(40)]
    row = cost([make_run(rows)]).frame.iloc[0]

    assert row["usd_per_task"] == pytest.approx(0.00385)
    assert row["usd_per_task_low"] < 0.00385 < row["usd_per_task_high"]
    assert row["usd_per_task_high"] < 0.0042
    assert row["usd_per_mtok_low"] < row["usd_per_mtok"] < row["usd_per_mtok_high"]


def test_an_interval_of_a_ratio_by_hand() -> None:
    """Means 2 and 1 of four items: se of the residuals 1, 1, -1, -1 over 4, times 4/3, on the logarithm, t = 3.182.

    They have no skewness. The logarithm's curvature, -1 x 0.5 / 2 over the root of 4, is a slope of -0.125, held at
    0.25 / t. The bounds are at the statistics whose transformation t + a t^2 + a^2 t^3 / 3 is 3.182 and -3.182. Above t = 3.182
    it is continued by its tangent, whose slope there is (1 - 0.25)^2.
    """
    low, high = ratio_interval(np.array([3.0, 3.0, 1.0, 1.0]), np.ones(4), np.arange(4))
    error, critical = np.sqrt(4 / 16 * 4 / 3) / 2, 3.182446
    slope = -0.25 / critical
    assert low is not None
    assert high is not None

    t = np.log(2 / high) / error
    assert t + slope * t**2 + slope**2 * t**3 / 3 == pytest.approx(-critical, rel=1e-5)
    start = critical + slope * critical**2 + slope**2 * critical**3 / 3
    t = np.log(2 / low) / error
    assert start + 0.75**2 * (t - critical) == pytest.approx(critical, rel=1e-5)


def test_an_interval_needs_two_clusters_and_something_to_divide() -> None:
    """Otherwise nothing can be said."""
    assert (None, None) == tuple(ratio_interval(np.ones(3), np.ones(3), np.zeros(3, dtype=np.int64)))
    assert (None, None) == tuple(ratio_interval(np.ones(3), np.zeros(3), np.arange(3)))


def test_a_range_of_the_hourly_price(make_run: Make, answers: Answers) -> None:
    """$3.60 between 1.80 and 7.20: half and twice the cost."""
    given = {
        "cost": {
            "gpus": 2, "usd_per_gpu_hour": 3.6, "usd_per_gpu_hour_low": 1.8, "usd_per_gpu_hour_high": 7.2,
            "as_of": "2026-05-20",
        },
        "runner": "vllm",
    }  # fmt: skip
    row = cost([make_run(answers("open-a", 10, 20), open_a=given)]).frame.iloc[0]

    assert (0.1, 0.2, 0.4) == pytest.approx((row["usd_at_low_price"], row["usd"], row["usd_at_high_price"]))


def test_energy_is_the_area_under_the_power(make_run: Make, answers: Answers) -> None:
    """Two GPUs, 0 to 10 s: 300 W throughout and 100 rising to 300 W are 3,000 + 2,000 joules."""
    given = {"cost": {"gpus": 2, "usd_per_gpu_hour": 3.6}, "runner": "vllm"}
    run = make_run(answers("open-a", 1, 2), open_a=given)
    cell = "open-a|reasoning/sums|c8"
    samples = [(0.0, 0, 300.0), (10.0, 0, 300.0), (0.0, 1, 100.0), (10.0, 1, 300.0)]
    with RunWriter(run) as writer:
        writer.add_telemetry(
            [
                {
                    "cell_id": cell, "at_s": at_s, "gpu": gpu, "power_w": power_w, "memory_used_bytes": 1,
                    "utilization": 0.5, "sm_clock_mhz": 1,
                }
                for at_s, gpu, power_w in samples
            ]
        )  # fmt: skip

    assert {cell: pytest.approx(5_000 / 3.6e6)} == energy_kwh(run)
    assert cost([run]).frame["energy_kwh"].iloc[0] == pytest.approx(5_000 / 3.6e6)


def test_without_power_energy_is_unknown(make_run: Make, answers: Answers) -> None:
    """No samples: null, never 0."""
    given = {"cost": {"gpus": 1, "usd_per_gpu_hour": 1}, "runner": "vllm"}

    assert pd.isna(cost([make_run(answers("open-a", 1, 2), open_a=given)]).frame["energy_kwh"].iloc[0])


def test_three_legs_side_by_side(make_run: Make, answers: Answers) -> None:
    """Closed as measured, hosted on the open model's own tokens (Groq: 0.59 in, 0.79 out), self by the hour."""
    given = {
        "name": "meta-llama/Llama-3.3-70B-Instruct",
        "runner": "vllm",
        "cost": {"gpus": 2, "usd_per_gpu_hour": 3.6},
    }
    rows = [*answers("closed-a", 8, 10), *answers("open-a", 5, 10)]
    frame = cost([make_run(rows, open_a=given)]).legs.set_index("leg")

    assert ["closed", "hosted", "self"] == list(frame.index)
    assert frame["usd_per_task"]["closed"] == pytest.approx(0.00315)
    assert frame["usd_per_task"]["hosted"] == pytest.approx((1000 * 0.59 + 100 * 0.79) / 1e6)
    assert frame["usd_per_correct"]["hosted"] == pytest.approx(2 * (1000 * 0.59 + 100 * 0.79) / 1e6)
    assert frame["usd_per_task"]["self"] == pytest.approx(0.02)
    assert [True, False, True] == frame["measured"].tolist()


def test_a_missing_leg_says_why(make_run: Make, answers: Answers) -> None:
    """Never left out: a null with a reason."""
    frame = cost([make_run(answers("closed-a", 1, 2))]).legs.set_index("leg")

    assert ["closed", "hosted", "self"] == list(frame.index)
    assert frame["usd_per_task"].isna()["self"]
    assert "no open model" in str(frame["reason"]["hosted"])


def test_an_open_model_that_was_bought_is_the_hosted_leg(make_run: Make, answers: Answers) -> None:
    """Its measured cost is the provider's; its own GPUs were not run."""
    given = {"runner": "openai", "cost": {"provider": "groq", "model": "llama-3.3-70b-versatile"}}
    rows = [
        dataclasses.replace(row, started_at=datetime(2026, 11, 24, tzinfo=UTC))
        for row in answers("open-a", 1, 2)
    ]
    frame = cost([make_run(rows, open_a=given)]).legs.set_index("leg")

    assert frame["measured"]["hosted"]
    assert frame["usd_per_task"]["hosted"] == pytest.approx((1000 * 0.59 + 100 * 0.79) / 1e6)
    assert frame["usd_per_task"].isna()["self"]


def test_what_if_it_had_been_a_batch(make_run: Make, answers: Answers) -> None:
    """gpt-5.2 in batches is half price."""
    row = what_if([make_run(answers("closed-a", 8, 10))], "batch").iloc[0]

    assert row["usd"] == pytest.approx(0.0315)
    assert row["usd_what_if"] == pytest.approx(0.01575)
    assert (50, 0.001575) == pytest.approx((row["saving_percent"], row["usd_per_task_what_if"]))


def test_what_if_without_a_tier_is_unknown(make_run: Make, answers: Answers) -> None:
    """Trap 3: no batch price falls back to standard in silence elsewhere; here the answer is null and says why."""
    rows = [
        dataclasses.replace(row, runner="google", model_asked="gemini-3-pro-preview", started_at=FEBRUARY)
        for row in answers("closed-a", 1, 2)
    ]
    row = what_if([make_run(rows)], "batch").iloc[0]

    assert pd.isna(row["usd_what_if"])
    assert "no price for the batch tier" in row["note"]


def test_what_if_the_cache_had_hit(make_run: Make, answers: Answers) -> None:
    """80 % of 1,000 tokens at 0.175 instead of 1.75: 200 x 1.75 + 800 x 0.175 + 100 x 14."""
    run = make_run(answers("closed-a", 1, 1))
    hit, missed = what_if([run], "cached=0.8").iloc[0], what_if([run], "uncached").iloc[0]

    assert hit["usd_what_if"] == pytest.approx((200 * 1.75 + 800 * 0.175 + 100 * 14) / 1e6)
    assert missed["saving_usd"] == 0


@pytest.mark.parametrize("question", ["cheap", "cached", "cached=2", "cached=x"])
def test_what_if_of_what(make_run: Make, answers: Answers, question: str) -> None:
    """A question that is none is refused with those there are."""
    with pytest.raises(InputError, match="expected batch"):
        what_if([make_run(answers("closed-a", 1, 1))], question)


# provider, model, and USD per million: input, output, cached, written for 5 minutes, written for an hour.
INVOICE = {
    "anthropic": ("claude-opus-4-6", ("5", "25", "0.50", "6.25", "10"), ("10", "37.5", "1", "12.5", "20")),
    "openai": ("gpt-5.2", ("1.75", "14", "0.175", "1.75", "1.75"), None),
    "google": ("gemini-3-pro-preview", ("2", "12", "0.20", "2", "2"), ("4", "18", "0.40", "4", "4")),
}


def test_an_invoice_of_three_vendors_to_the_cent(make_run: Make, attempt: Attempts) -> None:
    """500 attempts over all token classes, tiers, retries and warm-up equal arithmetic written out here."""
    rng = random.Random(20_260_212)
    rows: list[Attempt] = []
    bills = {vendor: dict.fromkeys(("usd", "usd_retries", "usd_warmup"), Decimal(0)) for vendor in INVOICE}
    for k in range(500):
        vendor = rng.choice(list(INVOICE))
        model, small, large = INVOICE[vendor]
        total = rng.choice([rng.randint(1, 9_000), rng.randint(199_990, 200_010), 412_345])
        cached = rng.randint(0, total // 2) if rng.random() < 0.5 else 0
        written = rng.randint(0, total // 3) if vendor == "anthropic" and rng.random() < 0.5 else 0
        hour = rng.randint(0, written)
        out = rng.randint(0, 4_000)
        phase = "warmup" if k % 10 == 0 else "measure"
        final = k % 7 != 0
        prices = large if large is not None and total > 200_000 else small
        plain_price, out_price, cached_price, short_price, hour_price = map(Decimal, prices)
        usd = Decimal(0)
        usd += (total - cached - written) * plain_price
        usd += cached * cached_price
        usd += (written - hour) * short_price
        usd += hour * hour_price
        usd += out * out_price
        usd /= 1_000_000
        if phase == "warmup":
            bills[vendor]["usd_warmup"] += usd
        else:
            bills[vendor]["usd"] += usd
            bills[vendor]["usd_retries"] += Decimal(0) if final else usd
        rows.append(
            attempt(
                model_id=f"closed-{vendor}", runner=vendor, model_asked=model, started_at=FEBRUARY,
                sample_id=str(k), phase=phase, final=final, outcome="correct" if final else "infra",
                input_tokens=total, cached_input_tokens=cached or None, cache_write_tokens=written or None,
                cache_write_1h_tokens=hour or None, output_tokens=out, reasoning_tokens=out // 3,
            )
        )  # fmt: skip
    table = cost([make_run(rows)])
    frame = table.frame.set_index("model_id")

    assert 500 == len(rows)
    for vendor, expected in bills.items():
        assert expected["usd"] == table.exact_usd[f"closed-{vendor}"]
        for name, usd in expected.items():
            assert f"{usd:.2f}" == f"{frame[name][f'closed-{vendor}']:.2f}"

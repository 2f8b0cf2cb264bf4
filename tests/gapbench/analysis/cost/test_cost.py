"""API dollars and GPU-hours by model and category, against arithmetic by hand."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gapbench.analysis.cost.attempt_costs import bill
from gapbench.analysis.cost.cost import cost
from gapbench.analysis.cost.gpu_cells import busy_seconds
from gapbench.analysis.frames import load_runs
from gapbench.values import Attempt

Make = Callable[..., Path]
Attempts = Callable[..., Attempt]
Answers = Callable[..., list[Attempt]]


def test_api_cost_by_hand(make_run: Make, answers: Answers) -> None:
    """10 requests of 1,000 in and 100 out at gpt-5.2's 1.75 and 14: $0.0315, 8 right."""
    row = cost([make_run(answers("closed-a", 8, 10))]).frame.iloc[0]

    assert row["usd"] == pytest.approx(0.0315)
    assert row["usd_per_task"] == pytest.approx(0.00315)
    assert row["usd_per_correct"] == pytest.approx(0.0315 / 8)
    assert row["usd_per_mtok"] == pytest.approx(0.0315 / 11_000 * 1e6)
    assert (row["kind"], row["price_source"]) == ("api", "book")


def test_retries_are_included_and_shown_apart(make_run: Make, attempt: Attempts) -> None:
    """A garbled answer of 1,000 and 100 tokens was billed, then the request was tried again."""
    rows = [attempt(sample_id="a", final=False, outcome="infra", input_tokens=1000, output_tokens=100)]
    rows.append(attempt(sample_id="a", attempt=2))
    row = cost([make_run(rows)]).frame.iloc[0]

    assert row["usd"] == pytest.approx(2 * 0.00315)
    assert row["usd_retries"] == pytest.approx(0.00315)
    assert row["tasks"] == 1


def test_a_failure_without_tokens_is_not_billed(make_run: Make, attempt: Attempts) -> None:
    """The vendors bill no failed request: its cost is 0 and known."""
    rows = [attempt(sample_id="a"), attempt(sample_id="b", outcome="infra")]

    assert cost([make_run(rows)]).frame["usd"].iloc[0] == pytest.approx(0.00315)


def test_an_answer_without_tokens_makes_the_total_unknown(make_run: Make, attempt: Attempts) -> None:
    """The total is null, not too low; the mean is of the one task whose cost is known."""
    rows = [attempt(sample_id="a"), attempt(sample_id="b", input_tokens=None, output_tokens=None)]
    table = cost([make_run(rows)])
    row = table.frame.iloc[0]

    assert pd.isna(row["usd"])
    assert row["usd_per_task"] == pytest.approx(0.00315)
    assert any("1 answered attempts have no token counts" in line for line in table.warnings)


def test_an_unknown_price_is_null_with_a_warning(make_run: Make, answers: Answers) -> None:
    """Never 0: the JSON says null and a line says what would do."""
    table = cost([make_run(answers("open-a", 1, 2), open_a={"runner": "vllm"})])
    document = json.loads(json.dumps(table.to_json(), allow_nan=False))

    assert document["rows"][0]["usd"] is None
    assert document["rows"][0]["usd_per_correct"] is None
    assert "usd_per_gpu_hour" in document["warnings"][0]


def test_the_served_model_is_priced(make_run: Make, attempt: Attempts) -> None:
    """Asked for an alias, served a dated id: the dated id has a price."""
    rows = [attempt(model_asked="gpt-5.2-chat-latest", model_served="gpt-5.2-2025-12-11")]

    assert cost([make_run(rows)]).frame["usd"].iloc[0] == pytest.approx(0.00315)


def test_none_correct_costs_no_finite_sum(make_run: Make, answers: Answers) -> None:
    """Dollars per correct task are unknown without a correct task."""
    assert pd.isna(cost([make_run(answers("closed-a", 0, 3))]).frame["usd_per_correct"].iloc[0])


def test_warm_up_is_apart(make_run: Make, attempt: Attempts) -> None:
    """Warm-up was paid, and is not in the cost of the tasks."""
    rows = [attempt(sample_id="a", repeat=-1, phase="warmup"), attempt(sample_id="a")]
    row = cost([make_run(rows)]).frame.iloc[0]

    assert (row["usd"], row["usd_warmup"]) == pytest.approx((0.00315, 0.00315))


def test_our_own_cache_is_free_and_a_task_is_not(make_run: Make, attempt: Attempts) -> None:
    """Nothing was spent on a cached answer, and it keeps its token counts: a task costs $0.00315 without the cache."""
    row = cost([make_run([attempt(from_cache=True)])]).frame.iloc[0]

    assert row["usd"] == row["usd_spent"] == 0
    assert row["usd_from_cache"] == row["usd_per_task"] == pytest.approx(0.00315)


def test_gpu_cost_is_reserved_time(make_run: Make, answers: Answers) -> None:
    """Two GPUs at $3.60 an hour for a cell of 100 s: $0.20 over 20 tasks, 0.0556 GPU-hours."""
    given = {"cost": {"gpu": "H100-80GB", "gpus": 2, "usd_per_gpu_hour": 3.6}, "runner": "vllm"}
    row = cost([make_run(answers("open-a", 10, 20), open_a=given)]).frame.iloc[0]

    assert row["usd"] == pytest.approx(0.20)
    assert (row["usd_per_task"], row["usd_per_correct"]) == pytest.approx((0.01, 0.02))
    assert row["gpu_hours"] == pytest.approx(200 / 3600)
    assert row["kind"] == "gpu"
    assert pd.isna(row["usd_retries"])


def test_busy_time_is_the_union_of_requests() -> None:
    """0 to 2, 1 to 3 and 5 to 6 are four busy seconds; a request never sent is none."""
    sent, done = np.array([0.0, 1.0, 5.0, np.nan]), np.array([2.0, 3.0, 6.0, 9.0])

    assert busy_seconds(sent, done) == 4.0
    assert busy_seconds(np.array([np.nan]), np.array([1.0])) == 0.0


def test_busy_time_sees_short_requests_inside_long_ones() -> None:
    """0 to 10 holds 1 to 2; the next begins at 9."""
    assert busy_seconds(np.array([0.0, 1.0, 9.0]), np.array([10.0, 2.0, 12.0])) == 12.0


def test_an_unfinished_cell_counts_up_to_its_last_reply(make_run: Make, answers: Answers) -> None:
    """Without a wall time the last reply stands for it, and a warning says so."""
    run = make_run(answers("open-a", 1, 1), open_a={"cost": {"gpus": 1, "usd_per_gpu_hour": 3600}})
    manifest = json.loads((run / "run.json").read_text())
    manifest["cells"][0]["wall_s"] = None
    (run / "run.json").write_text(json.dumps(manifest))
    table = cost([run])

    assert table.frame["usd"].iloc[0] == pytest.approx(2.5)
    assert "did not finish" in table.warnings[0]


def test_categories_add_up_to_all(make_run: Make, answers: Answers) -> None:
    """Two categories and their sum."""
    rows = [*answers("closed-a", 2, 4), *answers("closed-a", 4, 6, task="coding/f")]
    frame = cost([make_run(rows)]).frame.set_index("category")

    assert frame["usd"].to_dict() == pytest.approx({"reasoning": 0.0126, "coding": 0.0189, "all": 0.0315})


def test_an_invoice_to_the_last_digit(make_run: Make, attempt: Attempts) -> None:
    """300 attempts of every token class and tier equal hand-written Decimal arithmetic exactly."""
    rng = random.Random(7)
    rows, expected = [], Decimal(0)
    for k in range(300):
        total = rng.choice([rng.randint(100, 5000), rng.randint(199_990, 200_010), 350_000])
        cached = rng.randint(0, total // 2)
        written = rng.randint(0, total // 4)
        hour = rng.randint(0, written)
        out = rng.randint(0, 900)
        large = total > 200_000
        unit = [
            Decimal(text)
            for text in (("10", "1", "12.5", "20", "37.5") if large else ("5", "0.5", "6.25", "10", "25"))
        ]
        counts = (total - cached - written, cached, written - hour, hour, out)
        expected += (
            sum((count * each for count, each in zip(counts, unit, strict=True)), Decimal(0)) / 1_000_000
        )
        rows.append(
            attempt(
                sample_id=str(k),
                runner="anthropic",
                model_asked="claude-opus-4-6",
                started_at=datetime(2026, 2, 12, tzinfo=UTC),
                input_tokens=total,
                cached_input_tokens=cached,
                cache_write_tokens=written,
                cache_write_1h_tokens=hour,
                output_tokens=out,
                reasoning_tokens=out // 2,
            )
        )
    runs = load_runs([make_run(rows)])
    table = cost(runs)

    assert table.exact_usd["closed-a"] == expected
    assert float(bill(runs).usd.sum()) == pytest.approx(float(expected), rel=1e-9)


def test_an_ignored_tier_is_said(make_run: Make, attempt: Attempts) -> None:
    """A reply at a tier without a price is priced as standard, and a warning says so."""
    table = cost([make_run([attempt(service_tier="scale")])])

    assert any("scale" in line for line in table.warnings)


IMPOSSIBLE: list[dict[str, int | None]] = [
    {"cached_input_tokens": 1001},
    {"cached_input_tokens": 600, "cache_write_tokens": 600},
    {"cache_write_tokens": 10, "cache_write_1h_tokens": 11},
    {"output_tokens": -1},
    {"input_tokens": -5, "cached_input_tokens": None},
    {"cached_input_tokens": -1},
    {"cache_write_tokens": -1},
]


@pytest.mark.parametrize("counts", IMPOSSIBLE)
def test_impossible_counts_have_no_price(make_run: Make, attempt: Attempts, counts: dict[str, int]) -> None:
    """More cached tokens than input, or counts below 0: unknown with a warning, never dollars below zero."""
    table = cost([make_run([attempt(sample_id="a"), attempt(sample_id="b", **counts)])])
    row = table.frame.iloc[0]

    assert pd.isna(row["usd"])
    assert row["usd_per_task"] == pytest.approx(0.00315)
    assert any("1 attempts have impossible token counts" in line for line in table.warnings)


@pytest.mark.parametrize("counts", IMPOSSIBLE)
def test_impossible_counts_of_a_failure_have_no_price(
    make_run: Make, attempt: Attempts, counts: dict[str, int]
) -> None:
    """A failed attempt that reports them is no free one."""
    failed = attempt(sample_id="b", outcome="infra", **{"input_tokens": 1000, "output_tokens": 1, **counts})

    assert pd.isna(cost([make_run([attempt(sample_id="a"), failed])]).frame["usd"].iloc[0])


def test_a_failure_with_only_cached_tokens_costs_nothing(make_run: Make, attempt: Attempts) -> None:
    """Without an input count nothing is billed: not minus 500 cached tokens."""
    failed = attempt(sample_id="b", outcome="infra", cached_input_tokens=500, cache_write_tokens=20)

    assert cost([make_run([attempt(sample_id="a"), failed])]).frame["usd"].iloc[0] == pytest.approx(0.00315)


def test_random_counts_never_cost_less_than_nothing(make_run: Make, attempt: Attempts) -> None:
    """400 random counts: a price if they can be true, NaN if not, by the definition written out again."""
    rng = random.Random(11)
    rows = []
    for k in range(400):
        total, cached, written, hour, out = (rng.randint(-20, 400) for _ in range(5))
        rows.append(
            attempt(
                sample_id=str(k), input_tokens=total, cached_input_tokens=cached, cache_write_tokens=written,
                cache_write_1h_tokens=hour, output_tokens=out,
            )
        )  # fmt: skip
    usd = bill(load_runs([make_run(rows)])).usd
    for row, value in zip(rows, usd, strict=True):
        counts = (
            row.input_tokens,
            row.cached_input_tokens,
            row.cache_write_tokens,
            row.cache_write_1h_tokens,
        )
        total, cached, written, hour = (count or 0 for count in counts)
        can_be_true = (
            min(total, cached, written, hour, row.output_tokens or 0) >= 0
            and cached + written <= total
            and hour <= written
        )
        assert can_be_true == (not np.isnan(value))
        assert not value < 0


def test_dollars_per_token_need_every_count(make_run: Make, answers: Answers, attempt: Attempts) -> None:
    """One of three answers of a GPU model has no counts: its time is known, dollars per token are not."""
    rows = [*answers("open-a", 2, 2), attempt(model_id="open-a", sample_id="x", output_tokens=None)]
    given = {"cost": {"gpus": 1, "usd_per_gpu_hour": 36}, "runner": "vllm"}
    row = cost([make_run(rows, open_a=given)]).frame.iloc[0]

    assert row["usd_per_task"] == pytest.approx(1 / 3)
    assert pd.isna(row["usd_per_mtok"])
    assert pd.isna(row["tokens_per_task"])

"""A model whose answers came from the response cache: without times, and priced as if it had been asked."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gapbench.analysis.cost.cost import cost
from gapbench.analysis.frames import load_runs
from gapbench.analysis.quality.gap import gap
from gapbench.analysis.quality.summary import summarize
from gapbench.report.answer import answer_text
from gapbench.values import Attempt
from tests.run_folders import make_attempt, make_episode, write_run

Make = Callable[..., Path]
PRICED = {"cost": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 1}}
GPUS = {"runner": "vllm", "cost": {"gpu": "H100-80GB", "gpus": 1, "usd_per_gpu_hour": 3.6}}
"""A cell of 100 s costs $0.10."""


def from_cache(row: Attempt) -> Attempt:
    """Return an answer as the response cache gives it."""
    return replace(
        row,
        from_cache=True,
        transport="cache",
        sent_s=None,
        first_byte_s=None,
        first_token_s=None,
        done_s=None,
    )


def rows(model_id: str, cached: int, **given: Any) -> list[Attempt]:
    """Return 30 answers of a model, the first of them from the cache."""
    made = [make_attempt(model_id=model_id, sample_id=str(n), **given) for n in range(30)]
    return [from_cache(row) if n < cached else row for n, row in enumerate(made)]


@pytest.mark.parametrize(("cached", "share"), [(30, "all"), (6, "20 % of")])
def test_a_task_costs_what_its_tokens_do(make_run: Make, cached: int, share: str) -> None:
    """1,000 tokens in and 100 out are $0.00315 a task, and what was spent is less; the notes say so."""
    runs = load_runs([make_run([*rows("closed-a", cached), *rows("open-a", 0)], open_a=PRICED)])
    table, costs = gap(runs), cost(runs)
    row = costs.frame.set_index("model_id").loc["closed-a"]

    assert "closed $3.15" in answer_text(table).cost
    assert (row["usd"], row["usd_per_task"]) == pytest.approx(((30 - cached) * 0.00315, 0.00315))
    assert [
        f"closed-a: the response cache answered {share} requests, without times: each is priced as if the model had been asked"
    ] == [line for line in table.fairness if "response cache" in line]
    assert f"closed-a: the response cache answered {cached} of 30 requests" in " ".join(costs.warnings)


def test_answers_of_the_cache_alone_have_no_times(make_run: Make) -> None:
    text = answer_text(gap(load_runs([make_run([*rows("closed-a", 30), *rows("open-a", 0)])])))

    assert "no times: answers of the response cache have none" == text.speed


def test_without_cached_answers_nothing_is_said(make_run: Make) -> None:
    runs = load_runs([make_run([*rows("closed-a", 0), *rows("open-a", 0)], open_a=PRICED)])

    assert "cache" not in " ".join([*gap(runs).fairness, *cost(runs).warnings, answer_text(gap(runs)).cost])


@pytest.mark.parametrize(("cached", "usd_per_task"), [(0, 0.1 / 30), (10, 0.1 / 20)])
def test_the_time_of_gpus_is_that_of_the_other_answers(
    make_run: Make, cached: int, usd_per_task: float
) -> None:
    """$0.10 of GPU time made 30 answers, or 20 of 30: a task costs $0.005 then, in each table."""
    runs = load_runs([make_run([*rows("closed-a", 0), *rows("open-a", cached)], open_a=GPUS)])
    row = cost(runs).frame.set_index("model_id").loc["open-a"]
    compared = gap(runs).frame.set_index("metric").loc["usd_per_task"]

    assert row["usd"] == pytest.approx(0.1)
    assert (row["usd_per_task"], row["usd_per_correct"]) == pytest.approx((usd_per_task, usd_per_task))
    assert row["usd_busy_per_task"] == pytest.approx(2.0 / 100 * usd_per_task)
    assert compared["open_value"] == pytest.approx(usd_per_task)


def test_answers_of_the_cache_alone_have_no_gpu_time(make_run: Make) -> None:
    """What they would have cost is not known, and the answer says why."""
    runs = load_runs([make_run([*rows("closed-a", 0), *rows("open-a", 30)], open_a=GPUS)])
    row = cost(runs).frame.set_index("model_id").loc["open-a"]

    assert pd.isna(row["usd_per_task"])
    assert "unknown: answers of the response cache have no GPU time (open-a)" == answer_text(gap(runs)).cost


def test_a_cached_episode_is_priced_by_all_its_turns(make_run: Make) -> None:
    live, cached = (make_episode(3, model_id="closed-a", sample_id=str(n)) for n in range(2))
    frame = cost([make_run([*live, *map(from_cache, cached)])]).frame

    assert frame["usd"].iloc[0] == pytest.approx(3 * 0.00315)
    assert frame["usd_per_task"].iloc[0] == pytest.approx(3 * 0.00315)


@pytest.mark.parametrize("seed", range(8))
def test_a_run_from_the_cache_costs_per_task_what_the_run_before_it_did(tmp_path: Path, seed: int) -> None:
    """Random tokens, failures, retries, prices and categories: with a random part cached, only what was spent differs."""
    rng = random.Random(seed)
    live, again = [], []
    for model, task in (
        ("closed-a", "reasoning/sums"),
        ("closed-a", "coding/f"),
        ("open-a", "reasoning/sums"),
    ):
        for n in range(12):
            outcome = rng.choice(["correct", "correct", "wrong", "unscored", "infra"])
            tokens = {"input_tokens": rng.randint(1, 300_000), "output_tokens": rng.randint(1, 900)}
            row = make_attempt(
                model_id=model,
                task=task,
                sample_id=str(n),
                outcome=outcome,
                **({} if outcome == "infra" else tokens),
            )
            live.append(row)
            again.append(from_cache(row) if outcome != "infra" and rng.random() < 0.6 else row)
    prices = {"runner": "google", "name": "gemini-3.1-pro-preview"} if seed % 2 else {}
    first, second = (
        load_runs([write_run(tmp_path / name, made, closed_a=prices, open_a=PRICED)])
        for name, made in (("live", live), ("again", again))
    )
    before, after = cost(first).frame, cost(second).frame
    per_unit = [name for name in before.columns if name.startswith(("usd_per", "tokens_per"))]

    pd.testing.assert_frame_equal(before[per_unit], after[per_unit], rtol=1e-9)
    spent = before["usd"] - after["usd"]
    assert after["usd_from_cache"].to_numpy() == pytest.approx(spent.to_numpy(), rel=1e-9, nan_ok=True)
    assert (spent > 0).any()
    money = ["usd_per_task", "usd_per_correct"]
    names = ["category", "metric", "closed_value", "open_value", "ratio"]
    gaps = [table[table["metric"].isin(money)][names] for table in (gap(first).frame, gap(second).frame)]
    pd.testing.assert_frame_equal(gaps[0], gaps[1], rtol=1e-9)
    rows_of_report = [summarize(runs).frame[money] for runs in (first, second)]
    pd.testing.assert_frame_equal(rows_of_report[0], rows_of_report[1], rtol=1e-9)

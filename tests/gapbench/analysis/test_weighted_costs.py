"""Weights of a run's items in what it cost, and in the sizes and times that plans take from it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from gapbench.analysis.cost.attempt_costs import bill
from gapbench.analysis.cost.cost import cost
from gapbench.analysis.economics.measured_legs import measured_legs
from gapbench.analysis.frames import load_runs
from gapbench.analysis.quality.gap import gap
from gapbench.analysis.quality.summary import summarize
from gapbench.values import Attempt
from gapbench.values.played_user import user_cell_id
from tests.gapbench.analysis.test_weights import COMMON, PRICE, RARE, overall, read, traffic_rows
from tests.run_folders import make_attempt, write_run


def test_dollars_per_task_are_those_of_the_traffic_in_cost_and_gap(tmp_path: Path) -> None:
    """(9 · $0.01 + 1 · $0.10) / 10 = $0.019 in both, and the total is what the run cost: 20 · $0.01 + 20 · $0.10."""
    runs = read(tmp_path / "run", traffic_rows())

    table = cost(runs).frame.set_index(["model_id", "category"])

    assert table.loc[("open-b", "all"), "usd_per_task"] == pytest.approx(0.019)
    assert table.loc[("open-b", "all"), "usd"] == pytest.approx(2.2)
    assert overall(gap(runs).frame, "usd_per_task")["open_value"] == pytest.approx(0.019)


def test_dollars_per_right_answer_divide_by_the_traffics_right_answers(tmp_path: Path) -> None:
    """$0.019 for a request, of which nine tenths are right: $0.0211."""
    runs = read(tmp_path / "run", traffic_rows())

    table = cost(runs).frame.set_index(["model_id", "category"])

    assert table.loc[("open-b", "all"), "usd_per_correct"] == pytest.approx(0.019 / 0.9)
    assert overall(gap(runs).frame, "usd_per_correct")["open_value"] == pytest.approx(0.019 / 0.9)


def test_tokens_per_task_are_the_traffics(tmp_path: Path) -> None:
    """(9 · 1100 + 1 · 10100) / 10 = 2,000 tokens in cost, and 1,900 of them input in the summary."""
    runs = read(tmp_path / "run", traffic_rows())

    table = cost(runs).frame.set_index(["model_id", "category"])
    models = summarize(runs).level("model").set_index("model_id")

    assert table.loc[("open-b", "all"), "tokens_per_task"] == pytest.approx(2_000)
    assert table.loc[("open-b", "all"), "usd_per_mtok"] == pytest.approx(0.019 / 2_000 * 1e6)
    assert models.loc["open-b", "input_tokens"] == pytest.approx(1_900)


def test_users_cost_what_they_do_in_the_traffic(tmp_path: Path) -> None:
    """Three of four requests have a user of $0.01, and one has a user of $0.05: $0.02."""
    rows: list[Attempt] = []
    for name, weight, tokens in (("a", 3.0, 1_000), ("b", 1.0, 5_000)):
        own = make_attempt(sample_id=name, weight=weight, stratum=name)
        rows += [
            own,
            dataclasses.replace(
                own, cell_id=user_cell_id(own.cell_id), phase="user", model_id="shopper", input_tokens=tokens
            ),
        ]
    runs = load_runs([write_run(tmp_path / "run", rows, closed_a=PRICE, shopper=PRICE)])

    table = cost(runs).frame.set_index("model_id")

    assert table.loc["closed-a", "usd_user_per_task"] == pytest.approx(0.02)


def test_the_busy_time_of_gpus_is_that_of_the_traffic(tmp_path: Path) -> None:
    """At $1 a second: 3 of 4 requests keep the GPUs busy for 2 s, and one for 10 s: $4 each. The file's mean is $6."""
    rows = [
        make_attempt(model_id="open-b", task=COMMON, weight=3.0, stratum="common", done_s=2.5),
        make_attempt(model_id="open-b", task=RARE, weight=1.0, stratum="rare", done_s=10.5),
    ]
    given = {"cost": {"gpus": 1, "usd_per_gpu_hour": 3_600}, "runner": "vllm"}
    folder = write_run(tmp_path / "run", rows, open_b=given)
    found = {}
    for weighting in ("traffic", "equal"):
        runs = dataclasses.replace(load_runs([folder]), weighting=weighting)
        found[weighting] = cost(runs).frame.set_index("category").loc["all", "usd_busy_per_task"]

    assert found == pytest.approx({"traffic": 4.0, "equal": 6.0})


def test_the_size_of_a_request_for_plans_is_the_traffics(tmp_path: Path) -> None:
    """(9 · 1000 + 1 · 10000) / 10 = 1,900 prompt tokens, as in the summary."""
    runs = read(tmp_path / "run", traffic_rows())
    account = bill(runs)

    legs = measured_legs(runs, cost(runs, account), account, closed_model="closed-a", open_model="open-b")

    assert legs.inputs["input_tokens"].value == pytest.approx(1_900)

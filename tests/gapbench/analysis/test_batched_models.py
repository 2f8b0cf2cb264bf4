"""A model that was asked in batches: compared by its answers and its price, and in no table of times."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from gapbench.analysis.cost.cost import cost
from gapbench.analysis.frames import Runs, load_runs
from gapbench.analysis.performance.capacity import capacity
from gapbench.analysis.performance.load_levels import load_levels
from gapbench.analysis.quality.gap import gap
from gapbench.analysis.quality.summary import summarize
from gapbench.analysis.regression.compare import compare_runs
from gapbench.analysis.regression.threshold import RegressionRule
from gapbench.report.answer import answer_text
from gapbench.report.capacity import capacity_table
from gapbench.report.html import html_report
from gapbench.report.results import load_results
from gapbench.values.slo import Slo
from tests.batch_provider import BatchProvider, BatchRunner
from tests.batched_runs import FAST
from tests.gapbench.execution.test_run import ANSWERS, go
from tests.makers import ScriptedRunner, model, plan
from tests.run_folders import NO_TIMES, make_answers, write_run

TOKENS = {"input_usd_per_mtok": 1000, "output_usd_per_mtok": 1000}
CLOSED = model(
    "closed",
    weights="closed",
    batch=True,
    cost={**TOKENS, "batch": {"input_usd_per_mtok": 500, "output_usd_per_mtok": 500}},
)
OPEN = model("open", cost=TOKENS)


def make_run(folder: Path, count: int = 12) -> Path:
    """Run two models over the same sums: the closed one in batches, the open one live."""
    runners = {
        "closed": BatchRunner(CLOSED, BatchProvider(), ANSWERS),
        "open": ScriptedRunner(OPEN, ANSWERS),
    }
    go(folder, plan(CLOSED, OPEN, count=count), runners, FAST)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="module")
def runs(folder: Path) -> Runs:
    return load_runs([folder])


def test_the_gap_compares_answers_and_dollars_and_no_times(runs: Runs) -> None:
    """12 pairs of answers and of dollars, 500 against 1,000 a million tokens; no pair has times."""
    rows = gap(runs).frame
    pairs = dict(zip(rows["metric"], rows["n_pairs"], strict=True))

    assert 12 == pairs["accuracy"] == pairs["usd_per_task"]
    assert {0} == {pairs[name] for name in ("response_p50_s", "response_p95_s", "answer_chars_per_s_p50")}
    (usd,) = rows[rows["metric"] == "usd_per_task"].to_dict("records")
    assert usd["closed_value"] == pytest.approx(usd["open_value"] / 2)


def test_the_fairness_line_says_which_side_was_batched(runs: Runs) -> None:
    table = gap(runs)

    said = [line for line in table.fairness if "batch API answered all requests" in line]
    assert ["closed"] == [line.partition(":")[0] for line in said]
    assert "no times: answers of a batch have none" == answer_text(table).speed


def test_the_summary_has_no_times_of_the_batched_side(runs: Runs) -> None:
    rows = summarize(runs).level("model").set_index("model_id")
    times = [name for name in rows.columns if name.endswith(("_s", "_rps"))]

    assert rows.loc["closed", times].isna().all()
    assert rows["response_p50_s"].notna()["open"]
    assert 1.0 == rows.loc["closed", "accuracy"]


def test_no_load_level_holds_the_batched_side(runs: Runs) -> None:
    found = capacity(runs, Slo(ttft_s=1.0))
    assert ["open"] == list(found.frame["model_id"])
    assert ["closed: it was asked in batches, whose answers have no times: it has no load here"] == [
        line for line in found.warnings if "batches" in line
    ]
    assert load_levels(runs) is None


def test_a_table_of_loads_without_any_states_it(tmp_path: Path) -> None:
    """Both models were batched: before the reason for each, the answer is that no load has times."""
    models = [CLOSED, replace(OPEN, batch=True)]
    runners: dict[str, ScriptedRunner] = {
        each.id: BatchRunner(each, BatchProvider(), ANSWERS) for each in models
    }
    go(tmp_path / "run", plan(*models, count=2), runners, FAST)
    console = Console(width=120, record=True, file=StringIO())
    console.print(capacity_table(capacity(load_runs([tmp_path / "run"]), Slo(ttft_s=1.0))))
    lines = console.export_text().splitlines()

    assert "No model has times here, so no load can be compared with the limits." == lines[1].strip()
    assert 2 == sum("asked in batches" in line for line in lines)


def test_a_gate_on_times_does_not_check_the_batched_side(tmp_path: Path) -> None:
    """The live side takes two seconds in both runs."""
    closed = [replace(row, **NO_TIMES) for row in make_answers("closed", 12, 12)]
    rows = [*closed, *make_answers("open", 12, 12)]
    base, new = (write_run(tmp_path / name, rows, closed={"batch": True}) for name in ("base", "new"))
    table = compare_runs([base], [new], [RegressionRule.parse("p50_response>+10%")]).frame
    verdicts = dict(zip(table["model_id"], table["verdict"], strict=True))

    assert {"closed": "unknown", "open": "pass"} == verdicts


def test_a_batch_is_billed_at_its_tier(runs: Runs) -> None:
    """12 answers of 5 + 3 tokens at 500 dollars a million: 0.048."""
    assert Decimal(12 * (5 + 3) * 500) / 1_000_000 == cost(runs).exact_usd["closed"]


def test_the_page_shows_the_batched_side_without_times(folder: Path) -> None:
    page = html_report(load_results([folder]).compute())

    assert "its batch API answered all requests" in page


def test_hours_of_gpus_are_unknown_for_a_batch(tmp_path: Path) -> None:
    """Without times there is no time of the GPUs, and no dollars."""
    hosted = replace(CLOSED, cost={"gpus": 1, "usd_per_gpu_hour": 2.0})
    runner = BatchRunner(hosted, BatchProvider(), ANSWERS)
    go(
        tmp_path / "run",
        plan(hosted, OPEN, count=2),
        {"closed": runner, "open": ScriptedRunner(OPEN, ANSWERS)},
        FAST,
    )
    table = cost(load_runs([tmp_path / "run"]))

    assert any("its answers have no times (a batch)" in line for line in table.warnings)

"""`bench cost`, `gap`, `advise` and `tco` print the same dollars for the same run.

Each figure is computed a second time here, in Decimal, from how the run was made.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gapbench.analysis.cost.attempt_costs import bill
from gapbench.analysis.cost.cost import cost
from gapbench.analysis.economics.measured_inputs import throughput_at_load
from gapbench.analysis.economics.measured_legs import measured_legs
from gapbench.analysis.economics.measured_quality import measured_quality
from gapbench.analysis.economics.option_costs import option_costs
from gapbench.analysis.economics.scenario_inputs import build_scenario
from gapbench.analysis.economics.tco import tco
from gapbench.analysis.frames import load_runs
from gapbench.analysis.quality.gap import gap
from gapbench.values import Attempt
from tests.run_folders import change_first_cell, make_attempt
from tests.two_models import command_output

Make = Callable[..., Path]
DAY = date(2026, 11, 24)
GPT_5_2 = (Decimal("1.75"), Decimal("0.175"), Decimal(14))
HOSTED = (Decimal("0.25"), Decimal("0.05"), Decimal("0.85"))
HOSTED_COST = {
    "runner": "openai",
    "cost": {"input_usd_per_mtok": 0.25, "cached_input_usd_per_mtok": 0.05, "output_usd_per_mtok": 0.85},
}
GPUS, USD_PER_GPU_HOUR, WALL_S = 8, Decimal("3.50"), 100
SELF_COST = {
    "name": "deepseek-ai/DeepSeek-V3",
    "runner": "vllm",
    "cost": {"gpu": "H200-141GB", "gpus": GPUS, "usd_per_gpu_hour": 3.5},
}


@dataclass
class Invoice:
    """The money and the work of one model, added up while its rows are made.

    Attributes:
        rates: USD per million input, cached and output tokens. None: paid by the GPU-hour.
    """

    rates: tuple[Decimal, Decimal, Decimal] | None
    usd: Decimal = Decimal(0)
    tasks: int = 0
    tokens: int = 0
    cells: set[str] = field(default_factory=set)

    def add(self, row: Attempt) -> None:
        """Add a measured attempt. Warm-up is paid, and is not part of the tasks."""
        if row.phase != "measure":
            return
        self.cells.add(row.cell_id)
        read, cached, written = row.input_tokens or 0, row.cached_input_tokens or 0, row.output_tokens or 0
        self.tasks += row.final and row.outcome != "infra"
        self.tokens += read + written
        if self.rates is not None:
            plain, hit, out = self.rates
            self.usd += ((read - cached) * plain + cached * hit + written * out) / Decimal(1_000_000)

    @property
    def total(self) -> Decimal:
        """The dollars of the run: billed tokens, or all the time that the GPUs were reserved."""
        if self.rates is not None:
            return self.usd
        return len(self.cells) * WALL_S * GPUS * USD_PER_GPU_HOUR / Decimal(3600)

    @property
    def usd_per_task(self) -> float:
        """Dollars of the run over its answers."""
        return float(self.total / self.tasks)

    @property
    def usd_per_mtok(self) -> float:
        """Dollars of the run per million tokens."""
        return float(self.total * 1_000_000 / self.tokens)

    @property
    def tokens_per_task(self) -> float:
        """Tokens over answers, those of retries included."""
        return self.tokens / self.tasks


def made_rows(
    model: str, rates: tuple[Decimal, Decimal, Decimal] | None, shape: random.Random, sizes: random.Random
) -> tuple[list[Attempt], Invoice]:
    """Return rows of a model in three cells, and their invoice.

    ``shape`` decides which requests fail or are tried again: the same for both models, so that they share all their
    answers. ``sizes`` decides the tokens. In one cell nothing is answered.
    """
    rows: list[Attempt] = []
    for task, count in (("reasoning/sums", 30), ("coding/f", 20), ("reasoning/down", 4)):
        for k in range(count):
            common: dict[str, Any] = {"model_id": model, "task": task, "sample_id": f"{k}"}
            fails = task == "reasoning/down" or shape.random() < 0.2
            retries = shape.choice([0, 0, 0, 1, 2])
            is_right = shape.random() < 0.8
            if k < 2:
                rows.append(make_attempt(**common, repeat=-1, phase="warmup", output_tokens=77))
            for attempt in range(1, retries + 2):
                read, written = sizes.randint(200, 4000), sizes.randint(1, 2000)
                tokens = {
                    "input_tokens": read,
                    "cached_input_tokens": sizes.choice([None, 0, read // 3]),
                    "output_tokens": written,
                    "reasoning_tokens": written // 2,
                }
                is_last = attempt == retries + 1
                is_failure = fails or not is_last
                is_billed = not is_failure or sizes.random() < 0.5
                rows.append(
                    make_attempt(
                        **common,
                        attempt=attempt,
                        final=is_last,
                        outcome="infra" if is_failure else "correct" if is_right else "wrong",
                        **(tokens if is_billed else {}),
                    )
                )
    invoice = Invoice(rates)
    for row in rows:
        invoice.add(row)
    return rows, invoice


def total_row(frame: Any, model: str) -> Any:
    return frame[frame["model_id"] == model].iloc[-1]


@pytest.mark.parametrize("kind", ["hosted", "self"])
@pytest.mark.parametrize("seed", range(4))
def test_four_commands_agree_on_generated_runs(make_run: Make, seed: int, kind: str) -> None:
    """$/task, $/M tokens, the hourly price and a month's cost, for requests with every kind of trouble."""
    given, rates = (HOSTED_COST, HOSTED) if kind == "hosted" else (SELF_COST, None)
    closed_rows, closed = made_rows("closed-a", GPT_5_2, random.Random(seed), random.Random(100 + seed))
    open_rows, opened = made_rows("open-a", rates, random.Random(seed), random.Random(200 + seed))
    runs = load_runs([make_run([*closed_rows, *open_rows], open_a=given)])
    account = bill(runs)
    table, gaps = cost(runs, account), gap(runs, billed=account)
    quality = measured_quality(runs, gaps, table)
    legs = measured_legs(
        runs, table, account, closed_model=quality.closed_model, open_model=quality.open_model,
        throughput=throughput_at_load(runs, account, quality.open_model),
    )  # fmt: skip
    volume = 250.0
    answer = tco(build_scenario(at=DAY, run=legs), volume, draws=100)
    costs = option_costs(answer)
    by_leg = answer.legs.set_index("leg")
    tasks_a_month = volume * 1e6 / closed.tokens_per_task

    # bench cost
    for model, invoice in (("closed-a", closed), ("open-a", opened)):
        row = total_row(table.frame, model)
        assert row["usd"] == pytest.approx(float(invoice.total), rel=1e-12)
        assert row["usd_per_task"] == pytest.approx(invoice.usd_per_task, rel=1e-12)
        assert row["usd_per_mtok"] == pytest.approx(invoice.usd_per_mtok, rel=1e-12)
        assert (row["tasks"], row["requests"]) == (invoice.tasks, 54)
    # bench gap
    overall = gaps.frame[(gaps.frame["metric"] == "usd_per_task") & (gaps.frame["category"] == "overall")]
    assert overall["closed_value"].iloc[0] == pytest.approx(closed.usd_per_task, rel=1e-12)
    assert overall["open_value"].iloc[0] == pytest.approx(opened.usd_per_task, rel=1e-12)
    # bench tco and bench advise: the same work each month, at each model's dollars per task
    assert by_leg.loc["closed", "usd"] == pytest.approx(volume * closed.usd_per_mtok, rel=1e-9)
    assert costs["closed"].measured is not None
    assert costs["closed"].measured.usd_per_task == pytest.approx(closed.usd_per_task, rel=1e-12)
    measured = costs[kind].measured
    assert measured is not None
    assert measured.usd_per_task == pytest.approx(opened.usd_per_task, rel=1e-12)
    assert measured.usd_per_mtok == pytest.approx(opened.usd_per_mtok, rel=1e-12)
    if kind == "hosted":
        assert by_leg.loc["hosted", "usd"] == pytest.approx(tasks_a_month * opened.usd_per_task, rel=1e-9)
    else:
        point = answer.scenario.point_values
        assert costs["self"].usd_per_gpu_hour == 3.5
        # A replica that is always busy does a task for what `bench cost` says.
        per_task = GPUS * 3.5 / 3600 / point["replica_requests_per_s"]
        assert per_task == pytest.approx(opened.usd_per_task, rel=1e-9)


def test_four_commands_agree_by_hand(make_run: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """DeepSeek-V3 on eight H200 at $3.50: 40 requests of 1,000 and 100 tokens, 8 of them without an answer.

    Closed: (1,000 x 1.75 + 100 x 14) / 10^6 = $0.00315 a task, over 1,100 tokens = $2.863636 a million.
    Open: 100 s x 8 x 3.50 / 3600 = $0.777778 over 32 answers = $0.024306 a task, over 35,200 tokens $22.0960 a million.
    """
    rows = [make_attempt(sample_id=str(k)) for k in range(40)]
    rows += [
        make_attempt(model_id="open-a", sample_id=str(k), outcome="correct" if k < 32 else "infra")
        for k in range(40)
    ]
    run = str(make_run(rows, open_a=SELF_COST))
    closed_task = (1000 * Decimal("1.75") + 100 * Decimal(14)) / 1_000_000
    open_task = 100 * 8 * Decimal("3.50") / 3600 / 32

    def shown(*arguments: str) -> Any:
        return json.loads(command_output(capsys, *arguments, "--json"))

    bills = {row["model_id"]: row for row in shown("cost", run)["rows"]}
    gap_row = next(row for row in shown("gap", run)["rows"] if row["metric"] == "usd_per_task")
    total = shown("tco", "--run", run, "--volume", "5B", "--draws", "100")
    advice = {row["leg"]: row for row in shown("advise", "--run", run, "--volume", "5B")["costs"]}

    assert [bills[name]["usd_per_task"] for name in ("closed-a", "open-a")] == pytest.approx(
        [float(closed_task), float(open_task)]
    )
    assert (gap_row["closed"]["value"], gap_row["open"]["value"]) == pytest.approx(
        (float(closed_task), float(open_task))
    )
    for leg, model, per_task in (("closed", "closed-a", closed_task), ("self", "open-a", open_task)):
        per_mtok = float(per_task * 1_000_000 / 1100)
        assert bills[model]["usd_per_mtok"] == pytest.approx(per_mtok)
        for document in (total["measured"][leg], advice[leg]["measured"]):
            assert document["usd_per_task"] == pytest.approx(float(per_task))
            assert document["usd_per_mtok"] == pytest.approx(per_mtok)
    closed_month = float(closed_task * 5_000_000_000 / 1100)
    assert closed_month == pytest.approx(14_318.18, abs=0.01)
    assert next(row["usd"] for row in total["legs"] if row["leg"] == "closed") == pytest.approx(closed_month)
    assert advice["closed"]["usd"] == pytest.approx(closed_month)
    assert advice["self"]["usd_per_gpu_hour"] == total["inputs"]["usd_per_gpu_hour"]["value"] == 3.5
    assert total["inputs"]["gpus_per_replica"]["value"] == 8


def test_the_failed_requests_of_the_audit(make_run: Make) -> None:
    """8 of 40 on four H100 at $2.95: 100 s cost $0.327778, over 32 answers $0.010243 in both tables, dearer than GPT-5.2."""
    rows = [make_attempt(sample_id=str(k), output_tokens=574) for k in range(40)]
    rows += [
        make_attempt(model_id="open-a", sample_id=str(k), outcome="correct" if k < 32 else "infra")
        for k in range(40)
    ]
    given = {"runner": "vllm", "cost": {"gpu": "H100-80GB", "gpus": 4, "usd_per_gpu_hour": 2.95}}
    runs = load_runs([make_run(rows, open_a=given)])
    row = gap(runs).frame.set_index("metric").loc["usd_per_task"]
    per_task = float(100 * 4 * Decimal("2.95") / 3600 / 32)

    assert per_task == pytest.approx(0.01024, abs=5e-6)
    assert total_row(cost(runs).frame, "open-a")["usd_per_task"] == pytest.approx(per_task)
    assert row["open_value"] == pytest.approx(per_task)
    assert row["closed_value"] == pytest.approx(float((1000 * Decimal("1.75") + 574 * 14) / 1_000_000))
    assert row["gap_points"] < 0


def test_the_open_model_is_compared_on_equal_work(make_run: Make) -> None:
    """Twice the tokens for the same tasks: a month of 1.1M closed tokens is 1,000 tasks, and 1,000 x 2,200 open tokens."""
    rows = [make_attempt(sample_id=str(k)) for k in range(30)]
    rows += [
        make_attempt(model_id="open-a", sample_id=str(k), input_tokens=1200, output_tokens=1000)
        for k in range(30)
    ]
    runs = load_runs([make_run(rows, open_a=HOSTED_COST)])
    account = bill(runs)
    legs = measured_legs(runs, cost(runs, account), account, closed_model="closed-a", open_model="open-a")
    answer = tco(build_scenario(at=DAY, run=legs), 1.1, draws=100).legs.set_index("leg")

    assert answer.loc["closed", "usd"] == pytest.approx(1000 * 0.00315)
    assert answer.loc["hosted", "usd"] == pytest.approx(1000 * (1200 * 0.25 + 1000 * 0.85) / 1e6)


@pytest.mark.parametrize("cached", [10, 30])
def test_replies_from_our_cache_do_not_make_a_month_cheaper(make_run: Make, cached: int) -> None:
    """10 or all of 30 replies came from the cache and cost nothing; live requests cost $0.00315 each, and take GPU time."""
    rows = [make_attempt(sample_id=str(k), from_cache=k < cached) for k in range(30)]
    rows += [make_attempt(model_id="open-a", sample_id=str(k), from_cache=k < 10) for k in range(30)]
    runs = load_runs([make_run(rows, open_a=SELF_COST)])
    account = bill(runs)
    legs = measured_legs(
        runs, cost(runs, account), account, closed_model="closed-a", open_model="open-a",
        throughput=throughput_at_load(runs, account, "open-a"),
    )  # fmt: skip
    answer = tco(build_scenario(at=DAY, run=legs), 1.1, draws=100)

    assert answer.legs.set_index("leg").loc["closed", "usd"] == pytest.approx(1000 * 0.00315)
    assert answer.scenario.point_values["replica_requests_per_s"] == pytest.approx(20 / WALL_S)


def test_a_throughput_that_this_client_limited_is_marked(make_run: Make) -> None:
    """30 answers in 100 reserved seconds; the event loop was late, so the server may be faster than that."""
    rows = [make_attempt(model_id="open-a", sample_id=str(k)) for k in range(30)]
    runs = load_runs([change_first_cell(make_run(rows, open_a=SELF_COST), lag_p99_s=0.5)])
    found = throughput_at_load(runs, bill(runs), "open-a")

    assert found is not None
    assert (
        "30 answers in 100 s of reserved time; this client was the limit, so it may do more" in found.source
    )

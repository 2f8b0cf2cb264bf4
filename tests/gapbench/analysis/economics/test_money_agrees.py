"""Acceptance 3: what two of cost, report, gap, page, tiers, tco and advise show of one run is equal to the cent.

Random runs with random prices and price overrides (10 here, 200 with GAPBENCH_MONEY_RUNS=200). Each output is asked for all that it shows, under a name that says
what the figure is; every pair of outputs with the same name must agree. Dollars of tasks are for 1,000.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gapbench.analysis.cost.price_changes import PriceSetting, change_prices
from gapbench.analysis.economics.advise import advise
from gapbench.analysis.economics.run_money import RunMoney, measure_money
from gapbench.analysis.economics.scenario_inputs import build_scenario
from gapbench.analysis.economics.situation import Situation
from gapbench.analysis.economics.tco import Tco, tco
from gapbench.analysis.frames import load_runs
from gapbench.formatting import format_short_usd, format_usd, format_usd_per_1000
from gapbench.report.answer import answer_text
from gapbench.report.html import html_report
from gapbench.report.results import ResultTables
from gapbench.values import Attempt
from tests.run_folders import make_attempt, write_run

DAY = date(2026, 11, 24)
RUNS, BLOCK = int(os.environ.get("GAPBENCH_MONEY_RUNS", "10")), 10
"""Random runs, and how many each test takes. The measured agreement is of 200: GAPBENCH_MONEY_RUNS=200."""
Figures = dict[tuple[str, ...], float]
CENT = 0.005


def random_rows(rng: random.Random, model: str, *, fails: random.Random) -> list[Attempt]:
    """Return a model's rows over two tasks: failures, retries, warm-up, cached tokens, answers of our own cache or without a score.

    ``fails`` decides who answers and what has a score.
    """
    rows = []
    cached_share = rng.choice([0.0, 0.0, 0.3, 1.0])
    for task, count in (("reasoning/sums", rng.choice([12, 18])), ("coding/f", 10)):
        for k in range(count):
            common: dict[str, Any] = {"model_id": model, "task": task, "sample_id": str(k)}
            read, written = rng.randint(20, 5000), rng.randint(1, 900)
            tokens = {
                "input_tokens": read,
                "cached_input_tokens": rng.choice([None, read // 4]),
                "output_tokens": written,
            }
            if k == 0:
                rows.append(make_attempt(**common, repeat=-1, phase="warmup"))
            retried = rng.random() < 0.2
            if retried:
                rows.append(
                    make_attempt(
                        **common,
                        attempt=1,
                        final=False,
                        outcome="infra",
                        **(tokens if rng.random() < 0.5 else {}),
                    )
                )
            luck = fails.random()
            failed = luck < 0.1
            judged = "correct" if rng.random() < 0.7 else "wrong"
            outcome = "infra" if failed else "unscored" if luck < 0.2 else judged
            hit = not failed and not retried and rng.random() < cached_share
            answered = (
                {} if failed else {**tokens, "from_cache": hit, "transport": "cache" if hit else "lean"}
            )
            rows.append(make_attempt(**common, attempt=1 + retried, outcome=outcome, **answered))
    return rows


def random_costs(rng: random.Random) -> dict[str, dict[str, Any]]:
    """Return the costs that the suite states: tokens or GPUs for the open model, list price or its own for the closed one."""
    tokens = {
        "input_usd_per_mtok": round(rng.uniform(0.05, 2), 3),
        "output_usd_per_mtok": round(rng.uniform(0.1, 5), 3),
    }
    gpus = {
        "gpu": "H100-80GB",
        "gpus": rng.choice([1, 2, 4, 8]),
        "usd_per_gpu_hour": round(rng.uniform(0.5, 9.9), 2),
    }
    found: dict[str, dict[str, Any]] = {"open_a": {"runner": "vllm", "cost": rng.choice([tokens, gpus])}}
    if rng.random() < 0.5:
        own = {
            "input_usd_per_mtok": round(rng.uniform(1, 6), 2),
            "output_usd_per_mtok": round(rng.uniform(5, 30), 2),
        }
        found["closed_a"] = {"cost": own}
    return found


def random_overrides(rng: random.Random) -> list[PriceSetting]:
    """Return settings of ``--price``, up to two."""
    texts = [
        f"open-a.usd_per_gpu_hour={rng.uniform(0.5, 20):.2f}",
        f"open-a.gpus={rng.choice([1, 2, 4])}",
        f"closed-a.output_usd_per_mtok={rng.uniform(1, 40):.2f}",
        f"closed-a.cached_input_usd_per_mtok={rng.uniform(0, 1):.3f}",
    ]
    return [PriceSetting.parse(text) for text in rng.sample(texts, rng.choice([0, 1, 1, 2]))]


def figures_of_cost(results: ResultTables) -> Figures:
    """Return what `bench cost --json` has of each model."""
    found: Figures = {}
    for row in results.cost.to_json()["rows"]:
        if row["category"] != "all":
            continue
        for name in ("usd_per_task", "usd_per_correct", "usd_per_mtok"):
            if row[name] is not None:
                found[row["model_id"], name] = row[name] * (1 if name.endswith("mtok") else 1000)
    return found


def figures_of_report(results: ResultTables) -> Figures:
    """Return what `bench report --json` has of each model."""
    return {
        (row["model_id"], name): row[name] * 1000
        for row in results.to_json()["rows"]
        if row["level"] == "model"
        for name in ("usd_per_task", "usd_per_correct")
        if row[name] is not None
    }


def figures_of_gap(results: ResultTables) -> Figures:
    """Return dollars per 1,000 shared tasks of `bench gap --json`; where all are shared, they are those of the model."""
    rows = results.gap.to_json()["rows"]
    row, right = (
        next((row for row in rows if (row["metric"], row["category"]) == (metric, "overall")), None)
        for metric in ("usd_per_task", "usd_per_correct")
    )
    if row is None or row["closed"]["value"] is None or row["open"]["value"] is None:
        return {}
    found = shared_figures(results, row["n_pairs"], row["open"]["value"], row["closed"]["value"])
    for summary in results.to_json()["rows"]:
        is_shared = (summary["model_id"], "usd_per_task") in found
        if (
            right is not None
            and is_shared
            and summary["level"] == "model"
            and summary["scored"] == right["n_pairs"]
        ):
            value = right[summary["weights"]]["value"]
            found |= {} if value is None else {(summary["model_id"], "usd_per_correct"): value * 1000}
    return found


def figures_of_tiers(money: RunMoney, results: ResultTables) -> Figures:
    """Return the same of `bench tiers --json`."""
    if money.tiers is None:
        return {}
    document = money.tiers.to_json()
    usd = {row["policy"]: row["usd_per_task"] for row in document["policies"]}
    return shared_figures(results, document["n"], usd["all open"], usd["all closed"])


def shared_figures(
    results: ResultTables, shared: int, open_usd: float | None, closed_usd: float | None
) -> Figures:
    """Return dollars per 1,000 shared tasks by model; under the model's own name too if it answered no others."""
    tasks = {
        row["model_id"]: row["tasks"] for row in results.cost.to_json()["rows"] if row["category"] == "all"
    }
    found: Figures = {}
    for model, usd in (("open-a", open_usd), ("closed-a", closed_usd)):
        if usd is None:
            continue
        # Of as many tasks: `bench tiers` leaves those without a score out.
        found[model, "usd_per_shared_task", str(shared)] = usd * 1000
        if tasks[model] == shared:
            found[model, "usd_per_task"] = usd * 1000
    return found


def figures_of_tco(answer: Tco) -> Figures:
    """Return what `bench tco --json` has: the month of each leg, and what was measured of each model."""
    document = answer.to_json()
    found = measured_figures(document["measured"].items())
    found |= {
        ("month", leg): usd
        for leg in ("closed", "hosted", "self")
        if (usd := answer.monthly_usd(leg)) is not None
    }
    for row in document["legs"]:
        measured = document["measured"].get(row["leg"])
        if measured is not None and measured["was_run"] and row["usd"] is not None and row["leg"] != "self":
            # Equal work: the volume is counted in requests of the closed model, each of which the open one answers too.
            found[measured["model_id"], "usd_per_task"] = row["usd"] / document["requests"] * 1000
    for name in ("usd_per_gpu_hour", "gpus_per_replica"):
        if "self" in document["measured"] and name in document["inputs"]:
            found["self", name] = document["inputs"][name]["value"]
    return found


def figures_of_advice(money: RunMoney, answer: Tco) -> Figures:
    """Return what `bench advise --json` has of each option."""
    document = advise(Situation(), answer, money.quality, money.tiers).to_json()
    costs = {row["leg"]: row for row in document["costs"]}
    found = measured_figures((leg, row["measured"]) for leg, row in costs.items() if row["measured"])
    found |= {
        ("month", leg): row["usd"] for leg, row in costs.items() if row["usd"] is not None and leg != "tier"
    }
    if costs["self"]["measured"] and costs["self"]["usd_per_gpu_hour"] is not None:
        found["self", "usd_per_gpu_hour"] = costs["self"]["usd_per_gpu_hour"]
    for leg in ("closed", "hosted"):
        measured = costs[leg]["measured"]
        if measured and measured["was_run"] and costs[leg]["usd_per_task"] is not None:
            found[measured["model_id"], "usd_per_task"] = costs[leg]["usd_per_task"] * 1000
    return found


def measured_figures(legs: Any) -> Figures:
    """Return the figures of models that were run."""
    return {
        (measured["model_id"], name): measured[name] * (1 if name.endswith("mtok") else 1000)
        for _, measured in legs
        for name in ("usd_per_task", "usd_per_mtok")
        if measured["was_run"] and measured[name] is not None
    }


def figures_of_suite(results: ResultTables) -> Figures:
    """Return the GPUs and hourly price that the suite or an override states."""
    cost: dict[str, Any] = dict(results.runs.model("open-a").cost or {})
    names = {"usd_per_gpu_hour": "usd_per_gpu_hour", "gpus": "gpus_per_replica"}
    return {("self", ours): float(cost[name]) for name, ours in names.items() if cost.get(name) is not None}


def check_page(results: ResultTables, figures: Figures) -> None:
    """The page's cost table has the texts of the same figures, from the same function."""
    page = html_report(results, most_samples=0)
    section = page.partition('id="cost"')[2].partition("</section>")[0]
    blocks = section.split('<tr class="block">')[1:]
    for model, block in zip(("closed-a", "open-a"), blocks, strict=True):
        assert f">{model}<" in block
        total = re.findall(r'class="num">([^<]*)<', block.split("<tr>")[-1])
        shown = [
            format_usd(figures[model, name]) if (model, name) in figures else "–"
            for name in ("usd_per_task", "usd_per_correct", "usd_per_mtok")
        ]
        assert shown == total[4:7]


def check_words(results: ResultTables, figures: Figures, gap_figures: Figures) -> None:
    """The notebook's table and the answer in words have the texts of the same figures."""
    notebook = results.cost._repr_html_()
    for (model, name), value in figures.items():
        assert format_usd(value) in notebook, (model, name)
    words = answer_text(results.gap).cost
    for key, value in gap_figures.items():
        if key[1] == "usd_per_shared_task":
            assert format_usd(value) in words, key


def random_money(rng: random.Random, folder: Path) -> tuple[RunMoney, ResultTables]:
    """Write a random run and return what two independent readings of it, with the same overrides, say."""
    seeds = [rng.randint(0, 10**6) for _ in range(2)]
    if rng.random() < 0.5:
        seeds[1] = seeds[0]  # Both models answer the same requests.
    rows = [
        row
        for model, seed in zip(("closed-a", "open-a"), seeds, strict=True)
        for row in random_rows(rng, model, fails=random.Random(seed))
    ]
    run, overrides = write_run(folder, rows, **random_costs(rng)), random_overrides(rng)
    money, results = (change_prices(load_runs(run), overrides) for _ in range(2))
    tables = ResultTables(results)
    # The gap table decides which models are compared; its resampling takes most of the time.
    return measure_money(money, gaps=tables.gap), tables


def disagreements(outputs: dict[str, Figures]) -> Iterator[str]:
    """Yield a sentence for each figure that two outputs have and do not show alike."""
    for name in dict.fromkeys(key for figures in outputs.values() for key in figures):
        values = {output: figures[name] for output, figures in outputs.items() if name in figures}
        if max(values.values()) - min(values.values()) > CENT:
            yield f"{name}: {values}"


@pytest.mark.parametrize("block", range(RUNS // BLOCK))
def test_whatever_two_outputs_show_is_equal_to_the_cent(block: int, tmp_path: Path) -> None:
    """Finding 1, acceptance 3."""
    compared = 0
    for number in range(block * BLOCK, (block + 1) * BLOCK):
        rng = random.Random(number)
        money, results = random_money(rng, tmp_path / f"run-{number}")
        scenario = build_scenario(at=DAY, run=money.legs)
        answer = tco(scenario, rng.choice([0.5, 20.0, 900.0]), draws=100)
        outputs = {
            "cost": figures_of_cost(results),
            "report": figures_of_report(results),
            "gap": figures_of_gap(results),
            "tiers": figures_of_tiers(money, results),
            "tco": figures_of_tco(answer),
            "advise": figures_of_advice(money, answer),
            "suite": figures_of_suite(results),
        }
        assert list(disagreements(outputs)) == [], f"run {number}"
        check_page(results, outputs["cost"])
        check_words(results, outputs["cost"], outputs["gap"])
        compared += sum(len(figures) for figures in outputs.values())
    assert compared > 20 * BLOCK


def test_a_disagreement_is_seen() -> None:
    """Two cents on one figure; a tenth of a cent is none."""
    assert list(disagreements({"a": {("m", "x"): 1.0}, "b": {("m", "x"): 1.02}})) == [
        "('m', 'x'): {'a': 1.0, 'b': 1.02}"
    ]
    assert list(disagreements({"a": {("m", "x"): 1.0}, "b": {("m", "x"): 1.001}})) == []


def test_one_figure_has_one_text() -> None:
    """Per 1,000 tasks and per month, in every output."""
    assert format_usd_per_1000(0.02506) == format_usd(25.06) == "$25.06"
    assert format_short_usd(25.06) == "$25.06"

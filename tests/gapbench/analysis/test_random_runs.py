"""Tables over random runs agree with what pandas computes of their rows: counts, accuracies, medians, dollars and pairs."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gapbench.analysis.cost.cost import cost
from gapbench.analysis.frames import Runs, load_runs
from gapbench.analysis.quality.gap import gap
from gapbench.analysis.quality.summary import summarize
from gapbench.store import read_manifest
from gapbench.values import Attempt
from tests.random_runs import RandomRuns, make_random_runs

SEEDS = (0, 1, 3, 5, 6, 7, 105, 110)
KEY = ["run_id", "cell_id", "sample_id", "repeat", "attempt"]
PRICED = ("input_usd_per_mtok", "cached_input_usd_per_mtok", "output_usd_per_mtok")


@dataclasses.dataclass(frozen=True)
class Case:
    """Runs of a seed with their rows.

    Attributes:
        made: The runs as they were made.
        runs: The runs as they are read, each item counted once.
        rows: The attempts that count, in the order written.
    """

    made: RandomRuns
    runs: Runs
    rows: pd.DataFrame


@pytest.fixture(scope="module", params=SEEDS)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The runs of a seed."""
    made = make_random_runs(tmp_path_factory.mktemp("runs"), request.param)
    runs = dataclasses.replace(load_runs(made.folders), weighting="equal")
    names = [field.name for field in dataclasses.fields(Attempt)]
    rows = pd.DataFrame([dataclasses.asdict(row) for row in made.counted], columns=names)
    manifests = {folder.name: read_manifest(folder) for folder in made.folders}
    tasks = {(run_id, task.name): task for run_id, manifest in manifests.items() for task in manifest.tasks}
    entries = [tasks[key] for key in zip(rows["run_id"], rows["task"], strict=True)]
    rows["is_adaptive"] = [entry.adaptive is not None for entry in entries]
    rows["version"] = [entry.version for entry in entries]
    rows["load"] = rows["cell_id"].str.rsplit("|", n=1).str[-1]
    return Case(made, runs, rows)


def measured(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the last attempts of the measured requests."""
    return rows[(rows["final"] & (rows["phase"] == "measure")).to_numpy(dtype=bool)]


def without_probes(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows to compare: the probes of a search only where there is nothing else."""
    others = rows[(rows["load_kind"] != "search").to_numpy(dtype=bool)]
    return others if len(measured(others)) else rows


def scored(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the requests that accuracies are computed of."""
    counts = ~rows["outcome"].isin(["infra", "unscored"]) & rows["score"].notna() & ~rows["is_adaptive"]
    return rows[counts.to_numpy(dtype=bool)]


def same(expected: Any, found: Any) -> bool:
    """Return whether two figures are the same; None and NaN are unknown."""
    if pd.isna(expected) or pd.isna(found):
        return bool(pd.isna(expected) and pd.isna(found))
    return bool(np.isclose(float(expected), float(found), rtol=1e-9, atol=1e-12))


def test_each_row_is_read_once_in_the_order_written(case: Case) -> None:
    """With the newest scores, and without the cells that a newer run has."""
    frame = case.runs.frame[(case.runs.frame["phase"] != "judge").to_numpy()]
    for name in (*KEY, "outcome", "final", "phase", "scorer", "input_tokens", "rung"):
        expected = case.rows[name]
        known = expected.notna().to_numpy()
        assert list(known) == list(frame[name].notna()), name
        assert list(expected[known]) == list(frame[name][known]), name
    np.testing.assert_allclose(
        frame["score"].to_numpy(np.float64), case.rows["score"].to_numpy(np.float64), rtol=1e-12
    )


def test_the_summary_agrees_with_the_rows(case: Case) -> None:
    """Counts, coverage, accuracy and median times of each cell and each model."""
    summary = summarize(case.runs)
    for level, rows in (("cell", case.rows), ("model", without_probes(case.rows))):
        for found in summary.level(level).to_dict("records"):
            of_it = rows[(rows["model_id"] == found["model_id"]).to_numpy(dtype=bool)]
            if level == "cell":
                of_it = of_it[
                    ((of_it["task"] == found["task"]) & (of_it["load"] == found["load"])).to_numpy()
                ]
            part = measured(of_it[(of_it["phase"] != "user").to_numpy()])
            marks = scored(part)
            infra = int((part["outcome"] == "infra").sum())
            expected = {
                "n": len(part), "infra": infra, "scored": len(marks), "coverage": 1 - infra / len(part) if len(part) else None,
                "accuracy": marks["score"].astype(float).mean() if len(marks) else None,
                "all_right": (marks["outcome"] == "correct").mean() if len(marks) else None,
                "correct": int((part["outcome"] == "correct").sum()), "unscored": int((part["outcome"] == "unscored").sum()),
            }  # fmt: skip
            if part["turn"].isna().all():
                has_time = ~part["from_cache"].astype(bool) & part["sent_s"].notna()
                times = (part["done_s"].astype(float) - part["scheduled_s"].astype(float))[
                    has_time.to_numpy(dtype=bool)
                ]
                expected["response_p50_s"] = times.median()
            for name, value in expected.items():
                assert same(value, found[name]), (
                    found["model_id"],
                    found["task"],
                    found["load"],
                    name,
                    value,
                    found[name],
                )


def prices_of(case: Case, model_id: str) -> list[Any]:
    """Return what the runs say that a model costs."""
    return [
        model.cost for manifest in case.runs.manifests for model in manifest.models if model.id == model_id
    ]


def usd_of(rows: pd.DataFrame, price: Any) -> pd.Series[Any]:
    """Return the dollars of attempts by their tokens, without our own cache; NaN where these are missing or impossible."""
    read, hits, writes, hour, written = (
        rows[name].astype(float)
        for name in (
            "input_tokens",
            "cached_input_tokens",
            "cache_write_tokens",
            "cache_write_1h_tokens",
            "output_tokens",
        )
    )
    impossible = (hits.fillna(0) + writes.fillna(0) > read) | (hour.fillna(0) > writes.fillna(0))
    for count in (read, hits, writes, hour, written):
        impossible |= count < 0
    fresh, cached, made = (price.get(name) for name in PRICED)
    hits = hits.fillna(0).where(read.notna(), 0)
    usd: pd.Series[Any] = (
        (read.fillna(0) - hits) * fresh
        + hits * (fresh if cached is None else cached)
        + written.fillna(0) * made
    ) / 1e6
    usd[impossible | ((read.isna() | written.isna()) & (rows["outcome"] != "infra"))] = np.nan
    return usd


def test_dollars_are_those_of_the_rows(case: Case) -> None:
    """Tokens at the suite's price, or GPUs for as long as the cells took."""
    table = cost(case.runs).frame
    totals = table[((table["category"] == "all") | ~table["model_id"].duplicated(keep=False)).to_numpy()]
    for found in totals.to_dict("records"):
        prices = prices_of(case, found["model_id"])
        of_model = case.rows[(case.rows["model_id"] == found["model_id"]).to_numpy()]
        rows = of_model[(of_model["phase"] == "measure").to_numpy()]
        if not len(rows) or not prices or any(price != prices[0] or price is None for price in prices):
            continue
        price = dict(prices[0])
        if "usd_per_gpu_hour" in price:
            cells = [(run, cell) for run, cell in case.runs.cells if cell.model_id == found["model_id"]]
            there = set(zip(of_model["run_id"], of_model["cell_id"], strict=True))
            took_s = [cell.wall_s for run, cell in cells if (run, cell.cell_id) in there]
            wall_s = sum(wall for wall in took_s if wall is not None)
            if None in took_s:
                continue
            usd_per_s = price["gpus"] * price["usd_per_gpu_hour"] / 3600
            usd = wall_s * usd_per_s
            answers = [answers_per_live(rows, run, cell.cell_id) for run, cell in cells]
            without_cache = usd_per_s * sum(
                (cell.wall_s or 0.0) * each
                for (run, cell), each in zip(cells, answers, strict=True)
                if (run, cell.cell_id) in there
            )
        elif "input_usd_per_mtok" in price and rows["service_tier"].isna().all():
            of_attempts = usd_of(rows, price)
            usd = of_attempts.where(~rows["from_cache"].astype(bool), 0.0).sum(skipna=False)
            without_cache = of_attempts.sum(skipna=False)
        else:
            continue
        tasks = int((measured(rows)["outcome"] != "infra").sum())
        assert same(usd, found["usd"]), (found["model_id"], usd, found["usd"])
        if not pd.isna(without_cache) and tasks:
            assert same(without_cache / tasks, found["usd_per_task"]), found["model_id"]


def answers_per_live(rows: pd.DataFrame, run_id: str, cell_id: str) -> float:
    """Return the answers of a cell over those that its model gave itself; NaN where our own cache gave all."""
    cell = measured(rows[((rows["run_id"] == run_id) & (rows["cell_id"] == cell_id)).to_numpy(dtype=bool)])
    answers = cell[(cell["outcome"] != "infra").to_numpy(dtype=bool)]
    cached = int(answers["from_cache"].astype(bool).sum())
    live = len(answers) - cached
    return 1.0 if not cached else (live + cached) / live if live else np.nan


def test_weighted_figures_are_those_of_the_items(case: Case) -> None:
    """An item counts as often as its weight, and its answers share that: accuracy and dollars per task."""
    runs = dataclasses.replace(case.runs, weighting=None)
    if not runs.applied_weights.is_traffic:
        return
    totals = cost(runs).frame.set_index(["model_id", "category"])
    rows = without_probes(case.rows)
    for found in summarize(runs).level("model").to_dict("records"):
        marks = scored(measured(rows[(rows["model_id"] == found["model_id"]).to_numpy()]))
        items = (
            marks.astype({"score": float})
            .groupby(["task", "sample_id"])
            .agg(score=("score", "mean"), weight=("weight", "max"))
        )
        accuracy = np.average(items["score"], weights=items["weight"]) if len(items) else None
        assert same(accuracy, found["accuracy"]), found["model_id"]
        usd = weighted_usd_per_task(case, found["model_id"])
        for category in {"all", *case.rows["category"]} if usd is not None else ():
            if (found["model_id"], category) in totals.index and (
                category == "all" or case.rows["category"].nunique() == 1
            ):
                assert same(usd, totals.loc[(found["model_id"], category), "usd_per_task"]), found["model_id"]


def weighted_usd_per_task(case: Case, model_id: str) -> float | None:
    """Return the dollars of a task in the traffic. None: they are not known, or not by tokens alone."""
    prices = prices_of(case, model_id)
    rows = case.rows[((case.rows["model_id"] == model_id) & (case.rows["phase"] == "measure")).to_numpy()]
    if any(price != prices[0] for price in prices) or "input_usd_per_mtok" not in (prices[0] or {}):
        return None
    usd = usd_of(rows, prices[0])
    is_answer = rows["final"].astype(bool) & (rows["outcome"] != "infra")
    if (
        rows["service_tier"].notna().any()
        or usd.isna().any()
        or set(rows["category"]) != set(rows["category"][is_answer])
    ):
        return None
    item = ["task", "sample_id"]
    counts = rows.assign(answers=is_answer, requests=rows["final"].astype(bool)).groupby(item)[
        ["answers", "requests"]
    ]
    shared_by = counts.transform("sum")
    each = rows["weight"] / shared_by["answers"].where(shared_by["answers"] > 0, shared_by["requests"])
    return float((usd * each).sum() / each[is_answer].sum())


def items_of(rows: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return a model's requests by their item; a further answer to the same item is a repeat of its own."""
    part = measured(rows[(rows["model_id"] == model).to_numpy(dtype=bool)])
    key = ["load", "task", "sample_id", "repeat"]
    part = part.assign(again=part.groupby(key).cumcount())
    part["counted"] = part["score"].where(part.index.isin(scored(part).index))
    return part.set_index([*key, "again"])[["prompt_sha256", "version", "scorer", "counted"]]


def test_gaps_are_those_of_the_pairs(case: Case) -> None:
    """The same item, prompt, task version and scorer on both sides."""
    table = gap(case.runs, all_pairs=True).frame
    rows = without_probes(case.rows)
    for found in table[(table["metric"] == "accuracy").to_numpy()].to_dict("records") if len(table) else []:
        part = rows
        if found["category"] != "overall":
            part = rows[(rows["category"] == found["category"]).to_numpy(dtype=bool)]
        first, second = items_of(part, found["closed_model"]), items_of(part, found["open_model"])
        pairs = first.join(second.add_suffix("_open"), how="inner")
        for name in ("prompt_sha256", "version", "scorer"):
            pairs = pairs[(pairs[name] == pairs[f"{name}_open"]).to_numpy()]
        pairs = pairs[(pairs["counted"].notna() & pairs["counted_open"].notna()).to_numpy()]
        assert len(pairs) == found["n_pairs"], found
        for side in ("closed", "open") if len(pairs) else ():
            scores = pairs["counted" if side == "closed" else "counted_open"].astype(float)
            assert same(scores.mean(), found[f"{side}_value"]), found

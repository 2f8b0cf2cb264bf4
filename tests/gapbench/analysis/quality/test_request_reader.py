"""The requests of each model, read as a whole and in lots of tasks."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from gapbench.analysis.cost.answer_costs import usd_per_answer
from gapbench.analysis.cost.attempt_costs import bill
from gapbench.analysis.frames import Runs, load_runs
from gapbench.analysis.quality.request_reader import RequestsByModel
from gapbench.values import Attempt
from tests.gapbench.analysis.test_attempt_relation import PRICES, random_rows
from tests.run_folders import write_run

CODES = (
    "item",
    "prompt",
    "cluster",
    "sample",
    "category",
    "task",
    "load",
    "infra",
    "is_episode",
    "is_picked",
)


def split_by_task(run: Path) -> Path:
    """Put the rows of each model and task into a part of their own, and return the run."""
    (path,) = run.glob("attempts-*.parquet")
    rows = pq.read_table(path)
    path.unlink()
    names = rows.select(["model_id", "task"])
    pairs = sorted(set(zip(*(column.to_pylist() for column in names.columns), strict=True)))
    # Models alternate, as in a run that asks them side by side.
    for number, (model, task) in enumerate(sorted(pairs, key=lambda pair: pair[1]), 1):
        chosen = pc.and_(
            pc.equal(rows["model_id"].cast("string"), model), pc.equal(rows["task"].cast("string"), task)
        )
        pq.write_table(rows.filter(chosen), run / f"attempts-{number:05}.parquet")
    return run


def make_runs(folder: Path, seed: int, **given: Any) -> Runs:
    """Write two runs with the same questions, with a part for each model and task."""
    folders = []
    for number in (1, 2):
        rows = [_with(row, given) for row in random_rows(10 * seed + number)]
        folders.append(split_by_task(write_run(folder / f"run-{number}", rows, **PRICES)))
    return load_runs(folders)


def _with(row: Attempt, given: dict[str, Any]) -> Attempt:
    return dataclasses.replace(row, **{name: value(row) for name, value in given.items()})


def assert_same(first: RequestsByModel, second: RequestsByModel) -> None:
    assert list(first) == list(second)
    assert dict(first.prompt_fingerprints) == dict(second.prompt_fingerprints)
    for model in first:
        one, other = first[model], second[model]
        for name in CODES:
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
        for name in one.keys:
            np.testing.assert_array_equal(one.keys[name], other.keys[name], err_msg=name)
        for name in one.columns:
            np.testing.assert_allclose(
                one.columns[name], other.columns[name], rtol=1e-12, err_msg=f"{model}: {name}"
            )
        assert (one.design is None) == (other.design is None)
        if one.design is not None and other.design is not None:
            np.testing.assert_allclose(one.design.weights, other.design.weights, rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("lot_rows", "lots"), [(1, 3), (80, 2)])
def test_lots_of_tasks_are_the_whole_model(tmp_path: Path, seed: int, lot_rows: int, lots: int) -> None:
    """Items, clusters, dollars, scores and prompts, with retries, failures, episodes and a second run of the same questions."""
    runs = make_runs(tmp_path, seed)
    account = bill(runs)
    found = RequestsByModel(runs, account, lot_rows=lot_rows)

    # A model has about 55 attempts at each of two tasks, and a few turns of episodes.
    assert [found.lots(name) for name in found] == [lots] * 3
    assert_same(found, RequestsByModel(runs, account))


@pytest.mark.parametrize("seed", range(3))
def test_lots_share_the_weights_of_items_as_the_whole_model_does(tmp_path: Path, seed: int) -> None:
    """The answers to an item in both runs share its weight."""
    weight = {str(sample): 1.0 + sample % 5 for sample in range(12)}
    runs = make_runs(tmp_path, seed, weight=lambda row: weight[row.sample_id], stratum=lambda row: row.task)
    account = bill(runs)
    found = RequestsByModel(runs, account, lot_rows=1)

    assert max(found.lots(name) for name in found) == 3
    assert_same(found, RequestsByModel(runs, account))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("is_weighted", [False, True])
def test_lots_share_the_dollars_of_a_cell_without_answers(
    tmp_path: Path, seed: int, *, is_weighted: bool
) -> None:
    """Answers of its category, which other tasks and so other lots have, share them as they do in the whole model."""
    given: dict[str, Any] = (
        {"weight": lambda row: 1.0 + int(row.sample_id) % 5, "stratum": lambda row: row.task}
        if is_weighted
        else {}
    )

    def outcome(row: Attempt) -> str:
        return "infra" if row.task.startswith("reasoning") and row.model_id == "closed-a" else row.outcome

    def score(row: Attempt) -> float | None:
        return None if outcome(row) == "infra" else row.score

    runs = make_runs(tmp_path, seed, outcome=outcome, score=score, category=lambda row: "all", **given)
    account = bill(runs)
    found, whole = (RequestsByModel(runs, account, lot_rows=rows) for rows in (1, 10_000))

    assert (found.lots("closed-a"), whole.lots("closed-a")) == (3, 1)
    assert_same(found, whole)
    frame = runs.frame
    usd = usd_per_answer(frame, account.usd)[(frame["model_id"] == "closed-a").to_numpy()]
    np.testing.assert_allclose(np.nansum(found["closed-a"].columns["usd"]), np.nansum(usd), rtol=1e-12)


def test_parts_with_several_tasks_are_read_whole(tmp_path: Path) -> None:
    """Which rows are of which task is not in their footers."""
    runs = load_runs([write_run(tmp_path / "run", random_rows(3), **PRICES)])

    assert RequestsByModel(runs, bill(runs), lot_rows=1).lots("closed-a") == 1

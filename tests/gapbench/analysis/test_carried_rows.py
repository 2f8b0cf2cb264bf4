"""A run that carries on another is not counted twice beside it (finding 35)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gapbench.analysis.cost.cost import cost
from gapbench.analysis.frames import load_runs
from tests.run_folders import make_attempt, write_run

SELF = {"runner": "vllm", "cost": {"gpus": 1, "usd_per_gpu_hour": 3.6}}


def make_pair(
    folder: Path, *, continues: str | None = "run-1", began: str = "2026-11-01T12:00:00.000Z"
) -> list[Path]:
    """Write a run of 20 requests on a GPU, and one with 30, of which the first 20 may be carried over."""
    first = write_run(
        folder / "run-1", [make_attempt(model_id="open-a", sample_id=str(k)) for k in range(20)], open_a=SELF
    )
    second = write_run(
        folder / "run-2", [make_attempt(model_id="open-a", sample_id=str(k)) for k in range(30)], open_a=SELF
    )
    value = json.loads((second / "run.json").read_text())
    value["continues"] = continues
    value["cells"][0]["started_at"] = began
    (second / "run.json").write_text(json.dumps(value))
    return [first, second]


def test_a_run_carried_on_is_counted_once(tmp_path: Path) -> None:
    """30 tasks and 100 s x $3.60 / 3,600 = $0.10, in any order of the two; and it says so."""
    pair = make_pair(tmp_path)
    for folders in (pair, pair[::-1]):
        table = cost(load_runs(folders))

        assert (int(table.frame["tasks"].iloc[0]), table.frame["usd"].iloc[0]) == (30, pytest.approx(0.1))
        assert table.warnings[0] == (
            "run-2 carries on run-1: 20 rows of run-1 are left out, so nothing is counted twice"
        )


@pytest.mark.parametrize("pair", [{"continues": None}, {"began": "2026-11-02T12:00:00.000Z"}])
def test_runs_that_share_no_rows_are_pooled(tmp_path: Path, pair: dict[str, str | None]) -> None:
    """A run of its own, or one in which the cell was asked anew: 50 tasks, $0.20."""
    table = cost(load_runs(make_pair(tmp_path, **pair)))  # type: ignore[arg-type]

    assert (int(table.frame["tasks"].iloc[0]), table.frame["usd"].iloc[0]) == (50, pytest.approx(0.2))
    assert table.warnings == []


def test_each_run_has_its_own_gpu_price(tmp_path: Path) -> None:
    """Finding 35: 100 s at $3.60 and 100 s at $7.20 are $0.30, not the newer price for both."""
    folders = [
        write_run(
            tmp_path / f"run-{price}",
            [make_attempt(model_id="open-a", sample_id=str(k)) for k in range(20)],
            open_a={"runner": "vllm", "cost": {"gpus": 1, "usd_per_gpu_hour": price}},
        )
        for price in (3.6, 7.2)
    ]
    table = cost(load_runs(folders))

    assert table.frame["usd"].iloc[0] == pytest.approx(0.3)
    assert (
        "open-a: each run is priced at its own GPU-hours: 1 x $3.6 in run-3.6, 1 x $7.2 in run-7.2"
        in table.warnings
    )

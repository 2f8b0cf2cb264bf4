"""The figures of the app are those of the other outputs."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gapbench.cli import bench
from gapbench.view.cache import ViewCache
from gapbench.view.figures import compute_figures, write_figures
from gapbench.view.figures_file import read_figures
from tests.run_folders import make_answers, make_attempt, manifest, write_run

REFERENCE = next((Path(__file__).parents[3] / "results" / "reference").glob("*/run.json")).parent


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    return compute_figures(REFERENCE)


def printed(*arguments: str) -> Any:
    """Return the JSON that a command prints."""
    result = CliRunner().invoke(bench, [*arguments, "--json"], standalone_mode=False)
    return json.loads(result.stdout)


def same(one: Any, other: Any) -> bool:
    return one == other or (one is not None and other is not None and math.isclose(one, other, rel_tol=1e-12))


def test_each_model_has_the_figures_of_the_report(figures: dict[str, Any]) -> None:
    """Accuracy with its interval, times and costs, to the last digit."""
    rows = {
        row["model_id"]: row for row in printed("report", str(REFERENCE))["rows"] if row["level"] == "model"
    }
    shared = set(rows["sim-closed-a"]) & set(figures["models"][0])

    assert {"accuracy", "accuracy_low", "response_p95_s", "usd_per_correct"} <= shared
    assert list(rows) == [model["model_id"] for model in figures["models"]]
    for model in figures["models"]:
        differing = [name for name in shared if not same(rows[model["model_id"]][name], model[name])]
        assert [] == differing


def test_each_gap_is_that_of_the_gap_table(figures: dict[str, Any]) -> None:
    """Values, interval and verdict."""
    rows = printed("gap", str(REFERENCE))["rows"]
    names = ("category", "metric", "gap_points", "ci_low", "ci_high", "verdict")

    assert [[row[name] for name in names] for row in rows] == [
        [row[name] for name in names] for row in figures["gaps"]
    ]


def test_what_was_spent_is_the_sum_of_the_cost_table(figures: dict[str, Any]) -> None:
    """Over the models, all categories together."""
    rows = [row for row in printed("cost", str(REFERENCE))["rows"] if row["category"] == "all"]

    assert sum(row["usd_spent"] for row in rows) == pytest.approx(figures["usd_spent"])


def test_a_run_of_one_side_has_no_gap(tmp_path: Path) -> None:
    """It has its models, and a sentence."""
    found = compute_figures(write_run(tmp_path / "run-1", make_answers("open-a", 2, 3)))

    assert ([], ["open-a"]) == (found["gaps"], [model["model_id"] for model in found["models"]])


def test_a_run_without_an_answer_is_empty(tmp_path: Path) -> None:
    """A run that has only just started."""
    (tmp_path / "run-1").mkdir()
    stored = manifest([make_attempt()]).as_json()
    (tmp_path / "run-1" / "run.json").write_text(json.dumps(stored))

    assert compute_figures(tmp_path / "run-1")["empty"]


def test_figures_are_kept_until_the_run_changes(tmp_path: Path) -> None:
    """A new row makes them unknown, and not wrong."""
    cache = ViewCache(tmp_path / "cache")
    run = write_run(tmp_path / "run-1", make_answers("open-a", 2, 3))
    before = read_figures(run, cache)
    write_figures(run, cache)
    kept = read_figures(run, cache)
    (run / "scores-00001.parquet").write_bytes(b"")

    assert before is None
    assert kept is not None
    assert read_figures(run, cache) is None

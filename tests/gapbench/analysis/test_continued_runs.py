"""Finding 35: a run that was carried over is not counted next to its source."""

from __future__ import annotations

import dataclasses
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from gapbench.analysis.cost.cost import cost
from gapbench.analysis.frames import load_runs, read_columns
from gapbench.analysis.quality.gap import gap
from gapbench.cli import invoke
from gapbench.store import RunWriter, read_manifest
from gapbench.values import Attempt
from tests.run_folders import STARTED, make_answers, write_run

GPU = {"cost": {"gpus": 1, "usd_per_gpu_hour": 36.0}}
PAIR = [*make_answers("closed-a", 9, 10), *make_answers("open-a", 7, 10)]


def written(
    folder: Path,
    rows: list[Attempt],
    *,
    continues: str | None = None,
    origin: str | None = None,
    hours: int = 0,
) -> Path:
    """Write a run that continues another and started ``hours`` after the first."""
    run = write_run(folder, rows, open_a=GPU)
    started = (STARTED + timedelta(hours=hours)).astimezone(UTC).isoformat().replace("+00:00", "Z")
    changes = {"continues": continues, "origin": origin, "started_at": started}
    with RunWriter(run) as writer:
        writer.write_manifest(read_manifest(run).model_copy(update=changes))
    return run


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A run of two models over ten samples: a GPU for 100 s at $36 an hour."""
    return written(tmp_path / "source", PAIR)


@pytest.fixture
def newer(tmp_path: Path, source: Path) -> Path:
    """A run into which all rows of the source were carried."""
    return written(tmp_path / "newer", PAIR, continues="source", origin="source", hours=1)


def test_tasks_dollars_and_pairs_are_counted_once(source: Path, newer: Path) -> None:
    """10 tasks in 100 s x $36 / 3600 = $1, in either order; without the rule 20 tasks and $2."""
    for named in ([source, newer], [newer, source]):
        table = cost(named).frame.set_index("model_id")

        assert (10, 1.0) == (table.loc["open-a", "tasks"], table.loc["open-a", "usd"])
        assert gap([newer]).to_json()["rows"] == gap(named).to_json()["rows"]
        assert "source is not counted: it was continued as newer, which has its rows" in cost(named).warnings


def test_a_results_folder_counts_the_newest(source: Path, newer: Path, tmp_path: Path) -> None:
    """As the notebooks read it."""
    runs = load_runs(tmp_path)

    assert (newer,) == runs.folders
    assert 20 == len(runs.frame)
    assert ["newer"] == [manifest.run_id for manifest in runs.manifests]


def test_a_cell_that_was_not_carried_over_still_counts(source: Path, tmp_path: Path) -> None:
    """The newer suite has only the open model: 10 rows of each remain, and the cells are those of the rows."""
    newer = written(tmp_path / "newer", PAIR[10:], continues="source", origin="source", hours=1)
    runs = load_runs([source, newer])
    counted = runs.frame.groupby(["run_id", "model_id"], observed=True).size().to_dict()

    assert {("source", "closed-a"): 10, ("newer", "open-a"): 10} == counted
    assert [("source", "closed-a"), ("newer", "open-a")] == [(run, cell.model_id) for run, cell in runs.cells]
    assert ("source: 1 of 2 cells are not counted: they were continued in newer",) == runs.notes
    assert list(range(20)) == list(runs.frame.index)


def test_the_users_of_a_replaced_cell_go_with_it(tmp_path: Path) -> None:
    """Each of ten users was paid once, though the rows of both runs have them: 10 x 1,000 tokens at $1 a million."""
    users = [
        dataclasses.replace(row, cell_id=f"{row.cell_id}|user", phase="user", model_id="player") for row in PAIR[10:]
    ]  # fmt: skip
    price = {"cost": {"input_usd_per_mtok": 1.0, "output_usd_per_mtok": 0.0}}
    source = write_run(tmp_path / "source", [*PAIR, *users], player=price)
    newer = write_run(tmp_path / "newer", [*PAIR[10:], *users], player=price)
    with RunWriter(newer) as writer:
        changes = {"continues": "source", "origin": "source", "started_at": "2026-11-02T12:00:00.000Z"}
        writer.write_manifest(read_manifest(newer).model_copy(update=changes))
    runs = load_runs([source, newer])
    table = cost(runs).frame.set_index("model_id")

    assert ["newer"] * 10 == list(runs.frame["run_id"][runs.frame["phase"] == "user"])
    assert 0.01 == table.loc["player", "usd_user"]
    assert list(read_columns(runs, ["cell_id"])["cell_id"]) == list(runs.frame["cell_id"])


def test_further_columns_have_the_rows_of_the_frame(source: Path, tmp_path: Path) -> None:
    """The answers of the rows that count, in their order."""
    rows = make_answers("open-a", 7, 10, answer="new")
    newer = written(tmp_path / "newer", rows, continues="source", origin="source", hours=1)
    runs = load_runs([source, newer])

    assert ["4"] * 10 + ["new"] * 10 == list(read_columns(runs, ["answer"])["answer"])


def test_a_chain_counts_once_without_its_middle(source: Path, tmp_path: Path) -> None:
    """The last run names the first one, so a deleted run between them does not matter."""
    last = written(tmp_path / "last", PAIR, continues="deleted", origin="source", hours=2)

    assert (last,) == load_runs([source, last]).folders


def test_two_runs_that_continue_the_same_one_count_once(source: Path, newer: Path, tmp_path: Path) -> None:
    """The source's rows are in both."""
    other = written(tmp_path / "other", PAIR, continues="source", origin="source", hours=2)

    assert (other,) == load_runs([newer, other]).folders


def test_a_run_named_twice_and_a_copy_count_once(source: Path, tmp_path: Path) -> None:
    """By its path and by its results folder; the copy has the same id."""
    (tmp_path / "copies").mkdir()
    copied = source.rename(tmp_path / "copies" / "source")
    again = written(tmp_path / "source", PAIR)

    assert (again,) == load_runs([again, again]).folders
    assert (again,) == load_runs([again, copied]).folders
    assert (f"{copied} is not counted: it is a copy of {again}",) == load_runs([again, copied]).notes


def test_unrelated_runs_are_pooled(tmp_path: Path) -> None:
    """Two runs of a suite, neither of which continues the other: 10 + 10 rows, and nothing to note."""
    runs = [written(tmp_path / name, PAIR[:10]) for name in ("one", "two")]

    assert 20 == len(load_runs(runs).frame)
    assert () == load_runs(runs).notes


def test_a_run_that_holds_nothing_yet_replaces_nothing(source: Path, tmp_path: Path) -> None:
    """It was killed before its first row."""
    empty = written(tmp_path / "empty", PAIR, continues="source", origin="source", hours=1)
    for part in (*empty.glob("attempts-*"), *empty.glob("payload-*")):
        part.unlink()

    assert 20 == len(load_runs([source, empty]).frame)
    assert () == load_runs([source, empty]).notes


def test_a_real_carried_over_run_is_counted_once(here: Path) -> None:
    """60 requests before and after a change of the timeouts; the chain is in run.json."""
    assert 0 == invoke(["run", "suite.yaml", "--yes", "--quiet"])
    source = next((here / "results").iterdir())
    suite = here / "suite.yaml"
    text = suite.read_text()
    newest = source
    for timeout_s in (50, 51):
        suite.write_text(f"timeouts: {{total_s: {timeout_s}}}\n{text}")
        assert 0 == invoke(["run", "--resume", newest.name, "--accept-changes", "--yes", "--quiet"])
        newest = max((here / "results").iterdir(), key=lambda run: read_manifest(run).started_at)

    assert 3 == len(list((here / "results").iterdir()))
    assert source.name == read_manifest(newest).origin
    assert (newest,) == load_runs(here / "results").folders
    assert 60 == len(load_runs([source, newest]).frame)


def test_each_run_has_its_own_gpu_price(tmp_path: Path) -> None:
    """100 s at $3.60 and 100 s at $7.20 an hour are $0.30, not the newer price for both."""
    folders = [
        write_run(
            tmp_path / f"run-{price}",
            make_answers("open-a", 20, 20),
            open_a={"runner": "vllm", "cost": {"gpus": 1, "usd_per_gpu_hour": price}},
        )
        for price in (3.6, 7.2)
    ]
    table = cost(load_runs(folders))

    assert table.frame["usd"].iloc[0] == pytest.approx(0.3)
    note = "open-a: each run is priced at its own GPU-hours: 1 x $3.6 in run-3.6, 1 x $7.2 in run-7.2"
    assert note in table.warnings

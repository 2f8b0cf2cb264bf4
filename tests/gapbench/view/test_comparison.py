"""Runs side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

from gapbench.errors import InputError
from gapbench.view.cache import ViewCache
from gapbench.view.comparison import compare_samples
from gapbench.view.run_changes import describe_changes
from gapbench.view.samples_table import SamplesTable, samples_table
from tests.run_folders import make_answers, make_attempt, write_run


@pytest.fixture
def cache(tmp_path: Path) -> ViewCache:
    return ViewCache(tmp_path / "cache")


def test_only_shared_samples_are_matched(tmp_path: Path, cache: ViewCache) -> None:
    """Samples 0 to 3 and 2 to 5 share 2 and 3."""
    tables = [
        samples_table(write_run(tmp_path / "run-1", make_answers("closed-a", 4, 4)), cache),
        samples_table(write_run(tmp_path / "run-2", make_answers("closed-a", 0, 4, start=2)), cache),
    ]
    found = compare_samples(tables)

    assert ["2", "3"] == [row["sample_id"] for row in found["rows"]]
    assert [["correct"], ["wrong"]] == found["rows"][0]["outcomes"]
    assert [2, 0] == found["rows"][0]["items"]


def test_other_loads_are_matched_without_them(tmp_path: Path, cache: ViewCache) -> None:
    """c8 in one run and c16 in the other: the same sample, and the page says so."""
    tables = [
        samples_table(write_run(tmp_path / f"run-{load}", [make_attempt(load_value=float(load))]), cache)
        for load in (8, 16)
    ]
    found = compare_samples(tables)

    assert (1, True) == (found["total"], found["ignores_load"])


def test_filters_look_at_every_run(tmp_path: Path, cache: ViewCache) -> None:
    """The outcome of any model in any run; the matches of any search."""
    tables = [
        samples_table(write_run(tmp_path / "run-1", make_answers("closed-a", 3, 4)), cache),
        samples_table(write_run(tmp_path / "run-2", make_answers("closed-a", 2, 4)), cache),
    ]

    def ids(**given: object) -> list[str]:
        return [row["sample_id"] for row in compare_samples(tables, **given)["rows"]]  # type: ignore[arg-type]

    assert ["2"] == ids(only_different=True)
    assert ["2", "3"] == ids(outcome="wrong")
    assert ["0", "3"] == ids(items={0: (0,), 1: (3,)})
    assert [] == ids(items={0: (), 1: ()})
    assert [] == ids(task="reasoning/none")


@pytest.mark.parametrize("count", [0, 1, 9])
def test_a_comparison_is_of_two_to_eight_runs(tmp_path: Path, count: int) -> None:
    """Otherwise one line says so."""
    with pytest.raises(InputError, match="compare 2 to 8 runs"):
        compare_samples([SamplesTable(tmp_path, tmp_path, ())] * count)


def test_what_changed_is_told_as_bench_diff_does(tmp_path: Path) -> None:
    """9 of 10 right, then 7 of 10: -20 points, 2 of 10 flipped."""
    runs = [
        write_run(tmp_path / "run-1", make_answers("closed-a", 9, 10)),
        write_run(tmp_path / "run-2", make_answers("closed-a", 7, 10)),
    ]
    (row,) = describe_changes(*runs)["models"]

    assert ("90.0 %", "70.0 %", "-20.0", "2 of 10") == (
        row["before"],
        row["after"],
        row["change"],
        row["flips"],
    )

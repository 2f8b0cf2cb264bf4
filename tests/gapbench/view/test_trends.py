"""The trend of a suite over real HTTP: what `bench trend` says, and when it is computed again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gapbench.cli import bench
from gapbench.store.baselines import set_baseline
from gapbench.view.trend_figures import describe_trend, read_drawing
from tests.nights import edit_manifest, write_nights
from tests.view_server import Served, serve_view


def other_suite(_: int, stored: dict[str, Any]) -> None:
    stored["suite"] = "other"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two nights of a newer suite and one of an older."""
    folder = tmp_path_factory.mktemp("results")
    write_nights(folder, [88] * 2, total=100, first=5)
    write_nights(folder, [70], total=100, change=other_suite)
    return folder


@pytest.fixture(scope="module")
def served(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The app over them."""
    with serve_view([results], tmp_path_factory.mktemp("cache")) as app:
        yield app


def found_of(served: Served, query: str = "") -> Any:
    """Return an answer that is not pending; each question waits up to a second for it."""
    while True:
        found = served.get(f"api/trend?{query}")
        if found["status"] != "pending":
            return found


def test_the_figures_are_those_of_bench_trend(served: Served, results: Path) -> None:
    """The newest suite, the nights in order, each with its link, its headline as on the terminal."""
    found = found_of(served)["trend"]
    printed = json.loads(
        CliRunner().invoke(bench, ["trend", str(results), "--json"], standalone_mode=False).stdout
    )
    rows = [row for group in found["table"]["groups"] for row in group["rows"]]

    assert ("unit", 2) == (found["suite"], found["nights"])
    assert [row["run"] for row in printed["rows"]] == [cells[0]["run"] for cells in rows]
    assert [f"{100 * row['accuracy']:.1f} %" for row in printed["rows"]] == [
        cells[1]["lines"][0] for cells in rows
    ]
    assert any("runs of other suites" in line or "other" in line for line in printed["warnings"])


def test_a_suite_is_chosen_and_an_unknown_one_is_named(served: Served) -> None:
    """404 with the suites that there are."""
    reply = served.send("api/trend?suite=none")

    assert "other" == found_of(served, "suite=other")["trend"]["suite"]
    assert 404 == reply.status
    assert "there are runs of: unit, other" in reply.json()["error"]


def test_a_trend_that_was_seen_is_not_sent_again(served: Served) -> None:
    """A page that polls gets one word."""
    version = found_of(served)["version"]

    assert {"unchanged": True, "version": version} == served.get(f"api/trend?seen={version}")


def test_only_a_finished_night_or_a_baseline_makes_it_old(tmp_path: Path) -> None:
    """A run under way grows many times a minute; the trend is computed again when it is complete."""
    nights = write_nights(tmp_path / "results", [88] * 2)
    edit_manifest(nights[1], lambda stored: stored.update(state="running"))
    with serve_view([tmp_path / "results"], tmp_path / "cache") as app:
        versions = [found_of(app)["version"]]
        (nights[1] / "journal-00009.jsonl").write_text("")
        versions.append(found_of(app)["version"])
        set_baseline(tmp_path / "results", "good", nights[0], "unit")
        found = found_of(app)
        versions.append(found["version"])

    assert versions[0] == versions[1] != versions[2]
    assert "baseline good" in json.dumps(found["trend"]["table"])


def test_a_damaged_file_of_baselines_is_a_caveat(tmp_path: Path) -> None:
    """The figures are shown all the same."""
    nights = write_nights(tmp_path, [88])
    (tmp_path / "baselines.json").write_text("{")
    found = describe_trend({nights[0]: "night-00"}, "unit", 30)

    assert "baselines.json is damaged" in found["warnings"][0]
    assert 1 == found["nights"]


def test_a_drawing_is_elements_and_texts() -> None:
    """Markup in a text stays text."""
    drawn = read_drawing('<svg class="a"><text x="1">&lt;b&gt;</text><g/></svg>')

    assert ["svg", {"class": "a"}, ["text", {"x": "1"}, "<b>"], ["g", {}]] == drawn

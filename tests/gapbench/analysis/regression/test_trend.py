"""The trend of a folder of nights: figures, changes, what changed in the setup, and what is left out."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from gapbench.analysis.quality.summary import summarize
from gapbench.analysis.regression.trend import Trend, select_nights, trend
from gapbench.errors import ResultsError
from tests.nights import edit_manifest, versions, write_nights


def only(found: Trend, metric: str) -> Any:
    (change,) = [change for change in found.changes if change.metric == metric]
    return change


def test_a_fall_is_dated_sized_and_explained(tmp_path: Path) -> None:
    """Finding 40: 88 of 100 until night 13, 78 from night 14 on, the night on which the server was replaced."""
    nights = write_nights(
        tmp_path, [88] * 14 + [78] * 4, change=versions({0: {"vllm": "0.9"}, 14: {"vllm": "0.10"}})
    )
    found = trend(nights)
    change = only(found, "accuracy")

    assert ("night-13", "night-14", True) == (change.last_before, change.first_after, change.is_worse)
    assert change.before == pytest.approx(0.88, abs=0.02)
    assert change.after == pytest.approx(0.78, abs=0.02)
    assert change.low < -0.10 < change.high < 0
    assert [("engine", "vllm 0.9", "vllm 0.10", 0)] == [
        (cause["kind"], cause["a"], cause["b"], cause["nights_apart"]) for cause in change.causes
    ]


def test_slower_responses_are_found_by_ranks(tmp_path: Path) -> None:
    """A third slower from night 14 on; accuracy and cost stay."""
    found = trend(write_nights(tmp_path, [88] * 22, slower=[1.0] * 14 + [1.33] * 8))

    assert only(found, "response_p50_s").first_after in {"night-13", "night-14"}
    assert ["response_p50_s"] == [change.metric for change in found.changes]
    assert () == only(found, "response_p50_s").causes


def test_quiet_nights_have_no_change(tmp_path: Path) -> None:
    """20 nights within 2 points."""
    found = trend(write_nights(tmp_path, [88] * 20))

    assert () == found.changes


def test_the_figures_are_those_of_the_run(tmp_path: Path) -> None:
    """A row of the trend equals the run's summary; with the same items every night, the level is the accuracy."""
    nights = write_nights(tmp_path, [88] * 3)
    found = trend(nights)
    own = summarize([nights[1]]).level("model").iloc[0]
    row = found.rows[1]

    for name in ("accuracy", "accuracy_low", "response_p50_s", "response_p50_s_high", "usd_per_task"):
        assert own[name] == row[name]
    assert own["accuracy"] == pytest.approx(row["level"])


def test_a_new_price_is_a_price_change(tmp_path: Path) -> None:
    """The suite's price doubles on night 2: recorded on that night, and no matter for quality."""

    def change(night: int, value: dict[str, Any]) -> None:
        value["models"][0]["cost"] = {
            "input_usd_per_mtok": 1.0 if night < 2 else 2.0,
            "output_usd_per_mtok": 1.0,
        }

    found = trend(write_nights(tmp_path, [88] * 3, change=change))
    kinds = [[change["kind"] for change in night.changes] for night in found.nights]

    assert [[], [], ["price"]] == kinds
    assert found.rows[2]["usd_per_task"] > found.rows[1]["usd_per_task"]


def test_other_questions_are_another_stretch(tmp_path: Path) -> None:
    """From night 8 on other samples are asked: 88 % to 60 %, and no fall of quality."""
    before = write_nights(tmp_path, [88] * 8)
    found = trend([*before, *write_nights(tmp_path, [60] * 8, first=8, start=1000)])

    assert () == found.changes
    assert any("from night-08 on most questions" in line for line in found.warnings)


def test_only_a_change_that_the_last_night_reveals_is_new(tmp_path: Path) -> None:
    """A fall of 18 points is news on one night and not before or after."""
    nights = write_nights(tmp_path, [88] * 10 + [70] * 3)
    news = [len(trend(nights[:count]).new_changes) for count in (10, 11, 12, 13)]

    assert 0 == news[0]
    assert 1 == sum(news)


def test_nights_are_the_complete_runs_of_one_suite(tmp_path: Path) -> None:
    """The newest run's suite; a run that was stopped, one of another suite and older ones are left out, and said."""
    nights = write_nights(tmp_path, [88] * 5)
    edit_manifest(nights[4], lambda value: value.update(state="stopped"))
    edit_manifest(nights[1], lambda value: value.update(suite="other"))
    chosen, notes = select_nights(nights, 2)

    assert ["night-02", "night-03"] == [folder.name for folder in chosen]
    assert ["left out, as not complete: night-04 (stopped)"] == notes[:1]
    assert "runs of other suites: other" in notes[1]
    with pytest.raises(ResultsError, match="no complete run of 'none'; there are runs of: other, unit"):
        select_nights(nights, 2, "none")


def test_a_copied_run_is_one_night(tmp_path: Path) -> None:
    """Under another name or in another folder, it is named and left out."""
    nights = write_nights(tmp_path / "results", [88] * 3)
    copies = [tmp_path / "results" / "night-09", tmp_path / "elsewhere" / "night-02"]
    for source, copy in zip(nights[1:], copies, strict=True):
        shutil.copytree(source, copy)
    chosen, notes = select_nights([*nights, *copies], 30)

    assert nights == chosen
    assert [
        f"left out: {copy.name}, a copy of {source}" for source, copy in zip(nights[1:], copies, strict=True)
    ] == notes


def test_an_invalid_time_is_not_searched(tmp_path: Path) -> None:
    """Times that measure this client say nothing about the server: the night keeps its accuracy only."""

    def change(night: int, value: dict[str, Any]) -> None:
        if night == 1:
            for cell in value["cells"]:
                cell["lag_p99_s"] = 5.0

    found = trend(write_nights(tmp_path, [88] * 3, change=change))
    usable = [row["usable"]["response_p50_s"] for row in found.rows]

    assert [True, False, True] == usable
    assert all(row["usable"]["accuracy"] for row in found.rows)

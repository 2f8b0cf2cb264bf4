"""Which answers of two models are compared with each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gapbench.analysis.quality.gap import gap
from tests.gapbench.analysis.quality.test_gap import Answers, Attempts, Make, accuracy
from tests.run_folders import write_run_with_targets


def test_only_shared_requests_count(make_run: Make, answers: Answers) -> None:
    """Items 0-9 and 5-14 share five."""
    table = gap([make_run([*answers("closed-a", 10, 10), *answers("open-b", 10, 10, start=5)])])

    assert accuracy(table)["n_pairs"] == 5
    assert any("5 only to closed-a, 5 only to open-b" in line for line in table.fairness)


def test_different_prompts_are_left_out_and_named(
    make_run: Make, attempt: Attempts, answers: Answers
) -> None:
    """One of ten items was asked differently."""
    rows = [*answers("closed-a", 9, 9), attempt(model_id="closed-a", sample_id="9", prompt_sha256="other")]
    table = gap([make_run([*rows, *answers("open-b", 10, 10)])])

    assert accuracy(table)["n_pairs"] == 9
    assert any("1 of 10 shared requests had different prompts" in line for line in table.fairness)


def test_failures_are_no_wrong_answers(make_run: Make, attempt: Attempts, answers: Answers) -> None:
    """A request that one side could not be asked is no pair; the share is a fairness line."""
    rows = [*answers("closed-a", 9, 9), attempt(model_id="closed-a", sample_id="9", outcome="infra")]
    table = gap([make_run([*rows, *answers("open-b", 10, 10)])])

    assert accuracy(table)["gap_points"] == 0
    assert accuracy(table)["n_pairs"] == 9
    assert any(
        "10.0 % of requests to closed-a got no answer, 0.0 % to open-b" in line for line in table.fairness
    )


def test_repeats_of_an_item_are_one_cluster(make_run: Make, answers: Answers) -> None:
    """20 items asked three times each are 60 pairs in 20 clusters."""
    rows = [
        row
        for model, right in (("closed-a", 15), ("open-b", 10))
        for repeat in range(3)
        for row in answers(model, right, 20, repeat=repeat)
    ]
    row = accuracy(gap([make_run(rows)]))

    assert (row["n_pairs"], row["n_clusters"]) == (60, 20)


def test_two_runs_are_paired_across(make_run: Make, answers: Answers) -> None:
    """The closed model from one run, the open one from another."""
    runs = [make_run(answers("closed-a", 8, 10), name="a"), make_run(answers("open-b", 6, 10), name="b")]

    assert accuracy(gap(runs))["n_pairs"] == 10


def test_a_model_measured_twice_keeps_both_answers(make_run: Make, answers: Answers) -> None:
    """The same suite run twice is two repeats, not a product of four."""
    rows = [*answers("closed-a", 8, 10), *answers("open-b", 6, 10)]
    row = accuracy(gap([make_run(rows, name="a"), make_run(rows, name="b")]))

    assert (row["n_pairs"], row["n_clusters"]) == (20, 10)


def test_the_probes_of_a_load_search_are_not_compared(make_run: Make, answers: Answers) -> None:
    """Ten measured pairs, and ten probes that overloaded the server."""
    rows = [
        row
        for model in ("closed-a", "open-b")
        for row in (
            *answers(model, 10, 10),
            *answers(model, 0, 10, load_kind="search", load_value=64.0),
        )
    ]

    assert accuracy(gap([make_run(rows)]))["n_pairs"] == 10


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"scorer": "contains"}, "were scored by another scorer"),
    ],
)
def test_answers_judged_by_something_else_are_left_out(
    make_run: Make, answers: Answers, given: dict[str, Any], words: str
) -> None:
    """Ten of thirty requests of the open model were judged otherwise."""
    rows = [
        *answers("closed-a", 30, 30),
        *answers("open-b", 20, 20),
        *answers("open-b", 10, 10, start=20, **given),
    ]
    table = gap([make_run(rows)])

    assert accuracy(table)["n_pairs"] == 20
    assert (
        f"closed-a and open-b: 10 of 30 shared requests of reasoning/sums {words} and are left out."
        in table.fairness
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": 2}, "belong to another version of the task"),
        ({"scorer_sha256": "other"}, "were scored with other options of the scorer"),
    ],
)
def test_another_version_or_other_options_leave_out_the_task(
    make_run: Make, answers: Answers, changes: dict[str, Any], words: str
) -> None:
    """All thirty requests: nothing is compared, and the headline says so."""
    runs = [make_run(answers("closed-a", 30, 30), name="a"), make_run(answers("open-b", 30, 30), name="b")]
    for run, given in zip(runs, ({"scorer_sha256": "one"}, {"scorer_sha256": "one", **changes}), strict=True):
        document = json.loads((run / "run.json").read_text())
        document["tasks"][0].update(given)
        (run / "run.json").write_text(json.dumps(document))
    table = gap(runs)

    assert accuracy(table)["n_pairs"] == 0
    assert (
        f"closed-a and open-b: 30 of 30 shared requests of reasoning/sums {words} and are left out."
        in table.fairness
    )
    assert "no shared scored requests" in table.headline()


@pytest.mark.parametrize("changed", [0, 1, 15, 30])
def test_pairs_with_another_target_are_left_out(
    make_run: Make, attempt: Attempts, tmp_path: Path, changed: int
) -> None:
    """The task changed between the runs; so many of thirty targets did. The others compare."""
    folders = []
    for name, model, moved in (("one", "closed-a", 0), ("two", "open-b", changed)):
        rows = [attempt(model_id=model, sample_id=str(k), task_sha256=name, run_id=name) for k in range(30)]
        folders.append(
            write_run_with_targets(tmp_path / name, rows, [str(k + 1000 * (k < moved)) for k in range(30)])
        )
    table = gap(folders)
    lines = [line for line in table.fairness if "another target" in line]

    assert accuracy(table)["n_pairs"] == 30 - changed
    assert lines == (
        [
            f"closed-a and open-b: {changed} of 30 shared requests of reasoning/sums have another target and are left out."
        ]
        if changed
        else []
    )


def test_hidden_tests_are_compared_by_the_whole_task(make_run: Make, answers: Answers) -> None:
    """The scorer ``code`` reads columns that are not stored, so a changed task may have changed any of them."""
    runs = [
        make_run(answers("closed-a", 9, 10, scorer="code", task_sha256="one"), name="a"),
        make_run(answers("open-b", 9, 10, scorer="code", task_sha256="two"), name="b"),
    ]

    assert accuracy(gap(runs))["n_pairs"] == 0


def test_agreeing_pairs_say_how_many_would_settle_them(make_run: Make, answers: Answers) -> None:
    """40 pairs that agree: about 230 put the interval inside 1.7 points."""
    row = accuracy(gap([make_run([*answers("closed-a", 30, 40), *answers("open-b", 30, 40)])]))

    assert row["verdict"] == "not distinguishable"
    assert 200 < row["items_needed"] < 260

"""Which requests of a run and its baseline are compared, and what is not checked without them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from gapbench.analysis.regression.compare import Comparison, compare_runs
from gapbench.analysis.regression.threshold import RegressionRule
from gapbench.errors import ResultsError
from tests.compared_runs import ITEMS, OTHER, MakeRun, against, rows, some
from tests.run_folders import write_run_with_targets


def test_only_requests_with_the_same_prompt_are_paired(make_run: MakeRun) -> None:
    """A third of the prompts changed: they are left out and said."""
    base = rows("base", lambda _: True)
    new = rows(
        "new", lambda _: True, prompt_sha256=lambda n: "other" if n % 3 == 0 else f"preasoning/sums{n}"
    )
    found = against(make_run, base, new, "accuracy<-2pp")

    assert 200 == found.frame.iloc[0]["pairs"]
    assert any("200 requests are in one run only" in line for line in found.warnings)


@pytest.mark.parametrize(
    ("base", "new", "hole"),
    [
        ({}, {"load_value": 16.0}, "closed-a math/others c8"),
        ({}, {"task": "math/renamed"}, "closed-a math/others c8"),
        ({}, {"prompt_sha256": "changed"}, "closed-a math/others c8"),
    ],
)
def test_a_task_or_load_that_the_new_run_lacks_is_no_pass(
    make_run: MakeRun, base: dict[str, Any], new: dict[str, Any], hole: str
) -> None:
    """Shared cells are compared. Cells that could not be compared are listed, those of the new run alone separately."""
    found = against(
        make_run,
        [*rows("base", lambda _: True), *some("base", **OTHER, **base)],
        [*rows("new", lambda _: True), *some("new", **{**OTHER, **new})],
        "accuracy<-2pp",
    )

    assert ("broken", ["pass"]) == (found.verdict, list(found.frame["verdict"]))
    assert [hole] == [fault.where for fault in found.unchecked]
    assert ITEMS == found.frame.iloc[0]["pairs"]
    added = [line for line in found.warnings if "in the new run only and is not judged" in line]
    assert len(added) == (0 if "prompt_sha256" in new else 1)


@pytest.mark.parametrize("count", [40, 60])
def test_runs_of_other_samples_are_compared_on_those_they_share(make_run: MakeRun, count: int) -> None:
    """Fewer or more of them in the new run: the rest is counted, and is no fault."""
    found = against(make_run, some("base", 50), some("new", count), "accuracy<-2pp")

    assert ("pass", min(50, count)) == (found.verdict, found.frame.iloc[0]["pairs"])
    assert any("10 requests are in one run only" in line for line in found.warnings)


def test_a_model_that_the_new_run_lacks_is_no_pass(make_run: MakeRun) -> None:
    """Each rule says so; a model that only the new run has is reported."""
    found = against(
        make_run,
        [*some("base"), *some("base", model_id="open-b")],
        [*some("new"), *some("new", model_id="open-c")],
        "accuracy<-2pp",
        "coverage<-1pp",
    )

    assert "broken" == found.verdict
    assert ["pass", "pass", "unknown", "unknown"] == list(found.frame["verdict"])
    assert ["open-b accuracy<-2pp", "open-b coverage<-1pp"] == [fault.where for fault in found.unchecked]
    assert {"the new run has no measured request of this model"} == {
        fault.reason for fault in found.unchecked
    }
    assert "open-c is in the new run only and is not judged" in found.warnings


def test_a_task_of_which_nothing_was_answered_leaves_a_rule_unchecked(make_run: MakeRun) -> None:
    """The other task's figure is shown, and is not taken for both."""
    found = against(
        make_run,
        [*rows("base", lambda _: True), *some("base", **OTHER)],
        [*rows("new", lambda _: True), *some("new", **OTHER, outcome="infra")],
        "accuracy<-2pp",
        "p95_ttft>+20%",
    )

    assert ["unknown", "unknown"] == list(found.frame["verdict"])
    assert "no request of math/others c8 is scored in both runs" == found.unchecked[0].reason
    assert "no request of math/others c8 is answered and timed in both runs" == found.unchecked[1].reason
    assert ITEMS == found.frame.iloc[0]["pairs"]


def test_a_regression_is_one_also_where_something_is_unchecked(make_run: MakeRun) -> None:
    """What is sure is said first."""
    found = against(
        make_run,
        [*rows("base", lambda _: True), *some("base", **OTHER)],
        rows("new", lambda n: n % 10 > 0),
        "accuracy<-2pp",
    )

    assert ("regression", 1) == (found.verdict, len(found.unchecked))


def test_the_rates_that_a_search_tries_need_not_be_the_same(make_run: MakeRun) -> None:
    """Each run's search goes where its server takes it; the other load is what is compared."""
    tried: dict[str, Any] = {"load_kind": "search", "load_value": 4.0}
    found = against(
        make_run,
        [*some("base"), *some("base", **tried, cell_id="closed-a|reasoning/sums|s4#1")],
        [*some("new"), *some("new", **tried, cell_id="closed-a|reasoning/sums|s8#1")],
        "accuracy<-2pp",
    )

    assert ("pass", []) == (found.verdict, found.unchecked)


def test_runs_without_a_shared_model_are_refused(make_run: MakeRun) -> None:
    """There is nothing to compare."""
    base = rows("base", lambda _: True, model_id="closed-a")
    new = rows("new", lambda _: True, model_id="closed-b")

    with pytest.raises(ResultsError, match="share no model"):
        against(make_run, base, new, "accuracy<-2pp")


@pytest.mark.parametrize("metric", ["accuracy<-2pp", "p50_response>+20%", "cost_per_task>+10%"])
def test_the_sources_of_the_pairs_are_counted(make_run: MakeRun, metric: str) -> None:
    """300 questions over 20 documents are 300 pairs from 20 sources, whatever the metric."""
    base, new = (
        [
            dataclasses.replace(row, cluster_id=str(n % 20))
            for n, row in enumerate(rows(run, lambda n: n % 3 > 0))
        ]
        for run in ("base", "new")
    )
    row = against(make_run, base, new, metric).frame.iloc[0]

    assert (ITEMS, 20) == (row["pairs"], row["clusters"])


def after_change(folder: Path, changed: int) -> Comparison:
    """Compare two runs of 300 right answers between which the task changed, and so many targets with it."""
    runs = []
    for name, moved in (("base", 0), ("new", changed)):
        made = rows(name, moved.__le__, task_sha256=name)
        targets = [str(n + 1000 * (n < moved)) for n in range(ITEMS)]
        runs.append(write_run_with_targets(folder / name, made, targets))
    return compare_runs([runs[0]], [runs[1]], [RegressionRule.parse("accuracy<-2pp")])


@pytest.mark.parametrize("changed", [0, 100])
def test_requests_with_another_target_are_left_out(tmp_path: Path, changed: int) -> None:
    """A corrected answer key is no regression of the model: the others are judged, and a warning names how many."""
    found = after_change(tmp_path, changed)

    assert ("pass", ITEMS - changed) == (found.verdict, found.frame.iloc[0]["pairs"])
    assert found.warnings == (
        [
            (
                "closed-a: 100 shared requests of reasoning/sums were judged by another version of the task, scorer or target "
                "and are left out"
            )
        ]
        if changed
        else []
    )


def test_a_task_that_changed_whole_is_no_pass(tmp_path: Path) -> None:
    """Nothing could be checked."""
    assert "broken" == after_change(tmp_path, ITEMS).verdict

"""A run against its baseline: what is a regression, and what is noise."""

from __future__ import annotations

import dataclasses
import itertools
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gapbench.analysis.regression.compare import Comparison, compare_runs
from gapbench.analysis.regression.threshold import RegressionRule
from gapbench.errors import InputError, ResultsError
from gapbench.values import Attempt
from tests.run_folders import change_first_cell, make_attempt, write_run_with_targets

MakeRun = Callable[..., Path]

ITEMS = 300
_numbers = itertools.count()


def rows(run_id: str, right: Callable[[int], bool], **given: Any) -> list[Attempt]:
    """Return 300 answered requests, right where told."""
    return [
        make_attempt(
            run_id=run_id,
            sample_id=str(n),
            outcome="correct" if right(n) else "wrong",
            score=float(right(n)),
            **{name: value(n) if callable(value) else value for name, value in given.items()},
        )
        for n in range(ITEMS)
    ]


def against(make_run: MakeRun, base: list[Attempt], new: list[Attempt], *rules: str) -> Comparison:
    number = next(_numbers)
    runs = (make_run(base, f"base-{number}"), make_run(new, f"new-{number}"))
    return compare_runs([runs[0]], [runs[1]], [RegressionRule.parse(rule) for rule in rules])


def test_a_fall_beyond_the_rule_and_the_noise_is_a_regression(make_run: MakeRun) -> None:
    """100 % to 90 %: 30 of 300 lost, bound far below -2 points."""
    found = against(
        make_run, rows("base", lambda _: True), rows("new", lambda n: n % 10 > 0), "accuracy<-2pp"
    )
    row = found.frame.iloc[0]

    assert "regression" == found.verdict == row["verdict"]
    assert -10.0 == pytest.approx(row["change"])
    assert row["low"] < -10.0 < row["high"] < -2.0
    assert ITEMS == row["pairs"]


def test_a_fall_within_the_noise_pages_nobody(make_run: MakeRun) -> None:
    """16 lost and 8 won of 300 are 2.7 points down, beyond the rule; chance does that, so it passes and says so."""
    base = rows("base", lambda n: not 0 <= n < 8)
    new = rows("new", lambda n: not 8 <= n < 24)
    found = against(make_run, base, new, "accuracy<-2pp")
    row = found.frame.iloc[0]

    assert "pass" == found.verdict
    assert -8 / 300 * 100 == pytest.approx(row["change"])
    assert row["worse_in_sight"]


def test_runs_that_are_alike_are_seldom_called_worse(make_run: MakeRun) -> None:
    """20 pairs of runs of one model that is right 7 times in 10: at 5 % each, five would be one in a thousand."""
    alarms = 0
    for seed in range(20):
        draw = random.Random(seed)
        base = rows("base", lambda _, draw=draw: draw.random() < 0.7)  # type: ignore[misc]  # bound early
        new = rows("new", lambda _, draw=draw: draw.random() < 0.7)  # type: ignore[misc]  # bound early
        alarms += against(make_run, base, new, "accuracy<-0pp").verdict == "regression"

    assert alarms <= 4


def test_slower_answers_beyond_the_rule_are_a_regression(make_run: MakeRun) -> None:
    """Twice as slow throughout."""
    base = rows("base", lambda _: True, done_s=lambda n: 1.0 + n / 300)
    new = rows("new", lambda _: True, done_s=lambda n: 2.0 + 2 * n / 300)
    found = against(make_run, base, new, "p95_response>+20%")

    assert "regression" == found.verdict
    assert 100.0 == pytest.approx(found.frame.iloc[0]["change"], abs=1)


def test_a_few_slow_answers_are_no_slower_median(make_run: MakeRun) -> None:
    """Two outliers of 300 do not move the 50th percentile, and hardly the 95th."""
    base = rows("base", lambda _: True, done_s=lambda n: 1.0 + n / 300)
    new = rows("new", lambda _: True, done_s=lambda n: 60.0 if n < 2 else 1.0 + n / 300)

    assert "pass" == against(make_run, base, new, "p50_response>+5%", "p95_response>+20%").verdict


def test_times_that_this_client_limited_are_no_regression(make_run: MakeRun) -> None:
    """Twice as slow, but the event loop was 200 ms late: the times are the client's, and the rule is not checked."""
    base = make_run(rows("base", lambda _: True, done_s=1.0), "base-late")
    new = make_run(rows("new", lambda _: True, done_s=2.0), "new-late")
    change_first_cell(new, lag_p99_s=0.2)
    rules = [RegressionRule.parse(rule) for rule in ("p50_response>+20%", "accuracy<-2pp")]
    found = compare_runs([base], [new], rules)

    assert ["unknown", "pass"] == list(found.frame["verdict"])
    assert [
        "the new run's times of reasoning/sums c8 are invalid, this client was the limit; run again on a quiet machine"
    ] == [fault.reason for fault in found.unchecked]


def test_the_valid_times_of_a_model_are_still_checked(make_run: MakeRun) -> None:
    """One of two tasks was limited by this client; the other is twice as slow, which is a regression by itself."""
    others = rows("base", lambda _: True, done_s=1.0, **OTHER)
    base = make_run([*rows("base", lambda _: True, done_s=1.0), *others], "base-half")
    slower = rows("new", lambda _: True, done_s=2.0, **OTHER)
    new = make_run([*rows("new", lambda _: True, done_s=1.0), *slower], "new-half")
    change_first_cell(new, lag_p99_s=0.2)
    found = compare_runs([base], [new], [RegressionRule.parse("p50_response>+20%")])
    row = found.frame.iloc[0]

    assert "regression" == row["verdict"]
    assert ITEMS == row["pairs"]


def test_few_pairs_have_no_95th_percentile(make_run: MakeRun) -> None:
    """The gap table needs 60 pairs for one; of 59, one slow answer would fail the gate."""
    base = rows("base", lambda _: True, done_s=1.0)[:59]
    new = rows("new", lambda _: True, done_s=2.0)[:59]
    found = against(make_run, base, new, "p95_response>+20%", "p50_response>+20%")

    assert ["unknown", "regression"] == list(found.frame["verdict"])
    assert (
        "59 pairs are too few for a 95th percentile, which needs 60; add samples, or use a rule on p50"
        == (found.frame.iloc[0]["reason"])
    )


def test_dearer_correct_answers_are_a_regression(make_run: MakeRun) -> None:
    """Twice the output tokens at gpt-5.2's list price."""
    base = rows("base", lambda _: True, output_tokens=1_000)
    new = rows("new", lambda _: True, output_tokens=2_000)
    found = against(make_run, base, new, "cost_per_correct>+10%")

    assert "regression" == found.verdict
    assert found.frame.iloc[0]["low"] > 10


def test_lost_requests_are_a_fall_of_coverage(make_run: MakeRun) -> None:
    """A tenth was not answered; accuracy over the rest is the same."""
    base = rows("base", lambda _: True)
    new = [
        make_attempt(run_id="new", sample_id=str(n), outcome="infra" if n % 10 == 0 else "correct")
        for n in range(ITEMS)
    ]
    found = against(make_run, base, new, "coverage<-1pp", "accuracy<-2pp")

    assert ["regression", "pass"] == list(found.frame["verdict"])


def test_a_rule_without_figures_is_no_pass(make_run: MakeRun) -> None:
    """All requests failed in the new run: broken, not passed."""
    base = rows("base", lambda _: True)
    new = [make_attempt(run_id="new", sample_id=str(n), outcome="infra") for n in range(ITEMS)]

    assert "broken" == against(make_run, base, new, "accuracy<-2pp").verdict


def test_only_requests_with_the_same_prompt_are_paired(make_run: MakeRun) -> None:
    """A third of the prompts changed: they are left out and said."""
    base = rows("base", lambda _: True)
    new = rows(
        "new", lambda _: True, prompt_sha256=lambda n: "other" if n % 3 == 0 else f"preasoning/sums{n}"
    )
    found = against(make_run, base, new, "accuracy<-2pp")

    assert 200 == found.frame.iloc[0]["pairs"]
    assert any("200 requests are in one run only" in line for line in found.warnings)


OTHER: dict[str, Any] = {"task": "math/others"}


def some(run_id: str, count: int = 50, **given: Any) -> list[Attempt]:
    """Return right answers, each under an id of its own."""
    return [make_attempt(run_id=run_id, sample_id=f"n{n}", **given) for n in range(count)]


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
    """What both have is compared; what was not is named, and only the new run's is told beside it."""
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
    """Each rule says so; a model that only the new run has is told."""
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


HOSTED = {"cost": {"gpu": "H100", "usd_per_gpu_hour": 3, "source": "an example"}}


def hosted(make_run: MakeRun, name: str, *walls_s: float) -> Path:
    """Return a run of a self-hosted model with one cell for each wall time."""
    made = [row for k in range(len(walls_s)) for row in some(name, task=f"reasoning/part{k}")]
    run = make_run(made, name, closed_a=HOSTED)
    manifest = json.loads((run / "run.json").read_text())
    for cell, wall_s in zip(manifest["cells"], walls_s, strict=True):
        cell["wall_s"] = wall_s
    (run / "run.json").write_text(json.dumps(manifest))
    return run


def dearer(make_run: MakeRun, base: tuple[float, ...], new: tuple[float, ...]) -> Comparison:
    runs = hosted(make_run, "base", *base), hosted(make_run, "new", *new)
    return compare_runs([runs[0]], [runs[1]], [RegressionRule.parse("cost_per_task>+10%")])


def test_the_cost_of_one_hosted_cell_has_no_bounds(make_run: MakeRun) -> None:
    """One cell's time is one number: the change is shown, and no verdict is made of it."""
    found = dearer(make_run, (100.0,), (130.0,))
    row = found.frame.iloc[0]

    assert ("unknown", None) == (row["verdict"], row["low"])
    assert 30.0 == pytest.approx(row["change"])
    assert "run two or more tasks or loads" in found.unchecked[0].reason


def test_the_cost_of_hosted_cells_has_bounds_from_their_spread(make_run: MakeRun) -> None:
    """Logs of 1.2, 1.3 and 1.4 spread by 0.077, their mean by 0.045, times t(2) of 2.92: 1.14 to 1.48, the requests aside."""
    row = dearer(make_run, (100.0, 100.0, 100.0), (120.0, 130.0, 140.0)).frame.iloc[0]

    assert 30.0 == pytest.approx(row["change"])
    assert pytest.approx([14.0, 48.0], abs=2) == [row["low"], row["high"]]
    assert "regression" == row["verdict"]


def test_the_noise_of_hosted_cells_fails_nothing(make_run: MakeRun) -> None:
    """A fifth dearer in all, but by one cell of three."""
    row = dearer(make_run, (100.0, 100.0, 100.0), (160.0, 95.0, 105.0)).frame.iloc[0]

    assert 20.0 == pytest.approx(row["change"])
    assert ("pass", True) == (row["verdict"], row["worse_in_sight"])


def test_runs_without_a_shared_model_are_refused(make_run: MakeRun) -> None:
    """There is nothing to compare."""
    base = rows("base", lambda _: True, model_id="closed-a")
    new = rows("new", lambda _: True, model_id="closed-b")

    with pytest.raises(ResultsError, match="share no model"):
        against(make_run, base, new, "accuracy<-2pp")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("accuracy", "write a metric"),
        ("speed<-2%", "no metric 'speed'"),
        ("accuracy<-2%", "accuracy changes in pp"),
        ("p95_response>+20pp", "changes in %"),
        ("accuracy>+2pp", "worse when it falls"),
        ("cost_per_task<-5%", "worse when it rises"),
        ("accuracy<2pp", r"did you mean accuracy<-2pp\?"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(text: str, said: str) -> None:
    """Each in one line that says what would do."""
    with pytest.raises(InputError, match=said):
        RegressionRule.parse(text)


def test_a_rule_is_read(tmp_path: Path) -> None:
    """Spaces do not matter."""
    rule = RegressionRule.parse(" p95_response > +20 % ")

    assert ("p95_response", ">", 20.0, "%") == (rule.metric, rule.sign, rule.limit, rule.unit)


def test_no_fall_at_all_and_a_rise_that_is_due_can_be_asked_for() -> None:
    """Only a number without a sign is taken for a minus that was forgotten."""
    assert [0.0, 2.0] == [RegressionRule.parse(text).limit for text in ("accuracy<0pp", "accuracy<+2pp")]


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

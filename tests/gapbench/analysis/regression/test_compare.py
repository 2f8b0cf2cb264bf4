"""A run against its baseline: falls beyond the rule and the noise are regressions."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from gapbench.analysis.regression.compare import Comparison, compare_runs
from gapbench.analysis.regression.threshold import RegressionRule
from gapbench.errors import InputError
from tests.compared_runs import ITEMS, OTHER, MakeRun, against, rows, some
from tests.run_folders import change_first_cell, make_attempt


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


def test_times_that_are_invalid_in_both_runs_are_named_once(make_run: MakeRun) -> None:
    """One clause, not one for each run."""
    runs = [make_run(rows(name, lambda _: True, done_s=1.0), name) for name in ("base", "new")]
    for run in runs:
        change_first_cell(run, lag_p99_s=0.2)
    found = compare_runs(runs[:1], runs[1:], [RegressionRule.parse("p50_response>+20%")])

    assert [
        "the times of reasoning/sums c8 are invalid in both runs, this client was the limit; run again on a quiet machine"
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

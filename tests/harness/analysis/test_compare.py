"""A run against its baseline: what is a regression, and what is noise."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.analysis.compare import Comparison, Rule, compare
from harness.errors import InputError, ResultsError
from harness.values import Attempt
from tests.run_folders import an_attempt

MakeRun = Callable[..., Path]

ITEMS = 300
_numbers = itertools.count()


def rows(run_id: str, right: Callable[[int], bool], **given: Any) -> list[Attempt]:
    """Return 300 answered requests, right where told."""
    return [
        an_attempt(
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
    return compare([runs[0]], [runs[1]], [Rule.parse(rule) for rule in rules])


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
        an_attempt(run_id="new", sample_id=str(n), outcome="infra" if n % 10 == 0 else "correct")
        for n in range(ITEMS)
    ]
    found = against(make_run, base, new, "coverage<-1pp", "accuracy<-2pp")

    assert ["regression", "pass"] == list(found.frame["verdict"])


def test_a_rule_without_figures_is_no_pass(make_run: MakeRun) -> None:
    """All requests failed in the new run: broken, not passed."""
    base = rows("base", lambda _: True)
    new = [an_attempt(run_id="new", sample_id=str(n), outcome="infra") for n in range(ITEMS)]

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
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(text: str, said: str) -> None:
    """Each in one line that says what would do."""
    with pytest.raises(InputError, match=said):
        Rule.parse(text)


def test_a_rule_is_read(tmp_path: Path) -> None:
    """Spaces do not matter."""
    rule = Rule.parse(" p95_response > +20 % ")

    assert ("p95_response", ">", 20.0, "%") == (rule.metric, rule.sign, rule.limit, rule.unit)

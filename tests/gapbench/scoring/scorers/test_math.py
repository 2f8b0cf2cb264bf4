"""What the scorer ``math`` takes for equal, and that nothing a model writes holds it up."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gapbench.scoring import make_scorer
from gapbench.scoring.child_process import ScoringProcess, ScoringProcessError
from gapbench.values import Sample, Score
from tests.gapbench.scoring.scorers.answers import Case, gsm8k_cases, math_cases


def score(reply: str, target: str) -> Score:
    return make_scorer("math", {})(reply, Sample("s", (), target=target))


def accepted(cases: list[Case], *, is_gold: bool, scorer: str | None = None) -> list[Case]:
    return [
        case
        for case in cases
        if case.is_gold == is_gold
        and make_scorer(scorer or case.scorer, {})(case.reply, Sample("s", (), target=case.target)).outcome
        == "correct"
    ]


def test_200_gold_answers_are_accepted_and_200_corrupted_ones_are_not() -> None:
    """At least 99 % and at most 1 %: 198 of 200 and 2 of 200."""
    cases = gsm8k_cases() + math_cases()

    assert (200, 200) == (sum(case.is_gold for case in cases), sum(not case.is_gold for case in cases))
    assert len(accepted(cases, is_gold=True)) >= 198
    assert len(accepted(cases, is_gold=False)) <= 2


def test_math_takes_gsm8k_answers_as_well() -> None:
    """`#### 72` is a target for `math` as it is for `numeric`."""
    assert len(accepted(gsm8k_cases(), is_gold=True, scorer="math")) >= 99
    assert len(accepted(gsm8k_cases(), is_gold=False, scorer="math")) <= 1


@pytest.mark.parametrize(
    ("reply", "target", "outcome"),
    [
        ("First $x = 2$, then $y = 3$. So $x + y = 5$", "5", "correct"),
        ("√2", r"\sqrt{2}", "correct"),
        ("June 20", r"\text{June 20}", "correct"),
        (r"\boxed{\text{June 21}}", r"\text{June 20}", "wrong"),
        (r"\boxed 7", "7", "correct"),
        (r"\boxed{7\text{ or }6}", r"6 \text{ or } 7", "correct"),
        (r"\boxed{5}, no: \boxed{6}", "5", "wrong"),
        ("", "5", "unparsed"),
        ("5", None, "unscored"),
        ("The answer is 1749415.", "1749416", "wrong"),
    ],
)  # fmt: skip
def test_where_the_answer_stands(reply: str, target: str, outcome: str) -> None:
    """The last box, else the last statement, else the last formula, else the last line."""
    assert outcome == score(reply, target).outcome


@pytest.mark.parametrize(
    "reply",
    [
        r"\boxed{__import__('os').system('touch pwned')}",
        r"\boxed{100000!^{100000}}",
        r"\boxed{" + "(" * 290 + "}",
        r"\boxed{" + "x+" * 2000 + "1}",
        r"\boxed{\prod_{i=1}^{100000} i}",
    ],
)
def test_hostile_answers_are_wrong_and_run_nothing(
    reply: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is executed, and each ends."""
    monkeypatch.chdir(tmp_path)

    assert 0.0 == score(reply, "5").value
    assert [] == list(tmp_path.iterdir())


def test_a_worker_that_takes_too_long_is_ended_and_the_next_answers(tmp_path: Path) -> None:
    """A tower of powers never ends; the question after it is answered by a new child."""
    script = tmp_path / "child.py"
    script.write_text(
        "import json, sys\nprint('{}', flush=True)\n"
        "for line in sys.stdin:\n"
        "    value = json.loads(line)\n"
        "    while value == 'hang':\n        pass\n"
        "    print(json.dumps(value), flush=True)\n"
    )
    worker = ScoringProcess(script, timeout_s=0.5)
    with pytest.raises(ScoringProcessError, match="timed out after"):
        worker.request("hang")

    worker.timeout_s = 120
    assert [1] == worker.request([1])
    worker.kill()


def test_a_worker_that_waits_for_the_cpu_is_not_stopped(tmp_path: Path) -> None:
    """The limit is CPU time: a child that uses none outlives ten times the limit in wall-clock time."""
    if sys.platform != "linux":
        pytest.skip("the limit is wall-clock time here")
    script = tmp_path / "child.py"
    script.write_text(
        "import json, sys, threading\n"
        "print('{}', flush=True)\n"
        "for line in sys.stdin:\n"
        "    threading.Event().wait(1)\n"
        "    print(line, end='', flush=True)\n"
    )
    worker = ScoringProcess(script, timeout_s=0.1)

    assert [1] == worker.request([1])
    worker.kill()


def test_a_worker_that_dies_says_so(tmp_path: Path) -> None:
    """Such as one that ran out of memory."""
    script = tmp_path / "child.py"
    script.write_text("print('{}', flush=True)\ninput()\n")
    worker = ScoringProcess(script, timeout_s=120)
    with pytest.raises(ScoringProcessError, match="ended before it answered"):
        worker.request(1)

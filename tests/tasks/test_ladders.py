"""Every built-in ladder: ten rungs or more, right answers, one each, and neither floor nor ceiling.

These are small samples; ``benchmarks/ladders.py`` audits 10,000 items of each ladder, with its result file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from gapbench.ladder import CANARY
from gapbench.scoring import make_scorer
from scripts.make_ladders import find_ladders, render
from tests.tasks.ladders.audit import EASY, HARD, audited, ladder_names
from tests.tasks.written import ROOT, task

LADDERS = ladder_names()


def asked(row: Mapping[str, Any]) -> str:
    """Return all that a model is shown: the question, and what its images show."""
    return f"{row['question']} {row.get('scene')}"


@pytest.mark.parametrize("name", LADDERS)
def test_a_ladder_has_ten_rungs_of_growing_complexity(name: str) -> None:
    """Ten rungs or more; none is easier than the one before by the ladder's own measure."""
    rungs = audited(name).ladder.rungs

    assert len(rungs) >= 10
    assert [rung.complexity for rung in rungs] == sorted(rung.complexity for rung in rungs)


@pytest.mark.parametrize("name", find_ladders())
def test_the_ladder_gives_the_committed_bytes(name: str) -> None:
    """Running the script again gives samples.jsonl to the byte."""
    assert render(name) == (ROOT / name / "samples.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", LADDERS)
def test_a_second_solver_agrees(name: str) -> None:
    """Other code, from the text alone, finds the same answer, and no second one."""
    checked = audited(name)

    for row in checked.ladder.rows(seed=11, per_rung=2):
        assert checked.is_right(row, checked.solve(row)), row["id"]


@pytest.mark.parametrize("name", LADDERS)
def test_bounded_solvers_have_neither_floor_nor_ceiling(name: str) -> None:
    """Each of five is above 90 % on the first rung and below 20 % on the last."""
    checked = audited(name)
    first = checked.ladder.rows(seed=12, rungs=[1], per_rung=12)
    last = checked.ladder.rows(seed=12, rungs=[len(checked.ladder.rungs)], per_rung=6)

    assert len(checked.bounded) == 5
    for solver, answer in checked.bounded.items():
        assert checked.share_right(answer, first) > EASY, solver
        assert checked.share_right(answer, last) < HARD, solver


@pytest.mark.parametrize("name", LADDERS)
def test_guessing_the_usual_answer_does_not_pay(name: str) -> None:
    """On no rung of the upper half do two in ten questions or more have the same answer."""
    checked = audited(name)
    numbers = range(len(checked.ladder.rungs) // 2 + 1, len(checked.ladder.rungs) + 1)
    for number in numbers:
        # The same number on another rung is no guess that pays; draw a few of each.
        answers = Counter(
            str(row["answer"]) for row in checked.ladder.rows(seed=13, rungs=[number], per_rung=6)
        )
        assert answers.most_common(1)[0][1] <= 3, number


@pytest.mark.parametrize("name", LADDERS)
def test_rows_hold_the_canary_and_differ(name: str) -> None:
    """Each row has the canary, its rung, a complexity and a question of its own, whose slip is not its answer."""
    rows = audited(name).ladder.rows(per_rung=2)

    assert {row["canary"] for row in rows} == {CANARY}
    assert len({asked(row) for row in rows}) == len(rows)
    assert [row["id"] for row in rows if row["answer"] == row["slip"] or row["complexity"] is None] == []
    assert [row["rung"] for row in rows] == sorted(row["rung"] for row in rows)


@pytest.mark.parametrize("name", LADDERS)
def test_another_seed_gives_fresh_items(name: str) -> None:
    """Beyond the first rungs, which may have few items, no question comes again."""
    ladder = audited(name).ladder
    top = [len(ladder.rungs) - 1, len(ladder.rungs)]

    first = {asked(row) for row in ladder.rows(rungs=top, per_rung=2)}
    fresh = {asked(row) for row in ladder.rows(seed=2027, rungs=top, per_rung=2)}

    assert first & fresh == set()


@pytest.mark.parametrize("name", find_ladders())
def test_references_score_one_and_decoys_zero(name: str) -> None:
    """By the task's own scorer, on one sample of each rung."""
    found = task(name)
    scorer = make_scorer(found.scorer_name or "", found.scorer_options)
    one_a_rung = {sample.rung: sample for sample in found.samples}.values()

    assert len(one_a_rung) >= 10
    for sample in one_a_rung:
        assert scorer(sample.reference or "", sample).value == 1, sample.sample_id
        assert scorer(sample.decoy or "", sample).value == 0, sample.sample_id

"""Ladders from stored rows: answers to one item count once, and rows from elsewhere cannot take all memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gapbench.analysis.quality.ladders import summarize_ladders
from gapbench.values import Attempt
from tests.run_folders import make_answers, write_run


def answers(model: str, right_up_to: int, rungs: int = 6, **given: object) -> list[Attempt]:
    """Return four answers on each rung, right up to one of them."""
    return [
        replace(row, rung=rung, complexity=float(rung))
        for rung in range(1, rungs + 1)
        for row in make_answers(model, 4 if rung <= right_up_to else 0, 4, start=10 * rung, **given)
    ]


def test_each_model_has_its_threshold_and_curve(tmp_path: Path) -> None:
    """Right on all of rungs 1 to 3 of six, and on none after them."""
    (ladder,) = summarize_ladders(write_run(tmp_path / "run", answers("closed-a", 3)))
    (model,) = ladder.models

    assert 3 < model.threshold.rung < 4
    assert [point.accuracy for point in model.curve] == [1, 1, 1, 0, 0, 0]
    assert [point.items for point in model.curve] == [4] * 6


def test_several_answers_to_an_item_count_once(tmp_path: Path) -> None:
    """Each of 24 items is answered twice and alike: 24 items, as with one answer each."""
    once, again = answers("closed-a", 3), [replace(row, repeat=1) for row in answers("closed-a", 3)]
    (single,) = summarize_ladders(write_run(tmp_path / "one", once))
    (double,) = summarize_ladders(write_run(tmp_path / "two", [*once, *again]))

    assert double.models[0].threshold == single.models[0].threshold
    assert double.models[0].threshold.answers == 24


def test_rows_with_endless_rungs_are_no_ladder(tmp_path: Path) -> None:
    """Rung 2,000,000,000 of a row from elsewhere would take more memory than there is."""
    rows = answers("closed-a", 3)
    rows[-1] = replace(rows[-1], rung=2_000_000_000)

    assert summarize_ladders(write_run(tmp_path / "run", rows)) == []


@pytest.mark.parametrize("rungs", [1, 0])
def test_one_rung_is_no_curve(tmp_path: Path, rungs: int) -> None:
    """A threshold needs two rungs."""
    rows = answers("closed-a", 1, rungs) or make_answers("closed-a", 2, 4)

    assert summarize_ladders(write_run(tmp_path / "run", rows)) == []

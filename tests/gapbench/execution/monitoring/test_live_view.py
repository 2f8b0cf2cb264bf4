"""The live view in a terminal."""

from __future__ import annotations

import io
from decimal import Decimal

from rich.console import Console

from gapbench.execution.monitoring.live_view import LiveView, PlainView, format_progress
from gapbench.execution.monitoring.progress import CellProgress
from gapbench.values import Model
from tests.makers import attempt, plan


def test_a_terminal_sees_which_model_is_opened_and_what_is_told() -> None:
    """From the first moment, when no cell is there yet."""
    file = io.StringIO()
    with LiveView(Console(file=file, force_terminal=True, width=80)) as view:
        view.model_opening(Model("m", "sim", "m", "open"))
        view.notify("starting")

    assert "opening m (sim)" in file.getvalue()
    assert "starting" in file.getvalue()


def test_after_a_resume_an_accuracy_says_of_how_many_answers_it_is() -> None:
    """``done`` counts the 94 that were kept, whose scores this session never saw."""
    shown = {}
    for kept in (0, 94):
        progress = CellProgress(total=100, already_done=kept, started_s=0.0)
        for score in (1.0, 1.0, 0.0):
            progress.record(attempt(score=score), None)
        shown[kept] = format_progress(progress)["accuracy"]

    assert shown == {0: "66.7 %", 94: "66.7 % of 3 new"}


def test_the_last_line_is_the_whole_run() -> None:
    """Two of ten requests, and what they cost of the budget (finding 14)."""
    file = io.StringIO()
    cell = plan(count=2).cells[0]
    with LiveView(Console(file=file, force_terminal=True, width=80), planned={"sums": 10}, max_usd=5) as view:
        view.cell_started(cell, 2, 0)
        view.answer_waiting(cell)
        for number in range(2):
            view.attempt_done(cell, attempt(cell_id=cell.cell_id, sample_id=f"s{number}"), Decimal("0.01"))
        view.cell_ended(cell)

    assert "2 of 10 requests, $0.0200 of $5.00" in file.getvalue()


def test_a_plain_line_ends_with_the_whole_run() -> None:
    """In a log each line of a cell says how far the run is; where the cell is the run, it does not say it twice."""
    said = {}
    for planned in (2, 10):
        file = io.StringIO()
        cell = plan(count=2).cells[0]
        with PlainView(Console(file=file, width=200), planned={"sums": planned}) as view:
            view.cell_started(cell, 2, 0)
            view.attempt_done(cell, attempt(cell_id=cell.cell_id), None)
            view.cell_ended(cell)
        said[planned] = file.getvalue()

    assert "; all: 1 of 10 requests" in said[10]
    assert "all:" not in said[2]


def test_a_cell_of_one_request_is_one_line_in_a_log() -> None:
    """Its only answer, which comes long after the last line, and its end are alike."""
    file = io.StringIO()
    cell = plan(count=1).cells[0]
    with PlainView(Console(file=file, width=200)) as view:
        view.cell_started(cell, 1, 0)
        view.attempt_done(cell, attempt(cell_id=cell.cell_id), None)
        view.cell_ended(cell)

    assert file.getvalue().count("done 1/1") == 1


def test_what_waits_for_its_score_is_shown() -> None:
    """All five answers have come, and three wait."""
    progress = CellProgress(total=5, already_done=0, started_s=0.0)
    progress.done, progress.waiting = 2, 3

    assert ("5/5", "scoring 3") == tuple(format_progress(progress)[name] for name in ("done", "left"))

"""The live view in a terminal."""

from __future__ import annotations

import io

from rich.console import Console

from gapbench.execution.monitoring.live_view import LiveView, format_progress
from gapbench.execution.monitoring.progress import CellProgress
from gapbench.values import Model
from tests.makers import attempt


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

    assert shown == {0: "66.7%", 94: "66.7% of 3 new"}

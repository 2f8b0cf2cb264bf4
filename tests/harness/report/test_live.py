"""The live view in a terminal."""

from __future__ import annotations

import io

from rich.console import Console

from harness.report.live import LiveView
from harness.values import Model


def test_a_terminal_sees_which_model_is_opened_and_what_is_told() -> None:
    """From the first moment, when no cell is there yet."""
    file = io.StringIO()
    with LiveView(Console(file=file, force_terminal=True, width=80)) as view:
        view.model_opening(Model("m", "sim", "m", "open"))
        view.tell("starting")

    assert "opening m (sim)" in file.getvalue()
    assert "starting" in file.getvalue()

"""The viewer and the report page are two style sheets, and show one thing in one color."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest


def colors_of(sheet: str) -> list[dict[str, str]]:
    """Return the named colors of a style sheet: those for light, then those for dark."""
    blocks = re.findall(r":root \{(.*?)\}", sheet, re.DOTALL)
    return [dict(re.findall(r"--([\w-]+): (#[0-9a-f]+);", block)) for block in blocks]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_the_viewer_has_the_colors_of_the_report_page(scheme: int) -> None:
    """Every name that the report page has: closed, open, the outcomes, text and lines."""
    page = colors_of(files("gapbench.report").joinpath("templates/report.css").read_text())[scheme]
    viewer = colors_of(files("gapbench.view").joinpath("static/app.css").read_text())[scheme]

    assert len(page) > 15
    assert page == {name: viewer.get(name) for name in page}

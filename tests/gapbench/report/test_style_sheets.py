"""All pages take their colors from one palette."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from gapbench.report.style_sheets import read_style_sheet

SHEETS = {
    "report.css": read_style_sheet("report.css"),
    "trend.css": read_style_sheet("trend.css"),
    "app.css": files("gapbench.view").joinpath("static/app.css").read_text(encoding="utf-8"),
}
PALETTE = set(re.findall(r"--([\w-]+): #[0-9a-f]+;", read_style_sheet("palette.css")))


@pytest.mark.parametrize("name", SHEETS)
def test_a_sheet_has_only_colors_of_the_palette(name: str) -> None:
    """A color by its name; the one literal is the white behind an image, which is white in the dark as well."""
    literal = re.findall(r"#[0-9a-f]{3,8}\b", SHEETS[name])
    own = set(re.findall(r"--([\w-]+):", SHEETS[name]))

    assert set(literal) <= {"#fff"}
    assert set(re.findall(r"var\(--([\w-]+)\)", SHEETS[name])) - own <= PALETTE


def test_every_color_of_the_palette_is_used() -> None:
    """None is left over."""
    used = {name for sheet in SHEETS.values() for name in re.findall(r"var\(--([\w-]+)\)", sheet)}

    assert set() == PALETTE - used

"""Where things stand in the charts of the page."""

from __future__ import annotations

import re
from importlib.resources import files

from gapbench import formatting
from gapbench.report import page_charts
from gapbench.report.chart_files import STYLES


def test_a_label_left_of_its_point_is_held_at_the_end_beside_it() -> None:
    """The right one of two has no room to its right: in the larger letters of a phone its name grows to the left."""
    rows = [
        {
            "model_id": name,
            "weights": "open",
            "usd_per_task": usd,
            "accuracy": 0.8,
            "accuracy_low": 0.7,
            "accuracy_high": 0.9,
        }
        for name, usd in (("cheap", 0.25), ("a-model-with-a-long-name", 2.0))
    ]
    drawn = page_charts.draw_scatter(rows, "usd_per_task", [False, False], "$/task", formatting.format_usd)
    points = [float(x) for x in re.findall(r'<circle class="open" cx="([\d.]+)"', drawn)]
    labels = re.findall(r'<text class="(name(?: end)?) of-open" x="([\d.]+)"', drawn)

    assert [kind for kind, _ in labels] == ["name", "name end"]
    assert float(labels[0][1]) > points[0]
    assert points[0] < float(labels[1][1]) < points[1]


def test_a_file_has_the_style_of_the_page() -> None:
    """Each style of a chart file is in report.css, for the same class; watermark, title and background are the file's own."""
    css = (files("gapbench.report") / "templates" / "report.css").read_text(encoding="utf-8")
    page: dict[str, set[str]] = {}
    for selectors, body in re.findall(r"^([^@{}]+?) \{([^}]*)\}", css, re.MULTILINE):
        for selector in selectors.split(", "):
            page.setdefault(selector.strip(), set()).update(part.strip() for part in body.split(";"))
    own = {"text.watermark", "text.title", "rect.background"}

    for selector, attributes in STYLES.items():
        if selector not in own:
            tag, _, name = selector.partition(".")
            known = page.get(selector, set()) | page.get(f".{name}", set()) | page.get(tag, set())
            for attribute, value in attributes.items():
                wanted = {f"{attribute}: var(--{value})", f"{attribute}: {value}", f"{attribute}: {value}px"}
                assert wanted & known, (selector, attribute, value, known)

"""Where things stand in the charts of the page."""

from __future__ import annotations

import re

from gapbench import formatting
from gapbench.report import page_charts


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

"""What the analysis says of the nights of a suite, as JSON for the app: the charts and the table of ``bench trend``.

A chart is drawn once, by :mod:`gapbench.report.trend_charts`. It travels as elements, not as markup: the page parses none.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gapbench import formatting
from gapbench.analysis.regression.trend import select_nights, trend
from gapbench.errors import ResultsError
from gapbench.report.table import Table
from gapbench.report.trend_page import trend_view
from gapbench.store.baselines import baselines_by_run
from gapbench.view.figures import render

Element = list[Any]
"""A shape: its tag, its attributes, and its children, which are shapes or texts."""


def describe_trend(runs: Mapping[Path, str], suite: str, last: int) -> dict[str, Any]:
    """Return the trend of a suite.

    Args:
        runs: The runs of the suite: folder, and name in links.
        suite: Name of the suite.
        last: How many nights at most.

    Raises:
        ResultsError: No run is complete, or one cannot be read.
    """
    chosen, notes = select_nights(list(runs), last, suite)
    baselines, problems = _read_baselines(chosen)
    found = trend(chosen, baselines)
    found.warnings[:0] = [*notes, *problems]
    shown = trend_view(found)
    clean = formatting.strip_controls
    links = {night.run: runs[folder] for night, folder in zip(found.nights, chosen, strict=True)}
    return {
        "suite": clean(found.suite),
        "nights": len(found.nights),
        "headline": clean(shown["headline"]),
        "tone": shown["tone"],
        "simulated": shown["simulated"],
        "changes": [{**change, "text": clean(change["text"])} for change in shown["changes"]],
        "models": [
            {
                "id": clean(model["model_id"]),
                "side": model["side"],
                "charts": [{"name": name, "drawing": read_drawing(chart)} for name, chart in model["charts"]],
            }
            for model in shown["models"]
        ],
        "table": _linked_table(shown["table"], links),
        "warnings": [clean(line) for line in shown["warnings"]],
        "search_note": shown["search_note"],
        "chart_note": shown["chart_note"],
    }


def read_drawing(svg: str) -> Element:
    """Return an SVG of our own as nested lists."""
    return _element(ET.fromstring(svg))  # noqa: S314 - drawn by this package, every text in it escaped


def _element(shape: ET.Element) -> Element:
    children: Element = [shape.text] if shape.text else []
    for child in shape:
        children.append(_element(child))
        if child.tail:
            children.append(child.tail)
    return [shape.tag, dict(shape.attrib), *children]


def _linked_table(table: Table, links: Mapping[str, str]) -> dict[str, Any]:
    """Return the table of nights; the first cell of each row leads to the run."""
    shown = render(table)
    for group, rows in zip(shown["groups"], table.row_groups(), strict=True):
        for cells, row in zip(group["rows"], rows, strict=True):
            cells[0]["run"] = links[row["run"]]
    return shown


def _read_baselines(chosen: Sequence[Path]) -> tuple[dict[str, list[str]], list[str]]:
    """Return the names of the baselines by run id, and why some could not be read."""
    found: dict[str, list[str]] = {}
    problems: list[str] = []
    for folder in dict.fromkeys(run.parent for run in chosen):
        try:
            found |= baselines_by_run(folder)
        except ResultsError as exc:
            problems.append(f"left out: {exc}")
    return found, problems

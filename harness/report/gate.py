"""A comparison with its baseline as text, Markdown and JUnit XML, for terminals and nightly jobs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.analysis.compare import Comparison
from harness.analysis.frames import records
from harness.report import units

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WORDS = {"pass": "pass", "regression": "REGRESSION", "unknown": "no figure"}
_SENTENCES = {
    "pass": "No regression",
    "regression": "Regression",
    "broken": "Nothing can be said: a rule has no figures",
}
Row = Mapping[str, Any]


def headline(comparison: Comparison) -> str:
    """Return the verdict in one sentence."""
    mark = f" ({units.SIMULATED})" if comparison.simulated else ""
    named = ", ".join(f"{row['model_id']} {row['metric']}" for row in records(comparison.regressions))
    said = _SENTENCES[comparison.verdict] + (f": {named}" if named else "")
    return units.clean(f"{said}{mark}. {comparison.new} against {comparison.base}")


def table(comparison: Comparison) -> RenderableType:
    """Return the comparison for the terminal."""
    shown = Table(box=None, pad_edge=False)
    for name, right in _HEAD:
        shown.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in records(comparison.frame):
        style = {"regression": "bold red", "unknown": "yellow"}.get(str(row["verdict"]), "")
        shown.add_row(
            *(Text(cell, style=style if k == len(_HEAD) - 1 else "") for k, cell in enumerate(_cells(row)))
        )
    notes = [Text(f"- {units.clean(line)}") for line in comparison.warnings]
    return Group(Text(headline(comparison), style="bold"), shown, *notes)


def markdown(comparison: Comparison) -> str:
    """Return the comparison as Markdown, for a job summary."""
    lines = [f"## {_escaped(headline(comparison))}", ""]
    lines.append("| " + " | ".join(name for name, _ in _HEAD) + " |")
    lines.append("| " + " | ".join("---:" if right else "---" for _, right in _HEAD) + " |")
    lines += [
        "| " + " | ".join(_escaped(cell) for cell in _cells(row)) + " |" for row in records(comparison.frame)
    ]
    lines += ["", *(f"- {_escaped(units.clean(line))}" for line in comparison.warnings)]
    lines.append(
        "\nA rule fails when the one-sided 95 % bound of the paired difference is beyond it, so a difference within the noise does not."
    )
    return "\n".join(lines).rstrip() + "\n"


def junit(comparison: Comparison) -> str:
    """Return the comparison as JUnit XML: a test case for each model and rule."""
    rows = records(comparison.frame)
    failed = sum(row["verdict"] == "regression" for row in rows)
    errors = sum(row["verdict"] == "unknown" for row in rows)
    cases: list[str] = []
    for row in rows:
        said = _xml(f"{_cells(row)[4]} (bounds {_cells(row)[5]}), {row['rule']}, {row['pairs']} pairs")
        name, suite = _attribute(str(row["rule"])), _attribute(str(row["model_id"]))
        inner = {
            "regression": f"<failure message={_attribute(said)}/>",
            "unknown": '<error message="no figure on one side"/>',
        }.get(str(row["verdict"]), f"<system-out>{said}</system-out>")
        cases.append(f"  <testcase classname={suite} name={name}>{inner}</testcase>")
    name = _attribute(f"bench compare {comparison.base} {comparison.new}")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuite name={name} tests="{len(rows)}" failures="{failed}" errors="{errors}">\n'
        + "\n".join(cases)
        + "\n</testsuite>\n"
    )


_HEAD = (
    ("model", False), ("metric", False), ("base", True), ("new", True), ("change", True), ("bounds (95 % one-sided)", True),
    ("pairs", True), ("rule", False), ("verdict", False),
)  # fmt: skip


def _cells(row: Row) -> list[str]:
    return [
        units.clean(row["model_id"]),
        str(row["metric"]),
        _value(row, "base"),
        _value(row, "new"),
        _change(row, row["change"]),
        f"{_change(row, row['low'])} to {_change(row, row['high'])}"
        if row["low"] is not None
        else units.NOTHING,
        units.count(row["pairs"]),
        str(row["rule"]),
        _WORDS[str(row["verdict"])]
        + (
            " (beyond the rule, within the noise)"
            if row["verdict"] == "pass" and row["worse_in_sight"]
            else ""
        ),
    ]


def _value(row: Row, side: str) -> str:
    metric, value = str(row["metric"]), row[side]
    if metric.startswith("cost"):
        return units.usd(value)
    return units.percent(value) if row["unit"] == "pp" else units.seconds(value)


def _change(row: Row, value: float | None) -> str:
    return units.NOTHING if value is None else f"{value:+.1f} {row['unit']}"


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>|])", r"\\\1", text).replace("\n", " ")


def _xml(text: str) -> str:
    return escape(_NOT_XML.sub("", text))


def _attribute(text: str) -> str:
    return quoteattr(_NOT_XML.sub("", text))

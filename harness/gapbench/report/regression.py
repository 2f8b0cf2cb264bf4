"""A comparison with its baseline as text, Markdown and JUnit XML, for terminals and nightly jobs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from rich.console import Group, RenderableType
from rich.text import Text

from gapbench import formatting
from gapbench.analysis.regression.compare import Comparison
from gapbench.report.terminal_table import ResponsiveTable, TerminalColumn
from gapbench.store.json_records import records

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WORDS = {"pass": "pass", "regression": "REGRESSION", "unknown": "not checked"}
_STYLES = {"regression": "bold red", "unknown": "yellow"}
_COLUMNS = (
    TerminalColumn("model", is_text=True), TerminalColumn("rule", is_text=True, min_width=200), TerminalColumn("base", 1), TerminalColumn("new", 1), TerminalColumn("change"),
    TerminalColumn("one-sided 95 %"), TerminalColumn("pairs"), TerminalColumn("verdict", is_text=True, min_width=12),
)  # fmt: skip
_MORE = "a wider terminal, `--md FILE` or `--json` has them"
Row = Mapping[str, Any]


def comparison_headline(comparison: Comparison) -> str:
    """Return the verdict in one sentence, and which runs it is of."""
    mark = f" ({formatting.SIMULATED})" if comparison.simulated else ""
    faults = comparison.unchecked
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    said = "No regression"
    if comparison.verdict == "regression":
        named = ", ".join(f"{row['model_id']} {row['metric']}" for row in records(comparison.regressions))
        said = f"Regression: {named}" + ("; not all could be checked" if faults else "")
    elif faults:
        said = f"Broken: {faults[0].where}: {faults[0].reason}{more}"
    return formatting.strip_controls(f"{said}{mark}. {comparison.new} against {comparison.base}")


def comparison_table(comparison: Comparison) -> RenderableType:
    """Return the comparison for the terminal."""
    shown = ResponsiveTable(comparison_headline(comparison), _COLUMNS[1:], wider_hint=_MORE)
    last: str | None = None
    for row in records(comparison.frame):
        model, *cells = _cells(row)
        if model != last:
            shown.add_section(model)
            last = model
        *figures, verdict = (cell.replace(" (", "\n(") for cell in cells)
        shown.add_row(*figures, Text(verdict, _STYLES.get(str(row["verdict"]), "")))
    notes = [Text(f"- {line}", "yellow") for line in _not_checked(comparison)]
    notes += [Text(f"- {formatting.strip_controls(line)}") for line in comparison.warnings]
    return Group(shown, *notes)


def comparison_markdown(comparison: Comparison) -> str:
    """Return the comparison as Markdown, for a job summary."""
    lines = [f"## {_escape_markdown(comparison_headline(comparison))}", ""]
    lines.append("| " + " | ".join(column.heading for column in _COLUMNS) + " |")
    lines.append("| " + " | ".join("---" if column.is_text else "---:" for column in _COLUMNS) + " |")
    lines += [
        "| " + " | ".join(_escape_markdown(cell) for cell in _cells(row)) + " |"
        for row in records(comparison.frame)
    ]
    notes = [*_not_checked(comparison), *map(formatting.strip_controls, comparison.warnings)]
    lines += ["", *(f"- {_escape_markdown(line)}" for line in notes)]
    lines.append(
        "\nA rule fails when the one-sided 95 % bound of the paired difference is beyond it, so a difference within the noise does not."
    )
    return "\n".join(lines).rstrip() + "\n"


def comparison_junit(comparison: Comparison) -> str:
    """Return the comparison as JUnit XML: a test case for each model and rule, and for each hole in the new run."""
    rows = records(comparison.frame)
    failed = sum(row["verdict"] == "regression" for row in rows)
    errors = sum(row["verdict"] == "unknown" for row in rows) + len(comparison.missing_pairs)
    cases: list[str] = []
    for row in rows:
        sources = f" from {row['clusters']} sources" if _has_shared_sources(row) else ""
        said = _escape_xml(
            f"{_change(row)} (bounds {_bounds(row)}), {row['rule']}, {row['pairs']} pairs{sources}"
        )
        inner = {
            "regression": f"<failure message={_escape_attribute(said)}/>",
            "unknown": f"<error message={_escape_attribute(str(row['reason']))}/>",
        }.get(str(row["verdict"]), f"<system-out>{said}</system-out>")
        cases.append(_case(str(row["model_id"]), str(row["rule"]), inner))
    cases += [
        _case("bench compare", hole.where, f"<error message={_escape_attribute(hole.reason)}/>")
        for hole in comparison.missing_pairs
    ]
    name = _escape_attribute(f"bench compare {comparison.base} {comparison.new}")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuite name={name} tests="{len(cases)}" failures="{failed}" errors="{errors}">\n'
        + "\n".join(cases)
        + "\n</testsuite>\n"
    )


def _not_checked(comparison: Comparison) -> list[str]:
    return [
        formatting.strip_controls(f"{fault.where}: not checked: {fault.reason}")
        for fault in comparison.unchecked
    ]


def _case(group: str, name: str, inner: str) -> str:
    return (
        f"  <testcase classname={_escape_attribute(group)} name={_escape_attribute(name)}>{inner}</testcase>"
    )


def _cells(row: Row) -> list[str]:
    noise = row["verdict"] == "pass" and row["worse_in_sight"]
    return [
        formatting.strip_controls(row["model_id"]),
        str(row["rule"]),
        _value(row, "base"),
        _value(row, "new"),
        _change(row),
        _bounds(row),
        formatting.format_count(row["pairs"])
        + (f" ({formatting.format_count(row['clusters'])} sources)" if _has_shared_sources(row) else ""),
        _WORDS[str(row["verdict"])] + (" (beyond the rule, within the noise)" if noise else ""),
    ]


def _has_shared_sources(row: Row) -> bool:
    """Return whether pairs share sources, so that they tell less than their number."""
    return bool(row["clusters"] < row["pairs"])


def _value(row: Row, side: str) -> str:
    metric, value = str(row["metric"]), row[side]
    if metric.startswith("cost"):
        return formatting.format_usd(value)
    return formatting.format_percent(value) if row["unit"] == "pp" else formatting.format_seconds(value)


def _change(row: Row) -> str:
    change = row["change"]
    return formatting.NOTHING if change is None else f"{change:+.1f} {row['unit']}"


def _bounds(row: Row) -> str:
    return formatting.NOTHING if row["low"] is None else f"{row['low']:+.1f} to {row['high']:+.1f}"


def _escape_markdown(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>|])", r"\\\1", text).replace("\n", " ")


def _escape_xml(text: str) -> str:
    return escape(_NOT_XML.sub("", text))


def _escape_attribute(text: str) -> str:
    return quoteattr(_NOT_XML.sub("", text))

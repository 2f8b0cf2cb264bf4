"""A comparison with its baseline, for terminals and nightly jobs: as text, Markdown and JUnit XML."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from rich.console import RenderableType

from gapbench import formatting
from gapbench.analysis.regression.compare import Comparison
from gapbench.report import markdown_tables, terminal
from gapbench.report.table import Column, Row, Sections, Span, Table, Tone
from gapbench.store.json_records import records

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML document may hold, not even escaped (XML 1.0, section 2.2)."""
_VERDICTS = {"pass": "pass", "regression": "REGRESSION", "unknown": "not checked"}
POWER_NOTE = "Finds (80 %): the smallest true worsening that the rule would have failed with a probability of at least 80 %. A smaller one may well pass."
_RULE_NOTE = "A rule fails when the one-sided 95 % bound of the paired difference is beyond it, so a difference within the noise does not."


def _value(row: Row, side: str) -> str:
    value = row[side]
    if str(row["metric"]).startswith("cost"):
        return formatting.format_usd_per_1000(value)
    return formatting.format_percent(value) if row["unit"] == "pp" else formatting.format_seconds(value)


def _change(row: Row) -> str:
    change = row["change"]
    return formatting.NOTHING if change is None else f"{change:+.1f} {row['unit']}"


def _bounds(row: Row) -> str:
    return formatting.NOTHING if row["low"] is None else f"{row['low']:+.1f} to {row['high']:+.1f}"


def _detectable(row: Row) -> str:
    """Return the smallest worsening that the rule would find, with the sign of a worsening."""
    found = row["detectable"]
    if found is None:
        return formatting.NOTHING
    return f"{-found if row['unit'] == 'pp' else found:+.1f} {row['unit']}"


def _has_shared_sources(row: Row) -> bool:
    """Return whether several pairs come from one source, so that there is less evidence than their number says."""
    return bool(row["clusters"] < row["pairs"])


def _pairs(row: Row) -> str:
    pairs = formatting.format_count(row["pairs"])
    return (
        f"{pairs}\n({formatting.format_count(row['clusters'])} sources)"
        if _has_shared_sources(row)
        else pairs
    )


def _verdict(row: Row) -> str:
    within_noise = row["verdict"] == "pass" and row["worse_in_sight"]
    notes = [
        "beyond the rule, within the noise" if within_noise else "",
        formatting.describe_unpriced(row["unpriced_share"], "pairs"),
    ]
    return "\n".join([_VERDICTS[str(row["verdict"])], *(f"({note})" for note in notes if note)])


def _verdict_tone(row: Row) -> Tone:
    tones: dict[str, Tone] = {"regression": "bad", "unknown": "warning"}
    return tones.get(str(row["verdict"]), "")


_MODEL = Column("model_id", "model", lambda row: str(row["model_id"]), is_text=True)
COLUMNS = (
    Column("rule", "rule", lambda row: str(row["rule"]), is_text=True, min_width=200),
    Column("base", "base", lambda row: _value(row, "base"), 1),
    Column("new", "new", lambda row: _value(row, "new"), 1),
    Column("change", "change", _change),
    Column("bounds", "one-sided 95 %", _bounds),
    # The terminal has a line for each model instead, which fits every width.
    Column("detectable", "finds (80 %)", _detectable, outputs=frozenset(("markdown", "page", "json"))),
    Column("pairs", "pairs", _pairs),
    Column("verdict", "verdict", _verdict, is_text=True, tone=_verdict_tone),
)


def comparison_headline(comparison: Comparison) -> str:
    """Return the verdict in one sentence, and the two runs."""
    mark = f" ({formatting.SIMULATED})" if comparison.simulated else ""
    faults = comparison.unchecked
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    verdict = "No regression"
    if comparison.verdict == "regression":
        named = ", ".join(f"{row['model_id']} {row['metric']}" for row in records(comparison.regressions))
        verdict = f"Regression: {named}" + ("; not all could be checked" if faults else "")
    elif faults:
        verdict = f"Broken: {faults[0].where}: {faults[0].reason}{more}"
    return formatting.strip_controls(f"{verdict}{mark}. {comparison.new} against {comparison.base}")


def comparison_table(comparison: Comparison) -> Table:
    """Return one row for each model and rule, and below it what could not be checked."""
    headline = comparison_headline(comparison)
    unchecked: list[Span] = [(f"- {line}", "warning") for line in _unchecked(comparison)]
    others: list[Span] = [(f"- {line}", "") for line in comparison.warnings]
    rows = records(comparison.frame)
    power: list[Span] = [(line, "dim") for line in power_lines(comparison)]
    return Table(
        "comparison",
        headline,
        COLUMNS,
        rows,
        Sections(lambda row: row["model_id"], lambda row: ((str(row["model_id"]), "headline"),), (_MODEL,)),
        notes=(
            *(() if rows else ((headline, "headline"),)),
            *unchecked,
            *others,
            (comparison.weights.describe(), "dim"),
            *power,
        ),
        wider_hint="a wider terminal, `--md FILE` or `--json` has them",
    )


def power_lines(comparison: Comparison) -> list[str]:
    """Return, for each model, what its rules would have found with 80 % probability."""
    found: dict[str, list[str]] = {}
    for row in records(comparison.frame):
        if row["detectable"] is not None:
            words = f"{str(row['metric']).replace('_', ' ')} {_detectable(row)}"
            found.setdefault(str(row["model_id"]), []).append(words)
    return [
        formatting.strip_controls(
            f"{model}: a worsening that these rules find with 80 % probability: {', '.join(words)}"
        )
        for model, words in found.items()
    ]


def rule_lines(comparison: Comparison) -> list[str]:
    """Return each rule that failed and each thing that could not be checked, as one line."""
    failed = [
        f"{row['model_id']}: {row['rule']}: {_value(row, 'base')} to {_value(row, 'new')}, {_change(row)} (bounds {_bounds(row)})"
        for row in records(comparison.regressions)
    ]
    return [formatting.strip_controls(line) for line in (*failed, *_unchecked(comparison))]


def comparison_text(comparison: Comparison) -> RenderableType:
    """Return the comparison for the terminal."""
    return terminal.render_table(comparison_table(comparison))


def comparison_markdown(comparison: Comparison) -> str:
    """Return the comparison as Markdown, for a job summary."""
    escape = markdown_tables.escape
    notes = [*_unchecked(comparison), *comparison.warnings]
    parts = [
        f"## {escape(comparison_headline(comparison))}",
        markdown_tables.render_table(comparison_table(comparison)),
        "\n".join(f"- {escape(line)}" for line in notes),
        _RULE_NOTE,
        POWER_NOTE,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def comparison_junit(comparison: Comparison) -> str:
    """Return the comparison as JUnit XML: a test case for each model and rule, and for each hole in the new run."""
    rows = records(comparison.frame)
    unknown = sum(row["verdict"] == "unknown" for row in rows)
    suite = ET.Element(
        "testsuite",
        name=_xml_text(f"bench compare {comparison.base} {comparison.new}"),
        tests=str(len(rows) + len(comparison.missing_pairs)),
        failures=str(sum(row["verdict"] == "regression" for row in rows)),
        errors=str(unknown + len(comparison.missing_pairs)),
    )
    for row in rows:
        case = _add_case(suite, str(row["model_id"]), str(row["rule"]))
        sources = f" from {row['clusters']} sources" if _has_shared_sources(row) else ""
        finds = "" if row["detectable"] is None else f", would find {_detectable(row)} with 80 % probability"
        result = (
            f"{_change(row)} (bounds {_bounds(row)}), {row['rule']}, {row['pairs']} pairs{sources}{finds}"
        )
        if row["verdict"] == "regression":
            ET.SubElement(case, "failure", message=_xml_text(result))
        elif row["verdict"] == "unknown":
            ET.SubElement(case, "error", message=_xml_text(str(row["reason"])))
        else:
            ET.SubElement(case, "system-out").text = _xml_text(result)
    for hole in comparison.missing_pairs:
        case = _add_case(suite, "bench compare", hole.where)
        ET.SubElement(case, "error", message=_xml_text(hole.reason))
    ET.indent(suite)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(suite, encoding="unicode")}\n'


def _add_case(suite: ET.Element, group: str, name: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", classname=_xml_text(group), name=_xml_text(name))


def _xml_text(text: str) -> str:
    return _NOT_XML.sub("", text)


def _unchecked(comparison: Comparison) -> list[str]:
    return [f"{fault.where}: not checked: {fault.reason}" for fault in comparison.unchecked]

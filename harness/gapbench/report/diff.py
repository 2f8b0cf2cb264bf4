"""The differences between two runs, for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from gapbench import formatting
from gapbench.analysis.regression.diff import CAUSES, RunDiff
from gapbench.report.terminal_table import ResponsiveTable, TerminalColumn

_MAX_TEXT_CHARS = 60
"""Longest excerpt of a value."""


def diff_table(diff: RunDiff, limit: int = 20) -> RenderableType:
    """Return which models changed, by how much and why, what changed between the runs, and the first ``limit`` flips."""
    parts: list[RenderableType] = [*_answer_lines(diff), _change_table(diff), *_money_lines(diff)]
    if diff.changes:
        parts.append(Text("Changed between the runs", "bold"))
        parts += [Text(f"  {line}") for row in diff.changes for line in change_lines(row)]
    elif any(row["n_pairs"] for row in diff.models):
        parts.append(Text("Nothing that is recorded changed between the runs."))
    if len(diff.flips):
        parts.append(_flip_table(diff, limit))
    parts += [Text(f"Note: {formatting.strip_controls(line)}", "dim") for line in diff.warnings]
    return Group(*parts)


_WORD = len("distinguishable")
_WHOLE = 200
"""A name is never wrapped."""
_CHANGES = (
    TerminalColumn("model", is_text=True, min_width=_WHOLE), TerminalColumn("A %"), TerminalColumn("B %"), TerminalColumn("change"), TerminalColumn("95 %"), TerminalColumn("flips"),
    TerminalColumn("noise", 2), TerminalColumn("$/1k tasks A", 1), TerminalColumn("$/1k tasks B", 1), TerminalColumn("verdict", is_text=True, min_width=_WORD),
)  # fmt: skip
_FLIPS = (
    TerminalColumn("sample", is_text=True, min_width=_WHOLE), TerminalColumn("A", is_text=True, min_width=_WHOLE),
    TerminalColumn("B", is_text=True, min_width=_WHOLE), TerminalColumn("what changed", 1, is_text=True, min_width=_WHOLE),
)  # fmt: skip
_WIDER_HINT = "a wider terminal or --json has them"
_ANSWER_CHARS = 16
"""Longest excerpt of an answer, so that a flip takes one line of 80 columns."""
_CAUSE_NAMES = {"noise": "nothing recorded"}
"""What the report calls a cause of :data:`CAUSES`; the others have their own name."""


def _answer_lines(diff: RunDiff) -> list[Text]:
    """Return a line for each model that is better or worse, or one line that none is shown to be."""
    lines = []
    for row in diff.models:
        if not str(row["verdict"]).startswith("B is"):
            continue
        interval = formatting.format_interval("points", row["ci_low"], row["ci_high"])
        lines.append(Text(
            f"{formatting.strip_controls(row['model_id'])}: {row['verdict']} than A by {abs(row['change_points']):.1f} points "
            f"(95 % interval {interval}); by what changed for its requests: {_describe_causes(row)}", "bold",
        ))  # fmt: skip
    if not lines and any(row["n_pairs"] for row in diff.models):
        lines.append(Text("No model is shown to be better or worse in B.", "bold"))
    return lines


def _describe_causes(row: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{_CAUSE_NAMES.get(cause, cause)} {row['drift_points'][cause]:+.1f} ({row['drift_pairs'][cause]} pairs)"
        for cause in CAUSES
        if row["drift_pairs"][cause]
    )


def _change_table(diff: RunDiff) -> ResponsiveTable:
    title = formatting.strip_controls(f"{', '.join(diff.a)} -> {', '.join(diff.b)}")
    table = ResponsiveTable(
        f"{title}  [{formatting.SIMULATED}]" if diff.simulated else title, _CHANGES, wider_hint=_WIDER_HINT
    )
    for row in diff.models:
        table.add_row(
            formatting.strip_controls(row["model_id"]),
            _format_points(row.get("accuracy_a")),
            _format_points(row.get("accuracy_b")),
            formatting.format_gap("points", row.get("change_points")),
            formatting.format_interval("points", row.get("ci_low"), row.get("ci_high")),
            f"{row['flips']} of {row['n_pairs']}",
            formatting.format_percent(row["noise_flip_rate"]),
            formatting.format_usd_per_1000(row["usd_per_task_a"]),
            formatting.format_usd_per_1000(row["usd_per_task_b"]),
            row["verdict"],
        )
    return table


def _format_points(value: Any) -> str:
    return f"{value * 100:.1f}" if formatting.is_known(value) else formatting.NOTHING


def _money_lines(diff: RunDiff) -> list[Text]:
    """Return why a model's dollars changed, and the models of which the noise is not known."""
    lines = []
    for row in diff.models:
        if not (formatting.is_known(row["usd_price"]) and formatting.is_known(row["usd_usage"])):
            continue
        if row["usd_price"] or row["usd_usage"]:
            price, usage = (formatting.format_gap("usd", row[key]) for key in ("usd_price", "usd_usage"))
            name = formatting.strip_controls(row["model_id"])
            lines.append(Text(f"{name}: dollars per 1,000 tasks: price {price}, usage {usage}", "dim"))
    unknown = [
        formatting.strip_controls(row["model_id"]) for row in diff.models if row["noise_flip_rate"] is None
    ]
    if unknown:
        lines.append(
            Text(f"No repeats, so how many flips are noise is not known: {', '.join(unknown)}", "dim")
        )
    return lines


def _flip_table(diff: RunDiff, limit: int) -> ResponsiveTable:
    title = f"Flipped: {len(diff.flips)}" + (f", the first {limit}" if len(diff.flips) > limit else "")
    table = ResponsiveTable(title, _FLIPS, wider_hint=_WIDER_HINT)
    group = None
    for row in diff.flips.head(limit).to_dict(orient="records"):
        if group != (group := (row["model_id"], row["task"])):
            table.add_section(formatting.strip_controls(", ".join(map(str, group))))
        repeat = f" #{row['repeat']}" if row["repeat"] else ""
        table.add_row(
            formatting.strip_controls(row["sample_id"]) + repeat,
            *(f"{row[f'outcome_{side}']}: {_answer_or_end(row, side)}" for side in ("a", "b")),
            _describe_flip(row),
        )
    return table


def _answer_or_end(row: Mapping[Any, Any], side: str) -> str:
    """Return the start of an answer, or how an episode ended."""
    ended = row[f"termination_{side}"]
    if formatting.is_known(ended):
        return str(ended).replace("_", " ")
    text = " ".join(formatting.strip_controls(str(row[f"answer_{side}"])).split())
    return text if len(text) <= _ANSWER_CHARS else f"{text[: _ANSWER_CHARS - 1]}…"


def _describe_flip(row: Mapping[Any, Any]) -> str:
    """Return what differs between the two requests of a flip, and their replies' ends."""
    differing = [
        name
        for name, key in (("prompt", "prompt_sha256"), ("parameters", "params_sent"))
        if row[f"{key}_a"] != row[f"{key}_b"]
    ]
    cause = str(row["cause"])
    if cause != "code" or not differing:
        differing.insert(0, _CAUSE_NAMES.get(cause, cause))
    if row["finish_reason_a"] != row["finish_reason_b"]:
        differing.append(f"finish {row['finish_reason_a']} -> {row['finish_reason_b']}")
    return ", ".join(differing)


def change_lines(row: Mapping[str, Any]) -> list[str]:
    """Return one line for each thing that changed, or for each key of it."""
    label, before, after = f"{row['kind']}: {formatting.strip_controls(row['what'])}", row["a"], row["b"]
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return [f"{label}: {_difference_excerpts(before, after)}"]
    return [
        f"{label} {formatting.strip_controls(key)}: {_difference_excerpts(before.get(key), after.get(key))}"
        for key in {**before, **after}
    ]


def _difference_excerpts(before: Any, after: Any) -> str:
    """Return both values, of long ones the part around the first difference."""
    texts = ["none" if value is None else formatting.strip_controls(str(value)) for value in (before, after)]
    alike = next((k for k, (one, other) in enumerate(zip(*texts, strict=False)) if one != other), 0)
    skipped = max(0, alike - 20) if max(map(len, texts)) > _MAX_TEXT_CHARS else 0
    return " -> ".join(
        ("…" if skipped else "")
        + text[skipped : skipped + _MAX_TEXT_CHARS]
        + ("…" if len(text) > skipped + _MAX_TEXT_CHARS else "")
        for text in texts
    )

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
    """Return the change of each model, what changed between the runs, and the first ``limit`` flips."""
    parts: list[RenderableType] = [_change_table(diff), *_drift_lines(diff)]
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
    TerminalColumn("model", is_text=True, min_width=_WHOLE), TerminalColumn("A %"), TerminalColumn("B %"), TerminalColumn("change"), TerminalColumn("95 %"), TerminalColumn("flips"), TerminalColumn("noise"),
    TerminalColumn("$/1k tasks A"), TerminalColumn("$/1k tasks B"), TerminalColumn("verdict", is_text=True, min_width=_WORD),
)  # fmt: skip
_FLIPS = (
    TerminalColumn("model", is_text=True, min_width=_WHOLE), TerminalColumn("task", is_text=True, min_width=_WHOLE), TerminalColumn("sample", is_text=True, min_width=_WHOLE), TerminalColumn("A", is_text=True, min_width=_WHOLE),
    TerminalColumn("B", is_text=True, min_width=_WHOLE), TerminalColumn("prompt", is_text=True, min_width=_WHOLE), TerminalColumn("parameters", 1, is_text=True, min_width=_WHOLE), TerminalColumn("finish", 1, is_text=True, min_width=_WHOLE),
    TerminalColumn("cause", is_text=True, min_width=_WHOLE),
)  # fmt: skip


def _change_table(diff: RunDiff) -> ResponsiveTable:
    title = formatting.strip_controls(f"{', '.join(diff.a)} -> {', '.join(diff.b)}")
    table = ResponsiveTable(f"{title}  [{formatting.SIMULATED}]" if diff.simulated else title, _CHANGES)
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


def _drift_lines(diff: RunDiff) -> list[Text]:
    lines = []
    for row in diff.models:
        name = formatting.strip_controls(row["model_id"])
        if row.get("drift_points"):
            causes = ", ".join(
                f"{cause} {row['drift_points'][cause]:+.1f} ({row['drift_pairs'][cause]} pairs)"
                for cause in CAUSES
                if row["drift_pairs"][cause]
            )
            lines.append(Text(f"{name}: points by what changed: {causes}", "dim"))
        if formatting.is_known(row["usd_price"]) and formatting.is_known(row["usd_usage"]):
            price, usage = (formatting.format_gap("usd", row[key]) for key in ("usd_price", "usd_usage"))
            lines.append(Text(f"{name}: dollars per 1,000 tasks: price {price}, usage {usage}", "dim"))
        if row["noise_flip_rate"] is None:
            lines.append(Text(f"{name}: no repeats, so how many flips are noise is not known", "dim"))
    return lines


def _flip_table(diff: RunDiff, limit: int) -> ResponsiveTable:
    title = f"Flipped: {len(diff.flips)}" + (f", the first {limit}" if len(diff.flips) > limit else "")
    table = ResponsiveTable(title, _FLIPS)
    for row in diff.flips.head(limit).to_dict(orient="records"):
        repeat = f" #{row['repeat']}" if row["repeat"] else ""
        table.add_row(
            formatting.strip_controls(row["model_id"]),
            formatting.strip_controls(row["task"]),
            formatting.strip_controls(row["sample_id"]) + repeat,
            *(f"{row[f'outcome_{side}']}: {_answer_or_end(row, side)}" for side in ("a", "b")),
            _format_change(str(row["prompt_sha256_a"])[:8], str(row["prompt_sha256_b"])[:8]),
            "same" if row["params_sent_a"] == row["params_sent_b"] else "differ",
            _format_change(str(row["finish_reason_a"]), str(row["finish_reason_b"])),
            str(row["cause"]),
        )
    return table


def _answer_or_end(row: Mapping[Any, Any], side: str) -> str:
    """Return the start of an answer, or how an episode ended."""
    ended = row[f"termination_{side}"]
    if formatting.is_known(ended):
        return str(ended).replace("_", " ")
    return formatting.strip_controls(row[f"answer_{side}"])[:24]


def _format_change(one: str, other: str) -> str:
    return one if one == other else f"{one} -> {other}"


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

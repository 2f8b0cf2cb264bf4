"""Two runs side by side for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from gapbench import formatting
from gapbench.analysis.regression.diff import CAUSES, Diff
from gapbench.report.terminal_table import Column, Fitted

_LONGEST = 60
"""Characters of a value that are shown."""


def diff_table(found: Diff, limit: int = 20) -> RenderableType:
    """Return the change of each model, what changed between the runs, and the first ``limit`` flips."""
    parts: list[RenderableType] = [_models(found), *_drift(found)]
    if found.changes:
        parts.append(Text("Changed between the runs", "bold"))
        parts += [Text(f"  {line}") for row in found.changes for line in _change(row)]
    elif any(row["n_pairs"] for row in found.models):
        parts.append(Text("Nothing that is recorded changed between the runs."))
    if len(found.flips):
        parts.append(_flips(found, limit))
    parts += [Text(f"Note: {formatting.clean(line)}", "dim") for line in found.warnings]
    return Group(*parts)


_WORD = len("distinguishable")
_WHOLE = 200
"""A name is never folded."""
_CHANGES = (
    Column("model", words=True, least=_WHOLE), Column("A %"), Column("B %"), Column("change"), Column("95 %"), Column("flips"), Column("noise"),
    Column("$/task A"), Column("$/task B"), Column("verdict", words=True, least=_WORD),
)  # fmt: skip
_FLIPS = (
    Column("model", words=True, least=_WHOLE), Column("task", words=True, least=_WHOLE), Column("sample", words=True, least=_WHOLE), Column("A", words=True, least=_WHOLE),
    Column("B", words=True, least=_WHOLE), Column("prompt", words=True, least=_WHOLE), Column("parameters", 1, words=True, least=_WHOLE), Column("finish", 1, words=True, least=_WHOLE),
    Column("cause", words=True, least=_WHOLE),
)  # fmt: skip


def _models(found: Diff) -> Fitted:
    title = formatting.clean(f"{', '.join(found.a)} -> {', '.join(found.b)}")
    table = Fitted(f"{title}  [{formatting.SIMULATED}]" if found.simulated else title, _CHANGES)
    for row in found.models:
        table.row(
            formatting.clean(row["model_id"]),
            _points(row.get("accuracy_a")),
            _points(row.get("accuracy_b")),
            formatting.gap_value("points", row.get("change_points")),
            formatting.interval("points", row.get("ci_low"), row.get("ci_high")),
            f"{row['flips']} of {row['n_pairs']}",
            formatting.percent(row["noise_flip_rate"]),
            formatting.usd(row["usd_per_task_a"]),
            formatting.usd(row["usd_per_task_b"]),
            row["verdict"],
        )
    return table


def _points(value: Any) -> str:
    return f"{value * 100:.1f}" if formatting.known(value) else formatting.NOTHING


def _drift(found: Diff) -> list[Text]:
    lines = []
    for row in found.models:
        name = formatting.clean(row["model_id"])
        if row.get("drift_points"):
            said = ", ".join(
                f"{cause} {row['drift_points'][cause]:+.1f} ({row['drift_pairs'][cause]} pairs)"
                for cause in CAUSES
                if row["drift_pairs"][cause]
            )
            lines.append(Text(f"{name}: points by what changed: {said}", "dim"))
        if formatting.known(row["usd_price"]) and formatting.known(row["usd_usage"]):
            price, usage = (formatting.gap_value("usd", row[key]) for key in ("usd_price", "usd_usage"))
            lines.append(Text(f"{name}: dollars a task: price {price}, usage {usage}", "dim"))
        if row["noise_flip_rate"] is None:
            lines.append(Text(f"{name}: no repeats, so how many flips are noise is not known", "dim"))
    return lines


def _flips(found: Diff, limit: int) -> Fitted:
    title = f"Flipped: {len(found.flips)}" + (f", the first {limit}" if len(found.flips) > limit else "")
    table = Fitted(title, _FLIPS)
    for row in found.flips.head(limit).to_dict(orient="records"):
        repeat = f" #{row['repeat']}" if row["repeat"] else ""
        table.row(
            formatting.clean(row["model_id"]),
            formatting.clean(row["task"]),
            formatting.clean(row["sample_id"]) + repeat,
            *(
                f"{row[f'outcome_{side}']}: {formatting.clean(row[f'answer_{side}'])[:24]}"
                for side in ("a", "b")
            ),
            _same(str(row["prompt_sha256_a"])[:8], str(row["prompt_sha256_b"])[:8]),
            "same" if row["params_sent_a"] == row["params_sent_b"] else "differ",
            _same(str(row["finish_reason_a"]), str(row["finish_reason_b"])),
            str(row["cause"]),
        )
    return table


def _same(one: str, other: str) -> str:
    return one if one == other else f"{one} -> {other}"


def _change(row: Mapping[str, Any]) -> list[str]:
    """Return one line for each thing that changed, or for each key of it."""
    said, before, after = f"{row['kind']}: {formatting.clean(row['what'])}", row["a"], row["b"]
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return [f"{said}: {_both(before, after)}"]
    return [
        f"{said} {formatting.clean(key)}: {_both(before.get(key), after.get(key))}"
        for key in {**before, **after}
    ]


def _both(before: Any, after: Any) -> str:
    """Return both values, of long ones the part around the first difference."""
    texts = ["none" if value is None else formatting.clean(str(value)) for value in (before, after)]
    alike = next((k for k, (one, other) in enumerate(zip(*texts, strict=False)) if one != other), 0)
    skipped = max(0, alike - 20) if max(map(len, texts)) > _LONGEST else 0
    return " -> ".join(
        ("…" if skipped else "")
        + text[skipped : skipped + _LONGEST]
        + ("…" if len(text) > skipped + _LONGEST else "")
        for text in texts
    )

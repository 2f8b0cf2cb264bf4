"""What changed from one run to another, as texts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gapbench import formatting
from gapbench.analysis.regression.diff import diff_runs


def describe_changes(first: Path, second: Path) -> dict[str, Any]:
    """Return what changed from one run to another, by :func:`gapbench.analysis.regression.diff.diff_runs`, as texts.

    Raises:
        ResultsError: A folder is not a run, or the runs share no model.
    """
    diff = diff_runs([first], [second])
    return {
        "models": [_model_change(row) for row in diff.models],
        "changes": [
            {
                "kind": row["kind"],
                "what": formatting.strip_controls(row["what"]),
                "before": formatting.strip_controls(str(row["a"])),
                "after": formatting.strip_controls(str(row["b"])),
            }
            for row in diff.changes
        ],
        "warnings": [formatting.strip_controls(line) for line in diff.warnings],
        "simulated": diff.simulated,
    }


def _model_change(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "model_id": row["model_id"],
        "before": formatting.format_percent(row.get("accuracy_a")),
        "after": formatting.format_percent(row.get("accuracy_b")),
        "change": formatting.format_gap("points", row.get("change_points")),
        "interval": formatting.format_interval("points", row.get("ci_low"), row.get("ci_high")),
        "flips": f"{row['flips']} of {row['n_pairs']}",
        "noise": formatting.format_percent(row["noise_flip_rate"]),
        "usd_before": formatting.format_usd(row["usd_per_task_a"]),
        "usd_after": formatting.format_usd(row["usd_per_task_b"]),
        "verdict": formatting.strip_controls(row["verdict"]),
    }

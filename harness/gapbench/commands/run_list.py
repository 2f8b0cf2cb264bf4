"""The list of runs, printed alike by `bench runs list` and `bench list runs`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from gapbench.analysis.run_listing import ListedRun

SHOWN_MODELS = 3
"""Models whose accuracy a line shows."""


def print_run_list(results: Path, last: int, *, as_json: bool) -> None:
    """Print the newest runs of a results folder, the newest last.

    Args:
        results: The results folder, or a mirror of an address.
        last: Number of runs. 0: all.
        as_json: Print JSON.
    """
    from gapbench.analysis.run_listing import list_runs
    from gapbench.commands.storage_paths import display_path, open_manifests
    from gapbench.store import runs_in

    with open_manifests(results) as known:
        folders = list(runs_in(known))
        shown = folders[-last:] if last else folders
        # At an address only the manifests are here.
        rows = list(list_runs(shown, with_figures=known == results))
    names = [display_path(results / row.folder.name) for row in rows]
    if as_json:
        click.echo(json.dumps([_as_json(row, name) for row, name in zip(rows, names, strict=True)]))
        return
    if not rows:
        click.echo(f"no run in {display_path(results)}; `bench run quickstart` makes one", err=True)
    _print_table(rows, names)
    if len(shown) < len(folders):
        click.echo(f"{len(folders) - len(shown)} older runs; --last 0 lists all", err=True)


def _as_json(row: ListedRun, name: str) -> dict[str, Any]:
    if row.state == "damaged":
        return {"run": name, "state": row.state, "reason": row.reason}
    return {
        "run": name,
        "state": row.state,
        "reason": row.reason,
        "suite": row.suite,
        "started_at": row.started_at,
        "models": row.models,
        "planned": row.planned,
        "usd": row.usd,
        "accuracy": row.accuracy,
        "seconds": row.seconds,
    }


def _print_table(rows: list[ListedRun], names: list[str]) -> None:
    from gapbench.formatting import strip_controls

    width = max(map(len, names), default=0)
    for row, name in zip(rows, names, strict=True):
        click.echo(strip_controls(f"{name.ljust(width)}  {_describe(row)}"))


def _describe(row: ListedRun) -> str:
    from gapbench import formatting

    reason = f" ({row.reason})" if row.reason not in (None, "", row.state) else ""
    if row.state == "damaged":
        return f"damaged: {row.reason}"
    scores = [
        f"{model} {formatting.format_percent(accuracy)}"
        for model, accuracy in row.accuracy.items()
        if accuracy is not None
    ]
    more = f" and {len(scores) - SHOWN_MODELS} more" if len(scores) > SHOWN_MODELS else ""
    requests = formatting.count_of(row.planned, "request") + ("" if row.state == "complete" else " planned")
    parts = [
        f"{row.state}{reason}",
        (row.started_at or "")[:19].replace("T", " "),
        f"{formatting.count_of(row.models, 'model')}, {requests}",
        "" if row.usd is None else formatting.format_usd(row.usd),
        "" if row.seconds is None else f"{formatting.format_number(row.seconds)} s",
        ", ".join(scores[:SHOWN_MODELS]) + more,
    ]
    return ", ".join(part for part in parts if part)

"""Looks at a run before it is complete, and at smaller runs that it extends, kept in ``run.json`` for a note.

Such looks make a false verdict more likely unless the run has a stopping rule (:mod:`gapbench.stats.sequential`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from gapbench.errors import ResultsError
from gapbench.store import RunManifest, read_manifest, runs_in
from gapbench.store.look_entries import EarlierLook
from gapbench.store.provenance import format_utc

MAX_RUNS = 200
"""Runs of a suite that are searched for smaller ones, newest first."""


def note_look(manifest: RunManifest, finished_by_cell: Mapping[str, int]) -> None:
    """Record the look at the end of a session that left the run incomplete: its tables are shown.

    Args:
        manifest: It is changed. Its state must be final.
        finished_by_cell: Finished requests by cell id.
    """
    if manifest.state == "complete" or manifest.sequential is not None:
        return
    requests = _requests_of_both_sides(manifest, finished_by_cell)
    if requests:
        manifest.earlier_looks = [
            *manifest.earlier_looks,
            EarlierLook(run_id=manifest.run_id, at=format_utc(datetime.now(UTC)), requests=requests),
        ]


def looks_at(manifest: RunManifest) -> list[EarlierLook]:
    """Return the looks that a run's results have had, the last one included; [] if it compares nothing."""
    planned = {cell.cell_id: cell.planned for cell in manifest.cells if cell.started_at is not None}
    requests = _requests_of_both_sides(manifest, planned)
    last = EarlierLook(run_id=manifest.run_id, at=manifest.ended_at or manifest.started_at, requests=requests)
    is_noted = manifest.state != "complete"  # the end of its last session is among its earlier looks
    return [*manifest.earlier_looks, *([last] if requests and not is_noted else [])]


def add_looks_at_smaller_runs(manifest: RunManifest, folder: Path) -> None:
    """Record the looks at smaller runs of the same suite and seed with a new run.

    Selections are nested, so the new run asks the samples of the smaller ones again. A run with another seed does not
    count: it is a fresh one.

    Args:
        manifest: The new run's; it is changed.
        folder: Its folder. Its neighbors are searched.
    """
    prefix = f"{manifest.suite}-"
    names = [path for path in runs_in(folder.parent) if path.name.startswith(prefix) and path != folder]
    looks: list[EarlierLook] = []
    for path in names[-MAX_RUNS:]:
        try:
            other = read_manifest(path)
        except ResultsError:
            continue  # a damaged neighbor must not stop a run
        if _is_smaller(other, manifest):
            looks += [look for look in looks_at(other) if look.run_id == other.run_id]
    if looks:
        manifest.earlier_looks = sorted(looks, key=lambda look: look.at)


def _is_smaller(other: RunManifest, manifest: RunManifest) -> bool:
    """Return whether a run asked some of the samples of another run, with the same models."""
    if other.suite != manifest.suite or other.seed != manifest.seed or other.sequential is not None:
        return False
    if other.selection.get("order") != manifest.selection.get("order"):
        return False
    before = {task.name: task.samples for task in other.tasks}
    now = {task.name: task.samples for task in manifest.tasks}
    shared = before.keys() & now.keys()
    models = {
        model.weights
        for model in manifest.models
        if (known := other.find_model(model.id)) is not None
        and (known.runner, known.name, known.base_url) == (model.runner, model.name, model.base_url)
    }
    return (
        bool(shared)
        and models == {"closed", "open"}
        and all(before[name] <= now[name] for name in shared)
        and sum(before[name] for name in shared) < sum(now.values())
    )


def _requests_of_both_sides(manifest: RunManifest, by_cell: Mapping[str, int]) -> int:
    """Return the finished requests of the model with the fewest, among those with any; 0 if a side has none."""
    finished: dict[str, int] = {}
    for cell in manifest.cells:
        count = by_cell.get(cell.cell_id, 0)
        if count and cell.load_kind != "search":
            finished[cell.model_id] = finished.get(cell.model_id, 0) + count
    sides = {manifest.model(model_id).weights for model_id in finished}
    return min(finished.values()) if sides == {"closed", "open"} else 0

"""Rows that two runs share: a run for an edited suite keeps the rows of the run before that are still valid.

Beside its source, such a run would count them twice. Its cells continue those of the source, with the source's time, so the
source's rows of these cells are left out: the newer run has them, or asked again what had changed.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from gapbench.store.manifest import RunManifest


def carried_cells(manifests: Sequence[RunManifest]) -> dict[str, tuple[str, frozenset[str]]]:
    """Return the cells of each run that a later one of these runs continues, with that run's id, by run id.

    A cell that was carried over has the start time of its source; one that was asked anew has its own.
    """
    by_id = {manifest.run_id: manifest for manifest in manifests}
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for manifest in manifests:
        source = by_id.get(manifest.continues or "")
        if source is None or source is manifest:
            continue
        began = {cell.cell_id: cell.started_at for cell in source.cells if cell.started_at is not None}
        shared = {cell.cell_id for cell in manifest.cells if began.get(cell.cell_id, "") == cell.started_at}
        earlier = found.get(source.run_id, ("", frozenset()))[1]
        if shared:
            found[source.run_id] = (manifest.run_id, earlier | shared)
    return found


def leave_out_carried(
    frame: pd.DataFrame, carried: dict[str, tuple[str, frozenset[str]]]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the rows without those that a later run has, and a sentence for each run that lost some.

    Args:
        frame: Rows with ``run_id`` and ``cell_id``.
        carried: Result of :func:`carried_cells`.
    """
    left_out = pd.Series(False, index=frame.index)
    notes = []
    for run_id, (later, cells) in carried.items():
        rows = (frame["run_id"] == run_id) & frame["cell_id"].isin(cells)
        count = int((rows & ~left_out).sum())
        left_out |= rows
        if count:
            notes.append(
                f"{later} carries on {run_id}: {count:,} rows of {run_id} are left out, so nothing is counted twice"
            )
    return frame[~left_out].reset_index(drop=True), tuple(notes)

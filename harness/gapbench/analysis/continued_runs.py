"""Which cells count when a run is read together with the run that it continues.

``bench run --resume RUN --accept-changes`` starts a new run and copies the rows that are still valid into it, with the
times of their cells. Read together, the two would count these requests, dollars and GPU-hours twice. Runs that continue
one another, or the same run, are therefore states of one run: of each cell, only the newest run that has rows counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gapbench.analysis.run_folders import find_run_folders
from gapbench.store import read_attempts, read_manifest
from gapbench.store.manifest import RunManifest
from gapbench.values.played_user import cell_of_user, user_cell_id


@dataclass(frozen=True)
class CountedRuns:
    """The runs to read.

    Attributes:
        folders: Folders of the runs that have a cell that counts, in the order given.
        manifests: ``run.json`` of each.
        replaced: Cells that do not count, by run id; only of runs in ``manifests``.
        notes: One sentence for each run that does not count, or only in part.
    """

    folders: tuple[Path, ...]
    manifests: tuple[RunManifest, ...]
    replaced: Mapping[str, frozenset[str]]
    notes: tuple[str, ...] = ()


def find_runs(names: Iterable[str | Path], *, keep_replaced: bool = False) -> CountedRuns:
    """Return the runs that names stand for, without those that a newer one among them replaces.

    Args:
        names: See :func:`gapbench.analysis.run_folders.find_run_folders`. A run whose copy is named too counts once.
        keep_replaced: Return all of them, to compare a run with the one that it continues.

    Raises:
        InputError: An address is not of a kind that can hold runs.
        ResultsError: There is no run, a folder is not a run, or a newer gapbench wrote it.
    """
    folders = find_run_folders(names)
    manifests = [read_manifest(folder) for folder in folders]
    if keep_replaced:
        return CountedRuns(tuple(folders), tuple(manifests), {})
    notes: list[str] = []
    known: dict[str, tuple[Path, RunManifest]] = {}
    for folder, manifest in zip(folders, manifests, strict=True):
        first = known.setdefault(manifest.run_id, (folder, manifest))[0]
        if first != folder:
            notes.append(f"{folder} is not counted: it is a copy of {first}")
    replaced: dict[str, frozenset[str]] = {}
    for family in _families([manifest for _, manifest in known.values()]):
        newest_first = sorted(family, key=lambda manifest: manifest.started_at, reverse=True)
        taken: dict[str, str] = {}
        for manifest in newest_first:
            run_id = manifest.run_id
            rows = read_attempts([known[run_id][0]], ["cell_id"])
            # The rows of a cell's users go with the cell.
            cells = {cell_of_user(str(cell_id)) for cell_id in rows["cell_id"].unique()}
            lost = cells & taken.keys()
            if lost:
                by = ", ".join(dict.fromkeys(taken[cell_id] for cell_id in sorted(lost)))
                notes.append(_note(run_id, len(lost), len(cells), by))
            if lost == cells and lost:
                del known[run_id]
            elif lost:
                replaced[run_id] = frozenset(lost)
            taken |= dict.fromkeys(cells - lost, run_id)
    return CountedRuns(
        tuple(folder for folder, _ in known.values()),
        tuple(manifest for _, manifest in known.values()),
        replaced,
        tuple(notes),
    )


def drop_replaced_rows(frame: pd.DataFrame, replaced: Mapping[str, frozenset[str]]) -> pd.DataFrame:
    """Return the rows of the cells that count, with a new index; see :attr:`CountedRuns.replaced`."""
    if not replaced:
        return frame
    counts = np.ones(len(frame), dtype=bool)
    for run_id, cells in replaced.items():
        names = {*cells, *map(user_cell_id, cells)}
        counts &= ~((frame["run_id"] == run_id) & frame["cell_id"].isin(names)).to_numpy()
    return frame[counts].reset_index(drop=True)


def _note(run_id: str, lost: int, cells: int, by: str) -> str:
    if lost == cells:
        return f"{run_id} is not counted: it was continued as {by}, which has its rows"
    return f"{run_id}: {lost} of {cells} cells are not counted: they were continued in {by}"


def _families(manifests: Sequence[RunManifest]) -> list[list[RunManifest]]:
    """Return the groups of two and more runs that continue one another or the same run."""
    members: dict[str, set[str]] = {}
    for manifest in manifests:
        related = {manifest.run_id, manifest.continues, manifest.origin} - {None}
        family: set[str] = set().union(*(members.get(str(run_id), {str(run_id)}) for run_id in related))
        members.update(dict.fromkeys(family, family))
    by_family: dict[int, list[RunManifest]] = {}
    for manifest in manifests:
        by_family.setdefault(id(members[manifest.run_id]), []).append(manifest)
    return [family for family in by_family.values() if len(family) > 1]

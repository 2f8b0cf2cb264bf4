"""The run folders that a name stands for: a run, a folder of runs, a glob pattern, or an address on object storage."""

from __future__ import annotations

import glob
import os.path
from collections.abc import Iterable, Sequence
from pathlib import Path

from gapbench.errors import ResultsError
from gapbench.store import is_run, runs_in


def find_run_folders(names: Iterable[str | Path]) -> list[Path]:
    """Return the run folders that names stand for, each once, in the order given.

    Args:
        names: For each a run folder; a folder that holds runs, of which all are taken, oldest first; a glob pattern such
            as ``results/nightly-*``; or an address such as ``s3://BUCKET/PREFIX``, whose runs are downloaded first.

    Returns:
        The folders. Any other name is returned unchanged, so that the reader reports the error.

    Raises:
        InputError: An address is not of a kind that can hold runs.
        ResultsError: No run is named, a pattern matches nothing, or an address cannot be read.
    """
    folders = [folder for name in names for folder in _runs_of(name)]
    if not folders:
        raise ResultsError("no run was named; `bench list runs` shows those in results/")
    return list({folder.resolve(): folder for folder in reversed(folders)}.values())[::-1]


def judging_runs(run: Path, kinds: Sequence[str] = ("judge", "arena")) -> list[Path]:
    """Return the runs inside a run folder in which a judge rated its answers."""
    return sorted(path.parent for kind in kinds for path in run.glob(f"{kind}-*/run.json"))


def _runs_of(name: str | Path) -> list[Path]:
    if isinstance(name, str) and ":" in name:  # Save the import of Arrow's file systems.
        from gapbench.store.object_store import mirror_of, pull_runs  # noqa: PLC0415 - as said

        mirror = mirror_of(name)
        if mirror is not None:
            return pull_runs(mirror)
    folder = Path(name)
    # os.path.exists, because Path.exists raises on a name that is too long.
    if os.path.exists(folder) or not glob.has_magic(str(name)):  # noqa: PTH110 - as said
        return _runs_at(folder)
    matches = [run for place in sorted(glob.glob(str(name))) for run in _runs_at(Path(place)) if is_run(run)]  # noqa: PTH207 - Path.glob takes no absolute pattern
    if not matches:
        raise ResultsError(f"no run matches {str(name)!r}; `bench list runs` shows those in results/")
    return matches


def _runs_at(folder: Path) -> list[Path]:
    """Return the run at a folder or the runs inside it. Any other folder is returned so that reading it fails."""
    is_folder_of_runs = not is_run(folder) and os.path.isdir(folder)  # noqa: PTH112 - as above
    return (list(runs_in(folder)) if is_folder_of_runs else []) or [folder]

"""The run folders that a command is about: those named, or the newest one."""

from __future__ import annotations

import os.path
from collections.abc import Sequence
from pathlib import Path


def resolve_run_folders(runs: Sequence[Path], *, expand: bool = True) -> list[Path]:
    """Return the runs that were named, the same words for every command; the newest run when none was.

    A run is named by its folder, by its id in ``results/`` or by the name of a baseline.

    Args:
        runs: What the user named.
        expand: Whether a folder that holds runs stands for all of them, oldest first; otherwise it is an error.

    Raises:
        ResultsError: There is no such run.
    """
    from gapbench.errors import ResultsError

    if not runs:
        newest = find_newest_run()
        if newest is None:
            raise ResultsError(
                "there is no run in results/; `bench run quickstart` makes one, or name a run folder"
            )
        return [newest]
    return [folder for run in runs for folder in _folders_of(run, expand=expand)]


def find_newest_run() -> Path | None:
    """Return the newest run in ``results/``. None: there is none."""
    from gapbench.store import runs_in

    return max(runs_in(Path("results")), key=lambda path: (path / "run.json").stat().st_mtime, default=None)


def _folders_of(given: Path, *, expand: bool) -> list[Path]:
    """Return the runs that one word names."""
    from gapbench.commands.storage_paths import find_run_folder
    from gapbench.errors import LostManifestError, ResultsError
    from gapbench.store import read_manifest, runs_in
    from gapbench.store.baselines import find_baseline, read_baselines

    results = Path("results")
    folder = find_run_folder(results, given)
    if folder is not None:
        read_manifest(folder)
        return [folder]
    # os.path.isdir, because Path.is_dir raises on a name that is too long.
    inside = list(runs_in(given)) if expand and os.path.isdir(given) else []  # noqa: PTH112 - as said
    if inside:
        return inside
    baselines = read_baselines(results)
    if str(given) in baselines:
        return [find_baseline(results, str(given))]
    try:
        read_manifest(given)
    except LostManifestError:
        raise
    except ResultsError as exc:
        known = f"; baselines: {', '.join(baselines)}" if baselines else ""
        raise ResultsError(f"{exc}{known}") from exc
    return [given]

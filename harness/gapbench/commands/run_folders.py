"""The run folders that a command is about: those named, or the newest one."""

from __future__ import annotations

import os.path
from collections.abc import Sequence
from pathlib import Path


def resolve_run_folders(runs: Sequence[Path], *, expand: bool = True) -> list[Path]:
    """Return the folders that were named, by path or by id below ``results/``; the newest run when none was.

    Args:
        runs: What the user named.
        expand: Whether a folder that holds runs stands for all of them, oldest first; otherwise it is an error.

    Raises:
        ResultsError: There is no such run.
    """
    from gapbench.errors import ResultsError
    from gapbench.store import find_run, is_run, runs_in

    if not runs:
        known = sorted(runs_in(Path("results")), key=lambda path: (path / "run.json").stat().st_mtime)
        if not known:
            raise ResultsError(
                "there is no run in results/; `bench run quickstart` makes one, or name a run folder"
            )
        return [known[-1]]
    found: list[Path] = []
    for run in runs:
        is_folder_of_runs = expand and not is_run(run) and not is_run(Path("results") / run)
        # os.path.isdir, because Path.is_dir raises on a name that is too long.
        inside = list(runs_in(run)) if is_folder_of_runs and os.path.isdir(run) else []  # noqa: PTH112
        found += inside or [find_run(run, Path("results"))]
    return found

"""The run folders that a command is about: those named, or the newest one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def resolve_run_folders(runs: Sequence[Path]) -> list[Path]:
    """Return the folders that were named, by path or by id below ``results/``; the newest run when none was.

    Raises:
        ResultsError: There is no such run.
    """
    from gapbench.errors import ResultsError
    from gapbench.store import find_run, runs_in

    if not runs:
        known = sorted(runs_in(Path("results")), key=lambda path: (path / "run.json").stat().st_mtime)
        if not known:
            raise ResultsError(
                "there is no run in results/; `bench run quickstart` makes one, or name a run folder"
            )
        return [known[-1]]
    return [find_run(run, Path("results")) for run in runs]

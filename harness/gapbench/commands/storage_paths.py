"""Where a results folder or a run lies on object storage: an address becomes a folder of this disk here, nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click


class ResultsPath(click.Path):
    """A results folder; an address becomes its mirror, and nothing is fetched."""

    def __init__(self) -> None:
        """Take any path."""
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the folder. Raises ``InputError`` for an address that cannot hold results."""
        return mirror_folder(value) or super().convert(value, param, ctx)


class RunPath(ResultsPath):
    """A run's folder or id; a run at an address is fetched into its mirror first."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the folder. Raises ``ResultsError`` where there is no such run."""
        folder = super().convert(value, param, ctx)
        if mirror_folder(value):
            from gapbench.store.object_store import pull_run

            pull_run(folder)
        return folder


def mirror_folder(value: Any) -> Path | None:
    """Return the folder that stands for an address. None: it is none. Raises ``InputError`` for one that cannot be."""
    if ":" not in str(value):  # what Arrow takes to import is saved where it can be
        return None
    from gapbench.store.object_store import mirror_of

    return mirror_of(str(value))


def display_path(folder: Path) -> str:
    """Return how a results folder or a run is named to the user: by its address where it has one."""
    return _address(folder) or str(folder)


def find_run_folder(results: Path, given: Path, *, or_here: bool = False) -> Path | None:
    """Return a run given by its folder or by its id in a results folder; None: there is none.

    Args:
        results: The results folder. A run below a mirror is fetched.
        given: What the user wrote.
        or_here: Whether one that was never sent to its address will do.
    """
    from gapbench.store import is_run
    from gapbench.store.object_store import pull_run

    folder = given if is_run(given) else results / given
    if folder != given and _address(folder):
        pull_run(folder, allow_local_only=or_here)
    return folder if is_run(folder) else None


@contextmanager
def open_manifests(results: Path) -> Iterator[Path]:
    """Give a folder with the ``run.json`` of every run: the results folder itself, or a copy of what its address has."""
    if not _address(results):
        yield results
        return
    from tempfile import TemporaryDirectory

    from gapbench.store.object_store import pull_manifests

    with TemporaryDirectory() as folder:
        pull_manifests(results, Path(folder))
        yield Path(folder)


def fetch_all_runs(results: Path) -> list[Path]:
    """Return every run of a results folder; those at an address are fetched."""
    from gapbench.store import runs_in
    from gapbench.store.object_store import pull_run

    with open_manifests(results) as known:
        runs = [results / run.name for run in runs_in(known)]
    for run in runs:
        if known != results:
            pull_run(run)
    return runs


def check_results_writable(results: Path) -> None:
    """Find out before the first request whether results can be kept there. Raises ``ResultsError``."""
    from gapbench import store
    from gapbench.store import object_store

    store.check_folder_writable(results)
    if _address(results):
        object_store.check_store_writable(results)


def upload_run(run: Path, *, quiet: bool = True) -> None:
    """Send what was written into a mirrored run to its address, and say so; on standard error where others print there."""
    if _address(run):
        from gapbench.store.object_store import push_run

        click.echo(f"Sent to  {push_run(run)}", err=quiet)


def _address(folder: Path) -> str | None:
    from gapbench.store.object_store import address_of

    return address_of(folder)

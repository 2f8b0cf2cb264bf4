"""Paths of results folders and runs as the user gives them: local paths, run ids, or addresses on object storage.

Below this module every path is a local folder: an address is replaced by its local mirror here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click


class ResultsPath(click.Path):
    """Type of an option that takes a results folder; an address becomes its mirror, and nothing is downloaded."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the folder. Raises ``InputError`` for an address that cannot hold results."""
        return mirror_folder(value) or super().convert(value, param, ctx)


class RunPath(ResultsPath):
    """Type of an option that takes a run's folder or id; a run at an address is downloaded into its mirror first."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the folder. Raises ``ResultsError`` if there is no run at an address."""
        folder = super().convert(value, param, ctx)
        if mirror_folder(value):
            from gapbench.store.object_store import pull_run

            pull_run(folder)
        return folder


def mirror_folder(value: Any) -> Path | None:
    """Return the local mirror of an address, or None if the value is not an address.

    Raises:
        InputError: The address is of an unknown kind or incomplete.
    """
    if ":" not in str(value):  # Save the import of Arrow, which the object store needs.
        return None
    from gapbench.store.object_store import mirror_of

    return mirror_of(str(value))


def display_path(folder: Path) -> str:
    """Return how to name a results folder or a run to the user: its address if it has one, else its path."""
    return _address(folder) or str(folder)


def find_run_folder(results: Path, given: Path, *, or_here: bool = False) -> Path | None:
    """Return the folder of a run given by its path or by its id, or None if there is no such run.

    Args:
        results: The results folder. A run in a mirror is downloaded.
        given: What the user wrote.
        or_here: Whether to accept a run in the mirror that was never uploaded.
    """
    from gapbench.store import is_run
    from gapbench.store.object_store import pull_run

    folder = given if is_run(given) else results / given
    if folder != given and _address(folder):
        pull_run(folder, allow_local_only=or_here)
    return folder if is_run(folder) else None


def find_run_or_baseline(results: Path, given: Path) -> Path:
    """Return the folder of a run given by its path, by its id, or by the name of a baseline.

    Raises:
        ResultsError: There is no such run and no such baseline.
    """
    from gapbench.errors import ResultsError
    from gapbench.store.baselines import find_baseline

    folder = find_run_folder(results, given)
    if folder is not None:
        return folder
    try:
        return find_baseline(results, str(given))
    except ResultsError as exc:
        raise ResultsError(
            f"{str(given)!r} is neither a run folder nor a run id in {display_path(results)}, and {exc}"
        ) from exc


@contextmanager
def open_manifests(results: Path) -> Iterator[Path]:
    """Yield a folder with the ``run.json`` of every run: the results folder, or a temporary copy of what its address has."""
    if not _address(results):
        yield results
        return
    from tempfile import TemporaryDirectory

    from gapbench.store.object_store import pull_manifests

    with TemporaryDirectory() as folder:
        pull_manifests(results, Path(folder))
        yield Path(folder)


def fetch_all_runs(results: Path) -> list[Path]:
    """Return the folder of every run in a results folder; runs at an address are downloaded."""
    from gapbench.store import runs_in

    with open_manifests(results) as known:
        names = [run.name for run in runs_in(known)]
    return fetch_runs(results, names)


def fetch_runs(results: Path, names: Iterable[str]) -> list[Path]:
    """Return the folders of some runs in a results folder; runs at an address are downloaded."""
    folders = [results / name for name in names]
    if _address(results):
        from gapbench.store.object_store import pull_run

        for folder in folders:
            pull_run(folder)
    return folders


def check_results_writable(results: Path) -> None:
    """Check before the first request that results can be stored. Raises ``ResultsError`` if they cannot."""
    from gapbench import store
    from gapbench.store import object_store

    store.check_folder_writable(results)
    if _address(results):
        object_store.check_store_writable(results)


def upload_run(run: Path, *, quiet: bool = True) -> None:
    """Upload a run in a mirror to its address and print where it is; on standard error if ``quiet``."""
    if _address(run):
        from gapbench.store.object_store import push_run

        click.echo(f"Sent to  {push_run(run)}", err=quiet)


def is_mirror(folder: Path) -> bool:
    """Return whether a folder stands for an address on object storage."""
    return _address(folder) is not None


def _address(folder: Path) -> str | None:
    from gapbench.store.object_store import address_of

    return address_of(folder)

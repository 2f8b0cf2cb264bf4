"""`bench run --shard`: find what there is of a shard's run; running it again continues it, or does nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gapbench.commands.resume import ResumableRun
    from gapbench.execution.setup import RunSetup, Selection


def refuse_shard_options(shard: int | None, *, resume: Path | None, until_sure: bool) -> None:
    """Refuse options that do not go with ``--shard``.

    Raises:
        InputError: One of them is given.
    """
    from gapbench.errors import InputError

    if shard is None:
        return
    if resume is not None:
        raise InputError("--shard continues its own run, so it takes no --resume; remove one of the two")
    if until_sure:
        raise InputError(
            "--until-sure looks at all models at once, so it takes no --shard; remove one of the two"
        )


def find_shard_run(results: Path, setup: RunSetup, selection: Selection) -> ResumableRun | None:
    """Return the run of a shard that was started before. None: there is none.

    Args:
        results: The results folder, or the mirror of an address.
        setup: The shard.
        selection: What the command line picked.

    Raises:
        ResultsError: What is there cannot be read.
    """
    from gapbench.commands.resume import ResumableRun
    from gapbench.commands.storage_paths import is_mirror
    from gapbench.store import is_run, read_manifest
    from gapbench.store.object_store import has_run, pull_run

    key = setup.plan.shard
    assert key is not None, "the selection has a shard"
    folder = results / key.run_id(setup.suite.name)
    if is_mirror(results) and has_run(folder):
        pull_run(folder)
    if not is_run(folder):
        return None
    return ResumableRun(folder, read_manifest(folder), selection)


def is_shard_done(run: ResumableRun | None, *, quiet: bool) -> bool:
    """Return whether a shard is complete, and say so; one that was not uploaded is uploaded."""
    import click

    from gapbench.commands.storage_paths import display_path, upload_run

    if run is None or run.manifest is None or run.manifest.state != "complete":
        return False
    click.echo(
        str(run.folder) if quiet else f"The shard is complete, nothing to do: {display_path(run.folder)}"
    )
    upload_run(run.folder, quiet=True)
    return True

"""`bench run --resume`: the run that is meant, where it lies, and what it had picked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gapbench.execution.setup import RunSetup, Selection
    from gapbench.store import RunManifest


@dataclass(frozen=True)
class ResumableRun:
    """A run to go on with.

    Attributes:
        folder: Where it lies; it goes on there.
        manifest: Its ``run.json``. None: lost, to be made anew from the suite and the rows.
        selection: What of which suite it runs.
    """

    folder: Path
    manifest: RunManifest | None
    selection: Selection


def find_resumable_run(
    results: Path, resume: Path, given: Selection | None, *, allow_code: bool, has_filters: bool
) -> ResumableRun:
    """Return the run that ``--resume`` means.

    Args:
        results: Where runs lie that are given by their id.
        resume: An id or a path.
        given: What the command line names beside it. None: no suite.
        allow_code: What this command line says; a run folder may be a stranger's.
        has_filters: Whether ``given`` has models, tasks or a limit.

    Raises:
        ResultsError: There is no such run, or it lies in a folder of another name.
        LostError: Its ``run.json`` is lost, and no suite is named to make it anew from.
        InputError: It is to go on with other models, tasks or samples.
    """
    from gapbench.errors import InputError, LostManifestError
    from gapbench.execution.setup import Selection
    from gapbench.store import read_manifest

    folder = _find_run_folder(results, resume)
    try:
        manifest = read_manifest(folder)
    except LostManifestError:
        if given is None:
            raise
        return ResumableRun(_check_folder_name(folder, folder.resolve().name), None, given)
    folder = _check_folder_name(folder, manifest.run_id)
    if has_filters:
        raise InputError("--resume goes on with what the run had picked; drop --model, --task and --limit")
    try:
        before = Selection.from_json(manifest.selection, allow_code=allow_code)
    except InputError as exc:
        if given is None:
            raise InputError(f"{folder}/{exc}; name it: `bench run SUITE --resume {folder}`") from exc
        before = given
    suite = before.suite if given is None else given.suite
    return ResumableRun(folder, manifest, replace(before, suite=suite))


def _find_run_folder(results: Path, resume: Path) -> Path:
    """Return the run folder named by an id or by a path."""
    from gapbench.commands.storage_paths import display_path, find_run_folder
    from gapbench.errors import ResultsError
    from gapbench.store import runs_in

    folder = find_run_folder(results, resume, or_here=True)
    if folder is not None:
        return folder
    known = [path.name for path in runs_in(results)][-5:]
    hint = f"the newest there: {', '.join(known)}" if known else "there is none yet"
    raise ResultsError(f"no run {str(resume)!r} in {display_path(results)}; {hint}")


def _check_folder_name(folder: Path, run_id: str) -> Path:
    """Return the folder by the run's own name: rows name their run, and every reader tells runs by it."""
    from gapbench.errors import ResultsError

    for known in (folder, folder.resolve()):
        if known.name == run_id:
            return known
    raise ResultsError(
        f"{folder} holds run {run_id!r} by another name, as a copy does; rename it to {run_id} to go on with it there"
    )


def rebuild_manifest(setup: RunSetup, selection: Selection, folder: Path) -> None:
    """Write the ``run.json`` that a run lost, from its suite and its rows; what was left of it goes to ``damaged/``.

    Raises:
        ResultsError: The rows are not of this suite, or the folder cannot be written.
    """
    from gapbench.execution.recording.run_manifest import initial_manifest, rebuild_from_rows
    from gapbench.store import RunWriter, read_attempt_values

    simulated = {model_id: runner.simulated for model_id, runner in setup.runners.items()}
    with RunWriter(folder) as writer:
        manifest = initial_manifest(setup.plan, folder.name, selection.as_json(), simulated)
        manifest = rebuild_from_rows(manifest, setup.plan, read_attempt_values(folder))
        if (folder / "run.json").exists():
            writer.quarantine("run.json")
        writer.write_manifest(manifest)

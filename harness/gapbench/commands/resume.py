"""`bench run --resume`: find the run to resume and what it ran."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gapbench.execution.setup import RunSetup, Selection
    from gapbench.store import RunManifest


@dataclass(frozen=True)
class ResumableRun:
    """A run to resume.

    Attributes:
        folder: Its folder, where it continues.
        manifest: Its ``run.json``. None: the file is lost and must be rebuilt from the suite and the rows.
        selection: Which part of which suite it runs.
    """

    folder: Path
    manifest: RunManifest | None
    selection: Selection


def find_resumable_run(
    results: Path,
    resume: Path,
    given: Selection | None,
    *,
    allow_code: bool,
    has_filters: bool,
    until_sure: bool = False,
    batch: bool = False,
) -> ResumableRun:
    """Return the run that ``--resume`` names.

    Args:
        results: Folder in which run ids are looked up.
        resume: A run id or a path.
        given: The selection on the command line. None: no suite was given.
        allow_code: The option of this command line. The value in the run folder is not trusted, because the folder
            may come from someone else.
        has_filters: Whether ``given`` has models, tasks or a limit.
        until_sure: Whether ``--until-sure`` was given.
        batch: Whether ``--batch`` was given.

    Raises:
        ResultsError: There is no such run, or its folder has another name than the run.
        LostManifestError: Its ``run.json`` is lost, and no suite is given to rebuild it from.
        InputError: Models, tasks or a limit were given, or ``--until-sure`` or ``--batch`` for a run that was started
            without it.
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
        raise InputError(
            "--resume keeps the run's models, tasks and limit; remove --model, --task and --limit"
        )
    if until_sure and manifest.sequential is None:
        raise InputError(
            f"{folder} was started without --until-sure, and its models were not asked in turn; resume it without the option, "
            "or start a new run with it"
        )
    try:
        selection = Selection.from_json(manifest.selection, allow_code=allow_code)
    except InputError as exc:
        if given is None:
            raise InputError(f"{folder}/{exc}; give the suite: `bench run SUITE --resume {folder}`") from exc
        selection = given
    if batch and not selection.batch:
        raise InputError(
            f"{folder} was started without --batch; resume it without the option, or start a new run with it"
        )
    suite = selection.suite if given is None else given.suite
    return ResumableRun(folder, manifest, replace(selection, suite=suite))


def _find_run_folder(results: Path, resume: Path) -> Path:
    """Return the folder of a run given by an id or by a path. Raises ``ResultsError`` if there is no such run."""
    from gapbench.commands.storage_paths import display_path, find_run_folder
    from gapbench.errors import ResultsError
    from gapbench.store import runs_in

    folder = find_run_folder(results, resume, or_here=True)
    if folder is not None:
        return folder
    known = [path.name for path in runs_in(results)][-5:]
    hint = f"the newest runs are: {', '.join(known)}" if known else "it has no runs"
    raise ResultsError(f"no run {str(resume)!r} in {display_path(results)}; {hint}")


def _check_folder_name(folder: Path, run_id: str) -> Path:
    """Return the folder, requiring its name to equal the run id stored in the rows. Symbolic links are resolved if needed."""
    from gapbench.errors import ResultsError

    for known in (folder, folder.resolve()):
        if known.name == run_id:
            return known
    raise ResultsError(
        f"{folder} contains run {run_id!r} under another name (a copy?); rename the folder to {run_id} to resume it there"
    )


def rebuild_manifest(setup: RunSetup, selection: Selection, folder: Path, *, accept_changes: bool) -> None:
    """Rebuild a lost ``run.json`` from the suite and the rows; a damaged one is moved to ``damaged/``.

    Args:
        setup: The run.
        selection: Stored in the new ``run.json``.
        folder: The run folder.
        accept_changes: Whether the suite may differ from that of the rows in what no row shows.

    Raises:
        ResultsError: The rows do not belong to this suite, or the folder cannot be written.
    """
    from gapbench.execution.recording.rebuilt_manifest import rebuild_from_rows
    from gapbench.execution.recording.run_manifest import initial_manifest
    from gapbench.store import RunWriter, read_attempt_values

    simulated = {model_id: setup.runner_of(model_id).simulated for model_id in setup.asked_models}
    with RunWriter(folder) as writer:
        manifest = initial_manifest(setup.plan, folder.name, selection.as_json(), simulated)
        manifest = rebuild_from_rows(
            manifest, setup.plan, read_attempt_values(folder), accept_changes=accept_changes
        )
        if (folder / "run.json").exists():
            writer.quarantine("run.json")
        writer.write_manifest(manifest)

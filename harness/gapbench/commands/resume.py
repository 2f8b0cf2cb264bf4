"""`bench run --resume`: the run that is meant, where it lies, and what it had picked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gapbench.execution.setup import Assembly, Selection


@dataclass(frozen=True)
class Begun:
    """A run to go on with.

    Attributes:
        folder: Where it lies; it goes on there.
        manifest: Its ``run.json``. None: lost, to be made anew from the suite and the rows.
        selection: What of which suite it runs.
    """

    folder: Path
    manifest: dict[str, Any] | None
    selection: Selection


def begun(results: Path, resume: Path, given: Selection | None, *, allow_code: bool, picks: bool) -> Begun:
    """Return the run that ``--resume`` means.

    Args:
        results: Where runs lie that are given by their id.
        resume: An id or a path.
        given: What the command line names beside it. None: no suite.
        allow_code: What this command line says; a run folder may be a stranger's.
        picks: Whether ``given`` has models, tasks or a limit.

    Raises:
        ResultsError: There is no such run, or it lies in a folder of another name.
        LostError: Its ``run.json`` is lost, and no suite is named to make it anew from.
        InputError: It is to go on with other models, tasks or samples.
    """
    from gapbench.errors import InputError, LostError
    from gapbench.execution.setup import Selection
    from gapbench.store import read_manifest

    folder = _folder(results, resume)
    try:
        manifest = read_manifest(folder)
    except LostError:
        if given is None:
            raise
        return Begun(_named(folder, folder.resolve().name), None, given)
    folder = _named(folder, manifest["run_id"])
    if picks:
        raise InputError("--resume goes on with what the run had picked; drop --model, --task and --limit")
    try:
        before = Selection.from_json(manifest.get("selection"), allow_code=allow_code)
    except InputError as exc:
        if given is None:
            raise InputError(f"{folder}/{exc}; name it: `bench run SUITE --resume {folder}`") from exc
        before = given
    suite = before.suite if given is None else given.suite
    return Begun(folder, manifest, replace(before, suite=suite))


def _folder(results: Path, resume: Path) -> Path:
    """Return the run folder named by an id or by a path."""
    from gapbench.commands.storage_paths import run_in, shown
    from gapbench.errors import ResultsError
    from gapbench.store import runs_in

    folder = run_in(results, resume, or_here=True)
    if folder is not None:
        return folder
    known = [path.name for path in runs_in(results)][-5:]
    hint = f"the newest there: {', '.join(known)}" if known else "there is none yet"
    raise ResultsError(f"no run {str(resume)!r} in {shown(results)}; {hint}")


def _named(folder: Path, run_id: str) -> Path:
    """Return the folder by the run's own name: rows name their run, and every reader tells runs by it."""
    from gapbench.errors import ResultsError

    for known in (folder, folder.resolve()):
        if known.name == run_id:
            return known
    raise ResultsError(
        f"{folder} holds run {run_id!r} by another name, as a copy does; rename it to {run_id} to go on with it there"
    )


def made_anew(assembly: Assembly, selection: Selection, folder: Path) -> None:
    """Write the ``run.json`` that a run lost, from its suite and its rows; what was left of it goes to ``damaged/``.

    Raises:
        ResultsError: The rows are not of this suite, or the folder cannot be written.
    """
    from gapbench.execution.recording.run_manifest import opening, with_rows
    from gapbench.store import RunWriter, attempts_of

    simulated = {model_id: runner.simulated for model_id, runner in assembly.runners.items()}
    with RunWriter(folder) as writer:
        manifest = opening(assembly.plan, folder.name, selection.as_json(), simulated)
        manifest = with_rows(manifest, assembly.plan, attempts_of(folder))
        if (folder / "run.json").exists():
            writer.set_aside("run.json")
        writer.write_manifest(manifest)

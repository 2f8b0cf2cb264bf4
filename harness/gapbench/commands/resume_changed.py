"""`bench run --resume` of a run whose suite has changed since it started."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from gapbench.execution.setup import RunSetup, Selection
    from gapbench.store import RunManifest


def confirm_changes(setup: RunSetup, resumed: RunManifest | None, *, accept: bool, ask: bool) -> list[str]:
    """Return what changed in the suite since a run started, if the user accepts it; [] if nothing changed.

    Args:
        setup: The setup with the suite as it is now.
        resumed: The ``run.json`` of the run to resume. None: no run is resumed, or the file is lost.
        accept: Whether changes were accepted on the command line.
        ask: Whether to ask.

    Raises:
        ResultsError: Something changed and was not accepted.
    """
    from gapbench.commands.confirm import confirm
    from gapbench.errors import ResultsError
    from gapbench.execution.recording.run_manifest import describe_changes

    differences = [] if resumed is None else describe_changes(resumed, setup.plan)
    if not differences or resumed is None or accept:
        return differences
    changes = f"{', '.join(differences)} changed since it started"
    if ask and confirm(
        f"{resumed.run_id}: {changes}. Start a new run that keeps the rows still valid?",
        "add --accept-changes",
    ):
        return differences
    raise ResultsError(
        f"run {resumed.run_id} cannot be resumed: {changes}; undo the changes, or give --accept-changes to start "
        "a new run that keeps the rows whose prompt, parameters, target, model and server are unchanged"
    )


def start_changed_run(
    setup: RunSetup, selection: Selection, old: Path, folder: Path, console: Console
) -> None:
    """Start a new run that keeps the rows of an old one that are still valid."""
    from gapbench.execution.carry_over import carry_over_rows
    from gapbench.execution.recording.run_manifest import changed_tasks, initial_manifest
    from gapbench.store import RunWriter, read_manifest

    simulated = {model_id: runner.simulated for model_id, runner in setup.runners.items()}
    with RunWriter(folder) as writer:
        manifest = initial_manifest(setup.plan, folder.name, selection.as_json(), simulated)
        writer.write_manifest(manifest)
        kept = carry_over_rows(old, setup.plan, writer, manifest)
        writer.write_manifest(manifest)
    console.print(
        f"{kept} of {setup.plan.requests_total} requests are still valid; new run {folder.name}",
        highlight=False,
    )
    tasks = changed_tasks(read_manifest(old), setup.plan) if kept else []
    if tasks:
        console.print(
            f"{', '.join(tasks)} changed: kept rows have their old scores; score them again with\n  bench score {folder}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )

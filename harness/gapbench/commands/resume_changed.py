"""`bench run --resume` of a run whose suite has changed since it began."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from gapbench.execution.setup import RunSetup, Selection
    from gapbench.store import RunManifest


def confirm_changes(setup: RunSetup, resumed: RunManifest | None, *, accept: bool, ask: bool) -> list[str]:
    """Return what changed since a run began, once it is accepted; [] for nothing."""
    from gapbench.commands.confirm import confirm
    from gapbench.errors import ResultsError
    from gapbench.execution.recording.run_manifest import describe_changes

    differences = [] if resumed is None else describe_changes(resumed, setup.plan)
    if not differences or resumed is None or accept:
        return differences
    said = f"{', '.join(differences)} changed since it began"
    if ask and confirm(
        f"{resumed.run_id}: {said}. Begin a new run with the rows that still hold?", "add --accept-changes"
    ):
        return differences
    raise ResultsError(
        f"run {resumed.run_id} cannot go on: {said}; put back what changed, or give --accept-changes "
        "for a new run that begins with the rows whose prompt, parameters, target and model (its server too) are the same"
    )


def start_changed_run(
    setup: RunSetup, selection: Selection, old: Path, folder: Path, console: Console
) -> None:
    """Begin a new run with what still holds of an old one."""
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
        f"{kept} of {setup.plan.requests_total} requests still hold; new run {folder.name}",
        highlight=False,
    )
    tasks = changed_tasks(read_manifest(old), setup.plan) if kept else []
    if tasks:
        console.print(
            f"{', '.join(tasks)} changed: rows that still hold keep their score; score them anew with\n  bench score {folder}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )

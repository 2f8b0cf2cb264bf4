"""`bench run --resume` of a run whose suite has changed since it began."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from harness.assembly import Assembly, Selection


def changes_of(assembly: Assembly, resumed: dict[str, Any] | None, *, accept: bool, ask: bool) -> list[str]:
    """Return what changed since a run began, once it is accepted; [] for nothing."""
    from harness.errors import ResultsError
    from harness.manifest import changed

    differences = [] if resumed is None else changed(resumed, assembly.plan)
    if not differences or resumed is None or accept:
        return differences
    said = f"{', '.join(differences)} changed since it began"
    if ask and click.confirm(
        f"{resumed['run_id']}: {said}. Begin a new run with the rows that still hold?", default=False
    ):
        return differences
    raise ResultsError(
        f"run {resumed['run_id']} cannot go on: {said}; put back what changed, or give --accept-changes "
        "for a new run that begins with the rows whose prompt, parameters, model and target are the same"
    )


def run_changed(
    assembly: Assembly,
    selection: Selection,
    results: Path,
    old: Path,
    console: Console,
    *,
    quiet: bool,
    **how: Any,
) -> int:
    """Begin a new run with what still holds of an old one; ``how`` is what :func:`conducted` takes beside it."""
    from harness.carry import carry
    from harness.commands.run import conducted, say
    from harness.manifest import new_run_id, opening
    from harness.store import RunWriter, read_manifest

    folder = results / new_run_id(assembly.suite.name, datetime.now(UTC))
    simulated = {model_id: runner.simulated for model_id, runner in assembly.runners.items()}
    with RunWriter(folder) as writer:
        manifest = opening(assembly.plan, folder.name, selection.as_json(), simulated)
        writer.write_manifest(manifest)
        kept = carry(old, assembly.plan, writer, manifest)
        writer.write_manifest(manifest)
    console.print(
        f"{kept} of {assembly.plan.requests_total} requests still hold; new run {folder.name}",
        highlight=False,
    )
    manifest = conducted(
        assembly,
        folder,
        read_manifest(folder),
        console,
        selection=selection.as_json(),
        quiet=quiet,
        **how,
    )
    return say(manifest, folder, console, quiet=quiet)

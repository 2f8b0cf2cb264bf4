"""`bench run --resume` of a run whose suite has changed since it started."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from gapbench.commands.resume import ResumableRun
    from gapbench.execution.setup import RunSetup, Selection
    from gapbench.execution.suite_changes import SuiteChange

SHOWN_CHANGES = 4
"""Changed keys that a message lists."""


def confirm_changes(
    setup: RunSetup, previous: ResumableRun | None, console: Console, *, accept: bool, ask: bool
) -> list[str]:
    """Return what changed in the suite since a run started, if a new run must take over its valid rows.

    [] if the run continues in its folder: nothing changed, or no answer depends on what did, such as a key or a price.

    Args:
        setup: The setup with the suite as it is now.
        previous: The run to resume. None: no run is resumed.
        console: Where to print.
        accept: Whether changes were accepted on the command line.
        ask: Whether to ask.

    Raises:
        ResultsError: Something changed and was not accepted.
    """
    from gapbench.commands.confirm import confirm
    from gapbench.errors import ResultsError
    from gapbench.execution.recording.run_manifest import describe_changes
    from gapbench.execution.suite_changes import list_suite_changes, suite_content
    from gapbench.formatting import escape_invisible

    resumed = None if previous is None else previous.manifest
    differences = [] if resumed is None else describe_changes(resumed, setup.plan)
    if not differences or resumed is None or previous is None:
        return []
    keys = (
        list_suite_changes(resumed.suite_content, suite_content(setup.suite.content))
        if resumed.suite_content
        else []
    )
    listed = "; ".join(map(str, keys[:SHOWN_CHANGES]))
    listed += f" and {len(keys) - SHOWN_CHANGES} more" if len(keys) > SHOWN_CHANGES else ""
    if keys and _can_continue(previous, setup, keys):
        console.print(
            f"The suite changed: {escape_invisible(listed)}. No answer of the run depends on it, so the run continues.",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        return []
    _refuse_while_out(previous, differences)
    if accept:
        return differences
    changes = f"{', '.join(differences)} changed since it started" + (f" ({listed})" if listed else "")
    if ask and confirm(
        f"{resumed.run_id}: {changes}. Start a new run that keeps the rows still valid?",
        "add --accept-changes",
    ):
        return differences
    raise ResultsError(
        f"run {resumed.run_id} cannot be resumed: {changes}; undo the changes, or give --accept-changes to start "
        "a new run that keeps the rows whose prompt, parameters, target, model and server are unchanged"
    )


def _refuse_while_out(previous: ResumableRun, differences: Sequence[str]) -> None:
    """Refuse a new run while batches are out: it would ask again what they are paid for.

    Raises:
        ResultsError: Batches are out.
    """
    from gapbench.errors import ResultsError
    from gapbench.store.batch_journal import batches_out

    out = batches_out(previous.folder)
    if out:
        raise ResultsError(
            f"{previous.folder}: {', '.join(differences)} changed while {len(out)} of its batches are out; undo the change and "
            f"read them with `bench batch fetch {previous.folder.name}`, or give them up with `bench batch cancel "
            f"{previous.folder.name}`"
        )


def _can_continue(previous: ResumableRun, setup: RunSetup, keys: Sequence[SuiteChange]) -> bool:
    """Return whether a run continues in its folder with the edited suite."""
    from gapbench.execution.recording.run_manifest import adopt_suite, changed_tasks, describe_changes
    from gapbench.store import read_attempts
    from gapbench.store.batch_journal import batches_out

    if previous.manifest is None or changed_tasks(previous.manifest, setup.plan):
        return False
    rows = read_attempts([previous.folder], ["model_id", "failure_kind"])
    answered = set(rows.loc[rows["failure_kind"].isna(), "model_id"].astype(str))
    asked = {record.model_id for record in batches_out(previous.folder)}
    unanswered = {model.id for model in setup.plan.models} - answered - asked
    if not all(key.is_free(unanswered) for key in keys):
        return False
    # What the command line picked and what a file of the suite holds is in no key.
    after = previous.manifest.model_copy(deep=True)
    adopt_suite(after, setup.plan, setup.suite.content)
    return not describe_changes(after, setup.plan)


def start_changed_run(
    setup: RunSetup, selection: Selection, old: Path, folder: Path, console: Console
) -> None:
    """Start a new run that keeps the rows of an old one that are still valid."""
    from gapbench.execution.carry_over import carry_over_rows
    from gapbench.execution.recording.run_manifest import changed_tasks, initial_manifest
    from gapbench.store import RunWriter, read_manifest

    simulated = {model_id: setup.runner_of(model_id).simulated for model_id in setup.asked_models}
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

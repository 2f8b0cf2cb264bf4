"""Rebuild the manifest of a run that lost its run.json, from its rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from gapbench.errors import ResultsError
from gapbench.store import RunManifest
from gapbench.store.provenance import format_utc
from gapbench.suite.plan import Plan
from gapbench.values import Attempt, prompt_sha256


def rebuild_from_rows(
    manifest: RunManifest, plan: Plan, rows: Sequence[Attempt], *, accept_changes: bool = False
) -> RunManifest:
    """Return the manifest of a run that lost its ``run.json``: the initial one, with the times that the rows give.

    Versions and machine are the current ones; ``remade_at`` records that. Counters and the order of a search's tries
    are lost.

    Args:
        manifest: As :func:`initial_manifest` returns it; it is changed and returned.
        plan: The plan that it opens.
        rows: All that the run has.
        accept_changes: Whether the suite may differ from that of the rows in what no row shows, such as prices and limits.

    Raises:
        ResultsError: The rows are of another run, suite or selection.
    """
    run_id = manifest.run_id
    planned = {
        (cell.cell_id, request.sample.sample_id, request.repeat)
        for cell in plan.cells
        for request in cell.requests
    }
    _check_suite_of_rows(run_id, plan, rows, accept_changes=accept_changes)
    reached_s: dict[str, dict[datetime, float]] = {}
    for row in rows:
        if row.phase == "user":
            continue
        if row.run_id != run_id:
            raise ResultsError(f"the rows belong to run {row.run_id!r}; rename the folder {run_id!r} to it")
        if row.load_kind != "search" and (row.cell_id, row.sample_id, row.repeat) not in planned:
            raise ResultsError(
                f"{run_id} has rows of {row.cell_id}, sample {row.sample_id!r}, which is not selected; "
                "give --model, --task and --limit as they were then"
            )
        stretches = reached_s.setdefault(row.cell_id, {})
        stretches[row.started_at] = max(stretches.get(row.started_at, 0.0), row.done_s or 0.0)
    for cell in manifest.cells:
        stretches = reached_s.get(cell.cell_id, {})
        if stretches:
            # A cell's clock stops with its last row.
            cell.started_at, cell.wall_s = format_utc(min(stretches)), sum(stretches.values())
    first = min((at for stretches in reached_s.values() for at in stretches), default=datetime.now(UTC))
    manifest.started_at = format_utc(first)
    manifest.state, manifest.reason = "interrupted", "run.json was lost"
    manifest.remade_at = format_utc(datetime.now(UTC))
    return manifest


def _check_suite_of_rows(run_id: str, plan: Plan, rows: Sequence[Attempt], *, accept_changes: bool) -> None:
    """Refuse rows of a suite with other content, unless the suite was changed in a way that no answer depends on.

    The newest rows show that: a run continues in its folder only after such a change, so they may be of this suite while
    older ones are of the suite before it.
    """
    others = [row for row in rows if row.suite_sha256 != plan.suite_sha256 and row.run_id == run_id]
    if not others:
        return
    newest = max(rows, key=lambda row: (row.started_at, row.done_s or 0.0))
    if newest.suite_sha256 != plan.suite_sha256 and not accept_changes:
        raise ResultsError(
            f"the rows of {run_id} belong to a suite with different content; give the suite as it was then, or add "
            "--accept-changes if only prices, keys, addresses, limits or retries have changed since"
        )
    asked = {
        (cell.cell_id, request.sample.sample_id, request.repeat): (cell, request)
        for cell in plan.cells
        for request in cell.requests
    }
    for row in others:
        key = (row.cell_id, row.sample_id, row.repeat)
        if row.failure_kind is not None or key not in asked:
            continue
        cell, request = asked[key]
        compared = (
            ("prompt", row.prompt_sha256, prompt_sha256(request.sample.messages)),
            ("parameters", row.params_asked, cell.params_json_of(request)),
            ("model", row.model_asked, cell.model.name),
            ("runner", row.runner, cell.model.runner),
        )
        for name, before, now in compared:
            if before != now:
                raise ResultsError(
                    f"{run_id} cannot be continued with this suite: the {name} of {row.cell_id}, sample {row.sample_id!r}, has "
                    "changed since it was answered; give the suite as it was then, or start a new run"
                )

"""Build, extend and compare the manifest (run.json) of a run from its plan."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from gapbench.errors import ResultsError
from gapbench.execution.suite_changes import list_suite_changes, suite_content
from gapbench.runner import runner_info_or_default
from gapbench.store import RunManifest
from gapbench.store.first_call_entry import FirstCallEntry
from gapbench.store.manifest import CellEntry, CostEntry, ModelEntry, SearchEntry, TaskEntry
from gapbench.store.manifest_types import JsonObject
from gapbench.store.provenance import format_utc, machine_info, package_versions
from gapbench.store.schema import SCHEMA_VERSION
from gapbench.suite.plan import Cell, Load, Plan, PlannedSearch
from gapbench.values import Attempt, Model, prompt_sha256


def initial_manifest(
    plan: Plan, run_id: str, selection: Mapping[str, Any], simulated: Mapping[str, bool]
) -> RunManifest:
    """Return the manifest of a run that is about to start.

    Args:
        plan: The plan.
        run_id: The run.
        selection: What the command line picked and where the suite is, for ``--resume``.
        simulated: By model id.
    """
    return RunManifest(
        schema=SCHEMA_VERSION,
        run_id=run_id,
        suite=plan.suite,
        suite_sha256=plan.suite_sha256,
        selection=dict(selection),
        seed=plan.seed,
        repeats=plan.repeats,
        margin_points=plan.margin_points,
        started_at=format_utc(datetime.now(UTC)),
        ended_at=None,
        state="running",
        reason=None,
        versions=package_versions(
            package
            for model in (*plan.models, *plan.users.values())
            for package in runner_info_or_default(model.runner).packages
        ),
        machine=machine_info(),
        calibration=None,
        models=[_model_entry(model, simulated=simulated[model.id]) for model in plan.models],
        tasks=[
            TaskEntry(
                name=task.name,
                category=task.category,
                version=task.version,
                sha256=task.sha256,
                samples=len(task.samples),
                scorer=task.scorer_name,
                license=task.license,
                scorer_sha256=task.scorer_sha256,
                rungs=task.rungs,
                rung_measure=task.rung_measure,
                adaptive=None if task.adaptive is None else dataclasses.asdict(task.adaptive),
            )
            for task in plan.tasks
        ],
        cells=[cell_entry(cell) for cell in plan.cells],
        searches=[_search_entry(search) for search in plan.searches],
        failures=[],
        users=[_model_entry(model, simulated=simulated[model.id]) for model in _user_models(plan)],
        shard=None if plan.shard is None else plan.shard.as_json(),
    )


def _user_models(plan: Plan) -> list[Model]:
    """Return the models that play users, each once."""
    return list({model.id: model for model in plan.users.values()}.values())


def start_session(
    manifest: RunManifest,
    selection: Mapping[str, Any],
    calibration: Mapping[str, Any] | None,
    first_calls: Sequence[FirstCallEntry] = (),
) -> None:
    """Mark a run as running, whether it is new or resumed.

    Args:
        manifest: It is changed.
        selection: What the command line picked. Empty: unknown; the stored one is kept.
        calibration: What was just measured of this machine. None: nothing; an earlier one is kept.
        first_calls: The small calls that were made just before this session.
    """
    manifest.state, manifest.ended_at, manifest.failures = "running", None, []
    if selection:
        # The stored one may be lost, or the suite may have moved.
        manifest.selection = dict(selection)
    if calibration is not None:
        manifest.calibration = dict(calibration)
    if first_calls:
        manifest.first_calls = [*manifest.first_calls, *first_calls]


def adopt_suite(manifest: RunManifest, plan: Plan, content: Mapping[str, Any]) -> None:
    """Record the suite that a session runs; a resumed run takes over its models and prices and notes what changed.

    An answer of the run depends on nothing that differs; :func:`describe_changes` and
    :class:`gapbench.execution.suite_changes.SuiteChange` decide that before the run continues.

    Args:
        manifest: It is changed.
        plan: The plan of this session.
        content: The suite's keys and values. {}: unknown, and nothing is recorded.
    """
    if not content:
        return
    before, now = manifest.suite_content, suite_content(content)
    if before and manifest.suite_sha256 != plan.suite_sha256:
        at = format_utc(datetime.now(UTC))
        manifest.changes = [
            *manifest.changes,
            *(
                {"at": at, "key": ".".join(change.path), "old": change.old, "new": change.new}
                for change in list_suite_changes(before, now)
            ),
        ]
        entries = {model.id: model for model in manifest.models}
        for model in plan.models:
            known = entries.get(model.id)
            if known is not None:
                facts = {} if changed_model_keys(manifest, model) else known.facts
                entry = _model_entry(model, simulated=known.simulated)
                entries[model.id] = entry.model_copy(update={"facts": facts})
        manifest.models = list(entries.values())
        users = {user.id: user for user in manifest.users}
        for user in _user_models(plan):
            known_user = users.get(user.id) or entries.get(user.id)
            users[user.id] = _model_entry(user, simulated=known_user is not None and known_user.simulated)
        manifest.users = list(users.values())
        manifest.suite_sha256 = plan.suite_sha256
    manifest.suite_content = now


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


def _model_entry(model: Model, *, simulated: bool) -> ModelEntry:
    return ModelEntry(
        id=model.id,
        runner=model.runner,
        name=model.name,
        weights=model.weights,
        released=model.released.isoformat() if model.released else None,
        base_url=model.base_url,
        simulated=simulated,
        transport=model.transport,
        price_provider=runner_info_or_default(model.runner).price_provider,
        params=model.params.as_json(),
        options=dict(model.options),
        cost=cast("CostEntry", dict(model.cost)) if model.cost else None,
        facts={},
        batch=model.batch,
        **({"replicas": list(model.replicas)} if model.replicas else {}),
    )


def cell_entry(cell: Cell) -> CellEntry:
    """Return the entry of a cell before it starts; a search's cells are added when they are tried."""
    return CellEntry(
        cell_id=cell.cell_id,
        model_id=cell.model.id,
        task=cell.task.name,
        category=cell.task.category,
        load_kind=cell.load.kind,
        load_value=cell.load.value,
        load=_load_entry(cell.load),
        salt=cell.load.salt,
        planned=cell.most_requests,
        started_at=None,
        wall_s=None,
        stretches_s={},
        counters_before=None,
        counters_after=None,
        lag_p99_s=None,
        workers=None,
        cut_short=False,
    )


def add_stretch(entry: CellEntry, started_at: datetime, seconds: float, *, is_complete: bool = True) -> None:
    """Add a session's time to a cell; the time of a resumed cell is the sum over its sessions.

    Args:
        entry: The cell in ``run.json``.
        started_at: When the stretch began.
        seconds: How long it took.
        is_complete: False: the session was killed and ``seconds`` is what its rows show; a recorded time is kept.
    """
    stretches = entry.stretches_s = entry.stretches_s or {}
    start = format_utc(started_at)
    if is_complete:
        stretches[start] = seconds
    else:
        stretches.setdefault(start, seconds)
    # A run.json of an older gapbench has the sum alone.
    entry.wall_s = max(sum(stretches.values()), entry.wall_s or 0.0)
    entry.started_at = entry.started_at or start


def _load_entry(load: Load) -> JsonObject:
    """Return the settings of a load that differ from their defaults, without the trace that it replays."""
    defaults = Load(load.kind, load.value)
    names = (field.name for field in dataclasses.fields(Load) if field.name not in {"kind", "value", "trace"})
    return {name: value for name in names if (value := getattr(load, name)) != getattr(defaults, name)}


def _search_entry(planned: PlannedSearch) -> SearchEntry:
    search = planned.search
    return SearchEntry(
        search_id=planned.search_id,
        model_id=planned.model.id,
        task=planned.task.name,
        slo=search.slo.as_json(),
        from_rps=search.from_rps,
        to_rps=search.to_rps,
        tolerance=search.tolerance,
        repeats=search.repeats,
        levels=[],
        rate_rps=None,
        low_rps=None,
        words=None,
        is_done=False,
    )


def describe_changes(manifest: RunManifest, plan: Plan) -> list[str]:
    """Return what differs between a run and the plan that would continue it, one phrase each; [] for nothing."""
    is_other_suite = manifest.suite_sha256 != plan.suite_sha256
    differences: list[str] = []
    if is_other_suite:
        models = ((model, changed_model_keys(manifest, model)) for model in plan.models)
        differences += [f"model {model.id} ({', '.join(keys)})" for model, keys in models if keys]
        users = ((user, changed_user_keys(manifest, user)) for user in _user_models(plan))
        differences += [f"user {user.id} ({', '.join(keys)})" for user, keys in users if keys]
        differences += [
            f"{name} (was {getattr(manifest, name)})"
            for name in ("seed", "repeats", "margin_points")
            if getattr(manifest, name) not in {None, getattr(plan, name)}
        ]
    differences += [f"task {name}" for name in changed_tasks(manifest, plan)]
    # The cells of a search are added as they are tried; the search itself is what was picked.
    before = {cell.cell_id: cell for cell in manifest.cells if cell.load_kind != "search"}
    searches_before = {search.search_id for search in manifest.searches}
    now = {cell.cell_id: cell for cell in plan.cells}
    ids = (before.keys() | searches_before) ^ (now.keys() | {search.search_id for search in plan.searches})
    if ids:
        differences.append(f"the models, tasks or loads picked ({_join_few(sorted(ids))})")
    for load, kept in {
        cell.load: before[name].load or {} for name, cell in now.items() if name in before
    }.items():
        if load.trace_sha256 is not None and kept.get("trace_sha256") != load.trace_sha256:
            differences.append(f"the trace of load {load.label}")
        elif is_other_suite and kept != _json_roundtrip(_load_entry(load)):
            differences.append(f"the settings of load {load.label}")
    if is_other_suite and not differences:
        differences.append("the suite's content (its params, retries, timeouts, judges or words)")
    return differences


def changed_tasks(manifest: RunManifest, plan: Plan) -> list[str]:
    """Return the names of the tasks whose document, data or scorer's code has changed since a run."""
    before = {task.name: task.sha256 for task in manifest.tasks}
    return [task.name for task in plan.tasks if before.get(task.name, task.sha256) != task.sha256]


_IDENTITY_KEYS = ("runner", "name", "weights", "base_url", "params", "options", "batch")
"""The fields of a model that decide which server answers, and how it is asked."""


def changed_model_keys(manifest: RunManifest, model: Model) -> list[str]:
    """Return the suite's keys whose value for a model differs from a run; [] if none, or if the run has no such model."""
    return _changed_keys(manifest.find_model(model.id), model)


def changed_user_keys(manifest: RunManifest, user: Model) -> list[str]:
    """Return :func:`changed_model_keys` of a model that plays users."""
    return _changed_keys(next((entry for entry in manifest.users if entry.id == user.id), None), user)


def _changed_keys(before: ModelEntry | None, model: Model) -> list[str]:
    if before is None:
        return []
    now = _json_roundtrip(_model_entry(model, simulated=False).as_json())
    keys: list[str] = []
    for name in _IDENTITY_KEYS:
        if name == "options":
            options, given = before.options, now["options"]
            keys += [key for key in sorted(options.keys() | given) if options.get(key) != given.get(key)]
        elif getattr(before, name) != now[name]:
            keys.append("model" if name == "name" else name)
    return keys


def _json_roundtrip(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping as it is after writing it to ``run.json`` and reading it."""
    found: dict[str, Any] = json.loads(json.dumps(value, default=str))
    return found


def _join_few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")

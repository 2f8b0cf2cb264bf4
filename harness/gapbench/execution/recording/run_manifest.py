"""Build, extend and compare the manifest (run.json) of a run from its plan."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from gapbench.execution.suite_changes import list_suite_changes, suite_content
from gapbench.runner import runner_info_or_default
from gapbench.store import RunManifest
from gapbench.store.first_call_entry import FirstCallEntry
from gapbench.store.manifest import CellEntry, CostEntry, ModelEntry, SearchEntry, TaskEntry
from gapbench.store.manifest_types import JsonObject
from gapbench.store.provenance import format_utc, machine_info, package_versions
from gapbench.store.replay_entry import ReplayEntry
from gapbench.store.schema import SCHEMA_VERSION
from gapbench.suite.plan import Cell, Load, Plan, PlannedSearch
from gapbench.values import Model


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
    manifest = RunManifest(
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
    )
    if plan.shard is not None:
        manifest.shard = plan.shard.as_json()
    return manifest


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
        replay=_replay_entry(cell),
    )


def _replay_entry(cell: Cell) -> ReplayEntry | None:
    found = cell.task.replay
    if found is None:
        return None
    left_out = dict(found.left_out)
    if len(cell.load.trace) > len(cell.requests):
        left_out["after the end of this load"] = len(cell.load.trace) - len(cell.requests)
    return ReplayEntry(
        logged=found.logged,
        left_out=left_out,
        parts_left_out=dict(found.parts_left_out),
        made_up=found.made_up,
        without_length=found.without_length,
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

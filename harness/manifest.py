"""``run.json``: what was run, by what, on what. Holds no key and no prompt."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import platform
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from harness.plan import Cell, Load, Plan, PlannedSearch
from harness.schema import SCHEMA_VERSION
from harness.values import Model

PACKAGES = ("gapbench", "openai", "anthropic", "google-genai", "httpx2", "uvloop", "genai-prices", "vllm")


def new_run_id(suite: str, at: datetime) -> str:
    """Return a run id that sorts by time: suite, UTC second, four random hex digits."""
    return f"{suite}-{at.astimezone(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def opening(
    plan: Plan, run_id: str, selection: Mapping[str, Any], simulated: Mapping[str, bool]
) -> dict[str, Any]:
    """Return the manifest of a run that is about to start.

    Args:
        plan: The plan.
        run_id: The run.
        selection: What the command line picked and where the suite is, for ``--resume``.
        simulated: By model id.
    """
    return {
        "schema": SCHEMA_VERSION,
        "run_id": run_id,
        "suite": plan.suite,
        "suite_sha256": plan.suite_sha256,
        "selection": dict(selection),
        "seed": plan.seed,
        "repeats": plan.repeats,
        "margin_points": plan.margin_points,
        "started_at": utc_text(datetime.now(UTC)),
        "ended_at": None,
        "state": "running",
        "reason": None,
        "versions": versions(),
        "machine": machine(),
        "calibration": None,
        "models": [_model(model, simulated=simulated[model.id]) for model in plan.models],
        "tasks": [
            {
                "name": task.name,
                "category": task.category,
                "version": task.version,
                "sha256": task.sha256,
                "samples": len(task.samples),
                "scorer": task.scorer_name,
                "license": task.license,
            }
            for task in plan.tasks
        ],
        "cells": [cell_entry(cell) for cell in plan.cells],
        "searches": [_search(search) for search in plan.searches],
        "failures": [],
    }


def _model(model: Model, *, simulated: bool) -> dict[str, Any]:
    return {
        "id": model.id,
        "runner": model.runner,
        "name": model.name,
        "weights": model.weights,
        "released": model.released.isoformat() if model.released else None,
        "base_url": model.base_url,
        "simulated": simulated,
        "params": model.params.as_json(),
        "options": dict(model.options),
        "cost": dict(model.cost) if model.cost else None,
        "facts": {},
    }


def cell_entry(cell: Cell) -> dict[str, Any]:
    """Return what ``run.json`` says of a cell before it begins; one that a search tries is added when it is tried."""
    return {
        "cell_id": cell.cell_id,
        "model_id": cell.model.id,
        "task": cell.task.name,
        "category": cell.task.category,
        "load_kind": cell.load.kind,
        "load_value": cell.load.value,
        "load": _load(cell.load),
        "salt": cell.load.salt,
        "planned": len(cell.requests),
        "started_at": None,
        "wall_s": None,
        "stretches_s": {},
        "counters_before": None,
        "counters_after": None,
        "lag_p99_s": None,
        "workers": None,
        "cut_short": False,
    }


def add_stretch(
    entry: dict[str, Any], started_at: datetime, seconds: float, *, is_whole: bool = True
) -> None:
    """Count a stretch of time that a cell was sent in; a resumed cell has several, and its time is their sum.

    Args:
        entry: The cell in ``run.json``.
        started_at: When the stretch began.
        seconds: How long it took.
        is_whole: False: only as long as the rows tell of a session that was killed; one that is counted stands.
    """
    stretches = entry.setdefault("stretches_s", {})
    begun = utc_text(started_at)
    if is_whole:
        stretches[begun] = seconds
    else:
        stretches.setdefault(begun, seconds)
    # A run.json of an older gapbench has the sum alone.
    entry["wall_s"] = max(sum(stretches.values()), entry["wall_s"] or 0.0)
    entry["started_at"] = entry["started_at"] or begun


def _load(load: Load) -> dict[str, Any]:
    """Return the settings of a load that are set, without the trace that it replays."""
    defaults = Load(load.kind, load.value)
    names = (field.name for field in dataclasses.fields(Load) if field.name not in {"kind", "value", "trace"})
    return {name: value for name in names if (value := getattr(load, name)) != getattr(defaults, name)}


def _search(planned: PlannedSearch) -> dict[str, Any]:
    search = planned.search
    return {
        "search_id": planned.search_id,
        "model_id": planned.model.id,
        "task": planned.task.name,
        "slo": search.slo.as_json(),
        "from_rps": search.from_rps,
        "to_rps": search.to_rps,
        "tolerance": search.tolerance,
        "repeats": search.repeats,
        "levels": [],
        "rate_rps": None,
        "low_rps": None,
        "words": None,
        "is_done": False,
    }


def find(rows: Sequence[dict[str, Any]], key: str, value: str) -> dict[str, Any]:
    """Return the row of a manifest list whose ``key`` is ``value``."""
    return next(row for row in rows if row[key] == value)


def changed(manifest: Mapping[str, Any], plan: Plan) -> list[str]:
    """Return in words what differs between a run and the plan that would go on with it; [] for nothing."""
    differences: list[str] = []
    if manifest["suite_sha256"] != plan.suite_sha256:
        differences.append("the suite's content")
    before = {task["name"]: task["sha256"] for task in manifest["tasks"]}
    now = {task.name: task.sha256 for task in plan.tasks}
    differences += [
        f"task {name}" for name in sorted(before.keys() & now.keys()) if before[name] != now[name]
    ]
    # The cells of a search are added as they are tried; the search itself is what was picked.
    cells_before = {cell["cell_id"] for cell in manifest["cells"] if cell["load_kind"] != "search"}
    searches_before = {search["search_id"] for search in manifest.get("searches", ())}
    cells_now = {cell.cell_id for cell in plan.cells}
    if cells_before != cells_now or searches_before != {search.search_id for search in plan.searches}:
        differences.append("the models, tasks or loads picked")
    traces = {cell["cell_id"]: (cell.get("load") or {}).get("trace_sha256") for cell in manifest["cells"]}
    differences += [
        f"the trace of load {cell.load.label}"
        for cell in plan.cells
        if cell.load.trace_sha256 is not None and traces.get(cell.cell_id) != cell.load.trace_sha256
    ]
    return differences


def versions() -> dict[str, str]:
    """Return the versions of what takes part in a measurement."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def machine() -> dict[str, Any]:
    """Return this machine's hardware as far as it tells."""
    return {
        "platform": platform.platform(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    }


def _cpu() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def utc_text(at: datetime) -> str:
    """Return a UTC instant as text."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

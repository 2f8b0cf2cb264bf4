"""What differs between the setups of two runs of a suite, by side: price, model, engine, or our code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gapbench.analysis.frames import Runs


def setup_changes(first: Runs, second: Runs) -> Iterator[dict[str, Any]]:
    """Yield the differences between the newest manifests of both sides.

    Each has ``kind`` (``price``, ``model``, ``engine`` or ``code``), ``what``, ``a`` and ``b``. For mappings, ``a`` and ``b``
    hold only the keys that differ.
    """
    one, other = first.manifests[-1], second.manifests[-1]
    for package in sorted({*one.versions, *other.versions}):
        values = one.versions.get(package), other.versions.get(package)
        if values[0] != values[1]:
            ours = package == "gapbench"
            what = package if ours else "package"
            yield _change("code" if ours else "engine", what, *(f"{package} {value}" for value in values))
    tasks = [{task.name: task.sha256 for task in run.tasks} for run in (one, other)]
    for task in tasks[0]:
        if task in tasks[1] and tasks[0][task] != tasks[1][task]:
            yield _change("code", f"task {task}", tasks[0][task][:12], tasks[1][task][:12])
    for model_id in first.models:
        if model_id in second.models:
            yield from _model_changes(first, second, model_id)


def _model_changes(first: Runs, second: Runs, model_id: str) -> Iterator[dict[str, Any]]:
    before, after = first.model(model_id), second.model(model_id)
    for kind, key in (("model", "name"), ("code", "params"), ("code", "options"), ("price", "cost")):
        if getattr(before, key) != getattr(after, key):
            yield _change(
                kind, f"{model_id} {key}", *_differing_keys(getattr(before, key), getattr(after, key))
            )
    facts = [_stable_facts(model.facts) for model in (before, after)]
    if facts[0] != facts[1]:
        yield _change("engine", model_id, *_differing_keys(*facts))
    served = [_served(runs, model_id) for runs in (first, second)]
    if served[0] != served[1]:
        yield _change("model", f"{model_id} served as", *served)


def _change(kind: str, what: str, before: Any, after: Any) -> dict[str, Any]:
    return {"kind": kind, "what": what, "a": before, "b": after}


def _differing_keys(before: Any, after: Any) -> tuple[Any, Any]:
    """Reduce two mappings to the keys that differ, nested ones as ``outer.inner``. Return other values unchanged."""
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return before, after
    one, other = dict(_flatten(before)), dict(_flatten(after))
    keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
    return {key: one.get(key) for key in keys}, {key: other.get(key) for key in keys}


def _flatten(value: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            yield from _flatten(inner, f"{within}{key}.")
        else:
            yield f"{within}{key}", inner


def _stable_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return a server's facts without those that change with each start: process ids, and our own server's port."""
    flat = {
        key: value for key, value in _flatten(facts) if key.rsplit(".", 1)[-1] not in {"pid", "server_pid"}
    }
    command = flat.get("owned.command")
    if isinstance(command, list):
        flat.pop("base_url", None)
        ports = {k + 1 for k, word in enumerate(command) if word == "--port"}
        flat["owned.command"] = [word for k, word in enumerate(command) if k not in ports]
    return flat


def _served(runs: Runs, model_id: str) -> list[str]:
    frame = runs.frame
    names = frame["model_served"][(frame["model_id"] == model_id).to_numpy()].dropna()
    return sorted({str(name) for name in names.unique()})

"""Turns evals of inspect-evals into tasks."""

from __future__ import annotations

import ast
import difflib
import importlib.util
import json
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from gapbench.errors import InputError, SetupError
from gapbench.sandbox import Sandbox, SandboxLimits
from gapbench.sandbox.tool_worker import ToolWorker, ToolWorkerError
from gapbench.suite.documents import Document
from gapbench.suite.inspect_evals.entry import InspectEvalsEntry, inspect_evals_entries
from gapbench.suite.package_files import installed_sha256, installed_version, read_package_file
from gapbench.suite.tasks.dataset import read_hugging_face
from gapbench.suite.tasks.task import Task
from gapbench.suite.tasks.task_places import TaskPlaces
from gapbench.values import Message, Sample, Text, canonical_json, sha256

PACKAGE = "inspect-evals"
INSTALL_HINT = (
    "pip install --no-deps inspect-evals==0.28.0 (without its dependencies: inspect_ai is not needed)"
)
LIMITS = SandboxLimits(cpu_s=600, memory_bytes=2 * 2**30, total_bytes=3 * 2**30)
CALL_TIMEOUT_S = 600.0
BATCH_BYTES = 2**20


class RefusedEvalError(InputError):
    """The eval cannot be run here; the message says why."""


def load_inspect_evals_tasks(
    document: Document, only: Collection[str], limit: int | None, places: TaskPlaces
) -> list[Task]:
    """Return the tasks that a suite's entries for inspect-evals stand for.

    Args:
        document: The suite.
        only: Names of tasks; (): all.
        limit: N samples of each task, on top of the entries' own. None: no further limit.
        places: The suite's other tasks.

    Raises:
        DocumentError: There is no such eval, or it is of another kind.
        SetupError: The package is not installed, no sandbox works here, or the data cannot be loaded.
    """
    tasks: list[Task] = []
    for at, entry in inspect_evals_entries(document):
        places.add(entry.task_name, at)
        if only and entry.task_name not in only:
            continue
        limits = [bound for bound in (entry.limit, limit) if bound is not None]
        try:
            tasks.append(convert_eval(entry, min(limits, default=None)))
        except RefusedEvalError as exc:
            raise document.error((*at, "inspect_evals"), str(exc)) from exc
    return tasks


def convert_eval(entry: InspectEvalsEntry, limit: int | None = None) -> Task:
    """Return one eval as a task.

    Args:
        entry: What the suite says.
        limit: N samples, spread over the data set. None: all.

    Raises:
        RefusedEvalError: There is no such eval, or it is of another kind.
        SetupError: The package is not installed, no sandbox works here, or the data cannot be loaded.
    """
    name = entry.inspect_evals
    folders = find_evals()
    version = installed_version(PACKAGE)
    if name not in folders:
        near = difflib.get_close_matches(name, folders, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise RefusedEvalError(
            f"inspect-evals {version} has no eval {name!r}; {hint}its documentation lists them"
        )
    hub: Mapping[str, Any] = _ask(name, "describe", folders[name])["hub"]
    source = {
        key: value
        for key, value in {
            "hf": hub["path"],
            "config": hub["name"],
            "split": hub["split"],
            "revision": hub["revision"],
        }.items()
        if value is not None
    }
    rows, content = read_hugging_face(source, None)
    samples = [
        _make_sample(name, number, made)
        for number, made in enumerate(_convert_rows(name, folders[name], rows))
        if made is not None
    ]
    if limit is not None and limit < len(samples):
        samples = [samples[number * len(samples) // limit] for number in range(limit)]
    return Task(
        name=entry.task_name,
        category=entry.category,
        version=version,
        sha256=sha256(canonical_json([PACKAGE, version, installed_sha256(PACKAGE), name, content])),
        samples=tuple(samples),
        scorer_name="inspect_choice",
        source=f"{PACKAGE} {version}",
        origin=f"{PACKAGE} {version}, {name}: {hub['path']} at {hub['revision']}",
    )


def _convert_rows(name: str, folder: str, rows: list[Any]) -> list[Any]:
    """Return what the package makes of the rows, in messages of limited size."""
    found: list[Any] = []
    batch: list[Any] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += len(json.dumps(row))
        if size > BATCH_BYTES:
            found += _ask(name, "convert", folder, rows=batch)["samples"]
            batch, size = [], 0
    if batch:
        found += _ask(name, "convert", folder, rows=batch)["samples"]
    return found


def _make_sample(name: str, number: int, made: Mapping[str, Any]) -> Sample:
    target = made["target"]
    wrong = "B" if target == "A" else "A"
    return Sample(
        sample_id=f"{name}-{number}",
        messages=(
            *(Message("system", (Text(text),)) for text in made["system"]),
            Message("user", (Text(made["prompt"]),)),
        ),
        target=target,
        columns={"choices": made["choices"], "id": made["id"]},
        reference=f"ANSWER: {target}",
        decoy=f"ANSWER: {wrong}",
    )


def find_evals() -> Mapping[str, str]:
    """Return the evals of the installed package by name, each with its folder; nothing of it is imported.

    Raises:
        SetupError: The package is not installed.
    """
    spec = importlib.util.find_spec("inspect_evals")
    if spec is None or not spec.submodule_search_locations:
        raise SetupError(f"inspect-evals is not installed; {INSTALL_HINT}")
    file = Path(next(iter(spec.submodule_search_locations))) / "_registry.py"
    try:
        tree = ast.parse(read_package_file(file, INSTALL_HINT))
    except SyntaxError as exc:
        raise SetupError(f"{file} cannot be read ({exc}); {INSTALL_HINT}") from exc
    return {
        alias.name: node.module.partition(".")[2]
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


def _ask(name: str, function: str, folder: str, **more: Any) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = _evals_worker(Sandbox.find()).call(
            function, {"folder": folder, "name": name, **more}, timeout_s=CALL_TIMEOUT_S
        )
    except ToolWorkerError as exc:
        raise SetupError(f"inspect-evals cannot be used: {exc}; {INSTALL_HINT}") from exc
    if "refused" in found:
        raise RefusedEvalError(
            f"the eval {name!r} cannot be run here: {found['refused']}; "
            "offered are evals that ask a question of several choices once, with data of the hub"
        )
    return found


@cache
def _evals_worker(sandbox: Sandbox) -> ToolWorker:
    source = Path(__file__).with_name("sandbox_evals.py").read_text(encoding="utf-8")
    return ToolWorker(sandbox, source, ("inspect_evals", "yaml"), LIMITS)

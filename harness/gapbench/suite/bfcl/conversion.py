"""Turn categories of BFCL into tasks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from gapbench.suite.bfcl.conversations import convert_conversations
from gapbench.suite.bfcl.entry import MULTI_TURN_CATEGORIES, BfclEntry, bfcl_entries, task_name
from gapbench.suite.bfcl.functions import make_tool_set
from gapbench.suite.bfcl.package import BfclRows, read_category
from gapbench.suite.bfcl.reference import Call, reference_calls
from gapbench.suite.documents import Document
from gapbench.suite.tasks.task import Task
from gapbench.suite.tasks.task_places import TaskPlaces
from gapbench.values import Message, Sample, Text, ToolCall, canonical_json, sha256

LICENSE = "Apache-2.0"
NO_CALL = Message("assistant", (Text("None of the functions can do that."),))


def load_bfcl_tasks(
    document: Document, only: Collection[str], limit: int | None, places: TaskPlaces
) -> list[Task]:
    """Return the tasks that a suite's entries for BFCL stand for.

    Args:
        document: The suite.
        only: Names of tasks; (): all.
        limit: N samples of each task, on top of the entries' own. None: no further limit.
        places: The suite's other tasks.

    Raises:
        DocumentError: A category is listed twice.
        SetupError: The package ``bfcl-eval`` is not installed, or one that its tools need.
    """
    tasks: list[Task] = []
    for at, entry in bfcl_entries(document):
        for category in entry.bfcl:
            name = task_name(category)
            places.add(name, at)
            if not only or name in only:
                tasks.append(convert_category(category, entry, limit))
    return tasks


def convert_category(category: str, entry: BfclEntry, limit: int | None = None) -> Task:
    """Return one category as a task.

    Args:
        category: BFCL's name of it.
        entry: What the suite says.
        limit: N samples, on top of the entry's own limit. None: no further limit.

    Raises:
        SetupError: The package ``bfcl-eval`` is not installed, or one that its tools need.
    """
    rows = read_category(category)
    limits = [bound for bound in (entry.limit, limit) if bound is not None]
    is_conversation = category in MULTI_TURN_CATEGORIES
    samples = tuple((convert_conversations if is_conversation else _convert_rows)(rows, category))
    return Task(
        name=task_name(category),
        category=entry.category,
        version=rows.version,
        sha256=sha256(canonical_json(["bfcl-eval", rows.version, rows.sha256, category])),
        samples=samples[: min(limits)] if limits else samples,
        scorer_name="bfcl",
        scorer_options={"category": category},
        license=LICENSE,
        source=f"bfcl-eval {rows.version}",
        origin=f"bfcl-eval {rows.version}, {category}",
    )


def _convert_rows(rows: BfclRows, category: str) -> list[Sample]:
    samples: list[Sample] = []
    for position, question in enumerate(rows.questions):
        functions = question["function"]
        # Some answers have another id; the order of both files is the same.
        expected = rows.answers[position]["ground_truth"] if rows.answers else []
        right, wrong = _reference_and_decoy(functions, expected, category)
        samples.append(
            Sample(
                sample_id=question["id"],
                messages=tuple(
                    Message(message["role"], (Text(message["content"]),))
                    for message in question["question"][0]
                ),
                target=expected,
                cluster_id=_cluster_id(question["id"], category),
                columns={"functions": functions, "expected": expected},
                tools=make_tool_set(functions, category) if functions else None,
                reference=right.text,
                decoy=wrong.text,
                reference_turns=(right,),
                decoy_turns=(wrong,),
            )
        )
    return samples


def _cluster_id(sample_id: str, category: str) -> str | None:
    """Return the functions that live items share: their ids are number, functions and prompt."""
    if not category.startswith("live_"):
        return None
    return f"{category}:{sample_id.removeprefix(category).split('-')[1]}"


def _reference_and_decoy(
    functions: list[Mapping[str, Any]], expected: list[Any], category: str
) -> tuple[Message, Message]:
    if category.endswith("relevance"):
        call = _calls_message([(functions[0]["name"] if functions else "any_function", {})])
        return (NO_CALL, call) if "irrelevance" in category else (call, NO_CALL)
    return _calls_message(reference_calls(functions, expected, category)), NO_CALL


def _calls_message(calls: list[Call]) -> Message:
    return Message(
        "assistant",
        tuple(
            ToolCall(f"call_{number}", name, canonical_json(arguments))
            for number, (name, arguments) in enumerate(calls)
        ),
    )

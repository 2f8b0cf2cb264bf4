"""Run folders made row by row, for the tests of what reads them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from gapbench.store import RunManifest, RunWriter
from gapbench.values import Attempt, Payload, Trajectory

NO_TIMES: dict[str, Any] = dict.fromkeys(
    ("scheduled_s", "sent_s", "first_byte_s", "first_token_s", "first_answer_s", "last_token_s", "done_s", "chunk_tokens")
) | {"chunk_s": ()}  # fmt: skip
"""The times of an answer that has none, as those of a batch."""
STARTED = datetime(2026, 11, 1, 12, tzinfo=UTC)


def make_attempt(**given: Any) -> Attempt:
    """Return an attempt that was answered right in two seconds, with ``given`` fields instead."""
    model = given.get("model_id", "closed-a")
    task = given.get("task", "reasoning/sums")
    values: dict[str, Any] = {
        "run_id": "run-1",
        "cell_id": f"{model}|{task}|c{given.get('load_value', 8):g}",
        "suite": "unit",
        "suite_sha256": "s",
        "task": task,
        "task_sha256": "t",
        "category": task.split("/", maxsplit=1)[0],
        "sample_id": "1",
        "cluster_id": given.get("sample_id", "1"),
        "repeat": 0,
        "attempt": 1,
        "final": True,
        "phase": "measure",
        "model_id": model,
        "runner": "openai",
        "model_asked": "gpt-5.2",
        "model_served": None,
        "weights": "closed" if model.startswith("closed") else "open",
        "simulated": False,
        "prompt_sha256": f"p{task}{given.get('sample_id', '1')}",
        "params_asked": '{"max_tokens":256}',
        "params_sent": '{"max_tokens":256}',
        "params_changes": (),
        "image_count": 0,
        "image_bytes": 0,
        "image_detail": None,
        "load_kind": "concurrency",
        "load_value": 8.0,
        "worker": 0,
        "transport": "lean",
        "response_id": None,
        "system_fingerprint": None,
        "service_tier": None,
        "started_at": STARTED,
        "scheduled_s": 0.0,
        "sent_s": 0.5,
        "first_byte_s": 0.9,
        "first_token_s": 1.0,
        "first_answer_s": 1.0,
        "last_token_s": 2.4,
        "done_s": 2.5,
        "chunk_s": (1.0, 2.4),
        "chunk_tokens": None,
        "loop_lag_s": None,
        "in_flight": 1,
        "input_tokens": 1000,
        "cached_input_tokens": None,
        "cache_write_tokens": None,
        "cache_write_1h_tokens": None,
        "output_tokens": 100,
        "reasoning_tokens": None,
        "usage_source": "provider",
        "reasoning_disclosure": "none",
        "input_chars": 4000,
        "output_chars": 400,
        "reasoning_chars": 0,
        "outcome": "correct",
        "failure_kind": None,
        "http_status": 200,
        "retry_after_s": None,
        "finish_reason": "stop",
        "finish_raw": "stop",
        "from_cache": False,
        "scorer": "exact",
        "score": 1.0,
        "answer": "4",
        "isolation": None,
    }
    outcome = given.get("outcome", "correct")
    if outcome != "correct":
        values["score"] = None if outcome in {"infra", "unscored"} else 0.0
    if outcome == "infra":
        values.update(
            failure_kind="server", http_status=500, input_tokens=None, output_tokens=None, first_token_s=None
        )
    return Attempt(**{**values, **given})


TURN_S = 2.5
"""Seconds from when a turn of :func:`make_episode` is due until its reply is complete."""


def make_episode(turns: int = 3, /, tool_wait_s: float = 1.5, **given: Any) -> list[Attempt]:
    """Return the rows of an episode: each reply but the last calls a tool, and the last one ends it.

    The first turn is due at ``scheduled_s``; each takes :data:`TURN_S`, after which its tool takes ``tool_wait_s``.
    """
    start_s = given.pop("scheduled_s", 0.0)
    keys = ("model_id", "task", "load_value", "sample_id", "repeat")
    name = "-".join(str(given.get(key, "")) for key in keys)
    rows = []
    for number in range(turns):
        is_last = number == turns - 1
        at_s = start_s + number * (TURN_S + tool_wait_s)
        ended = given if is_last else {**given, "outcome": "unscored", "score": None, "answer": None}
        rows.append(
            make_attempt(
                **{
                    "attempt": number + 1,
                    "turn": number,
                    "trajectory_id": name,
                    "final": is_last,
                    "scheduled_s": at_s,
                    "sent_s": at_s + 0.5,
                    "first_byte_s": at_s + 0.9,
                    "first_token_s": at_s + 1.0,
                    "first_answer_s": at_s + 1.0,
                    "last_token_s": at_s + 2.4,
                    "done_s": at_s + TURN_S,
                    "chunk_s": (at_s + 1.0, at_s + 2.4),
                    "tool_calls": 0 if is_last else 1,
                    "tool_calls_invalid": 0,
                    "first_complete_call_s": None if is_last else at_s + 2.0,
                    "tool_wait_s": None if is_last else tool_wait_s,
                    **ended,
                }
            )
        )
    return rows


def trajectory_of(rows: Iterable[Attempt], last: Attempt) -> Trajectory | None:
    """Return the row of the episode that an attempt ended, by adding up its turns. None: it ended none."""
    if last.trajectory_id is None or not last.final:
        return None
    attempts = [row for row in rows if row.trajectory_id == last.trajectory_id]
    replies = [row for row in attempts if row.outcome != "infra"]
    start_s, end_s = attempts[0].scheduled_s or 0.0, last.done_s or 0.0
    model_s = sum((row.done_s or 0.0) - (row.sent_s or 0.0) for row in replies)
    tool_s = sum(row.tool_wait_s or 0.0 for row in replies)
    is_infra = last.outcome == "infra"
    tokens: dict[str, Any] = {}
    for name in ("input", "cached_input", "cache_write", "output", "reasoning"):
        counts = [getattr(row, f"{name}_tokens") for row in replies]
        tokens[f"{name}_tokens"] = sum(counts) if counts and None not in counts else None
    shared = (
        "run_id",
        "cell_id",
        "sample_id",
        "repeat",
        "attempt",
        "cluster_id",
        "task",
        "category",
        "phase",
    )
    return Trajectory(
        **{name: getattr(last, name) for name in (*shared, "model_id", "weights", "simulated")},
        **tokens,
        trajectory_id=last.trajectory_id,
        success=None if last.score is None else last.score == 1.0,
        score=last.score,
        partial=last.partial,
        outcome=last.outcome,
        termination="infra" if is_infra else "done",
        reason="the server broke" if is_infra else "",
        turns=len(replies),
        calls=sum(row.tool_calls or 0 for row in replies),
        calls_invalid=sum(row.tool_calls_invalid or 0 for row in replies),
        calls_failed=sum(row.tool_calls_invalid or 0 for row in replies),
        retries=len(attempts) - len(replies) - is_infra,
        start_s=start_s,
        wall_s=end_s - start_s,
        model_s=model_s,
        tool_s=tool_s,
        user_s=0.0,
        queue_s=end_s - start_s - model_s - tool_s,
        state_sha256=None,
    )


def manifest(rows: Iterable[Attempt], **models: dict[str, Any]) -> RunManifest:
    """Return a ``run.json`` for rows; ``models`` gives changes by id, with ``_`` for ``-``."""
    listed = list(rows)
    cells = dict.fromkeys(
        (row.cell_id, row.model_id, row.task, row.category, row.load_kind, row.load_value) for row in listed
    )
    first = {row.model_id: row for row in reversed(listed)}
    value = {
        "schema": 1,
        "run_id": listed[0].run_id,
        "suite": "unit",
        "suite_sha256": "s",
        "seed": 0,
        "repeats": 1,
        "margin_points": 1.7,
        "started_at": "2026-11-01T12:00:00.000Z",
        "ended_at": "2026-11-01T12:10:00.000Z",
        "state": "complete",
        "reason": None,
        "versions": {"gapbench": "0.1.0", "python": "3.11"},
        "machine": {"platform": "Linux", "cpu": "a cpu", "cores": 2, "memory_bytes": 8_000_000_000},
        "models": [
            {
                "id": model_id,
                "runner": row.runner,
                "name": row.model_asked,
                "weights": row.weights,
                "released": None,
                "base_url": None,
                "simulated": row.simulated,
                "params": {},
                "options": {},
                "cost": None,
                "facts": {},
                **models.get(model_id.replace("-", "_"), {}),
            }
            for model_id, row in dict(sorted(first.items())).items()
        ],
        "tasks": [
            {
                "name": task,
                "category": task.split("/", maxsplit=1)[0],
                "version": 1,
                "sha256": "t",
                "samples": 1,
            }
            for task in dict.fromkeys(row.task for row in listed)
        ],
        "cells": [
            {
                "cell_id": cell,
                "model_id": model,
                "task": task,
                "category": category,
                "load_kind": kind,
                "load_value": value,
                "planned": sum(row.cell_id == cell and row.final for row in listed),
                "started_at": "2026-11-01T12:00:00.000Z",
                "wall_s": 100.0,
                "counters_before": None,
                "counters_after": None,
                "lag_p99_s": None,
            }
            for cell, model, task, category, kind, value in cells
        ],
        "failures": [],
    }
    return RunManifest.from_json(value)


def empty_manifest() -> RunManifest:
    """Return the ``run.json`` of a run without models, tasks and cells."""
    return manifest([make_attempt()]).model_copy(update={"models": [], "tasks": [], "cells": []})


def write_run(folder: Path, rows: Iterable[Attempt], text: str = "4", /, **models: dict[str, Any]) -> Path:
    """Write a run folder of rows and return it; ``text`` is every reply, and the reason of every score."""
    listed = [dataclasses.replace(row, run_id=folder.name) for row in rows]
    with RunWriter(folder) as writer:
        writer.write_manifest(manifest(listed, **models))
        for row in listed:
            error = "the server broke" if row.outcome == "infra" else None
            writer.add(
                row,
                Payload(
                    row.run_id,
                    row.cell_id,
                    row.sample_id,
                    row.repeat,
                    row.attempt,
                    messages="[]",
                    reply=text,
                    reasoning=None,
                    target='"4"',
                    reason="" if text == "4" else text,
                    error=error,
                ),
                trajectory_of(listed, row),
            )
    return folder


def change_first_cell(run: Path, **cell: Any) -> Path:
    """Change what ``run.json`` says of the first cell, and return the run."""
    value = json.loads((run / "run.json").read_text())
    value["cells"][0].update(cell)
    (run / "run.json").write_text(json.dumps(value))
    return run


def make_answers(model: str, right: int, total: int, *, start: int = 0, **given: Any) -> list[Attempt]:
    """Return ``total`` measured rows of a model, the first ``right`` of them correct."""
    return [
        make_attempt(
            model_id=model,
            sample_id=str(start + k),
            outcome="correct" if k < right else "wrong",
            scheduled_s=float(k),
            sent_s=k + 0.5,
            first_token_s=k + 1.0,
            first_answer_s=k + 1.0,
            last_token_s=k + 2.4,
            done_s=k + 2.5 + 0.01 * (k % 7),
            **given,
        )
        for k in range(total)
    ]


def write_run_with_targets(folder: Path, rows: list[Attempt], targets: list[str]) -> Path:
    """Write a run whose answers are stored with these targets."""
    with RunWriter(folder) as writer:
        writer.write_manifest(manifest(rows))
        for row, target in zip(rows, targets, strict=True):
            key = (row.run_id, row.cell_id, row.sample_id, row.repeat, row.attempt)
            writer.add(
                row,
                Payload(
                    *key,
                    messages="[]",
                    reply="4",
                    reasoning=None,
                    target=json.dumps(target),
                    reason="",
                    error=None,
                ),
            )
    return folder


def journal_line(attempt: Attempt) -> bytes:
    """Return an attempt as a line of an open journal, with an empty payload."""
    row = dataclasses.asdict(attempt)
    payload = dict.fromkeys(("messages", "reply", "reason"), "") | {
        name: row[name] for name in ("run_id", "cell_id", "sample_id", "repeat", "attempt")
    }
    payload |= dict.fromkeys(("reasoning", "target", "error", "calls", "state_changes"))
    return orjson.dumps([row, payload]) + b"\n"

"""A run folder with one episode of two turns, for the tests of what shows episodes."""

from __future__ import annotations

import json
from pathlib import Path

from gapbench.store import RunWriter
from gapbench.values import (
    Attempt,
    Message,
    Payload,
    Text,
    ToolCall,
    ToolResult,
    Trajectory,
    canonical_json,
    messages_as_json,
)
from tests.run_folders import make_attempt, manifest

ARGUMENTS = '{"order":"Zanzibar"}'
"""What only the call of the first turn says."""


def write_episode_run(
    folder: Path, result: str = "no such xylophone", said: str = "Try again, quokka."
) -> Path:
    """Write a run in which a model calls a tool, hears an error and a line of the user, and answers.

    Args:
        folder: The run folder.
        result: What the tool said.
        said: What the user said after it.
    """
    common = {"run_id": folder.name, "sample_id": "e1", "trajectory_id": "t1"}
    first = make_attempt(
        **common, attempt=1, turn=0, final=False, outcome="unscored", tool_wait_s=0.5, scheduled_s=0.0, sent_s=0.5,
        done_s=2.5,
    )  # fmt: skip
    last = make_attempt(**common, attempt=2, turn=1, scheduled_s=4.0, sent_s=4.5, done_s=5.0)
    call = ToolCall("c1", "find", ARGUMENTS)
    entry = {
        "id": "c1", "name": "find", "arguments_json": ARGUMENTS, "result": result, "is_error": True, "problem": None,
        "tool_s": 0.5,
    }  # fmt: skip
    added = (
        Message("assistant", (Text("I look."), call)),
        Message("tool", (ToolResult("c1", "find", result, is_error=True),)),
        Message("user", (Text(said),)),
    )
    listed = json.dumps([{"name": "find", "arguments": json.loads(ARGUMENTS)}])
    changes = '[{"op":"replace","path":"/orders/7/status","value":"sent"}]'
    with RunWriter(folder) as writer:
        writer.write_manifest(manifest([first, last]))
        prompt = (Message("system", (Text("Be brief."),)), Message("user", (Text("Find it."),)))
        writer.add(first, _payload(first, prompt, f"I look.\n{listed}", canonical_json([entry]), changes))
        writer.add(last, _payload(last, added, "It is gone.", None, "[]"), _trajectory(last))
    return folder


def _payload(
    row: Attempt, messages: tuple[Message, ...], reply: str, calls: str | None, changes: str
) -> Payload:
    key = (row.run_id, row.cell_id, row.sample_id, row.repeat, row.attempt)
    return Payload(
        *key, messages=canonical_json(messages_as_json(messages)), reply=reply, reasoning=None, target='"4"',
        reason="it says so", error=None, calls=calls, state_changes=changes,
    )  # fmt: skip


def _trajectory(row: Attempt) -> Trajectory:
    return Trajectory(
        run_id=row.run_id, cell_id=row.cell_id, sample_id=row.sample_id, repeat=0, attempt=2, trajectory_id="t1",
        cluster_id=row.cluster_id, task=row.task, category=row.category, phase="measure", model_id=row.model_id,
        weights=row.weights, simulated=False, success=True, score=1.0, partial=None, outcome="correct",
        termination="done", reason="nothing to add", turns=2, calls=1, calls_invalid=0, calls_failed=1, retries=0,
        start_s=0.0, wall_s=5.0, model_s=2.5, tool_s=0.5, user_s=1.0, queue_s=1.0, input_tokens=2000,
        cached_input_tokens=None, cache_write_tokens=None, output_tokens=200, reasoning_tokens=None,
        state_sha256=None,
    )  # fmt: skip

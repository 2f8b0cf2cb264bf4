"""BFCL's verdict on a conversation: the model's calls are run again in the sandbox, next to the right ones."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Mapping
from typing import Any

from gapbench.errors import SetupError
from gapbench.sandbox import Sandbox
from gapbench.sandbox.tool_session import BrokenToolsError, EndedSessionError, ToolSession
from gapbench.scoring.conversation_facts import parse_arguments
from gapbench.suite.bfcl import stateful
from gapbench.suite.bfcl.conversations import PACKAGES
from gapbench.values import Message, Sample, StepRecord, Transcript

JUDGE_TIMEOUT_S = 300.0
"""Each call has been run once before, so this is far more than a conversation takes."""
MAX_VERDICT_CHARS = 2000

NamedCalls = list[tuple[str, Mapping[str, Any]]]


class JudgeError(Exception):
    """A conversation could not be judged; the message says why."""


def calls_by_line(transcript: Transcript, sample: Sample) -> list[list[NamedCalls]]:
    """Return the model's calls after each line of the user, those of each reply together.

    As in the package, a reply of which one call has no JSON object as arguments counts as one without calls. Calls that
    ended their process are left out: they changed nothing.

    Args:
        transcript: The conversation.
        sample: Its sample.
    """
    lines: list[list[NamedCalls]] = [[]]
    number = -1
    for message in transcript.messages[len(sample.messages) :]:
        if message.role == "user":
            lines.append([])
        elif message.role == "assistant":
            number += 1
            steps = [step for step in transcript.steps if step.turn == number]
            if calls := _calls_of(message, steps):
                lines[-1].append(calls)
    return lines


def _calls_of(reply: Message, steps: list[StepRecord]) -> NamedCalls:
    calls: NamedCalls = []
    for position, call in enumerate(reply.tool_calls):
        arguments = parse_arguments(call.arguments_json)
        if arguments is None:
            return []
        if position >= len(steps) or not steps[position].is_error:
            calls.append((call.name, arguments))
    return calls


def judge_calls(lines: list[list[NamedCalls]], sample: Sample, sandbox: Sandbox) -> str | None:
    """Return why calls are wrong. None: they are right.

    Args:
        lines: Of :func:`calls_by_line`.
        sample: Its columns have the right calls.
        sandbox: Where they run; the arguments are the model's.

    Raises:
        JudgeError: They could not be run.
    """
    return asyncio.run(_judge(lines, sample, sandbox))


async def _judge(lines: list[list[NamedCalls]], sample: Sample, sandbox: Sandbox) -> str | None:
    conversation = {**sample.columns, "calls": lines}
    try:
        session = await ToolSession.start(
            sandbox, inspect.getsource(stateful), None, result_chars=MAX_VERDICT_CHARS, packages=PACKAGES
        )
        try:
            reply = await session.call(
                stateful.judge_conversation.__name__, conversation, timeout_s=JUDGE_TIMEOUT_S
            )
        finally:
            await session.close()
    except (BrokenToolsError, EndedSessionError, SetupError) as exc:
        raise JudgeError(str(exc)) from exc
    if reply.is_error:
        raise JudgeError(reply.content)
    mismatch: str | None = json.loads(reply.content)["mismatch"]
    return mismatch

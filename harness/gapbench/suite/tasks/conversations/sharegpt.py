"""Conversations in ShareGPT's form, ``[{from, value}]``, with the function calls that fine-tuning sets add to it.

Two ways of writing calls are common: a turn of ``function_call`` whose value is the call as JSON, followed by an
``observation`` (LLaMA-Factory, glaive), and ``<tool_call>`` and ``<tool_response>`` tags in turns of ``gpt`` and ``tool``
(hermes). Calls have no ids; results follow in the order of the calls.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from gapbench.suite.tasks.conversations.recorded import ConversationError, as_text, turns_of
from gapbench.values import Message, Part, Text, ToolCall, ToolResult

_USERS = frozenset({"human", "user"})
_ASSISTANTS = frozenset({"gpt", "assistant", "chatgpt", "model", "bing", "bard"})
_CALLS = frozenset({"function_call", "tool_call"})
_RESULTS = frozenset({"observation", "tool", "function", "function_response", "tool_response"})
_CALL_TAG = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
_RESULT_TAG = re.compile(r"<tool_response>(.*?)</tool_response>", re.DOTALL)


def read_sharegpt(value: Any) -> list[Message]:
    """Return the messages of a list of ``{from, value}``.

    Raises:
        ConversationError: Names the turn.
    """
    out: list[Message] = []
    for number, turn in enumerate(turns_of(value, "ShareGPT"), 1):
        speaker, said = turn.get("from"), turn.get("value")
        if speaker in _CALLS:
            out.append(Message("assistant", tuple(_read_calls(said, number))))
        elif speaker in _RESULTS:
            out.append(Message("tool", tuple(_read_results(said, _waiting(out)))))
        elif speaker == "system":
            out.append(Message("system", (Text(_text(said, number)),)))
        elif speaker in _USERS:
            out.append(Message("user", (Text(_text(said, number)),)))
        elif speaker in _ASSISTANTS:
            out.append(Message("assistant", tuple(_read_assistant(_text(said, number), number))))
        else:
            raise ConversationError(
                f"turn {number}: found from {speaker!r}; expected human, gpt, system, function_call or observation"
            )
    return out


def _text(said: Any, number: int) -> str:
    if not isinstance(said, str):
        raise ConversationError(f"turn {number}: value is {type(said).__name__}; expected text")
    return said


def _read_assistant(text: str, number: int) -> list[Part]:
    calls = _CALL_TAG.findall(text)
    if not calls:
        return [Text(text)] if text else []
    words = _CALL_TAG.sub("", text).strip()
    parts: list[Part] = [Text(words)] if words else []
    return parts + [call for inner in calls for call in _read_calls(inner, number)]


def _read_calls(said: Any, number: int) -> list[ToolCall]:
    value = said
    if isinstance(said, str):
        try:
            value = json.loads(said)
        except (ValueError, RecursionError) as exc:
            raise ConversationError(
                f"turn {number}: a call that is not JSON; expected {{name, arguments}}"
            ) from exc
    calls = []
    for call in value if isinstance(value, list) else [value]:
        if not isinstance(call, Mapping) or not isinstance(call.get("name"), str):
            raise ConversationError(f"turn {number}: a call without name; expected {{name, arguments}}")
        arguments = call.get("arguments", call.get("parameters"))
        calls.append(ToolCall("", call["name"], as_text("{}" if arguments in (None, "") else arguments)))
    return calls


def _waiting(messages: list[Message]) -> int:
    """Return how many calls at the end of a conversation have no result yet."""
    answered = 0
    for message in reversed(messages):
        if message.role != "tool":
            return len(message.tool_calls) - answered
        answered += len(message.parts)
    return 0


def _read_results(said: Any, waiting: int) -> list[ToolResult]:
    """Return a turn's results: one for each tag, or each entry of a list that is as long as the calls."""
    texts = [as_text(said)]
    if isinstance(said, str) and (tagged := _RESULT_TAG.findall(said)):
        texts = [text.strip() for text in tagged]
    elif waiting > 1:
        try:
            value = json.loads(said) if isinstance(said, str) else said
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, list) and len(value) == waiting:
            texts = [as_text(entry) for entry in value]
    return [ToolResult("", "", text) for text in texts]

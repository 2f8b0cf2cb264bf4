"""Prompts, tools and schemas in the form of generateContent (google-genai 3.6 types)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Sequence
from typing import Any

from gapbench.values import Audio, Document, Image, Message, Part, ReasoningState, Text, ToolCall, ToolResult
from gapbench_runners.support.conversation import (
    AUDIO_FORMATS,
    INVALID_JSON,
    INVALID_JSON_CHANGE,
    arguments_object,
)
from gapbench_runners.support.tool_declarations import ToolDeclarations

FOREIGN_SIGNATURE = "skip_thought_signature_validator"
"""What Google has one send in place of the thought signature of a call that another model made
(ai.google.dev/gemini-api/docs/thought-signatures, FAQ)."""
_SENT_NAMES = {
    "function_call": "functionCall", "function_response": "functionResponse", "thought_signature": "thoughtSignature",
    "inline_data": "inlineData",
}  # fmt: skip
_MODES = {"auto": "AUTO", "required": "ANY", "none": "NONE"}


def google_contents(
    messages: Sequence[Message], changes: list[str], *, needs_signatures: bool
) -> list[dict[str, Any]]:
    """Return a prompt without its system messages.

    Args:
        messages: The prompt.
        changes: Gets a line for each kind of change.
        needs_signatures: Whether the model refuses a reply whose first call has no thought signature.
    """
    contents: list[dict[str, Any]] = []
    for message in messages:
        if message.role == "system":
            continue
        parts = (
            _model_parts(message, changes, needs_signatures=needs_signatures)
            if message.role == "assistant"
            else [_part(part) for part in message.parts]
        )
        if not parts:
            changes.append("empty replies left out: generateContent refuses them")
            continue
        contents.append({"role": "model" if message.role == "assistant" else "user", "parts": parts})
    return contents


def _part(part: Part) -> dict[str, Any]:
    match part:
        case Text():
            return {"text": part.text}
        case Image() | Document():
            return {"inline_data": {"data": part.data, "mime_type": part.media_type}}
        case Audio():
            mime_type = f"audio/{AUDIO_FORMATS[part.media_type]}"
            return {"inline_data": {"data": part.data, "mime_type": mime_type}}
        case ToolResult():
            return {"function_response": _response(part)}
    raise AssertionError(f"{type(part).__name__} belongs to a message of another role")


def _response(result: ToolResult) -> dict[str, Any]:
    try:
        found = json.loads(result.content)
    except (ValueError, RecursionError):
        found = None
    # An object goes as one: as a text, all its quotes would be escaped.
    is_structured = isinstance(found, (dict, list)) and arguments_object(json.dumps({"": found})) is not None
    value = found if is_structured else result.content
    response: dict[str, Any] = {
        "name": result.name,
        "response": {"error" if result.is_error else "output": value},
    }
    return {"id": result.call_id, **response} if result.call_id else response


def _model_parts(message: Message, changes: list[str], *, needs_signatures: bool) -> list[dict[str, Any]]:
    """Return a reply's parts with the thought signatures where they were."""
    parts: list[dict[str, Any]] = []
    calls = 0
    for part in message.parts:
        match part:
            case ReasoningState():
                _add_state(parts, part, changes)
            case ToolCall():
                is_missing = needs_signatures and not calls and part.signature is None
                parts.append(_call(part, changes, is_missing=is_missing))
                calls += 1
            case Text():
                if part.text:
                    parts.append({"text": part.text})
            case _:
                parts.append(_part(part))
    return parts


def _add_state(parts: list[dict[str, Any]], state: ReasoningState, changes: list[str]) -> None:
    """Add a part with a signature. If it is a part of the answer, take its text from the text before it."""
    item = dict(state.item)
    signature = _signature(str(item.pop("thoughtSignature", "")), changes)
    text = str(item.get("text") or "")
    if text and not item.get("thought"):
        before = parts[-1] if parts and set(parts[-1]) == {"text"} else {"text": ""}
        if before["text"].endswith(text):
            before["text"] = before["text"].removesuffix(text)
            if not before["text"]:
                parts.pop()
        else:
            text = ""
    if signature is not None:
        thought = {"thought": True} if item.get("thought") else {}
        parts.append({"text": text, **thought, "thought_signature": signature})
    elif text:
        parts.append({"text": text})


def _call(call: ToolCall, changes: list[str], *, is_missing: bool) -> dict[str, Any]:
    arguments = arguments_object(call.arguments_json)
    if arguments is None:
        arguments = {INVALID_JSON: call.arguments_json}
        changes.append(INVALID_JSON_CHANGE)
    function: dict[str, Any] = {"name": call.name, "args": arguments}
    if call.id:
        function["id"] = call.id
    out: dict[str, Any] = {"function_call": function}
    signature = _signature(call.signature, changes)
    if is_missing:
        changes.append(f"thought signatures missing: sent {FOREIGN_SIGNATURE}, for calls of another model")
        signature = _signature(FOREIGN_SIGNATURE, changes)
    if signature is not None:
        out["thought_signature"] = signature
    return out


def _signature(given: str | None, changes: list[str]) -> bytes | None:
    """Return the bytes of a signature, which the SDK encodes again. None: there is none."""
    if not given:
        return None
    standard = given.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except binascii.Error:
        changes.append("thought signatures dropped: they are not base64")
        return None


def contents_as_sent(contents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return contents with the names of the API, as google-genai sends them; parts with bytes of media stay as they are."""
    return [
        {"parts": [_part_as_sent(part) for part in content["parts"]], "role": content["role"]}
        for content in contents
    ]


def _part_as_sent(part: dict[str, Any]) -> dict[str, Any]:
    sent = {_SENT_NAMES.get(key, key): value for key, value in part.items()}
    signature = sent.get("thoughtSignature")
    if signature is not None:
        sent["thoughtSignature"] = base64.urlsafe_b64encode(signature).decode()
    return sent


def google_tools(declared: ToolDeclarations, changes: list[str]) -> Iterator[tuple[str, Any]]:
    """Yield the settings that declare tools."""
    if not declared.tools:
        return
    declarations = []
    for tool in declared.tools:
        declaration: dict[str, Any] = {"name": tool.name}
        if tool.description:
            declaration["description"] = tool.description
        # types.FunctionDeclaration: for a function without parameters, this can be left unset.
        if tool.parameters.get("properties") or set(tool.parameters) - {"type", "properties", "required"}:
            declaration["parameters_json_schema"] = dict(tool.parameters)
        declarations.append(declaration)
    yield "tools", [{"function_declarations": declarations}]
    calling: dict[str, Any] = {"mode": _MODES.get(declared.choice or "auto", "ANY")}
    if declared.named_choice is not None:
        calling["allowed_function_names"] = [declared.named_choice]
    if declared.strict in {True, "mixed"} and calling["mode"] == "AUTO":
        # types.FunctionCallingConfigMode; ANY holds calls to their schemas as well.
        calling["mode"] = "VALIDATED"
        changes.append("strict sent as the mode VALIDATED for all tools")
    elif declared.strict is False and calling["mode"] == "ANY":
        changes.append("strict false dropped: generateContent holds calls to their schemas in the mode ANY")
    yield "tool_config", {"function_calling_config": calling}
    # The SDK would look for Python functions to run.
    yield "automatic_function_calling", {"disable": True}
    if declared.parallel is not None:
        changes.append("parallel_tool_calls dropped: generateContent has no such setting")

"""Random conversations as messages, and writers of each form: the oracle of the readers."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from typing import Any

from gapbench.values import Image, Message, Part, Text, ToolCall, ToolResult

PNG = b"\x89PNG\r\n\x1a\n"
WORDS = ("bill", "Straße", "where is 注文 7?", 'a "quoted" word', "{braces}", "line\nbreak", "ok")
TOOLS = ("find_order", "refund", "get_weather")
ARGUMENTS: tuple[dict[str, Any], ...] = (
    {},
    {"id": 7},
    {"city": "Zürich", "days": [1, 2.5]},
    {"note": None, "deep": {"a": True}},
)


def random_conversation(seed: int) -> tuple[Message, ...]:
    """Return a conversation with several users' turns, parallel calls, results, and an image here and there."""
    draw = Random(seed)
    messages = [Message("system", (Text(draw.choice(WORDS)),))] if draw.random() < 0.5 else []
    number = 0
    for _ in range(draw.randint(1, 4)):
        picture: list[Part] = (
            [Image("image/png", PNG + bytes([draw.randrange(9)]))] if draw.random() < 0.3 else []
        )
        messages.append(Message("user", (*picture, Text(draw.choice(WORDS)))))
        for _ in range(draw.randint(0, 2)):
            calls = [
                ToolCall(f"call_{(number := number + 1)}", draw.choice(TOOLS), dumps(draw.choice(ARGUMENTS)))
                for _ in range(draw.randint(1, 3))
            ]
            words = [Text(draw.choice(WORDS))] if draw.random() < 0.4 else []
            messages.append(Message("assistant", (*words, *calls)))
            results = [ToolResult(call.id, call.name, draw.choice(WORDS)) for call in calls]
            messages.append(Message("tool", tuple(results)))
        messages.append(Message("assistant", (Text(draw.choice(WORDS)),)))
    if draw.random() < 0.5:
        messages.pop()
    return tuple(messages)


def dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _data_uri(image: Image) -> str:
    return f"data:{image.media_type};base64,{base64.b64encode(image.data).decode()}"


def as_chat(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    """Return messages in the form of OpenAI's Chat Completions: one turn for each result."""
    out: list[dict[str, Any]] = []
    for message in messages:
        if message.role == "tool":
            out += [
                {"role": "tool", "tool_call_id": result.call_id, "content": result.content}
                for result in message.tool_results
            ]
            continue
        turn: dict[str, Any] = {"role": message.role, "content": message.text or None}
        if message.images:
            turn["content"] = [
                {"type": "text", "text": part.text}
                if isinstance(part, Text)
                else {"type": "image_url", "image_url": {"url": _data_uri(part)}}
                for part in message.parts
                if isinstance(part, (Text, Image))
            ]
        if message.tool_calls:
            turn["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments_json},
                }
                for call in message.tool_calls
            ]
        out.append(turn)
    return out


def as_responses(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    """Return messages as input items of the Responses API."""
    out: list[dict[str, Any]] = []
    for message in messages:
        said = "output_text" if message.role == "assistant" else "input_text"
        content = [
            {"type": said, "text": part.text}
            if isinstance(part, Text)
            else {"type": "input_image", "image_url": _data_uri(part), "detail": None}
            for part in message.parts
            if isinstance(part, (Text, Image))
        ]
        if content:
            out.append({"type": "message", "role": message.role, "content": content})
        out += [
            {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments_json}
            for call in message.tool_calls
        ]
        out += [
            {"type": "function_call_output", "call_id": result.call_id, "output": result.content}
            for result in message.tool_results
        ]
    return out


def as_anthropic(messages: tuple[Message, ...]) -> dict[str, Any]:
    """Return messages as a request to Anthropic, with the results in the user's turns."""
    request: dict[str, Any] = {"model": "m", "messages": []}
    for message in messages:
        if message.role == "system":
            request["system"] = message.text
            continue
        blocks = [_block(part) for part in message.parts]
        role = "user" if message.role == "tool" else message.role
        if request["messages"] and request["messages"][-1]["role"] == role == "user":
            request["messages"][-1]["content"] += blocks
        else:
            request["messages"].append({"role": role, "content": blocks})
    return request


def _block(part: Part) -> dict[str, Any]:
    match part:
        case Image():
            data = base64.b64encode(part.data).decode()
            return {
                "type": "image",
                "source": {"type": "base64", "media_type": part.media_type, "data": data},
            }
        case ToolCall():
            return {
                "type": "tool_use",
                "id": part.id,
                "name": part.name,
                "input": json.loads(part.arguments_json),
            }
        case ToolResult():
            return {
                "type": "tool_result",
                "tool_use_id": part.call_id,
                "content": [{"type": "text", "text": part.content}],
            }
        case Text():
            return {"type": "text", "text": part.text}
    raise AssertionError(part)


def as_sharegpt(messages: tuple[Message, ...]) -> dict[str, Any]:
    """Return messages in ShareGPT's form, which has neither ids nor images."""
    names = {"system": "system", "user": "human", "assistant": "gpt"}
    turns = []
    for message in messages:
        if message.role == "tool":
            turns += [{"from": "observation", "value": result.content} for result in message.tool_results]
            continue
        if message.text:
            turns.append({"from": names[message.role], "value": message.text})
        if message.tool_calls:
            calls = [
                {"name": call.name, "arguments": json.loads(call.arguments_json)}
                for call in message.tool_calls
            ]
            turns.append({"from": "function_call", "value": dumps(calls[0] if len(calls) == 1 else calls)})
    return {"conversations": turns}


def without_ids(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Return what ShareGPT can hold of messages: no ids and no images."""

    def plain(part: Part) -> Part:
        match part:
            case ToolCall():
                return replace(part, id="")
            case ToolResult():
                return replace(part, call_id="")
        return part

    return tuple(
        Message(message.role, tuple(plain(part) for part in message.parts if not isinstance(part, Image)))
        for message in messages
    )


WRITERS: Mapping[str, Callable[[tuple[Message, ...]], Any]] = {
    "openai": as_chat,
    "responses": as_responses,
    "anthropic": as_anthropic,
    "sharegpt": as_sharegpt,
}

"""Requests with tools to the simulated server, and the parts of its replies."""

from __future__ import annotations

import asyncio
from typing import Any

from gapbench.values import GroundTruth
from tests.gapbench_runners.episodes import FIND, ORDERS, TASK, TOOLS, shop_truth
from tests.gapbench_runners.sim_server.test_tool_clients import ANTHROPIC_TOOLS, FLAT_TOOLS, NESTED_TOOLS
from tests.gapbench_runners.simulated import events, mind, talking

THINKER: dict[str, Any] = {"reasoning": {"tokens": 8, "shown": "verbatim"}}
GOOGLE_TOOLS: Any = [
    {
        "functionDeclarations": [
            {
                "name": tool.name,
                "description": tool.description,
                "parametersJsonSchema": dict(tool.parameters),
            }
            for tool in TOOLS.tools
        ]
    }
]
PATHS = {
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
    "google": "/v1beta/models/m:{verb}",
}
USER = {"role": "user", "content": TASK}
GOOGLE_USER = {"role": "user", "parts": [{"text": TASK}]}
ASKED: dict[str, dict[str, Any]] = {
    "chat": {"messages": [USER], "tools": NESTED_TOOLS},
    "responses": {"input": [USER], "tools": FLAT_TOOLS},
    "messages": {"messages": [USER], "tools": ANTHROPIC_TOOLS, "max_tokens": 500},
    "google": {"contents": [GOOGLE_USER], "tools": GOOGLE_TOOLS},
}


def post(
    vendor: str,
    *bodies: dict[str, Any],
    stream: bool = False,
    truth: GroundTruth | None = None,
    **persona: Any,
) -> list[tuple[int, Any]]:
    """Return status and body of the reply to each request; of a stream, its events."""

    async def main() -> list[tuple[int, Any]]:
        found = []
        async with talking(m=mind(truth or shop_truth(), **persona)) as (client, _):
            for body in bodies:
                verb = "streamGenerateContent" if stream else "generateContent"
                whole = body if vendor == "google" else {"model": "m", "stream": stream, **body}
                reply = await client.post(PATHS[vendor].format(verb=verb), json=whole)
                is_stream = stream and reply.status_code == 200
                found.append((reply.status_code, events(reply.content) if is_stream else reply.json()))
        return found

    return asyncio.run(main())


def answer(vendor: str, *, stream: bool = False, body: dict[str, Any] | None = None, **persona: Any) -> Any:
    """Return the reply to the episode's first prompt."""
    ((status, found),) = post(vendor, body or ASKED[vendor], stream=stream, **persona)
    assert status == 200, found
    return found


def follow_up(vendor: str, first: Any) -> dict[str, Any]:
    """Return the request after a first reply and its tool's result."""
    asked = ASKED[vendor]
    if vendor == "chat":
        message = first["choices"][0]["message"]
        result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": ORDERS}
        return {**asked, "messages": [USER, message, result]}
    if vendor == "responses":
        output = first["output"]
        result = {"type": "function_call_output", "call_id": output[-1]["call_id"], "output": ORDERS}
        return {**asked, "input": [USER, *output, result]}
    if vendor == "messages":
        content = first["content"]
        result = {"type": "tool_result", "tool_use_id": content[-1]["id"], "content": ORDERS}
        turns = [USER, {"role": "assistant", "content": content}, {"role": "user", "content": [result]}]
        return {**asked, "messages": turns}
    content = first["candidates"][0]["content"]
    response = {"name": FIND, "response": {"output": ORDERS}}
    turns = [GOOGLE_USER, content, {"role": "user", "parts": [{"functionResponse": response}]}]
    return {**asked, "contents": turns}

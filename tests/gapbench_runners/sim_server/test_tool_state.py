"""What must come back to the simulated server with the next turn, and what it refuses."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from tests.gapbench_runners.episodes import FIND, ORDERS
from tests.gapbench_runners.sim_server.test_tool_clients import ANTHROPIC_TOOLS, NESTED_TOOLS
from tests.gapbench_runners.simulated import talking
from tests.tool_requests import GOOGLE_USER, THINKER, USER, answer, follow_up, post

# What each vendor refuses: change of the second turn's request, persona, what is said.
CALL: dict[str, Any] = {"id": "c1", "type": "function", "function": {"name": FIND, "arguments": "{}"}}
REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "chat: result without call": (
        "chat",
        {"messages": [USER, {"role": "tool", "tool_call_id": "c1", "content": "4"}]},
        "must be a response to a preceeding message with 'tool_calls'",
    ),
    "chat: call without result": (
        "chat",
        {"messages": [USER, {"role": "assistant", "tool_calls": [CALL]}, USER]},
        "The following tool_call_ids did not have response messages: c1",
    ),
    "chat: result of another call": (
        "chat",
        {"messages": [USER, {"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "c1", "content": "4"}, {"role": "tool", "tool_call_id": "c2", "content": "4"}]},
        "'tool_call_id' of 'c2' not found",
    ),
    "chat: no tools": ("chat", {"messages": [USER], "tools": []}, "empty array"),
    "chat: choice without tools": ("chat", {"messages": [USER], "tool_choice": "auto"}, "only allowed when 'tools' are specified"),
    "chat: choice of no tool": ("chat", {"messages": [USER], "tools": NESTED_TOOLS, "tool_choice": {"type": "function", "function": {"name": "x"}}}, "Tool choice 'x' not found"),
    "chat: name": ("chat", {"messages": [USER], "tools": [{"type": "function", "function": {"name": "a.b"}}]}, "does not match pattern"),
    "chat: long name": ("chat", {"messages": [USER], "tools": [{"type": "function", "function": {"name": "a" * 65}}]}, "maximum length 64, but got a string with length 65"),
    "chat: schema": ("chat", {"messages": [USER], "tools": [{"type": "function", "function": {"name": "a", "parameters": {"type": "string"}}}]}, "schema must be a JSON Schema of 'type: \\\"object\\\"'"),
    "chat: strict schema": ("chat", {"messages": [USER], "tools": [{"type": "function", "function": {**NESTED_TOOLS[0]["function"], "strict": True}}]}, "'additionalProperties' is required to be supplied and to be false"),
    "chat: strict keys": (
        "chat",
        {"messages": [USER], "response_format": {"type": "json_schema", "json_schema": {"name": "s", "strict": True, "schema": {"type": "object", "properties": {"a": {}}, "additionalProperties": False}}}},
        "Missing 'a'",
    ),
    "responses: result without call": ("responses", {"input": [USER, {"type": "function_call_output", "call_id": "c", "output": "4"}]}, "No tool call found for function call output with call_id c."),
    "responses: call without result": ("responses", {"input": [USER, {"type": "function_call", "call_id": "c", "name": FIND, "arguments": "{}"}]}, "No tool output found for function call c."),
    "responses: earlier response": ("responses", {"input": [USER], "previous_response_id": "resp_1"}, "Previous response with id 'resp_1' not found."),
    "messages: result without call": (
        "messages",
        {"max_tokens": 9, "messages": [USER, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]}]},
        "unexpected `tool_use_id` found in `tool_result` blocks: t.",
    ),
    "messages: call without result": (
        "messages",
        {"max_tokens": 9, "messages": [USER, {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": FIND, "input": {}}]}, USER]},
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t.",
    ),
    "messages: ends with the assistant": ("messages", {"max_tokens": 9, "messages": [USER, {"role": "assistant", "content": "4"}]}, "does not support assistant message prefill"),
    "messages: no schema": ("messages", {"max_tokens": 9, "messages": [USER], "tools": [{"name": "a"}]}, "tools.0.custom.input_schema: Field required"),
    "messages: name": ("messages", {"max_tokens": 9, "messages": [USER], "tools": [{"name": "a.b", "input_schema": {"type": "object"}}]}, "tools.0.custom.name: String should match pattern"),
    "messages: same names": ("messages", {"max_tokens": 9, "messages": [USER], "tools": [ANTHROPIC_TOOLS[0]] * 2}, "Tool names must be unique"),
    "messages: choice of no tool": ("messages", {"max_tokens": 9, "messages": [USER], "tools": ANTHROPIC_TOOLS, "tool_choice": {"type": "tool", "name": "x"}}, "Tool 'x' not found"),
    "messages: choice without tools": ("messages", {"max_tokens": 9, "messages": [USER], "tool_choice": {"type": "any"}}, "may only be specified while providing tools"),
    "messages: forced while thinking": ("messages", {"max_tokens": 9, "messages": [USER], "tools": ANTHROPIC_TOOLS, "tool_choice": {"type": "any"}, "thinking": {"type": "enabled", "budget_tokens": 1024}}, "Thinking may not be enabled when tool_choice forces tool use."),
    "messages: thinking of another": (
        "messages",
        {"max_tokens": 9, "messages": [USER, {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm.", "signature": "x"}, {"type": "text", "text": "4"}]}, USER]},
        "messages.1.content.0: Invalid `signature` in `thinking` block",
    ),
    "google: result without call": ("google", {"contents": [GOOGLE_USER, {"role": "user", "parts": [{"functionResponse": {"name": FIND, "response": {}}}]}]}, "function response turn comes immediately after a function call turn"),
    "google: call without result": ("google", {"contents": [GOOGLE_USER, {"role": "model", "parts": [{"functionCall": {"name": FIND}}]}, GOOGLE_USER]}, "number of function response parts is equal to the number of function call parts"),
    "google: ends with the model": ("google", {"contents": [GOOGLE_USER, {"role": "model", "parts": [{"text": "4"}]}]}, "Requests ending with a model turn are not supported."),
    "google: name": ("google", {"contents": [GOOGLE_USER], "tools": [{"functionDeclarations": [{"name": "1a"}]}]}, "Invalid function name"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_vendor_refuses_is_refused_in_its_words(name: str) -> None:
    """HTTP 400, in the vendor's form."""
    vendor, body, said = REFUSED[name]
    ((status, found),) = post(vendor, body)

    assert status == 400
    assert said in json.dumps(found, ensure_ascii=False)
    assert "cannot read" not in json.dumps(found)


def lose_thinking(body: dict[str, Any]) -> None:
    body["messages"][1]["content"] = body["messages"][1]["content"][1:]


def change_thinking(body: dict[str, Any]) -> None:
    body["messages"][1]["content"][0]["thinking"] += " Or not."


def lose_reasoning(body: dict[str, Any]) -> None:
    del body["input"][1]


def unseal_reasoning(body: dict[str, Any]) -> None:
    del body["input"][1]["encrypted_content"]
    body["store"] = False


def change_reasoning(body: dict[str, Any]) -> None:
    item = body["input"][1]
    item["encrypted_content"] = item["encrypted_content"].swapcase()


def lose_signature(body: dict[str, Any]) -> None:
    for part in body["contents"][1]["parts"]:
        part.pop("thoughtSignature", None)


def change_signature(body: dict[str, Any]) -> None:
    for part in body["contents"][1]["parts"]:
        if "thoughtSignature" in part:
            part["thoughtSignature"] = base64.b64encode(b"something else").decode()


STATE = [
    ("messages", lose_thinking, 400, "Expected `thinking` or `redacted_thinking`, but found `text`"),
    ("messages", change_thinking, 400, "Invalid `signature` in `thinking` block"),
    ("responses", lose_reasoning, 400, "was provided without its required 'reasoning' item"),
    ("responses", unseal_reasoning, 404, "Items are not persisted when `store` is set to false"),
    ("responses", change_reasoning, 400, "invalid_encrypted_content"),
    ("google", lose_signature, 400, "Function call is missing a thought_signature"),
    ("google", change_signature, 400, "Corrupted thought signature."),
]


@pytest.mark.parametrize(("vendor", "change", "status", "said"), STATE)
def test_state_that_does_not_come_back_is_refused(vendor: str, change: Any, status: int, said: str) -> None:
    """Lost or changed; as it came it is accepted."""
    body = follow_up(vendor, answer(vendor, **THINKER))
    lost = json.loads(json.dumps(body))
    change(lost)
    (whole, _), (refused, found) = post(vendor, body, lost, **THINKER)

    assert (whole, refused) == (200, status)
    assert said in json.dumps(found)


@pytest.mark.parametrize(("model", "status"), [("gemini-3-pro", 400), ("gemini-2.5-flash", 200)])
def test_gemini_3_asks_for_a_signature_of_calls_it_did_not_make(model: str, status: int) -> None:
    """A recorded conversation; older models take it as it is."""
    call_part = {"functionCall": {"name": FIND, "args": {}}}
    result = {"functionResponse": {"name": FIND, "response": {"output": ORDERS}}}
    turns = [GOOGLE_USER, {"role": "model", "parts": [call_part]}, {"role": "user", "parts": [result]}]

    async def main() -> int:
        async with talking() as (client, _):
            path = f"/v1beta/models/{model}:generateContent"
            return (await client.post(path, json={"contents": turns})).status_code

    assert asyncio.run(main()) == status


def test_state_of_an_earlier_turn_may_be_left_out() -> None:
    """Google and Anthropic look at the steps since the user last spoke."""
    for vendor, lose, key, again in (
        ("google", lose_signature, "contents", GOOGLE_USER),
        ("messages", lose_thinking, "messages", USER),
    ):
        body = follow_up(vendor, answer(vendor, **THINKER))
        lose(body)
        body[key].append(again)
        ((status, found),) = post(vendor, body, **THINKER)
        assert status == 200, found

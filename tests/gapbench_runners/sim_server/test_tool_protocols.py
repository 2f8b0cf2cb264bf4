"""Hand-written conversations with tools over loopback: each vendor's events, and what each vendor refuses."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterable
from typing import Any

import pytest

from gapbench.values import (
    Audio,
    Document,
    GroundTruth,
    Message,
    Text,
    ToolResult,
    prompt_sha256,
    vendor_neutral,
)
from tests.gapbench_runners.episodes import (
    DONE,
    FIND,
    MAIL,
    ORDERS,
    REFUND,
    TASK,
    TOOLS,
    asking,
    call,
    calling,
    say,
    shop_truth,
)
from tests.gapbench_runners.sim_server.test_tool_clients import ANTHROPIC_TOOLS, FLAT_TOOLS, NESTED_TOOLS
from tests.gapbench_runners.simulated import events, logged, mind, talking, user

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


def test_chat_names_a_call_in_its_first_piece() -> None:
    """Id, type and name with the index, then arguments alone; 18 characters of arguments are five pieces."""
    deltas = [event["choices"][0]["delta"] for event in answer("chat", stream=True)]
    first, *rest = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]

    assert (first["index"], first["type"], first["function"]) == (
        0,
        "function",
        {"name": FIND, "arguments": ""},
    )
    assert first["id"].startswith("call_")
    assert [sorted(piece) for piece in rest] == [["function", "index"]] * 5
    assert json.loads("".join(piece["function"]["arguments"] for piece in rest)) == {"customer": "Ada"}


def test_responses_opens_fills_and_closes_a_call() -> None:
    """Reasoning and message before it; each event numbered, each with the item's id and place."""
    found = answer("responses", stream=True, **THINKER)
    own = [event for event in found if event.get("output_index") == 2]
    names = [event["type"].removeprefix("response.") for event in own]

    assert list(dict.fromkeys(names)) == [
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
    ]
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    assert own[0]["item"]["arguments"] == ""
    assert own[0]["item"]["status"] == "in_progress"
    assert own[-1]["item"]["status"] == "completed"
    assert {event.get("item_id", own[0]["item"]["id"]) for event in own} == {own[0]["item"]["id"]}
    assert own[-1]["item"] in found[-1]["response"]["output"]


@pytest.mark.parametrize("shown", ["verbatim", "summary", "hidden"])
def test_responses_seals_its_reasoning(shown: str) -> None:
    """Whatever is shown of it, as OpenAI's client says that it does by default."""
    output = answer("responses", reasoning={"tokens": 8, "shown": shown})["output"]

    assert [item["type"] for item in output] == ["reasoning", "message", "function_call"]
    assert output[0]["encrypted_content"].startswith("gAAAAAB")


def blocks(found: Iterable[dict[str, Any]]) -> list[tuple[str, Any, str]]:
    """Return each block event's kind, place, and kind of block or delta."""
    return [
        (
            event["type"].removeprefix("content_block_"),
            event["index"],
            (event.get("content_block") or event.get("delta") or {}).get("type", ""),
        )
        for event in found
        if event["type"].startswith("content_block")
    ]


def test_messages_signs_its_thinking_before_a_call() -> None:
    """Thinking, text and call are blocks of their own; the reply ends as tool_use."""
    found = answer("messages", stream=True, **THINKER)

    assert list(dict.fromkeys(blocks(found))) == [
        ("start", 0, "thinking"),
        ("delta", 0, "thinking_delta"),
        ("delta", 0, "signature_delta"),
        ("stop", 0, ""),
        ("start", 1, "text"),
        ("delta", 1, "text_delta"),
        ("stop", 1, ""),
        ("start", 2, "tool_use"),
        ("delta", 2, "input_json_delta"),
        ("stop", 2, ""),
    ]
    assert found[-2]["delta"]["stop_reason"] == "tool_use"


def partial_json(**tool: Any) -> list[str]:
    tools = [{**ANTHROPIC_TOOLS[0], **tool}, *ANTHROPIC_TOOLS[1:]]
    found = answer("messages", stream=True, body={**ASKED["messages"], "tools": tools})
    return [
        event["delta"]["partial_json"]
        for event in found
        if (event.get("delta") or {}).get("type") == "input_json_delta"
    ]


def test_messages_buffers_arguments() -> None:
    """An empty piece as the block opens, then all at once."""
    assert partial_json() == ["", '{"customer": "Ada"}']


def test_messages_streams_arguments_where_a_tool_asks_for_it() -> None:
    """19 characters are five pieces."""
    assert len(partial_json(eager_input_streaming=True)) == 1 + 5


def test_buffered_arguments_come_when_they_are_complete() -> None:
    """Name 3 tokens, arguments 5: at 1 ms a token, buffered arguments come 4 ms after the name's last token."""
    model = mind(shop_truth())
    from tests.gapbench_runners.simulated import user

    paces = {
        form: model.reply_to(asking(user(TASK), call_form=form)).paces()[3:]
        for form in ("pieces", "buffered", "whole")
    }

    assert paces == {
        "pieces": [(0, 3), (0, 1), (0, 1), (0, 1), (0, 1), (0, 1)],
        "buffered": [(0, 3), (4, 1)],
        "whole": [(7, 1)],
    }


def google_parts(*, stream: bool, body: dict[str, Any] | None = None, **persona: Any) -> list[dict[str, Any]]:
    found = answer("google", stream=stream, body=body, **persona)
    replies = found if stream else [found]
    return [part for reply in replies for part in reply["candidates"][0]["content"]["parts"]]


@pytest.mark.parametrize("stream", [False, True])
def test_google_sends_a_call_whole_and_signed(stream: bool) -> None:
    """One part with name, arguments and id; the finish reason is STOP."""
    (part,) = [part for part in google_parts(stream=stream) if "functionCall" in part]

    assert part["functionCall"]["name"] == FIND
    assert part["functionCall"]["args"] == {"customer": "Ada"}
    assert part["thoughtSignature"]


def second_turn(vendor: str, **persona: Any) -> Any:
    """Return the reply to the second turn, with the first reply as it came."""
    first = answer(vendor, **persona)
    ((_, _), (status, found)) = post(vendor, ASKED[vendor], follow_up(vendor, first), **persona)
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


def test_only_the_first_of_parallel_calls_is_signed_by_google() -> None:
    """As its guide says."""
    parts = second_turn("google")["candidates"][0]["content"]["parts"]

    assert [(part["functionCall"]["name"], "thoughtSignature" in part) for part in parts] == [
        (REFUND, True),
        (MAIL, False),
    ]


SECOND_PROMPT = (
    *user(TASK),
    calling(call(FIND, customer="Ada"), text="Let me look."),
    Message("tool", (ToolResult("", FIND, ORDERS),)),
)


@pytest.mark.parametrize("vendor", PATHS)
def test_all_four_carry_the_same_conversation(vendor: str) -> None:
    """The second turn has the hash of the harness's own values, whatever ids and state the vendor adds."""

    async def main() -> list[dict[str, Any]]:
        async with talking(m=mind(shop_truth(), **THINKER)) as (client, simulation):
            path = PATHS[vendor].format(verb="generateContent")
            first = await client.post(path, json={"model": "m", **ASKED[vendor]})
            second = await client.post(path, json={"model": "m", **follow_up(vendor, first.json())})
            assert second.status_code == 200, second.text
            return logged(simulation)

    first, second = asyncio.run(main())

    assert second["prompt_sha256"] == prompt_sha256(vendor_neutral(SECOND_PROMPT))
    assert [(entry["known"], entry["turn"], entry["calls"]) for entry in (first, second)] == [
        (True, 0, 1),
        (True, 1, 2),
    ]


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


FILE = Document("application/pdf", b"%PDF-1.7")
SOUND = Audio("audio/wav", b"RIFF")
PDF, WAV = (base64.b64encode(medium.data).decode() for medium in (FILE, SOUND))
QUESTION = {"type": "text", "text": TASK}
MEDIA: dict[str, tuple[dict[str, Any], bool]] = {
    "chat": ({"messages": [{"role": "user", "content": [{"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}}, {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}, QUESTION]}]}, True),
    "responses": ({"input": [{"role": "user", "content": [{"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}, {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}, {"type": "input_text", "text": TASK}]}]}, True),
    "messages": ({"max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}}, QUESTION]}]}, False),
    "google": ({"contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": "application/pdf", "data": PDF}}, {"inlineData": {"mimeType": "audio/wav", "data": WAV}}, {"text": TASK}]}]}, True),
}  # fmt: skip


@pytest.mark.parametrize("vendor", MEDIA)
def test_documents_and_sounds_are_part_of_the_prompt(vendor: str) -> None:
    """One hash with the harness's own values, and 100 tokens for each."""
    body, has_sound = MEDIA[vendor]
    media = (FILE, SOUND) if has_sound else (FILE,)
    expected = prompt_sha256(vendor_neutral((Message("user", (*media, Text(TASK))),)))

    async def main() -> dict[str, Any]:
        async with talking(m=mind(shop_truth(), image_tokens=100)) as (client, simulation):
            reply = await client.post(
                PATHS[vendor].format(verb="generateContent"), json={"model": "m", **body}
            )
            assert reply.status_code == 200, reply.text
            return logged(simulation)[0]

    found = asyncio.run(main())

    assert found["prompt_sha256"] == expected
    assert found["input_tokens"] == 4 + len(TASK) // 4 + 1 + 100 * len(media)


def test_messages_has_no_sound() -> None:
    """Anthropic's API knows no such block."""
    body = {"max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}
    ((status, found),) = post("messages", body)

    assert status == 400
    assert "input_audio" in found["error"]["message"]


ONE_CALL = shop_truth(reference=(calling(call(FIND, customer="Ada")), say(DONE)))
"""An episode whose only call is in its first reply, so that a fault hits that one."""


@pytest.mark.parametrize("stream", [False, True])
def test_google_reports_malformed_arguments_as_its_finish_reason(stream: bool) -> None:
    """Without the call."""
    faults = {"malformed_arguments": 1}
    found = answer("google", stream=stream, truth=ONE_CALL, tool_faults=faults)
    last = found[-1] if stream else found

    assert last["candidates"][0]["finishReason"] == "MALFORMED_FUNCTION_CALL"
    assert "functionCall" not in json.dumps(found)


def test_malformed_arguments_reach_a_chat_as_they_are() -> None:
    """A text without its last brace."""
    found = answer("chat", truth=ONE_CALL, tool_faults={"malformed_arguments": 1})
    (made,) = found["choices"][0]["message"]["tool_calls"]

    assert made["function"]["arguments"] == '{"customer": "Ada"'


def test_malformed_arguments_are_an_object_in_an_unstreamed_message() -> None:
    """Anthropic's form can hold nothing else; the streamed one can."""
    found = answer("messages", truth=ONE_CALL, tool_faults={"malformed_arguments": 1})

    assert found["content"][-1]["input"] == {"INVALID_JSON": '{"customer": "Ada"'}


@pytest.mark.parametrize(
    ("vendor", "place", "reason"),
    [
        ("chat", ("choices", 0, "finish_reason"), "length"),
        ("responses", ("output", 0, "status"), "incomplete"),
        ("messages", ("stop_reason",), "max_tokens"),
        ("google", ("candidates", 0, "finishReason"), "MAX_TOKENS"),
    ],
)
def test_a_cut_call_has_the_vendors_reason(vendor: str, place: tuple[Any, ...], reason: str) -> None:
    """The reply reached its token limit."""
    found = answer(vendor, truth=ONE_CALL, tool_faults={"cut_call": 1})
    for step in place:
        found = found[step]

    assert found == reason


def test_messages_tells_cache_reads_and_writes_apart() -> None:
    """104 tokens, of which 96 are whole blocks of 16; then 131, of which 128 are: 96 read and 32 written."""
    body = follow_up("messages", answer("messages", cache=True))
    first, second = (found["usage"] for _, found in post("messages", ASKED["messages"], body, cache=True))

    assert [
        (usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"], usage["input_tokens"])
        for usage in (first, second)
    ] == [(0, 96, 104 - 96), (96, 32, 131 - 128)]


def test_the_others_count_cache_reads_within_the_prompt() -> None:
    """The same 131 tokens, 96 of them read; what was written is not told."""
    found = {
        vendor: post(vendor, ASKED[vendor], follow_up(vendor, answer(vendor)), cache=True)[1][1]
        for vendor in ("chat", "responses", "google")
    }

    chat, responses, google = (
        found["chat"]["usage"],
        found["responses"]["usage"],
        found["google"]["usageMetadata"],
    )
    assert (chat["prompt_tokens"], chat["prompt_tokens_details"]["cached_tokens"]) == (131, 96)
    assert (responses["input_tokens"], responses["input_tokens_details"]["cached_tokens"]) == (131, 96)
    assert (google["promptTokenCount"], google["cachedContentTokenCount"]) == (131, 96)

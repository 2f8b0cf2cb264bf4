"""Tool calls of the simulated server as each vendor streams them."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterable
from typing import Any

import pytest

from gapbench.values import Audio, Document, Message, Text, ToolResult, prompt_sha256, vendor_neutral
from tests.gapbench_runners.episodes import (
    DONE,
    FIND,
    MAIL,
    ORDERS,
    REFUND,
    TASK,
    asking,
    call,
    calling,
    say,
    shop_truth,
)
from tests.gapbench_runners.sim_server.test_tool_clients import ANTHROPIC_TOOLS
from tests.gapbench_runners.simulated import logged, mind, talking, user
from tests.tool_requests import ASKED, PATHS, THINKER, answer, follow_up, post


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

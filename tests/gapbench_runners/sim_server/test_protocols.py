"""Hand-written requests over loopback: each protocol's own form in and out, and the same prompt in all four."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from gapbench.values import Image, Message, Text, prompt_sha256
from tests.gapbench_runners.simulated import QUESTION, REFERENCE, events, logged, mind, talking

PNG = bytes(range(256))  # its base64 holds + and /, which Google's alphabet writes as - and _
URI = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
URL_SAFE = base64.urlsafe_b64encode(PNG).decode()
PROMPT = (
    Message("system", (Text("Be brief."),)),
    Message("user", (Image("image/png", PNG), Text("What is it?"))),
    Message("assistant", (Text("A bar."),)),
    Message("user", (Text("And now?"),)),
)
# protocol -> path, body of PROMPT, body of QUESTION
BODIES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "chat": (
        "/v1/chat/completions",
        {
            "messages": [
                {"role": "system", "content": "Be brief."},
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": URI, "detail": "low"}},
                        {"type": "text", "text": "What is it?"},
                    ],
                },
                {"role": "assistant", "content": "A bar."},
                {"role": "user", "content": "And now?"},
            ]
        },
        {"messages": [{"role": "user", "content": QUESTION}]},
    ),
    "responses": (
        "/v1/responses",
        {
            "instructions": "Be brief.",
            "input": [
                {
                    "role": "user",
                    "content": [
                        {"type": "input_image", "image_url": URI},
                        {"type": "input_text", "text": "What is it?"},
                    ],
                },
                {"role": "assistant", "content": [{"type": "output_text", "text": "A bar."}]},
                {"role": "user", "content": "And now?"},
            ],
        },
        {"input": QUESTION},
    ),
    "messages": (
        "/v1/messages",
        {
            "max_tokens": 100,
            "system": [{"type": "text", "text": "Be brief."}],
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "image",
                            "source": {
                                "type": "base64",
                                "media_type": "image/png",
                                "data": URI.partition(",")[2],
                            },
                        },
                        {"type": "text", "text": "What is it?"},
                    ],
                },
                {"role": "assistant", "content": "A bar."},
                {"role": "user", "content": "And now?"},
            ],
        },
        {"max_tokens": 100, "messages": [{"role": "user", "content": QUESTION}]},
    ),
    "generate": (
        "/v1beta/models/m%3A{verb}",
        {
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "contents": [
                {
                    "role": "user",
                    "parts": [
                        {"inlineData": {"mimeType": "image/png", "data": URL_SAFE}},
                        {"text": "What is it?"},
                    ],
                },
                {"role": "model", "parts": [{"text": "A bar."}]},
                {"role": "user", "parts": [{"text": "And now?"}]},
            ],
        },
        {"contents": [{"parts": [{"text": QUESTION}]}]},
    ),
}
THINKER: dict[str, Any] = {"reasoning": {"tokens": 8, "shown": "verbatim"}, "cache": True}


def request(protocol: str, *, stream: bool, question: bool = True) -> tuple[str, dict[str, Any]]:
    path, whole, short = BODIES[protocol]
    body = short if question else whole
    if protocol == "generate":
        return path.format(verb="streamGenerateContent" if stream else "generateContent") + "?alt=sse", body
    return path, {**body, "model": "m", "stream": stream}


def asked(protocol: str, *, stream: bool, count: int = 1, **persona: Any) -> Any:
    """Return the last reply to a question asked ``count`` times: its events, or its body."""

    async def main() -> Any:
        async with talking(m=mind(**persona)) as (client, _):
            path, body = request(protocol, stream=stream)
            for _ in range(count):
                reply = await client.post(path, json=body)
            assert reply.status_code == 200, reply.text
            return events(reply.content) if stream else reply.json()

    return asyncio.run(main())


def test_all_four_carry_the_same_prompt() -> None:
    """System, image bytes, both roles: one hash, streamed or not."""

    async def main() -> list[str]:
        async with talking(m=mind()) as (client, simulation):
            for protocol in BODIES:
                for stream in (True, False):
                    path, body = request(protocol, stream=stream, question=False)
                    assert (await client.post(path, json=body)).status_code == 200
            return [entry["prompt_sha256"] for entry in logged(simulation)]

    assert asyncio.run(main()) == [prompt_sha256(PROMPT)] * 8


def test_chat_opens_with_the_role_and_ends_with_its_reason() -> None:
    """Role, one event a chunk, the finish reason, and no counts unless asked for."""
    found = asked("chat", stream=True)

    assert [event["choices"][0]["delta"] for event in (found[0], found[1], found[-1])] == [
        {"role": "assistant", "content": ""},
        {"content": "The "},
        {},
    ]
    assert [event["choices"][0]["finish_reason"] for event in found] == [None] * 6 + ["stop"]


def test_responses_numbers_its_events_and_closes_what_it_opens() -> None:
    """The documented order, reasoning as an item of its own before the message."""
    found = asked("responses", stream=True, **THINKER)
    names = [event["type"].removeprefix("response.") for event in found]

    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    assert list(dict.fromkeys(names)) == [
        "created", "in_progress", "output_item.added", "content_part.added", "reasoning_text.delta",
        "reasoning_text.done", "content_part.done", "output_item.done", "output_text.delta",
        "output_text.done", "completed",
    ]  # fmt: skip
    assert [names.count(name) for name in ("output_item.added", "output_item.done")] == [2, 2]


def test_responses_sends_a_summary_as_one() -> None:
    """A quarter of 8 tokens, under the summary's own names."""
    names = [
        event["type"]
        for event in asked("responses", stream=True, reasoning={"tokens": 8, "shown": "summary"})
    ]

    assert names.count("response.reasoning_summary_text.delta") == 2
    assert "response.reasoning_text.delta" not in names


def test_messages_keeps_thinking_in_a_signed_block() -> None:
    """Block 0 thinks and is signed, block 1 answers, each opened and closed."""
    found = asked("messages", stream=True, **THINKER)
    steps = [
        (event["type"], event.get("index"), (event.get("delta") or {}).get("type"))
        for event in found
        if event["type"] != "ping"
    ]

    assert list(dict.fromkeys(steps)) == [
        ("message_start", None, None),
        ("content_block_start", 0, None),
        ("content_block_delta", 0, "thinking_delta"),
        ("content_block_delta", 0, "signature_delta"),
        ("content_block_stop", 0, None),
        ("content_block_start", 1, None),
        ("content_block_delta", 1, "text_delta"),
        ("content_block_stop", 1, None),
        ("message_delta", None, None),
        ("message_stop", None, None),
    ]


def test_generate_counts_in_its_last_event() -> None:
    """Thoughts are marked, and only the end has reason and counts."""
    found = asked("generate", stream=True, **THINKER)

    assert found[0]["candidates"][0]["content"]["parts"][0]["thought"] is True
    assert [("usageMetadata" in event) for event in found] == [False] * (len(found) - 1) + [True]
    assert found[-1]["candidates"][0]["finishReason"] == "STOP"


@pytest.mark.parametrize("stream", [True, False])
def test_each_vendor_counts_by_its_own_rules(stream: bool) -> None:
    """8 tokens in (4 of text, 4 of frame), 8 of thought, 5 of answer."""

    def last(protocol: str) -> Any:
        if protocol == "chat" and stream:
            return None
        reply = asked(protocol, stream=stream, **THINKER)
        return reply[-1] if stream else reply

    responses = last("responses")
    responses = responses["response"]["usage"] if stream else responses["usage"]
    messages = asked("messages", stream=True, **THINKER)[-2]["usage"] if stream else last("messages")["usage"]
    generate = last("generate")["usageMetadata"]

    assert (responses["input_tokens"], responses["output_tokens"]) == (8, 13)
    assert responses["output_tokens_details"] == {"reasoning_tokens": 8}
    assert (messages["input_tokens"], messages["output_tokens"]) == (8, 13)
    assert messages["output_tokens_details"] == {"thinking_tokens": 8}
    assert (generate["promptTokenCount"], generate["candidatesTokenCount"]) == (8, 5)
    assert (generate["thoughtsTokenCount"], generate["totalTokenCount"]) == (8, 21)
    if not stream:
        assert last("chat")["usage"]["completion_tokens"] == 13


def test_an_unstreamed_reply_is_one_body() -> None:
    """The same text at each vendor's own place."""
    chat, responses, messages, generate = (asked(protocol, stream=False) for protocol in BODIES)

    assert [
        chat["choices"][0]["message"]["content"],
        responses["output"][0]["content"][0]["text"],
        messages["content"][0]["text"],
        generate["candidates"][0]["content"]["parts"][0]["text"],
    ] == [REFERENCE] * 4


def test_a_google_model_may_have_a_path_and_a_colon() -> None:
    """``org/name:tag`` comes back as the model served."""

    async def main() -> Any:
        async with talking() as (client, _):
            reply = await client.post(
                "/v1/models/org%2Fname%3Atag:generateContent", json=BODIES["generate"][2]
            )
            return reply.json()["modelVersion"]

    assert asyncio.run(main()) == "org/name:tag"


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/v1/chat/completions", {"model": "m"}, "messages"),
        ("/v1/chat/completions", {"model": "m", "messages": []}, "no messages"),
        ("/v1/chat/completions", {"model": 3, "messages": [{"role": "user", "content": "x"}]}, "model must be"),
        ("/v1/chat/completions", {"model": "m", "messages": [{"role": "judge", "content": "x"}]}, "judge"),
        ("/v1/chat/completions", {"model": "m", "max_tokens": "5", "messages": [{"role": "user", "content": "x"}]}, "token budget"),
        ("/v1/messages", {"model": "m", "messages": [{"role": "user", "content": "x"}]}, "max_tokens"),
        ("/v1/responses", {"model": "m", "input": [{"role": "user", "content": [{"type": "input_image", "image_url": "http://x/y.png"}]}]}, "data URI"),
        ("/v1beta/models/m:generateContent", {"contents": [{"parts": [{"text": 5}]}]}, "must be a string"),
        ("/v1/messages", ["no", "object"], "list"),
    ],
)  # fmt: skip
def test_a_body_that_is_not_the_protocol_is_a_400_that_says_why(path: str, body: Any, said: str) -> None:
    """And the connection goes on."""

    async def main() -> tuple[int, str]:
        async with talking() as (client, _):
            reply = await client.post(path, json=body)
            assert (await client.get("/health")).status_code == 200
            return reply.status_code, reply.text

    status, text = asyncio.run(main())

    assert status == 400
    assert said in text

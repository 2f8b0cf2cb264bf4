"""What a conversation with tools becomes in each vendor's form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings

from gapbench.values import Audio, Document, Image, Message, Params, ReasoningState, ToolCall, ToolResult
from tests.gapbench_runners.conversations import (
    PDF,
    REASONING,
    THINKING,
    TOOLS,
    WAV,
    answered,
    asked,
    conversations,
    history,
    prepare,
    user,
)
from tests.gapbench_runners.typed_bodies import check

APIS = ("chat", "responses", "messages", "generate")
CALL = ToolCall("c1", "book", "{}")
DONE = answered(ToolResult("c1", "book", "done"))


def calls_and_results(kind: str, body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield ("call" or "result", its id) of a body in order."""
    if kind in {"chat", "vllm"}:
        for message in body["messages"]:
            yield from (("call", call["id"]) for call in message.get("tool_calls", ()))
            if message["role"] == "tool":
                yield "result", message["tool_call_id"]
    elif kind == "responses":
        names = {"function_call": "call", "function_call_output": "result"}
        for item in body["input"]:
            if item.get("type") in names:
                yield names[item["type"]], item["call_id"]
    else:
        blocks = [
            block
            for message in body["messages"]
            for block in (message["content"] if isinstance(message["content"], list) else ())
        ]
        for block in blocks:
            if block["type"] == "tool_use":
                yield "call", block["id"]
            elif block["type"] == "tool_result":
                yield "result", block["tool_use_id"]


@pytest.mark.parametrize("kind", APIS)
@settings(max_examples=40, deadline=None)
@given(messages=conversations(media=(PDF,)))
def test_any_conversation_has_the_types_of_the_sdk(kind: str, messages: tuple[Message, ...]) -> None:
    """Foreign ids, names, states and arguments that are not JSON included."""
    call = prepare(kind, messages, tools=TOOLS)

    assert call.problem is None
    check(kind, call.body)


@pytest.mark.parametrize("kind", ["chat", "responses", "messages", "vllm"])
@settings(max_examples=40, deadline=None)
@given(messages=conversations())
def test_every_call_has_its_own_id_and_one_result(kind: str, messages: tuple[Message, ...]) -> None:
    """No id twice, none that the vendor refuses, and results right after their calls, in the same order."""
    found = list(calls_and_results(kind, prepare(kind, messages, tools=TOOLS).body))
    called = [identity for what, identity in found if what == "call"]

    assert len(set(called)) == len(called)
    assert called == [identity for what, identity in found if what == "result"]
    pattern = (
        r"[a-zA-Z0-9_-]{1,64}" if kind == "messages" else r"\S{1,64}" if kind == "responses" else r"\S{1,40}"
    )
    assert all(re.fullmatch(pattern, identity) for identity in called)


@pytest.mark.parametrize("kind", [*APIS, "vllm"])
@settings(max_examples=40, deadline=None)
@given(messages=conversations())
def test_a_longer_conversation_begins_with_the_shorter_one(kind: str, messages: tuple[Message, ...]) -> None:
    """A prompt cache compares from the start: a turn more must change nothing before it."""
    key = {"responses": "input", "generate": "contents"}.get(kind, "messages")
    before = prepare(kind, messages, tools=TOOLS).body[key]
    more = (*messages, asked("Then this.", CALL), DONE)
    after = prepare(kind, more, tools=TOOLS).body[key]

    assert before == after[: len(before)]


def test_chat_completions_body() -> None:
    """Calls beside the text, results as messages in the order of the calls."""
    body = prepare("chat", history(), tools=TOOLS).body

    weather = {"name": "weather_get", "arguments": '{"city": "Rome"}'}
    assert [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather in Rome and Oslo?"},
        {
            "role": "assistant",
            "content": "I look.",
            "tool_calls": [
                {"id": "functions.weather:0", "type": "function", "function": weather},
                {
                    "id": "functions.weather:1",
                    "type": "function",
                    "function": {"name": "weather_get", "arguments": '{"city": "Oslo"}'},
                },
            ],
        },
        {"role": "tool", "tool_call_id": "functions.weather:0", "content": '{"sky": "clear"}'},
        {"role": "tool", "tool_call_id": "functions.weather:1", "content": "no such station"},
        {"role": "user", "content": "And now?"},
    ] == body["messages"]


def test_responses_body() -> None:
    """Items in order."""
    body = prepare("responses", history(), tools=TOOLS).body

    assert [
        {"role": "system", "content": [{"type": "input_text", "text": "Be brief."}]},
        {"role": "user", "content": [{"type": "input_text", "text": "Weather in Rome and Oslo?"}]},
        {"role": "assistant", "content": "I look."},
        {"type": "function_call", "call_id": "functions.weather:0", "name": "weather_get", "arguments": '{"city": "Rome"}'},
        {"type": "function_call", "call_id": "functions.weather:1", "name": "weather_get", "arguments": '{"city": "Oslo"}'},
        {"type": "function_call_output", "call_id": "functions.weather:0", "output": '{"sky": "clear"}'},
        {"type": "function_call_output", "call_id": "functions.weather:1", "output": "no such station"},
        {"role": "user", "content": [{"type": "input_text", "text": "And now?"}]},
    ] == body["input"]  # fmt: skip


def test_messages_body() -> None:
    """All results and what the user says then are one message; ids have no dots."""
    body = prepare("messages", history(), tools=TOOLS).body

    assert "Be brief." == body["system"]
    assert [
        {"role": "user", "content": "Weather in Rome and Oslo?"},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "call_0", "name": "weather_get", "input": {"city": "Rome"}},
                {"type": "tool_use", "id": "call_1", "name": "weather_get", "input": {"city": "Oslo"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call_0", "content": '{"sky": "clear"}'},
                {"type": "tool_result", "tool_use_id": "call_1", "content": "no such station", "is_error": True},
                {"type": "text", "text": "And now?"},
            ],
        },
    ] == body["messages"]  # fmt: skip


def test_generate_content_body() -> None:
    """Results in one content; the first call of another model gets Google's mark."""
    contents = prepare("generate", history(), tools=TOOLS).body["contents"]

    assert ["user", "model", "user", "user"] == [content["role"] for content in contents]
    said, first, second = contents[1]["parts"]
    assert {"text": "I look."} == said
    assert {"name": "weather.get", "args": {"city": "Rome"}, "id": "functions.weather:0"} == first[
        "function_call"
    ]
    assert "thought_signature" in first
    assert "thought_signature" not in second
    assert [{"output": {"sky": "clear"}}, {"error": "no such station"}] == [
        part["function_response"]["response"] for part in contents[2]["parts"]
    ]


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("chat", "is_error of tool results dropped: Chat Completions has no such field"),
        ("responses", "is_error of tool results dropped: Responses has no such field"),
        ("messages", "ids of tool calls replaced: Messages does not take them as they are"),
        ("generate", "thought signatures missing: sent skip_thought_signature_validator, for calls of another model"),
    ],
)  # fmt: skip
def test_what_was_changed_is_said_once(kind: str, line: str) -> None:
    """One line for all calls of a conversation."""
    changes = prepare(kind, (*history(), *history()[2:]), tools=TOOLS).changes

    assert 1 == changes.count(line)


STATE = {
    "messages": ReasoningState("messages", THINKING),
    "responses": ReasoningState("responses", REASONING),
    "generate": ReasoningState("google", {"text": "I book.", "thoughtSignature": "c2lnbmVk"}),
}


@pytest.mark.parametrize("kind", ["chat", "vllm", *STATE])
@pytest.mark.parametrize("owner", list(STATE))
def test_only_its_own_api_gets_reasoning_back(kind: str, owner: str) -> None:
    """Another one could not read it; the row says that it was lost."""
    call = prepare(kind, (user("Book."), asked("I book.", STATE[owner], CALL), DONE), tools=TOOLS)
    lost = [change for change in call.changes if change.startswith("reasoning state of messages dropped")]

    assert (kind != owner) == bool(lost)
    marks = {"messages": "'signature': 'c2lnbmVk'", "responses": "ZW5jcnlwdGVk", "generate": "b'signed'"}
    assert (kind == owner) == (marks[owner] in str(call.body))


def test_a_part_with_a_signature_takes_its_text_from_the_answer() -> None:
    """The reply's text has it too; it is sent once, with the signature where it was."""
    body = prepare("generate", (user("Book."), asked("Now I book.", STATE["generate"], CALL), DONE)).body

    assert [
        {"text": "Now "},
        {"text": "I book.", "thought_signature": b"signed"},
    ] == body["contents"][1]["parts"][:2]


def test_reasoning_without_what_follows_it_is_left_out() -> None:
    """Responses and Messages refuse a reply that ends with it."""
    for kind in ("messages", "responses"):
        call = prepare(kind, (user("Hi"), asked("Hello", STATE[kind]), user("Bye")))

        assert any("at the end of a message dropped" in change for change in call.changes)
        assert "c2lnbmVk" not in str(call.body)
        assert "ZW5jcnlwdGVk" not in str(call.body)


@pytest.mark.parametrize(
    ("kind", "medium", "expected"),
    [
        ("chat", PDF, {"type": "file", "file": {"filename": "bill.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjcgbm90IHJlYWxseQ=="}}),
        ("responses", PDF, {"type": "input_file", "filename": "bill.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjcgbm90IHJlYWxseQ=="}),
        ("messages", PDF, {"type": "document", "title": "bill.pdf", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjcgbm90IHJlYWxseQ=="}}),
        ("generate", PDF, {"inline_data": {"data": PDF.data, "mime_type": "application/pdf"}}),
        ("chat", WAV, {"type": "input_audio", "input_audio": {"data": "UklGRiBub3QgcmVhbGx5", "format": "wav"}}),
        ("vllm", WAV, {"type": "input_audio", "input_audio": {"data": "UklGRiBub3QgcmVhbGx5", "format": "wav"}}),
        ("generate", WAV, {"inline_data": {"data": WAV.data, "mime_type": "audio/wav"}}),
    ],
)  # fmt: skip
def test_documents_and_sounds_are_sent_natively(kind: str, medium: Document | Audio, expected: Any) -> None:
    """Beside the text, where the vendor takes them."""
    body = prepare(kind, (user(medium, "What is it?"),)).body
    message = (body.get("messages") or body.get("input") or body.get("contents"))[0]

    assert expected == message.get("content", message.get("parts"))[0]


BROKEN = [
    ("responses", (user(WAV),), "messages[0]: Responses takes no audio/wav"),
    ("messages", (user(WAV),), "messages[0]: Messages takes no audio/wav"),
    ("vllm", (user(PDF),), "messages[0]: vLLM takes no application/pdf"),
    ("chat", (user(Document("text/plain", b"x")),), "messages[0]: found text/plain; known types: application/pdf"),
    ("chat", (user("a"), asked(CALL), user("b")), "messages[1]: the call of 'book' has no result"),
    ("messages", (user("a"), asked(CALL)), "messages[1]: the call of 'book' has no result"),
    ("generate", (user("a"), DONE), "messages[1]: the result of 'book' (call id 'c1') answers no call"),
    ("responses", (user("a"), asked(CALL), DONE, DONE), "messages[3]: the result of 'book'"),
    ("chat", (user(CALL),), "messages[0]: found a tool call in a message of the role user"),
    ("messages", (user("a"), Message("tool", (Image("image/png", b"x"),))), "messages[1]: found an image in a message of the role tool"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "messages", "line"), BROKEN)
def test_a_conversation_that_no_vendor_takes_is_a_problem(
    kind: str, messages: tuple[Message, ...], line: str
) -> None:
    """One line, which says where."""
    problem = prepare(kind, messages, tools=TOOLS).problem

    assert problem is not None
    assert problem.startswith(line)
    assert "\n" not in problem


def test_thinking_is_off_after_results_that_another_model_asked_for() -> None:
    """Messages refuses thinking with a budget there, since its own thinking is missing before the call."""
    params = Params(max_tokens=4_000, reasoning="low")
    foreign = (user("Book."), asked(CALL), DONE)
    own = (user("Book."), asked(STATE["messages"], CALL), DONE)

    def thinking(messages: tuple[Message, ...]) -> str:
        body = prepare("manual", messages, tools=TOOLS, params=params).body
        return str(body["thinking"]["type"])

    assert ("disabled", "enabled") == (thinking(foreign), thinking(own))


def test_arguments_that_are_not_json_go_back_in_a_form_that_the_api_takes() -> None:
    """OpenAI takes any text; chat templates and object fields do not."""
    messages = (user("Book."), asked(ToolCall("c1", "book", "{oops")), DONE)

    def body(kind: str) -> str:
        return str(prepare(kind, messages, tools=TOOLS).body)

    assert "'arguments': '{oops'" in body("chat")
    assert """'arguments': '{"INVALID_JSON": "{oops"}'""" in body("vllm")
    assert "{'INVALID_JSON': '{oops'}" in body("messages")
    assert "{'INVALID_JSON': '{oops'}" in body("generate")


def test_encrypted_reasoning_is_asked_for_when_it_can_be_handed_back() -> None:
    """With tools, or in a conversation that goes on; not for a single question."""
    include = ["reasoning.encrypted_content"]

    assert include == prepare("responses", (user("a"),), tools=TOOLS).body["include"]
    assert include == prepare("responses", (user("a"), asked("b"), user("c"))).body["include"]
    assert "include" not in prepare("responses", (user("a"),)).body

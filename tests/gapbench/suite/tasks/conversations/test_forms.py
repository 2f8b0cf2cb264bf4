"""Recorded conversations: each form is read to the same messages, and what no vendor would accept is told."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from gapbench.suite.tasks.conversations import (
    ConversationError,
    MediaReader,
    detect_form,
    forced_turns,
    free_conversation,
    last_turn,
    read_conversation,
)
from gapbench.suite.tasks.image_reader import read_image
from gapbench.suite.tasks.prompted_tools import as_prompted
from gapbench.suite.tasks.tool_declarations import read_tools
from gapbench.values import (
    Audio,
    Document,
    Image,
    Message,
    ReasoningState,
    Text,
    ToolCall,
    ToolResult,
    ToolSet,
    UserLine,
)
from tests.gapbench.suite.tasks.conversations.written_forms import (
    WRITERS,
    as_chat,
    random_conversation,
    without_ids,
)


def read_png(given: Any, detail: str | None) -> Image:
    return Image(*read_image(given, Path()), detail)


MEDIA = MediaReader(read_png)


def messages_of(value: Any, **options: Any) -> tuple[Message, ...]:
    return read_conversation(value, MEDIA, **options).messages


def refusal(value: Any) -> str:
    with pytest.raises(ConversationError) as caught:
        read_conversation(value, MEDIA)
    assert "\n" not in str(caught.value)
    return str(caught.value)


USER = {"role": "user", "content": "Where is order 7?"}
CALL: dict[str, Any] = {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"id": 7}'}}]}  # fmt: skip
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "on its way"}
ANSWER = {"role": "assistant", "content": "It is on its way."}


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("form", WRITERS)
def test_every_form_is_read_to_the_same_messages(form: str, seed: int) -> None:
    """A random conversation written in a form, as values and as JSON text; ShareGPT keeps neither ids nor images."""
    messages = random_conversation(seed)
    written = WRITERS[form](messages)
    expected = without_ids(messages) if form == "sharegpt" else messages

    assert expected == messages_of(written)
    assert expected == messages_of(json.dumps(written))
    assert expected == messages_of(written, form=form)


def test_the_form_is_found_by_its_shape() -> None:
    """A conversation with tools has the marks of its form; plain turns are everybody's."""
    messages = (
        Message("user", (Text("hi"),)),
        Message("assistant", (ToolCall("c1", "find", "{}"),)),
        Message("tool", (ToolResult("c1", "find", "x"),)),
    )

    assert list(WRITERS) == [detect_form(write(messages)) for write in WRITERS.values()]
    assert "openai" == detect_form([USER, ANSWER])


def test_a_request_brings_its_tools_and_its_system_prompt() -> None:
    """As a log of a gateway has it."""
    found = read_conversation(
        {
            "model": "m",
            "system": [{"type": "text", "text": "Be kind."}],
            "messages": [USER],
            "tools": [{"name": "find", "description": "Finds", "input_schema": {"type": "object"}}],
        },
        MEDIA,
    )

    assert ("system", "Be kind.") == (found.messages[0].role, found.messages[0].text)
    assert ["find"] == [tool.name for tool in found.tools]


def test_state_that_a_vendor_needs_back_is_kept() -> None:
    """Signed thinking and encrypted reasoning; what cannot be sent again is left out."""
    signed = {"type": "thinking", "thinking": "hm", "signature": "s"}
    shown = {"type": "thinking", "thinking": "hm"}
    turn = {"role": "assistant", "content": [shown, signed, {"type": "text", "text": "Hi"}]}
    encrypted = {"type": "reasoning", "id": "r1", "summary": [], "encrypted_content": "e"}

    anthropic = messages_of([USER, turn])[1]
    responses = messages_of(
        [
            {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
            encrypted,
            {"type": "reasoning", "id": "r2", "summary": []},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]},
        ]
    )[1]

    assert (ReasoningState("messages", signed), Text("Hi")) == anthropic.parts
    assert (ReasoningState("responses", encrypted), Text("Hi")) == responses.parts


def test_documents_and_sounds_are_parts() -> None:
    """A PDF in each form that has one, and a sound."""
    pdf = base64.b64encode(b"%PDF-1.7").decode()
    sound = base64.b64encode(b"RIFF").decode()
    chat = [{"role": "user", "content": [{"type": "file", "file": {"file_data": f"data:application/pdf;base64,{pdf}", "filename": "a.pdf"}}, {"type": "input_audio", "input_audio": {"data": sound, "format": "wav"}}]}]  # fmt: skip
    responses = [{"role": "user", "content": [{"type": "input_file", "file_data": f"data:application/pdf;base64,{pdf}", "filename": "a.pdf"}]}]  # fmt: skip
    anthropic = [{"role": "user", "content": [{"type": "document", "title": "a.pdf", "source": {"type": "base64", "media_type": "application/pdf", "data": pdf}}]}]  # fmt: skip
    document = Document("application/pdf", b"%PDF-1.7", "a.pdf")

    assert (document, Audio("audio/wav", b"RIFF")) == messages_of(chat)[0].parts
    assert (document,) == messages_of(responses)[0].parts == messages_of(anthropic)[0].parts


def test_hermes_tags_are_calls_and_results() -> None:
    """Two calls in one turn of gpt, and their two results in one of tool."""
    found = messages_of(
        [
            {"from": "human", "value": "Weather?"},
            {"from": "gpt", "value": 'Let me look.\n<tool_call>\n{"name": "w", "arguments": {"c": "Oslo"}}\n</tool_call>\n<tool_call>\n{"name": "w", "arguments": {"c": "Bern"}}\n</tool_call>'},
            {"from": "tool", "value": "<tool_response>\n1\n</tool_response>\n<tool_response>\n2\n</tool_response>"},
            {"from": "gpt", "value": "1 and 2"},
        ]
    )  # fmt: skip

    assert (
        Text("Let me look."),
        ToolCall("", "w", '{"c": "Oslo"}'),
        ToolCall("", "w", '{"c": "Bern"}'),
    ) == found[1].parts
    assert (ToolResult("", "w", "1"), ToolResult("", "w", "2")) == found[2].parts


def test_the_old_function_call_is_a_call() -> None:
    """OpenAI's form of 2023: no ids, the result in a turn of `function`."""
    found = messages_of(
        [USER, {"role": "assistant", "content": None, "function_call": {"name": "find", "arguments": "{}"}}, {"role": "function", "name": "find", "content": "x"}]
    )  # fmt: skip

    assert (ToolResult("", "find", "x"),) == found[2].parts


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "the conversation is empty"),
        (None, "the conversation is empty"),
        ("", "found 'nothing'"),
        ("hello", "found 'hello'; expected a list of turns"),
        ({"model": "m"}, "a mapping without turns"),
        ([{"role": "system", "content": "Be kind."}], "has no turn of the user"),
        ([{"role": "robot", "content": "hi"}], "turn 1: found role 'robot'; expected one of system"),
        ([{"from": "robot", "value": "hi"}], "turn 1: found from 'robot'"),
        ([USER, RESULT], "message 2: a result for the call 'c1' without its call"),
        ([USER, CALL, USER], "message 3: the call of find (c1) before it has no result"),
        ([USER, CALL, RESULT, RESULT], "message 3: a result for the call 'c1' without its call"),
        ([USER, CALL, {"role": "tool", "content": "x"}], "turn 3: a result without tool_call_id"),
        ([{"role": "user", "parts": []}], "turn 1: a turn of the user without content"),
        ([{"role": "user", "content": [{"type": "video"}]}], "turn 1: a part of the type 'video'"),
        ([{"role": "user", "content": [{"type": "file", "file": {"file_id": "f1"}}]}], "a document without its bytes"),
        ([{"role": "user", "tool_calls": CALL["tool_calls"], "content": "x"}], "tool calls in a turn of the user"),
        ([{"from": "human", "value": "hi"}, {"from": "function_call", "value": "find it"}], "turn 2: a call that is not JSON"),
        ([{"type": "web_search_call", "role": "user"}, {"type": "function_call", "call_id": "c"}], "item 1: found type 'web_search_call'"),
        (["hi"], "turn 1: found str; expected a mapping"),
    ],
)  # fmt: skip
def test_what_no_vendor_would_accept_is_told(value: Any, said: str) -> None:
    """One line that names the turn and says what to do."""
    assert said in refusal(value)


def test_one_of_two_results_missing_is_told() -> None:
    """Two parallel calls, one result, then the user."""
    second = {"id": "c2", "type": "function", "function": {"name": "refund", "arguments": "{}"}}
    both = {**CALL, "tool_calls": [*CALL["tool_calls"], second]}

    assert "the call of refund (c2) before it has no result" in refusal([USER, both, RESULT, USER])
    assert "the call of refund (c2) before it has no result" in refusal([USER, both, RESULT])


def test_last_asks_the_users_last_turn() -> None:
    """The assistant's next message is the recorded answer, also where calls follow it."""
    asked = last_turn(read_conversation([USER, ANSWER, USER, CALL, RESULT, ANSWER], MEDIA))

    assert ["user", "assistant", "user"] == [message.role for message in asked.messages]
    assert asked.answer is not None
    assert ["find"] == [call.name for call in asked.answer.tool_calls]


def test_last_goes_on_from_results() -> None:
    """A request as it was logged, which ends with a result: all of it is the prompt, and there is no answer."""
    asked = last_turn(read_conversation([USER, CALL, RESULT], MEDIA))

    assert (3, None) == (len(asked.messages), asked.answer)


def test_forced_asks_every_turn_of_the_assistant() -> None:
    """Each with the recorded history; a greeting before the user's first turn is none."""
    greeting = {"role": "assistant", "content": "Hello!"}
    turns = forced_turns(read_conversation([greeting, USER, CALL, RESULT, ANSWER], MEDIA))

    assert [(1, 2), (2, 4)] == [(turn.number, len(turn.messages)) for turn in turns]
    with pytest.raises(ConversationError, match="no turn of the assistant after the user's"):
        forced_turns(read_conversation([USER], MEDIA))


def test_free_brings_the_user_and_the_results() -> None:
    """The prompt ends with the user's first turn; the rest is the script."""
    thanks = {"role": "user", "content": "Thanks!"}
    free = free_conversation(read_conversation([USER, CALL, RESULT, ANSWER, thanks, ANSWER], MEDIA))

    assert ["user"] == [message.role for message in free.messages]
    assert (UserLine("Thanks!"),) == free.user
    assert (("find", '{"id":7}', "on its way"),) == free.tools.results
    assert 3 == len(free.answers)


def test_free_refuses_a_picture_in_a_later_turn() -> None:
    """A scripted line is text."""
    messages = random_conversation(0)
    picture = Message("user", (Image("image/png", b"\x89PNG\r\n\x1a\n"), Text("this one")))
    with pytest.raises(ConversationError, match="more than text"):
        free_conversation(read_conversation(as_chat((*messages[:1], Message("user", (Text("a"),)), Message("assistant", (Text("b"),)), picture)), MEDIA))  # fmt: skip


def test_calls_and_results_in_words() -> None:
    """Tools follow the system prompt; the history shows the calls as the JSON that is asked for."""
    tools = ToolSet(read_tools([{"name": "find", "parameters": {"type": "object"}}]), "required")
    messages = as_prompted(
        messages_of([{"role": "system", "content": "Be kind."}, USER, CALL, RESULT]), tools
    )

    assert messages[0].text.startswith("Be kind.\n\nYou can call these tools.")
    assert "Call at least one tool." in messages[0].text
    assert '[{"name": "find", "arguments": {"id": 7}}]' == messages[2].text
    assert ("user", 'Results of the calls:\n[{"name": "find", "result": "on its way"}]') == (messages[3].role, messages[3].text)  # fmt: skip
    assert all(message.is_plain_text for message in messages)

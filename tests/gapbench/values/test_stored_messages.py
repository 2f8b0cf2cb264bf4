"""Messages come back from the JSON in which they are stored."""

from __future__ import annotations

from gapbench.values import (
    Audio,
    Document,
    Image,
    Message,
    ReasoningState,
    Text,
    ToolCall,
    ToolResult,
    messages_as_json,
)
from gapbench.values.stored_messages import describe_part, indent_json, messages_from_json
from gapbench.values.tool_calls import ToolCallAccumulator, ToolCallPiece, text_before_calls

MEDIA = (Image("image/png", b"png"), Document("application/pdf", b"pdf", "a.pdf"), Audio("audio/wav", b"wav"))
CONVERSATION = (
    Message("user", (*MEDIA, Text("look"))),
    Message(
        "assistant",
        (
            ReasoningState("messages", {"signature": "s"}),
            Text("I look."),
            ToolCall("1", "find", '{"a":1}', "sig"),
        ),
    ),
    Message("tool", (ToolResult("1", "find", "nothing", is_error=True),)),
)


def test_every_part_comes_back() -> None:
    """Media by their hash."""
    kept = {medium.sha256: medium.data for medium in MEDIA}

    assert CONVERSATION == messages_from_json(messages_as_json(CONVERSATION), kept.get)


def test_media_that_are_gone_are_named() -> None:
    """One line of text each."""
    (first, *_) = messages_from_json(messages_as_json(CONVERSATION), lambda _: None)

    assert [
        "[an image that is not kept with the run]",
        "[a document that is not kept with the run]",
        "[an audio that is not kept with the run]",
        "look",
    ] == [part.text for part in first.parts if isinstance(part, Text)]


def test_the_text_before_calls() -> None:
    """A stored answer is its text, a line end, and the calls as JSON."""
    made = ToolCallAccumulator()
    made.add(ToolCallPiece(0, "1", "find", '{"a": [1, "é"]}'))
    stored = made.to_json()

    assert stored is not None
    assert "I look." == text_before_calls(f"I look.\n{stored}", made.calls())
    assert "" == text_before_calls(stored, made.calls())
    assert "I look." == text_before_calls("I look.", ())


def test_each_kind_of_part_is_described() -> None:
    """A page needs a text for each but an image."""
    message = Message(
        "assistant",
        (
            Text("a"),
            Image("image/png", b"1"),
            Document("application/pdf", b"2", "x.pdf"),
            Audio("audio/wav", b"3"),
            ToolCall("c", "add", '{"n":1}'),
            ToolResult("c", "add", "bad", is_error=True),
            ReasoningState("google", {"k": 1}),
        ),
    )

    described = [describe_part(part) for part in messages_as_json([message])[0]["parts"]]

    assert [None, None, "document", "audio", "call", "error", "reasoning state"] == [
        part.get("kind") for part in described
    ]
    assert [False, True, False, False, False, False, False] == ["image" in part for part in described]
    assert '{\n  "n": 1\n}' == described[4]["text"]


def test_a_part_of_an_unknown_kind_is_shown_as_it_is() -> None:
    """A newer version may have written it."""
    assert {"kind": "part", "text": '{"video":1}'} == describe_part({"video": 1})


def test_half_a_character_in_json_stays_as_it_is_written() -> None:
    """Decoded, no file could hold it."""
    assert '{"a":"\\ud800"}' == indent_json('{"a":"\\ud800"}')


def test_a_note_on_new_tools_is_stored_and_is_no_part_of_the_prompt() -> None:
    """It stands in the last message, and a reader sees the names."""
    prompt = (Message("user", (Text("Hi."),)), Message("user", (Text("Go on."),)))
    stored = messages_as_json(prompt, ("find", "ls"))
    assert stored[0] == {"role": "user", "parts": [{"text": "Hi."}]}
    assert stored[1]["parts"] == [{"text": "Go on."}, {"new_tools": ["find", "ls"]}]
    assert messages_from_json(stored, lambda _: None) == prompt
    assert describe_part(stored[1]["parts"][1]) == {"kind": "new tools", "text": "find, ls"}

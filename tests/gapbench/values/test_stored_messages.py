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
from gapbench.values.stored_messages import messages_from_json
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

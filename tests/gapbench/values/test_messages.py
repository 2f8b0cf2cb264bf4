"""A conversation has one hash behind every vendor, whatever a vendor's wire adds to it or loses."""

from __future__ import annotations

from gapbench.values import (
    Document,
    Image,
    Message,
    ReasoningState,
    Text,
    ToolCall,
    ToolResult,
    join_turns,
    prompt_sha256,
    vendor_neutral,
)

ASKED = Message("user", (Text("How warm is it?"),))


def neutral(*messages: Message) -> str:
    return prompt_sha256(vendor_neutral(messages))


def test_a_prompt_of_text_and_images_stays_as_it_is() -> None:
    """So the hash of such a prompt is the one that is stored in its row."""
    prompt = (Message("system", (Text("Be brief."),)), Message("user", (Image("image/png", b"x"), Text("?"))))

    assert vendor_neutral(prompt) == prompt


def test_ids_signatures_and_reasoning_do_not_count() -> None:
    """Each vendor has its own."""
    plain = Message("assistant", (ToolCall("", "look", "{}"),))
    signed = Message(
        "assistant",
        (ReasoningState("messages", {"type": "thinking"}), ToolCall("toolu_1", "look", "{}", "c2ln")),
    )

    assert neutral(ASKED, plain) == neutral(ASKED, signed)


def test_arguments_count_by_value() -> None:
    """A vendor that carries them as an object loses their spelling, not their value."""
    spaced, dense, other = (
        Message("assistant", (ToolCall("", "look", arguments),))
        for arguments in ('{ "b": 1, "a": 2 }', '{"a":2,"b":1}', '{"a":2,"b":2}')
    )

    assert neutral(spaced) == neutral(dense)
    assert neutral(spaced) != neutral(other)


def test_arguments_that_are_not_json_count_as_text() -> None:
    """They are kept as the model wrote them."""
    (message,) = vendor_neutral((Message("assistant", (ToolCall("x", "look", '{"a": '),)),))

    assert message.tool_calls[0].arguments_json == '{"a": '


def test_results_count_by_content_alone() -> None:
    """Not every wire has their names and error marks."""
    one = Message("tool", (ToolResult("call_1", "look", '{"t": 20}', is_error=True),))
    two = Message("tool", (ToolResult("fc_9", "", '{"t":20}'),))

    assert neutral(one) == neutral(two)


def test_calls_follow_the_text() -> None:
    """Chat Completions has no order between them."""
    before = Message("assistant", (ToolCall("", "look", "{}"), Text("Wait.")))
    after = Message("assistant", (Text("Wait."), ToolCall("", "look", "{}")))

    assert neutral(before) == neutral(after)


def test_a_turn_in_several_items_is_one() -> None:
    """Results that come one a message, and an assistant's items."""
    whole = (
        Message("assistant", (Text("Wait."), ToolCall("", "look", "{}"))),
        Message("tool", (ToolResult("", "", "1"), ToolResult("", "", "2"))),
    )
    items = (
        Message("assistant", (Text("Wait."),)),
        Message("assistant", (ToolCall("", "look", "{}"),)),
        Message("tool", (ToolResult("", "", "1"),)),
        Message("tool", (ToolResult("", "", "2"),)),
    )

    assert join_turns(items) == whole
    assert neutral(*items) == neutral(*whole)


def test_lines_of_a_user_stay_apart() -> None:
    """Two messages of a user are two turns on every wire."""
    assert join_turns((ASKED, ASKED)) == (ASKED, ASKED)


def test_a_files_name_does_not_count() -> None:
    """Google's wire has none."""
    named, unnamed = (
        Message("user", (Document("application/pdf", b"%PDF", name),)) for name in ("a.pdf", "document.pdf")
    )

    assert neutral(named) == neutral(unnamed)

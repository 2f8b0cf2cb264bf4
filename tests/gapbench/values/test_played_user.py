"""What a model that plays the user is asked, and where its rows stand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gapbench.values import Message, PlayedUser, Text, ToolCall, ToolResult, prompt_sha256, vendor_neutral
from gapbench.values.played_user import (
    OPENING,
    cell_of_user,
    split_line,
    user_cell_id,
    user_prompt,
    user_truth,
)

USER = PlayedUser("u", "You want tea.", script=("Tea, please.",))


def said(role: str, text: str) -> Message:
    return Message(role, (Text(text),))  # type: ignore[arg-type]


def spoken(*conversation: Message) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in user_prompt(USER, conversation)[1:]]


def test_before_anything_was_said_the_user_is_greeted() -> None:
    """The instructions, and a message that it answers."""
    system, opening = user_prompt(USER, (said("system", "Take orders."),))

    assert ("system", "user", OPENING) == (system.role, opening.role, opening.text)
    assert system.text.endswith("You want tea.")
    assert "Take orders." not in system.text


def test_the_roles_are_swapped() -> None:
    """What the assistant wrote is a user's message, and the user's lines are the assistant's."""
    assert [("user", OPENING), ("assistant", "Hello."), ("user", "What do you want?")] == spoken(
        said("user", "Hello."), said("assistant", "What do you want?")
    )


def test_calls_and_results_are_not_shown() -> None:
    """Of two replies before the user's turn the texts are heard together, and of a call nothing."""
    call = ToolCall("c1", "brew", "{}")

    assert [("user", OPENING), ("assistant", "Tea."), ("user", "I brew.\n\nHere it is.")] == spoken(
        said("user", "Tea."),
        Message("assistant", (Text("I brew."), call)),
        Message("tool", (ToolResult("c1", "brew", "secret", is_error=False),)),
        said("assistant", "Here it is."),
    )


def test_a_user_may_not_hear_what_stands_next_to_calls() -> None:
    """Only the text of the reply without a call."""
    replies = (
        Message("assistant", (Text("I brew."), ToolCall("c1", "brew", "{}"))),
        said("assistant", "Here."),
    )
    prompt = user_prompt(replace(USER, hears_texts_of_calls=False), (said("user", "Tea."), *replies))

    assert ("user", "Here.") == (prompt[-1].role, prompt[-1].text)


def test_without_guidelines_the_instructions_are_all_it_is_told() -> None:
    """And the opening is the task's."""
    system, opening = user_prompt(replace(USER, has_guidelines=False, opening="Begin."), ())

    assert ("You want tea.", "Begin.") == (system.text, opening.text)


def test_an_assistant_without_a_text_says_so() -> None:
    """Providers refuse a message without text."""
    assert ("user", "(no text)") == spoken(said("user", "Tea."), said("assistant", " "))[-1]


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        (" Tea. ", ("Tea.", False)),
        ("###STOP###", ("", True)),
        ("Thanks!\n###STOP### bye", ("Thanks!", True)),
    ],
)
def test_the_stop_word_ends_the_conversation(reply: str, line: tuple[str, bool]) -> None:
    """What stands before it is the last line, and what stands after it is nothing."""
    assert line == split_line(USER, reply)


@pytest.mark.parametrize("reply", ["Bye. ###OUT### x ###STOP###", "Bye. ###STOP### x ###OUT###"])
def test_the_first_of_several_stop_words_ends_the_line(reply: str) -> None:
    """Wherever it stands in the list."""
    assert ("Bye.", True) == split_line(replace(USER, stops=("###STOP###", "###OUT###")), reply)


def test_the_script_is_the_truth_of_a_simulated_user() -> None:
    """The lines of the prompt count as said, then the script, then the stop word; right and wrong are the same."""
    truth = user_truth(USER, (said("system", "x"), said("user", "Hello.")), "agents")

    assert ["Hello.", "Tea, please.", "###STOP###"] == [turn.text for turn in truth.reference_turns]
    assert truth.reference_turns == truth.decoy_turns
    assert prompt_sha256(vendor_neutral(user_prompt(USER, ()))) == truth.prompt_sha256


def test_a_user_has_a_cell_id_of_its_own() -> None:
    """From which the cell is found again."""
    assert "m|t|c8|user" == user_cell_id("m|t|c8")
    assert "m|t|c8" == cell_of_user("m|t|c8|user") == cell_of_user("m|t|c8")

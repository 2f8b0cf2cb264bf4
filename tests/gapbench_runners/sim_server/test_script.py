"""What is said in a turn: the ground truth's words, with earlier results filled in, as the request's tools allow."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from gapbench.values import Message, Tool, ToolCall, ToolResult, ToolSet
from gapbench_runners.sim_server.episode_position import EpisodePosition, locate_episode, read_result
from gapbench_runners.sim_server.script import (
    NO_CALL,
    NOTHING_TO_ADD,
    ScriptedCall,
    ScriptedTurn,
    break_calls,
    fill_results,
    fit_to_tools,
    is_followed,
    least_value,
    turn_at,
    write_script,
)
from tests.gapbench_runners.episodes import (
    DONE,
    FIND,
    MAIL,
    ORDERS,
    REFERENCE_TURNS,
    REFUND,
    TOOLS,
    call,
    calling,
    say,
)
from tests.gapbench_runners.simulated import user

SCRIPT = write_script(REFERENCE_TURNS, one_call_a_reply=False)


def names(turn: ScriptedTurn) -> list[str]:
    return [made.name for made in turn.calls]


def arguments(turn: ScriptedTurn) -> list[Any]:
    return [json.loads(made.arguments_json) for made in turn.calls]


def test_a_turn_is_a_reply() -> None:
    """Three turns, the second with two calls."""
    assert [(turn.text, names(turn)) for turn in SCRIPT] == [
        ("Let me look.", [FIND]),
        ("", [REFUND, MAIL]),
        (DONE, []),
    ]


def test_without_parallel_calls_each_call_is_a_reply() -> None:
    """1 + 2 calls and the last text are four replies; each call knows its place in the ground truth."""
    script = write_script(REFERENCE_TURNS, one_call_a_reply=True)

    assert [names(turn) for turn in script] == [[FIND], [REFUND], [MAIL], []]
    assert [turn.calls[0].origin for turn in script[:3]] == [(0, 0), (1, 0), (1, 1)]


def test_after_its_end_the_last_text_is_said_again() -> None:
    """A user who goes on gets the same answer."""
    assert turn_at(SCRIPT, 9) == ScriptedTurn(DONE)


def test_after_calls_at_the_end_there_is_nothing_to_add() -> None:
    """The episode ends."""
    script = write_script(REFERENCE_TURNS[:2], one_call_a_reply=False)

    assert turn_at(script, 2) == ScriptedTurn(NOTHING_TO_ADD)


def position(*results: tuple[str, ...]) -> EpisodePosition:
    """Return where the shop's replies have had these results, one or none for each call."""
    messages: list[Message] = []
    for contents in results:
        messages.append(calling(*(call(FIND),) * 2))
        messages.append(Message("tool", tuple(ToolResult("", FIND, content) for content in contents)))
    return EpisodePosition("0" * 64, tuple(messages))


def test_a_value_of_an_earlier_result_is_filled_in() -> None:
    """Order 42 is at /orders/1/id of the first call's result; the other call is left alone."""
    assert arguments(fill_results(SCRIPT[1], SCRIPT, position((ORDERS,)))) == [{"order": 42}, {"to": "Ada"}]


def test_one_call_a_reply_moves_results_not_their_places() -> None:
    """[1, 1] is the ground truth's second call of its second turn, here the third reply."""
    turns = (*REFERENCE_TURNS[:2], calling(call(MAIL, to={"$result": [1, 1, ""]})))
    script = write_script(turns, one_call_a_reply=True)

    assert arguments(fill_results(script[3], script, position((ORDERS,), ("ok",), ("sent",)))) == [
        {"to": "sent"}
    ]


@pytest.mark.parametrize("results", [((),), (("no JSON",),), ()])
def test_a_result_that_is_not_there_is_null(results: tuple[tuple[str, ...], ...]) -> None:
    """The call is made all the same, and fails."""
    assert arguments(fill_results(SCRIPT[1], SCRIPT, position(*results)))[0] == {"order": None}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", {"orders": [{"id": 41}, {"id": 42}]}),
        ("/orders/0", {"id": 41}),
        ("/orders/2/id", None),
        ("/orders/x", None),
        ("/nothing/here", None),
    ],
)
def test_a_pointer_is_read_as_rfc_6901_says(pointer: str, value: object) -> None:
    """Objects by key, lists by index, null where nothing is."""
    assert read_result(ORDERS, pointer) == value


def test_a_pointer_has_two_escapes() -> None:
    """~1 is a slash, ~0 a tilde."""
    assert read_result('{"a/b": {"~": 1}}', "/a~1b/~0") == 1


def test_without_tools_calls_are_written_as_text() -> None:
    """The form in which a prompt asks for them."""
    turn = fit_to_tools(SCRIPT[0], None)

    assert (names(turn), turn.text) == (
        [],
        'Let me look.[{"name": "find_orders", "arguments": {"customer": "Ada"}}]',
    )


def test_the_choice_none_leaves_only_text() -> None:
    """Or a sentence, where the turn has no text."""
    none = dataclasses.replace(TOOLS, choice="none")

    assert fit_to_tools(SCRIPT[0], none) == ScriptedTurn("Let me look.")
    assert fit_to_tools(SCRIPT[1], none) == ScriptedTurn(NO_CALL)


def test_the_choice_required_forces_a_call() -> None:
    """The first tool with the least that its schema asks for; a turn with calls stays."""
    required = dataclasses.replace(TOOLS, choice="required")
    forced = fit_to_tools(SCRIPT[2], required)

    assert (names(forced), arguments(forced)) == ([FIND], [{"customer": ""}])
    assert fit_to_tools(SCRIPT[1], required) == SCRIPT[1]


def test_a_named_tool_is_the_only_one_called() -> None:
    """It is kept where the turn calls it, and called where the turn does not."""
    mail = dataclasses.replace(TOOLS, choice=MAIL)

    assert names(fit_to_tools(SCRIPT[1], mail)) == [MAIL]
    assert names(fit_to_tools(SCRIPT[0], mail)) == [MAIL]


def test_a_name_is_the_one_that_was_declared() -> None:
    """A client that may not send ``math.add`` declares ``math_add``."""
    tools = ToolSet((Tool("math_add", "", {"type": "object"}),))
    turn = ScriptedTurn("", (ScriptedCall("math.add", "{}", (0, 0)),))

    assert names(fit_to_tools(turn, tools)) == ["math_add"]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, ""),
        ({"type": "INTEGER"}, 0),
        ({"type": ["boolean", "null"]}, False),
        ({"type": "array", "items": {}}, []),
        ({"enum": ["low", "high"]}, "low"),
        ({"const": 7}, 7),
        ({"type": "object", "properties": {"a": {"type": "number"}, "b": {}}, "required": ["a"]}, {"a": 0}),
    ],
)
def test_the_least_value_is_of_the_schemas_type(schema: dict[str, Any], value: object) -> None:
    """Only what is required is in an object."""
    assert least_value(schema) == value


def test_malformed_arguments_are_no_json() -> None:
    """The first call's; the others are whole."""
    broken = break_calls(SCRIPT[1], "malformed_arguments")

    with pytest.raises(ValueError, match="delimiter"):
        json.loads(broken.calls[0].arguments_json)
    assert broken.calls[1] == SCRIPT[1].calls[1]


def test_an_unknown_tool_was_not_declared() -> None:
    """The arguments are whole."""
    broken = break_calls(SCRIPT[1], "unknown_tool").calls[0]

    assert TOOLS.tool(broken.name) is None
    assert broken.arguments_json == SCRIPT[1].calls[0].arguments_json


def test_a_cut_call_is_the_last() -> None:
    """Half of its arguments, and no call after it."""
    broken = break_calls(SCRIPT[0], "cut_call")

    assert [made.arguments_json for made in broken.calls] == ['{"custome']  # 9 of 19 characters


def test_replies_follow_a_script_by_text_and_names() -> None:
    """Another word is another script."""
    said, other = (EpisodePosition("0" * 64, (say(text),)) for text in ("Good day.", "Hello."))
    script = write_script((say("Good day."), say("Bye.")), one_call_a_reply=False)

    assert [is_followed(script, found, None) for found in (said, other)] == [True, False]


HISTORY = (
    *user("q"),
    Message("assistant", (ToolCall("a", FIND, "{}"), ToolCall("b", REFUND, "{}"))),
    Message("tool", (ToolResult("b", "", "two"), ToolResult("a", "", "one"))),
)


def test_the_longest_known_start_is_the_episode() -> None:
    """The prompt that ends before the first reply; turns and results count from there."""
    found = locate_episode(HISTORY, ["first", "second", "third"], {"first"})

    assert (found.prompt_sha256, found.turn) == ("first", 1)


def test_a_known_whole_prompt_comes_first() -> None:
    """A recorded history is a prompt of its own, not an episode of its first line."""
    found = locate_episode(HISTORY, ["first", "second", "third"], {"first", "third"})

    assert (found.prompt_sha256, found.turn) == ("third", 0)


def test_results_belong_to_calls_by_id() -> None:
    """Whatever their order."""
    assert locate_episode(HISTORY, ["first", "second", "third"], {"first"}).results() == [("one", "two")]


def test_results_without_ids_belong_to_calls_by_place() -> None:
    """As Gemini's may come."""
    bare = (
        HISTORY[0],
        Message("assistant", (ToolCall("", FIND, "{}"), ToolCall("", REFUND, "{}"))),
        Message("tool", (ToolResult("", FIND, "one"), ToolResult("", REFUND, "two"))),
    )

    assert locate_episode(bare, ["first", "second", "third"], {"first"}).results() == [("one", "two")]

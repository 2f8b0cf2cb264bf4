"""Episodes as pages show them: turns joined from their rows, with times that add up."""

from __future__ import annotations

import json
from typing import Any

from gapbench.analysis.episode_turns import TURN_COLUMNS, TURN_TEXTS, describe_episode
from gapbench.values import Message, Text, ToolCall, ToolResult, canonical_json, messages_as_json

CALL = {"id": "c1", "name": "add", "arguments_json": '{"n": 3}'}
RAN = {**CALL, "result": "no such sum", "is_error": True, "problem": None, "tool_s": 0.5}


def stored(*messages: Message) -> str:
    return canonical_json(messages_as_json(messages))


def row(turn: int, attempt: int, **given: Any) -> dict[str, Any]:
    """Return an attempt at a turn: due at second 10 times the turn, sent a second later, done after three."""
    values = dict.fromkeys((*TURN_COLUMNS, *TURN_TEXTS))
    values |= {
        "attempt": attempt, "trajectory_id": "t", "turn": turn, "scheduled_s": 10.0 * turn, "sent_s": 10.0 * turn + 1,
        "done_s": 10.0 * turn + 4, "from_cache": False, "input_tokens": 1000, "output_tokens": 20, "reply": "",
        "messages": stored(Message("user", (Text("first"),))),
    }  # fmt: skip
    return {**values, **given}


def two_turns(**given: Any) -> list[dict[str, Any]]:
    """Return a turn with a call that took 2 s, and a turn after a line of the user."""
    reply = Message("assistant", (Text("I add."), ToolCall("c1", "add", '{"n": 3}')))
    result = Message("tool", (ToolResult("c1", "add", "no such sum", is_error=True),))
    said = Message("user", (Text("go on"),))
    changes = '[{"op":"replace","path":"/orders/A~11/status","value":"sent"},{"op":"remove","path":"/sum"}]'
    listed = json.dumps([{"name": "add", "arguments": {"n": 3}}])
    return [
        row(0, 1, reply=f"I add.\n{listed}", calls=json.dumps([RAN]), tool_wait_s=2.0, state_changes=changes),
        row(1, 2, reply="Done.", messages=stored(reply, result, said), **given),
    ]  # fmt: skip


def shown(rows: list[dict[str, Any]], ending: dict[str, Any] | None = None) -> dict[str, Any]:
    return describe_episode(rows, ending, str)


def test_the_prompt_is_that_of_the_first_turn() -> None:
    """Later turns store only what was added."""
    assert stored(Message("user", (Text("first"),))) == shown(two_turns())["prompt"]


def test_a_call_has_its_arguments_and_its_result() -> None:
    """The text of the reply comes without the list of its calls."""
    turn = shown(two_turns())["turns"][0]

    assert "I add." == turn["text"]
    assert [
        {"name": "add", "arguments": '{\n  "n": 3\n}', "result": "no such sum", "is_error": True, "s": 0.5}
    ] == turn["calls"]


def test_a_call_that_did_not_run_has_no_result() -> None:
    """A single reply with tools: one turn."""
    found = shown([{**row(0, 1, calls=json.dumps([CALL])), "trajectory_id": None, "turn": None}])

    assert [{"name": "add", "arguments": '{\n  "n": 3\n}'}] == found["turns"][0]["calls"]


def test_only_what_the_user_says_is_shown_before_a_turn() -> None:
    """The reply and the results of the turn before are shown there."""
    assert ["go on"] == shown(two_turns())["turns"][1]["said"]


def test_changes_of_the_state_are_words() -> None:
    """A step of a pointer is unescaped: A~11 is the key A/1."""
    assert ['orders › A/1 › status = "sent"', "sum removed"] == shown(two_turns())["turns"][0]["changes"]


def test_the_times_of_turns_add_up_to_the_whole() -> None:
    """0 to 1 queue, 1 to 4 model, 4 to 6 tool, 6 to 10 user, 10 to 11 queue, 11 to 14 model: 14 s."""
    first, second = (turn["times"] for turn in shown(two_turns())["turns"])

    assert {"model": 3.0, "tool": 2.0, "user": 0.0, "queue": 1.0} == first
    assert {"model": 3.0, "tool": 0.0, "user": 4.0, "queue": 1.0} == second
    assert 14.0 == sum(first.values()) + sum(second.values())


def test_the_user_takes_no_more_than_the_episode_says() -> None:
    """Of 4 s between the turns the user took 1.5; the other 2.5 are the queue's: 2.5 + 1 = 3.5."""
    ending = {
        "termination": "done", "reason": "", "wall_s": 14.0, "model_s": 6.0, "tool_s": 2.0, "user_s": 1.5, "queue_s": 4.5,
    }  # fmt: skip

    second = shown(two_turns(), ending)["turns"][1]["times"]

    assert (1.5, 3.5) == (second["user"], second["queue"])


def test_a_failed_try_is_counted_and_its_wait_is_the_queue_s() -> None:
    """The first try is due at 0, the second is sent at 11: 11 s of waiting."""
    rows = [row(0, 1, failure_kind="server"), row(0, 2, sent_s=11.0, done_s=14.0)]

    turn = shown(rows)["turns"][0]

    assert "2 tries" in turn["facts"]
    assert 11.0 == turn["times"]["queue"]


def test_the_tokens_of_a_played_user_are_told() -> None:
    """Apart from those of the turns; a scripted user has none."""
    ending = {
        "termination": "done", "reason": "", "wall_s": 14.0, "model_s": 6.0, "tool_s": 2.0, "user_s": 1.5, "queue_s": 4.5,
        "user_input_tokens": 1200, "user_output_tokens": 30,
    }  # fmt: skip

    assert "a model played the user: 1,200 tokens in, 30 out" == shown(two_turns(), ending)["facts"][1]
    assert 1 == len(shown(two_turns(), {**ending, "user_input_tokens": None})["facts"])

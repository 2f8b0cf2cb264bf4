"""A persona plays an episode with one skill, knows its place in it from the conversation alone, and counts its cache."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from gapbench.values import Message, Text, add_salt
from gapbench_runners.sim_server.persona import TOOL_FAULT_KINDS
from gapbench_runners.sim_server.reply import SimReply
from gapbench_runners.sim_server.sim_model import REFUSAL, UNPARSABLE_ANSWER, SimModel
from tests.gapbench_runners.episodes import (
    DONE,
    FIND,
    MAIL,
    REFUND,
    TASK,
    TOOLS,
    WRONG,
    asking,
    play,
    reply_message,
    result_message,
    say,
    shop_truth,
)
from tests.gapbench_runners.simulated import mind, user

TASKS = [f"{TASK} ({number})" for number in range(1_000)]


def desk(*tasks: str, **persona: Any) -> SimModel:
    return mind(*map(shop_truth, tasks or (TASK,)), **persona)


def made(reply: SimReply) -> list[tuple[str, Any]]:
    return [(call.name, json.loads(call.arguments_json)) for call in reply.calls]


def text(reply: SimReply) -> str:
    return "".join(reply.answer)


def is_solved(replies: list[SimReply]) -> bool:
    return text(replies[-1]) == DONE and len(replies) == 3


def test_the_reference_is_played_turn_by_turn() -> None:
    """Three replies; the second refunds the order that the first one's tool named."""
    replies = play(desk(), user(TASK))

    assert [(text(reply), made(reply), reply.finish) for reply in replies] == [
        ("Let me look.", [(FIND, {"customer": "Ada"})], "tool"),
        ("", [(REFUND, {"order": 42}), (MAIL, {"to": "Ada"})], "tool"),
        (DONE, [], "stop"),
    ]
    assert [(reply.is_known, reply.is_right, reply.is_answer_intact) for reply in replies] == [
        (True,) * 3
    ] * 3


def test_the_decoy_is_played_turn_by_turn() -> None:
    """No skill: the wrong order, and no mail."""
    replies = play(desk(skill=0), user(TASK))

    assert [made(reply) for reply in replies] == [
        [(FIND, {"customer": "Ada"})],
        [(REFUND, {"order": 41})],
        [],
    ]
    assert text(replies[-1]) == WRONG


def test_without_parallel_calls_the_episode_is_a_turn_longer() -> None:
    """1 + 2 calls and the last text; the same calls in the same order."""
    replies = play(desk(), user(TASK), replace(TOOLS, parallel=False))

    assert [made(reply) for reply in replies] == [
        [(FIND, {"customer": "Ada"})],
        [(REFUND, {"order": 42})],
        [(MAIL, {"to": "Ada"})],
        [],
    ]


@pytest.mark.parametrize("skill", [0.3, 0.8])
def test_the_share_of_solved_episodes_is_the_skill(skill: float) -> None:
    """1,000 episodes of three turns, within three standard errors: one draw an episode, not one a turn."""
    desks = desk(*TASKS, skill=skill)
    share = sum(is_solved(play(desks, user(task))) for task in TASKS) / len(TASKS)

    assert abs(share - skill) < 3 * math.sqrt(skill * (1 - skill) / len(TASKS))


def test_repeats_of_an_episode_are_draws_of_their_own() -> None:
    """100 repeats at once, turn by turn: each goes on as it began, and some are solved."""
    desks = desk(skill=0.5, rho=0.0)
    first = [desks.reply_to(asking(user(TASK))) for _ in range(100)]
    solved = []
    for begun in reversed(first):
        messages, reply = user(TASK), begun
        while reply.calls:
            said = reply_message(reply)
            messages = (*messages, said, result_message(said))
            reply = desks.reply_to(asking(messages))
        solved.append(text(reply) == DONE)

    assert solved == [reply.is_right for reply in reversed(first)]
    assert 0 < sum(solved) < 100


def test_a_turn_asked_again_is_the_same_turn() -> None:
    """A retry in the middle of an episode changes nothing of it."""
    desks = desk(skill=0.5)
    for task in range(20):
        (begun, *_) = play(desks, user(TASK))
        said = reply_message(begun)
        messages = (*user(TASK), said, result_message(said))
        one, two = (desks.reply_to(asking(messages)) for _ in range(2))
        assert made(one) == made(two), task


TALK = (say("Good day."), say("It is Monday."), say("Bye."))
OTHER_TALK = (say("Good day."), say("It is Sunday."), say("Bye."))


def talk(model: SimModel, *lines: str) -> list[str]:
    """Return what a persona says to each line of a user."""
    messages: tuple[Message, ...] = ()
    said = []
    for line in lines:
        messages = (*messages, *user(line))
        said.append(text(model.reply_to(asking(messages, None))))
        messages = (*messages, say(said[-1]))
    return said


def test_a_conversation_of_text_alone_follows_its_own_history() -> None:
    """Right and wrong part at the second reply; whichever it was, the third belongs to it."""
    lines = [f"Hello {number}" for number in range(200)]
    parted = (say("Good day."), say("It is Sunday."), say("Good night."))
    book = [shop_truth(line, TALK, parted) for line in lines]
    model = mind(*book, skill=0.5)
    heard = [talk(model, line, "What day is it?", "Bye!") for line in lines]

    assert {tuple(said) for said in heard} == {
        ("Good day.", "It is Monday.", "Bye."),
        ("Good day.", "It is Sunday.", "Good night."),
    }


def test_the_share_of_right_conversations_is_the_skill() -> None:
    """Where right and wrong begin alike, the draw is made where they part: 1,000 within three standard errors."""
    lines = [f"Hello {number}" for number in range(1_000)]
    model = mind(*(shop_truth(line, TALK, OTHER_TALK) for line in lines), skill=0.7)
    share = sum("It is Monday." in talk(model, line, "What day is it?") for line in lines) / 1_000

    assert abs(share - 0.7) < 3 * math.sqrt(0.7 * 0.3 / 1_000)


def test_an_unknown_conversation_stays_unknown() -> None:
    """It has no truth, whatever its turns."""
    reply = desk().reply_to(asking((*user("Who?"), say("I."), *user("Who else?"))))

    assert not reply.is_known


def test_refusals_and_wrong_formats_have_their_place() -> None:
    """A refusal is the first reply; the wrong format is that of the last."""
    refused, beside = play(desk(refuse=1), user(TASK)), play(desk(unparsed=1), user(TASK))

    assert [(text(reply), reply.finish) for reply in refused] == [(REFUSAL, "refusal")]
    assert [text(reply) for reply in beside] == ["Let me look.", "", UNPARSABLE_ANSWER]


def test_a_budget_ends_within_a_call() -> None:
    """12 characters of text and 11 of name are 3 + 3 tokens; of 8, two are left for the arguments."""
    reply = desk().reply_to(replace(asking(user(TASK)), max_tokens=8))

    assert (text(reply), reply.calls[0].arguments_json, reply.finish) == (
        "Let me look.",
        '{"custom',
        "length",
    )
    assert (reply.output_tokens, reply.is_answer_intact) == (8, False)


def test_a_budget_ends_before_a_call() -> None:
    """Three tokens of text and no name."""
    reply = desk().reply_to(replace(asking(user(TASK)), max_tokens=5))

    assert (reply.calls, reply.finish) == ((), "length")


def test_output_counts_names_and_arguments() -> None:
    """Text 3, name 3, and 19 characters of arguments 5: 11 tokens."""
    assert desk().reply_to(asking(user(TASK))).output_tokens == 11


def test_input_counts_tools_calls_and_results() -> None:
    """The second prompt is the first, the reply (4 + 11), and the result (4 + 34 characters)."""
    first, second, _ = play(desk(), user(TASK))
    result = len('{"orders":[{"id":41},{"id":42}]}')
    reply = 4 + math.ceil(12 / 4) + math.ceil(11 / 4) + math.ceil(len('{"customer":"Ada"}') / 4)

    assert second.input_tokens - first.input_tokens == reply + 4 + math.ceil(result / 4)
    assert first.input_tokens > desk().reply_to(asking(user(TASK), None)).input_tokens


def is_hit(kind: str, replies: list[SimReply]) -> bool:
    """Return whether a fault is seen in an episode."""
    calls = [call for reply in replies for call in reply.calls]
    if kind == "malformed_arguments":
        return any(not call.arguments_json.endswith("}") for call in calls)
    if kind == "unknown_tool":
        return any(TOOLS.tool(call.name) is None for call in calls)
    return replies[-1].finish == "length" if kind == "cut_call" else len(replies) == 10


@pytest.mark.parametrize("kind", TOOL_FAULT_KINDS)
def test_a_fault_of_calls_hits_its_share_of_episodes(kind: str) -> None:
    """300 episodes within three standard errors of 0.2; all others are played as before."""
    tasks = TASKS[:300]
    desks = desk(*tasks, tool_faults={kind: 0.2})
    played = [play(desks, user(task)) for task in tasks]
    share = sum(is_hit(kind, replies) for replies in played) / len(tasks)

    assert abs(share - 0.2) < 3 * math.sqrt(0.2 * 0.8 / len(tasks))
    assert all(is_solved(replies) for replies in played if not is_hit(kind, replies))


def test_an_endless_loop_makes_the_same_calls_for_ever() -> None:
    """Ten turns of the test's patience, and no end."""
    replies = play(desk(tool_faults={"endless_loop": 1}), user(TASK))

    assert len(replies) == 10
    assert len({json.dumps(made(reply)) for reply in replies[2:]}) == 1
    assert len({call.mark for reply in replies for call in reply.calls[:1]}) == 10


def test_a_cut_call_ends_at_the_token_limit() -> None:
    """One of the two turns with calls has half of its arguments."""
    replies = play(desk(tool_faults={"cut_call": 1}), user(TASK))

    assert replies[-1].finish == "length"
    with pytest.raises(ValueError, match=r"Unterminated|delimiter|Expecting"):
        made(replies[-1])


def counted(replies: list[SimReply]) -> list[tuple[int, int, int]]:
    return [(reply.input_tokens, reply.cached_tokens, reply.cache_write_tokens) for reply in replies]


def test_each_turn_reads_what_the_turns_before_wrote() -> None:
    """What is read is the prompt before in whole blocks of 16; what is written is the rest in whole blocks."""
    (a, *first), (b, *second), (c, *third) = counted(play(desk(cache=True), user(TASK)))

    assert first == [0, a // 16 * 16]
    assert second == [a // 16 * 16, b // 16 * 16 - a // 16 * 16]
    assert third == [b // 16 * 16, c // 16 * 16 - b // 16 * 16]


def test_another_episode_reads_only_what_it_has_in_common() -> None:
    """The tools alone are not a prompt, a system message is."""
    system = Message("system", (Text("You run a shop. " * 20),))
    model = desk(cache=True)
    model.reply_to(asking((system, *user(TASK))))
    other = model.reply_to(asking((system, *user("Hello"))))
    alone = model.reply_to(asking((system,)))

    assert other.cached_tokens == alone.input_tokens // 16 * 16 > 0


def test_other_tools_are_another_prompt() -> None:
    """They stand before all else."""
    model = desk(cache=True)
    model.reply_to(asking(user(TASK)))

    assert model.reply_to(asking(user(TASK), replace(TOOLS, tools=TOOLS.tools[:1]))).cached_tokens == 0


def test_salt_keeps_an_episode_out_of_the_cache_and_in_its_place() -> None:
    """Each salt is a prompt of its own, and the turn is the same."""
    model = desk(cache=True)
    play(model, user(TASK))
    salted = play(model, add_salt(user(TASK), "0a1b2c3d"))

    assert salted[0].cached_tokens == 0
    assert salted[1].cached_tokens > 0
    assert is_solved(salted)

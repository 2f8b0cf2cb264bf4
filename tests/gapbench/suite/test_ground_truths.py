"""What a simulated provider knows of a task: its replies by the first prompt, also where the user speaks first."""

from __future__ import annotations

import pytest

from gapbench.suite.ground_truths import make_truths
from gapbench.values import (
    Episode,
    GroundTruth,
    Message,
    PlayedUser,
    Text,
    UserLine,
    prompt_sha256,
    vendor_neutral,
)
from tests.makers import sample, task

SYSTEM = Message("system", (Text("Take orders."),))
HELLO = Message("user", (Text("Hello."),))


def truth(episode: Episode, *messages: Message) -> GroundTruth:
    """Return the ground truth of the model under test."""
    return next(make_truths(task(samples=(sample(0, messages=messages, episode=episode),))))


def hash_of(*messages: Message) -> str:
    return prompt_sha256(vendor_neutral(messages))


def line(text: str) -> Message:
    return Message("user", (Text(text),))


def test_the_first_line_of_a_played_user_belongs_to_the_first_prompt() -> None:
    """Without the spaces around it, which are not sent; the second line is said later."""
    found = truth(Episode(played_user=PlayedUser("u", "x", script=(" Tea. ", "Thanks."))), SYSTEM)

    assert (hash_of(SYSTEM, line("Tea.")), ("Thanks.",)) == (found.prompt_sha256, found.user_lines)


def test_the_first_line_of_a_script_is_the_one_without_a_condition() -> None:
    """The other one waits for a reply."""
    found = truth(Episode(user=(UserLine("Yes.", when="sure"), UserLine("Tea."))), SYSTEM)

    assert (hash_of(SYSTEM, line("Tea.")), ("Yes.",)) == (found.prompt_sha256, found.user_lines)


@pytest.mark.parametrize(
    "episode",
    [Episode(user=(UserLine("Tea."),)), Episode(played_user=PlayedUser("u", "x", script=("Tea.",)))],
)
def test_all_lines_follow_a_prompt_in_which_the_user_has_spoken(episode: Episode) -> None:
    """Hello is the first prompt's, and tea comes later."""
    found = truth(episode, SYSTEM, HELLO)

    assert (hash_of(SYSTEM, HELLO), ("Tea.",)) == (found.prompt_sha256, found.user_lines)


@pytest.mark.parametrize(
    "episode",
    [
        Episode(played_user=PlayedUser("u", "x")),
        Episode(played_user=PlayedUser("u", "x", script=("###STOP###",))),
        Episode(user=(UserLine("Yes.", when="sure"),)),
    ],
)
def test_a_user_that_says_nothing_first_adds_nothing(episode: Episode) -> None:
    """The system prompt is the whole first prompt."""
    assert hash_of(SYSTEM) == truth(episode, SYSTEM).prompt_sha256


def test_the_user_s_own_truth_follows() -> None:
    """By what it is asked first."""
    user = PlayedUser("u", "x", script=("Tea.",))
    _, own = make_truths(task(samples=(sample(0, messages=(SYSTEM,), episode=Episode(played_user=user)),)))

    assert ["Tea.", "###STOP###"] == [turn.text for turn in own.reference_turns]

"""A model that plays the user: when it speaks, when it is done, and what goes wrong."""

from __future__ import annotations

import asyncio

import pytest

from gapbench.agents import DeadUserError, ModelUser, UserReply, UserTurn, open_conversation
from gapbench.values import Episode, EpisodeLimits, Message, PlayedUser, Sample, Text, Usage

USER = PlayedUser("u", "You want tea.")
SYSTEM = Message("system", (Text("Take orders."),))
HELLO = Message("user", (Text("Hello."),))
REPLY = Message("assistant", (Text("What do you want?"),))


class Replies:
    """Replies one after another, each after two seconds and for ten tokens."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)

    async def __call__(self, messages: tuple[Message, ...]) -> UserReply:
        return UserReply(self.texts.pop(0), 2.0, Usage(10, output_tokens=1))


def speak(user: ModelUser, *conversation: Message) -> UserTurn | None:
    return asyncio.run(user.speak(conversation))


def test_a_line_has_its_time_and_think_time() -> None:
    """The model took two seconds, and the user waits five before it sends the line."""
    user = ModelUser(USER, Replies("Tea."), think_time_s=5.0)

    assert UserTurn("Tea.", user_s=2.0, think_s=5.0) == speak(user, HELLO, REPLY)


def test_nobody_waits_before_the_first_line_or_the_end() -> None:
    """The stop word is not sent to anybody."""
    user = ModelUser(USER, Replies("Hello.", "###STOP###"), think_time_s=5.0)

    assert UserTurn("Hello.", user_s=2.0) == speak(user, SYSTEM)
    assert UserTurn("", user_s=2.0, is_last=True) == speak(user, SYSTEM, HELLO, REPLY)


def test_time_and_tokens_add_up() -> None:
    """Two lines of two seconds and ten tokens."""
    user = ModelUser(USER, Replies("Tea.", "Thanks."))
    speak(user, HELLO, REPLY)
    speak(user, HELLO, REPLY)

    assert (4.0, 20) == (user.reply_s, sum(usage.input_tokens or 0 for usage in user.usages))


def test_after_the_most_lines_it_has_nothing_to_add() -> None:
    """One line is allowed, and the model is not asked for a second."""
    user = ModelUser(PlayedUser("u", "x", max_lines=1), Replies("Tea."))

    assert speak(user, HELLO, REPLY) is not None
    assert speak(user, HELLO, REPLY) is None


@pytest.mark.parametrize(
    ("reply", "conversation", "words"),
    [
        (" ", (HELLO, REPLY), "wrote nothing"),
        ("###STOP###", (SYSTEM,), "ended the conversation before it began"),
    ],
)
def test_a_line_without_text_is_a_failure(reply: str, conversation: tuple[Message, ...], words: str) -> None:
    """It cannot be sent, and says nothing of the model under test."""
    with pytest.raises(DeadUserError, match=words):
        speak(ModelUser(USER, Replies(reply)), *conversation)


def play(user: ModelUser, limits: EpisodeLimits | None = None) -> tuple[str | None, str, float]:
    sample = Sample("s", (HELLO,), episode=Episode(limits=limits or EpisodeLimits(), played_user=USER))

    async def main() -> tuple[str | None, str, float]:
        conversation = open_conversation(sample, user)
        await conversation.begin()
        step = await conversation.follow(REPLY)
        await conversation.end()
        return step.termination, step.reason, step.user_s

    return asyncio.run(main())


def test_the_user_ends_the_episode() -> None:
    """The episode is done, and the user's time counts."""
    assert ("done", "the user ended the conversation", 2.0) == play(ModelUser(USER, Replies("###STOP###")))


def test_a_user_who_goes_on_meets_the_limit_of_turns() -> None:
    """One reply is allowed, and the user wants more."""
    found = play(ModelUser(USER, Replies("And?")), EpisodeLimits(turns=1))

    assert ("max_turns", 2.0) == (found[0], found[2])

"""A user that a model plays: its prompt, the part of the conversation that it sees, and the cell of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gapbench.values.messages import Message, Text, prompt_sha256, vendor_neutral
from gapbench.values.requests import GroundTruth

STOP_WORD = "###STOP###"
"""The stop word where a task names none."""
OPENING = "Hi! How can I help you today?"
"""What the user sees before it has said anything, unless its task says otherwise; providers want a message to answer."""
_SILENCE = "(no text)"
_CELL_SUFFIX = "|user"


@dataclass(frozen=True, slots=True)
class PlayedUser:
    """A user that a model plays.

    Attributes:
        model: Id of the model.
        instructions: Who the user is, what it wants, and what it may say.
        stops: The words by which it ends the conversation; each does.
        max_lines: Most lines that it says; after them it has nothing to add.
        script: What a simulated provider says in its place, line by line, before the first stop word.
        opening: What it sees before it has said anything.
        has_guidelines: Whether its system prompt explains how to play a user. False: it is the instructions alone.
        hears_texts_of_calls: Whether it hears what the assistant writes next to tool calls.
    """

    model: str
    instructions: str
    stops: tuple[str, ...] = (STOP_WORD,)
    max_lines: int = 40
    script: tuple[str, ...] = ()
    opening: str = OPENING
    has_guidelines: bool = True
    hears_texts_of_calls: bool = True


def user_prompt(user: PlayedUser, conversation: Sequence[Message]) -> tuple[Message, ...]:
    """Return what the model that plays the user is asked, after a conversation.

    The roles are swapped: what the assistant wrote is a user's message, and the user's lines are the assistant's. Calls,
    their results and the system prompt are not shown.

    Args:
        user: The user.
        conversation: The messages so far.
    """
    prompt = [Message("system", (Text(_instructions(user)),)), Message("user", (Text(user.opening),))]
    heard: list[str] = []
    for message in conversation:
        if message.role == "assistant":
            if message.text.strip() and (user.hears_texts_of_calls or not message.tool_calls):
                heard.append(message.text)
        elif message.role == "user":
            if len(prompt) > 2:
                prompt.append(_heard(heard))
            heard = []
            prompt.append(Message("assistant", (Text(message.text),)))
    if len(prompt) > 2:
        prompt.append(_heard(heard))
    return tuple(prompt)


def split_line(user: PlayedUser, reply: str) -> tuple[str, bool]:
    """Return what a reply of the user says, up to the first stop word, and whether it ends the conversation."""
    found = [at for stop in user.stops if (at := reply.find(stop)) >= 0]
    return reply[: min(found, default=None)].strip(), bool(found)


def first_line(user: PlayedUser) -> str | None:
    """Return what a simulated provider says first in the user's place. None: it ends the conversation at once."""
    return split_line(user, user.script[0])[0] or None if user.script else None


def user_truth(user: PlayedUser, messages: Sequence[Message], category: str) -> GroundTruth:
    """Return what a simulated provider needs to play a user: its script, then the stop word.

    Args:
        user: The user.
        messages: The first prompt of the sample, whose lines of the user count as said.
        category: The task's.
    """
    said = [message.text for message in messages if message.role == "user"]
    lines = tuple(Message("assistant", (Text(line),)) for line in (*said, *user.script, user.stops[0]))
    prompt = prompt_sha256(vendor_neutral(user_prompt(user, ())))
    return GroundTruth(prompt, category, user.stops[0], user.stops[0], lines, lines)


def user_cell_id(cell_id: str) -> str:
    """Return the cell id of the rows of a cell's users; they are no cell of the plan."""
    return f"{cell_id}{_CELL_SUFFIX}"


def cell_of_user(cell_id: str) -> str:
    """Return the cell whose users have rows with a cell id."""
    return cell_id.removesuffix(_CELL_SUFFIX)


def _heard(texts: Sequence[str]) -> Message:
    return Message("user", (Text("\n\n".join(texts) or _SILENCE),))


def _instructions(user: PlayedUser) -> str:
    if not user.has_guidelines:
        return user.instructions
    return (
        "You play a user who talks to an assistant. Write the user's next message, and nothing else: no notes, no quotes, "
        "no name before it. Say one thing at a time, in a few words, as a person would. Give only what you know from the "
        "instructions below; make nothing up, and do not tell everything at once. You cannot use tools: the assistant "
        f"has them.\nWhen what you want is done, or cannot be done, write {user.stops[0]} and nothing else.\n\n"
        f"Instructions:\n{user.instructions}"
    )

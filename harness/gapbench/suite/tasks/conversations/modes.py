"""What is asked of a recorded conversation: its last turn, each of its turns, or the whole of it again."""

from __future__ import annotations

import json
from dataclasses import dataclass

from gapbench.suite.tasks.conversations.recorded import ConversationError, RecordedConversation
from gapbench.values import Message, RecordedTools, ToolCall, UserLine, canonical_json


@dataclass(frozen=True, slots=True)
class AskedTurn:
    """One reply that a model is asked for.

    Attributes:
        messages: The prompt: the recorded history.
        answer: The assistant's message that was recorded there. None: the conversation ends with the prompt.
        number: Which of the assistant's turns it is, from 1. None: it is the only one asked for.
    """

    messages: tuple[Message, ...]
    answer: Message | None
    number: int | None = None


@dataclass(frozen=True, slots=True)
class FreeConversation:
    """A conversation that the model leads with its own answers.

    Attributes:
        messages: The prompt: all up to the user's first turn.
        user: What the user says then, each line once.
        tools: The recorded results.
        answers: The assistant's recorded messages after the prompt.
    """

    messages: tuple[Message, ...]
    user: tuple[UserLine, ...]
    tools: RecordedTools
    answers: tuple[Message, ...]


def last_turn(conversation: RecordedConversation) -> AskedTurn:
    """Return the last turn of the user as the prompt, with the answer that was recorded after it, if any.

    A conversation that ends with results of tools is asked to go on from there.
    """
    messages = conversation.messages
    if messages[-1].role != "assistant":
        return AskedTurn(messages, None)
    last_user = max(place for place, message in enumerate(messages) if message.role == "user")
    after = messages[last_user + 1 :]
    if not after:
        return AskedTurn(messages, None)
    return AskedTurn(messages[: last_user + 1], after[0] if after[0].role == "assistant" else None)


def forced_turns(conversation: RecordedConversation) -> tuple[AskedTurn, ...]:
    """Return each turn of the assistant that follows a turn of the user, with the recorded history as its prompt.

    Raises:
        ConversationError: There is none.
    """
    first_user = next(place for place, message in enumerate(conversation.messages) if message.role == "user")
    places = [
        place
        for place, message in enumerate(conversation.messages)
        if message.role == "assistant" and place > first_user
    ]
    if not places:
        raise ConversationError(
            "the conversation has no turn of the assistant after the user's; use messages_mode: last, or leave the row out"
        )
    return tuple(
        AskedTurn(conversation.messages[:place], conversation.messages[place], number)
        for number, place in enumerate(places, 1)
    )


def free_conversation(conversation: RecordedConversation) -> FreeConversation:
    """Return the conversation up to the user's first turn, and the rest as a script.

    Raises:
        ConversationError: A later turn of the user has more than text.
    """
    messages = conversation.messages
    first = next(place for place, message in enumerate(messages) if message.role == "user")
    end = first + 1
    while end < len(messages) and messages[end].role == "user":
        end += 1
    rest = messages[end:]
    for number, message in enumerate(rest, end + 1):
        if message.role == "user" and not message.is_plain_text:
            raise ConversationError(
                f"message {number}: a turn of the user with more than text; messages_mode: free takes text only after the "
                "first turn, use forced"
            )
        if message.role == "system":
            raise ConversationError(
                f"message {number}: a system prompt in the middle; messages_mode: free cannot send it, use forced"
            )
    return FreeConversation(
        messages[:end],
        tuple(UserLine(message.text) for message in rest if message.role == "user"),
        RecordedTools(tuple(_recorded_results(messages))),
        tuple(message for message in rest if message.role == "assistant"),
    )


def _recorded_results(messages: tuple[Message, ...]) -> list[tuple[str, str, str]]:
    """Return name, arguments as canonical JSON, and result of each recorded call that has a result."""
    found: list[tuple[str, str, str]] = []
    waiting: list[ToolCall] = []
    for message in messages:
        waiting = waiting if message.role == "tool" else list(message.tool_calls)
        for result in message.tool_results:
            call = next(call for call in waiting if call.id == result.call_id)
            waiting.remove(call)
            found.append((call.name, _canonical(call.arguments_json), result.content))
    return found


def _canonical(arguments: str) -> str:
    try:
        return canonical_json(json.loads(arguments))
    except (ValueError, RecursionError):
        return arguments

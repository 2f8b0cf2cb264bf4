"""Calls and results must follow each other; each vendor refuses a conversation in which they do not, in its own words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from gapbench.values import Message
from gapbench_runners.sim_server.protocols.protocol import VendorRefusalError


def check_chat_turns(messages: Sequence[Message]) -> None:
    """Refuse what Chat Completions refuses."""
    asked: tuple[str, ...] = ()
    for message, following in zip_longest(messages, messages[1:]):
        results = _answered_ids(message)
        if message.role == "tool" and not asked:
            raise VendorRefusalError(
                "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
                "'tool_calls'."
            )
        if unknown := [given for given in results if given not in asked]:
            raise VendorRefusalError(
                f"Invalid parameter: 'tool_call_id' of '{unknown[0]}' not found in 'tool_calls' of previous message."
            )
        asked = _call_ids(message)
        if missing := _unanswered(asked, following):
            raise VendorRefusalError(
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
                f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(missing)}"
            )


def check_response_items(messages: Sequence[Message]) -> None:
    """Refuse what Responses refuses."""
    called: set[str] = set()
    answered = {identity for message in messages for identity in _answered_ids(message)}
    for message in messages:
        called.update(_call_ids(message))
        for identity in _answered_ids(message):
            if identity not in called:
                raise VendorRefusalError(
                    f"No tool call found for function call output with call_id {identity}."
                )
    for message in messages:
        for identity in _call_ids(message):
            if identity not in answered:
                raise VendorRefusalError(f"No tool output found for function call {identity}.")


def check_anthropic_turns(messages: Sequence[Message]) -> None:
    """Refuse what Messages refuses."""
    turns = [message for message in messages if message.role != "system"]
    asked: tuple[str, ...] = ()
    for at, (message, following) in enumerate(zip_longest(turns, turns[1:])):
        for index, identity in enumerate(_answered_ids(message)):
            if identity not in asked:
                raise VendorRefusalError(
                    f"messages.{at}.content.{index}: unexpected `tool_use_id` found in `tool_result` blocks: "
                    f"{identity}. Each `tool_result` block must have a corresponding `tool_use` block in the previous "
                    "message."
                )
        asked = _call_ids(message)
        if missing := _unanswered(asked, following):
            raise VendorRefusalError(
                f"messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` block in the "
                "next message."
            )
    if turns and turns[-1].role == "assistant":
        raise VendorRefusalError(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )


def check_google_turns(messages: Sequence[Message]) -> None:
    """Refuse what generateContent refuses; it counts results and does not look at ids."""
    asked: tuple[str, ...] = ()
    for message, following in zip_longest(messages, messages[1:]):
        if message.role == "tool" and not asked:
            raise VendorRefusalError(
                "Please ensure that function response turn comes immediately after a function call turn."
            )
        asked = _call_ids(message)
        if asked and len(asked) != len(_answered_ids(following)):
            raise VendorRefusalError(
                "Please ensure that the number of function response parts is equal to the number of function call "
                "parts of the function call turn."
            )
    if messages and messages[-1].role == "assistant":
        raise VendorRefusalError("Requests ending with a model turn are not supported.")


def _unanswered(asked: Sequence[str], following: Message | None) -> list[str]:
    """Return the ids of calls that the next message does not answer."""
    if not asked:
        return []
    answered = _answered_ids(following)
    return [identity for identity in asked if identity not in answered]


def _call_ids(message: Message) -> tuple[str, ...]:
    return tuple(call.id for call in message.tool_calls) if message.role == "assistant" else ()


def _answered_ids(message: Message | None) -> tuple[str, ...]:
    if message is None or message.role != "tool":
        return ()
    return tuple(result.call_id for result in message.tool_results)

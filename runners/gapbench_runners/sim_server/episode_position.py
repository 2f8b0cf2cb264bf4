"""Where a prompt stands in an episode: the first prompt that is known, and the replies that followed it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest
from typing import NamedTuple

from gapbench.values import (
    Message,
    ReasoningState,
    Text,
    ToolCall,
    ToolResult,
    canonical_json,
    messages_as_json,
    vendor_neutral,
)
from gapbench_runners.sim_server.episode_mark import EpisodeMark, read_mark, verify_mark

_REMEMBERED_MESSAGES = 16_384
_REMEMBERED_CHARS = 8_192
"""A longer message is worked out anew, so that what is remembered stays small."""


class MessageDigest(NamedTuple):
    """What a message contributes to a prompt.

    Attributes:
        json: Its vendor-neutral form as canonical JSON, which the prompt's hash is taken of.
        texts: The lengths of its texts, which are counted as tokens.
        media: How many images, documents and sounds it has.
    """

    json: bytes
    texts: tuple[int, ...]
    media: int


def digest_message(message: Message) -> MessageDigest:
    """Return what a message contributes; that of a short one is remembered, since each turn sends it again."""
    chars, has_state, has_media = 0, False, False
    for part in message.parts:
        match part:
            case Text():
                chars += len(part.text)
            case ToolCall():
                chars += len(part.arguments_json)
            case ToolResult():
                chars += len(part.content)
            case ReasoningState():
                has_state = True
            case _:
                has_media = True
    if has_state:
        message = Message(
            message.role, tuple(part for part in message.parts if not isinstance(part, ReasoningState))
        )
    return _digest(message) if has_media or chars > _REMEMBERED_CHARS else _remembered_digest(message)


def _digest(message: Message) -> MessageDigest:
    neutral = vendor_neutral((message,))
    (plain,) = messages_as_json(neutral)
    texts = [len(message.text)]
    for call in neutral[0].tool_calls:
        texts += (len(call.name), len(call.arguments_json))
    texts += (len(result.content) for result in neutral[0].tool_results)
    return MessageDigest(canonical_json(plain).encode(), tuple(texts), len(message.media))


_remembered_digest = lru_cache(maxsize=_REMEMBERED_MESSAGES)(_digest)


def prefix_hashes(digests: Sequence[MessageDigest]) -> list[str]:
    """Return the prompt hash of the first message, of the first two, and so on."""
    running, hashes = hashlib.sha256(b"["), []
    for number, digest in enumerate(digests):
        running.update(b"," + digest.json if number else digest.json)
        whole = running.copy()
        whole.update(b"]")
        hashes.append(whole.hexdigest())
    return hashes


@dataclass(frozen=True, slots=True)
class EpisodePosition:
    """Where a prompt stands in an episode.

    Attributes:
        prompt_sha256: Hash of the episode's first prompt; of the whole prompt if none is known.
        messages: What followed it.
    """

    prompt_sha256: str
    messages: tuple[Message, ...] = ()

    @property
    def replies(self) -> list[Message]:
        """The assistant's messages."""
        return [message for message in self.messages if message.role == "assistant"]

    @property
    def turn(self) -> int:
        """Which reply is asked for, from 0."""
        return len(self.replies)

    def results(self) -> list[tuple[str | None, ...]]:
        """Return for each reply and each of its calls what the tool returned. None: no result came."""
        return [
            _results_of(message, following)
            for message, following in zip_longest(self.messages, self.messages[1:])
            if message.role == "assistant"
        ]

    def mark(self) -> EpisodeMark | None:
        """Return the mark that one of the replies has. None: none has one, as where the replies are only text."""
        for reply in self.replies:
            for identity in (call.id for call in reply.tool_calls):
                mark = read_mark(identity)
                if mark is not None and self.prompt_sha256.startswith(mark.prompt):
                    return mark
            for state in _states_of(reply):
                mark = verify_mark(*state)
                if mark is not None and self.prompt_sha256.startswith(mark.prompt):
                    return mark
        return None


def _states_of(reply: Message) -> list[tuple[str, str]]:
    """Return the signed state of a reply, each with the text that it signs."""
    states = [(call.signature, "") for call in reply.tool_calls if call.signature]
    for part in reply.parts:
        if isinstance(part, ReasoningState):
            item = part.item
            state = item.get("signature") or item.get("encrypted_content") or item.get("thoughtSignature")
            states.append((state or "", item.get("thinking") or ""))
    return states


def locate_episode(
    messages: Sequence[Message], hashes: Sequence[str], known: Container[str]
) -> EpisodePosition:
    """Return where a prompt stands: after the longest known start of it that ends before a reply.

    Args:
        messages: The prompt, without salt.
        hashes: Of :func:`prefix_hashes`.
        known: Hashes of first prompts.
    """
    if hashes[-1] in known:
        return EpisodePosition(hashes[-1])
    for start in range(len(messages) - 1, 0, -1):
        if messages[start].role == "assistant" and hashes[start - 1] in known:
            return EpisodePosition(hashes[start - 1], tuple(messages[start:]))
    return EpisodePosition(hashes[-1])


def _results_of(reply: Message, following: Message | None) -> tuple[str | None, ...]:
    """Return what each call of a reply returned: by its id, or where there is none by its position."""
    given = following.tool_results if following is not None else ()
    by_id = {result.call_id: result.content for result in given if result.call_id}
    return tuple(
        by_id.get(call.id) if call.id in by_id else given[index].content if index < len(given) else None
        for index, call in enumerate(reply.tool_calls)
    )


def read_result(content: str | None, pointer: str) -> object:
    """Return the value at a JSON pointer in a tool's result. None: it is not there.

    Args:
        content: The result as text. None: no result came.
        pointer: RFC 6901; "" is the whole result.
    """
    if content is None:
        return None
    try:
        value: object = json.loads(content)
    except (ValueError, RecursionError):
        value = content
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value

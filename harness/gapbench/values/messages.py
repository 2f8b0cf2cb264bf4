"""Prompts: the parts of a message, messages, and the hash that shows that two models got the same prompt."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["system", "user", "assistant", "tool"]


def canonical_json(value: Any) -> str:
    """Return ``value`` as JSON with sorted keys and no spaces, so that equal values hash alike.

    NaN and infinity, which JSON does not have, become null.
    """
    try:
        return _dumps(value)
    except ValueError:
        return _dumps(_without_non_finite(value))


# Made once: `json.dumps` with settings makes one for each call.
_dumps = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str, allow_nan=False
).encode


def _without_non_finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_non_finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_non_finite(inner) for inner in value]
    return value


def sha256(data: bytes | str) -> str:
    """Return the SHA-256 of ``data`` (text as UTF-8) in hex."""
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text in a message."""

    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """An image in a message, as the bytes that every provider is sent.

    Attributes:
        media_type: Such as ``image/png``.
        data: The encoded image.
        detail: The provider's fidelity setting (``low``, ``high``, ``auto``). None: not sent.
    """

    media_type: str
    data: bytes
    detail: str | None = None
    sha256: str = field(init=False, default="")

    def __post_init__(self) -> None:
        """Hash the bytes once; the prompt hash and the payload table refer to images by it."""
        object.__setattr__(self, "sha256", sha256(self.data))


@dataclass(frozen=True, slots=True)
class Document:
    """A PDF in a message, sent natively where the vendor accepts one.

    Attributes:
        media_type: ``application/pdf``.
        data: The file.
        name: File name, which some vendors require.
    """

    media_type: str
    data: bytes
    name: str = "document.pdf"
    sha256: str = field(init=False, default="")

    def __post_init__(self) -> None:
        """Hash the bytes once, as for an image."""
        object.__setattr__(self, "sha256", sha256(self.data))


@dataclass(frozen=True, slots=True)
class Audio:
    """A sound in a message, sent natively where the vendor accepts one.

    Attributes:
        media_type: ``audio/wav`` or ``audio/mp3``.
        data: The encoded sound.
    """

    media_type: str
    data: bytes
    sha256: str = field(init=False, default="")

    def __post_init__(self) -> None:
        """Hash the bytes once, as for an image."""
        object.__setattr__(self, "sha256", sha256(self.data))


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool in an assistant's message.

    Attributes:
        id: The provider's id of the call; its :class:`ToolResult` names it. "": the provider gave none.
        name: The tool's name.
        arguments_json: The arguments as the model wrote them: a JSON object, or text that is not valid JSON.
        signature: State that the vendor attached to this call and needs back unchanged (Gemini's
            ``thoughtSignature``). None: it attached none.
    """

    id: str
    name: str
    arguments_json: str
    signature: str | None = None


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool returned, in a message of the role ``tool``.

    Attributes:
        call_id: The ``id`` of the call that it answers.
        name: The tool's name; Gemini asks for it.
        content: The result as text.
        is_error: Whether the tool failed.
    """

    call_id: str
    name: str
    content: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class ReasoningState:
    """Reasoning that a vendor needs back unchanged in the next turn of a conversation.

    Only the API that made it can read it; another drops it, and says so in ``Call.changes``.

    Attributes:
        api: ``messages`` (Anthropic's signed thinking blocks), ``responses`` (OpenAI's encrypted reasoning items) or
            ``google`` (a part with a ``thoughtSignature`` that belongs to no call).
        item: The block, item or part as it came.
    """

    api: Literal["messages", "responses", "google"]
    item: Mapping[str, Any]


Part = Text | Image | Document | Audio | ToolCall | ToolResult | ReasoningState
Medium = Image | Document | Audio
"""A part with bytes, which tables refer to by its hash."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a prompt.

    Attributes:
        role: Who speaks. A message of the role ``tool`` holds only results.
        parts: In order. Only an assistant's message holds tool calls and reasoning state.
    """

    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The text parts, concatenated."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def images(self) -> tuple[Image, ...]:
        """The image parts, in order."""
        return tuple(part for part in self.parts if isinstance(part, Image))

    @property
    def media(self) -> tuple[Medium, ...]:
        """The parts with bytes, in order."""
        return tuple(part for part in self.parts if isinstance(part, Medium))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls, in order."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))

    @property
    def tool_results(self) -> tuple[ToolResult, ...]:
        """The tool results, in order."""
        return tuple(part for part in self.parts if isinstance(part, ToolResult))

    @property
    def is_plain_text(self) -> bool:
        """Whether all parts are text."""
        return all(isinstance(part, Text) for part in self.parts)


def messages_as_json(messages: Iterable[Message], new_tools: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return messages as plain JSON values with media by hash: the form that is hashed and stored.

    Adjacent text parts are joined, since providers differ in whether they keep them apart.

    Args:
        messages: The messages.
        new_tools: Names of the tools that are declared from the last message on; they are noted as a part of it.
    """
    out: list[dict[str, Any]] = []
    for message in messages:
        parts: list[dict[str, Any]] = []
        for part in message.parts:
            if isinstance(part, Text):
                if parts and "text" in parts[-1]:
                    parts[-1] = {"text": parts[-1]["text"] + part.text}
                else:
                    parts.append({"text": part.text})
            else:
                parts.append(_part_as_json(part))
        out.append({"role": message.role, "parts": parts})
    if new_tools:
        out[-1]["parts"].append({"new_tools": list(new_tools)})
    return out


def _part_as_json(part: Part) -> dict[str, Any]:
    match part:
        case Text():
            return {"text": part.text}
        case Image():
            return {"image_sha256": part.sha256, "media_type": part.media_type}
        case Document():
            return {"document_sha256": part.sha256, "media_type": part.media_type, "name": part.name}
        case Audio():
            return {"audio_sha256": part.sha256, "media_type": part.media_type}
        case ToolCall():
            signature = {"signature": part.signature} if part.signature is not None else {}
            return {
                "tool_call": {"id": part.id, "name": part.name, "arguments": part.arguments_json, **signature}
            }
        case ToolResult():
            return {
                "tool_result": {
                    "call_id": part.call_id,
                    "name": part.name,
                    "content": part.content,
                    "is_error": part.is_error,
                }
            }
        case ReasoningState():
            return {"reasoning_state": {"api": part.api, "item": part.item}}


def prompt_sha256(messages: Iterable[Message]) -> str:
    """Return the hash of a prompt; equal hashes mean that two models got the same prompt."""
    return sha256(canonical_json(messages_as_json(messages)))


def join_turns(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Return messages with consecutive ones of an assistant, or of tools, as one.

    Some wires carry a turn as several items, or each result as a message.
    """
    joined: list[Message] = []
    for message in messages:
        if joined and message.role in {"assistant", "tool"} and joined[-1].role == message.role:
            joined[-1] = Message(message.role, joined[-1].parts + message.parts)
        else:
            joined.append(message)
    return tuple(joined)


def vendor_neutral(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Return a conversation as far as every vendor's wire carries it, so that its hash is the same behind each.

    Ids and signatures of calls, names and error marks of results, reasoning state and file names are left out, an
    assistant's calls follow its text, and JSON is in canonical form. A prompt of text and images, in which no two
    messages of an assistant follow each other, stays as it is.
    """
    return tuple(_neutral(message) for message in join_turns(messages))


def _neutral(message: Message) -> Message:
    if message.role == "assistant":
        text = message.text
        calls = (ToolCall("", call.name, _canonical_text(call.arguments_json)) for call in message.tool_calls)
        return Message("assistant", (*((Text(text),) if text else ()), *calls))
    if message.is_plain_text:
        return message
    return Message(message.role, tuple(map(_neutral_part, message.parts)))


def _neutral_part(part: Part) -> Part:
    if isinstance(part, ToolResult):
        return ToolResult("", "", _canonical_text(part.content))
    if isinstance(part, Document):
        return Document(part.media_type, part.data)
    return part


def _canonical_text(text: str) -> str:
    """Return JSON text in canonical form; other text is returned unchanged."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return canonical_json(json.loads(text))
    except (ValueError, RecursionError):
        return text


_SALT = re.compile(r"\[#[0-9a-f]{8}\] ")


def add_salt(messages: tuple[Message, ...], nonce: str) -> tuple[Message, ...]:
    """Return a prompt that starts with a short word, so that no prompt cache has seen its start.

    The word is at the very start of the first message, since prefix caches compare from there. A prompt's hash is
    taken without it, so that two models are still known to have been asked the same.

    Args:
        messages: The prompt.
        nonce: Eight hexadecimal digits.
    """
    first = messages[0]
    return (Message(first.role, (Text(f"[#{nonce}] "), *first.parts)), *messages[1:])


def remove_salt(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Return a prompt without the word that :func:`add_salt` added; a prompt without one is returned unchanged."""
    first = messages[0] if messages else None
    if first is None or not first.parts or not isinstance(first.parts[0], Text):
        return messages
    text = first.parts[0].text
    found = _SALT.match(text)
    if found is None:
        return messages
    rest = text[found.end() :]
    parts = (Text(rest), *first.parts[1:]) if rest else first.parts[1:]
    return (Message(first.role, parts), *messages[1:])

"""Prompts: text, images, messages, samples, and the hash that shows that two models got the same prompt."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["system", "user", "assistant"]


def canonical_json(value: Any) -> str:
    """Return ``value`` as JSON with sorted keys and no spaces, so that equal values hash alike.

    NaN and infinity, which JSON does not have, become null.
    """
    try:
        return _dumps(value)
    except ValueError:
        return _dumps(_without_non_finite(value))


def _dumps(value: Any) -> str:
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str, allow_nan=False
    )


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


Part = Text | Image


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a prompt."""

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


def messages_as_json(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Return messages as plain JSON values with images by hash: the form that is hashed and stored.

    Adjacent text parts are joined, since providers differ in whether they keep them apart.
    """
    out: list[dict[str, Any]] = []
    for message in messages:
        parts: list[dict[str, str]] = []
        for part in message.parts:
            if isinstance(part, Image):
                parts.append({"image_sha256": part.sha256, "media_type": part.media_type})
            elif parts and "text" in parts[-1]:
                parts[-1] = {"text": parts[-1]["text"] + part.text}
            else:
                parts.append({"text": part.text})
        out.append({"role": message.role, "parts": parts})
    return out


def prompt_sha256(messages: Iterable[Message]) -> str:
    """Return the hash of a prompt; equal hashes mean that two models got the same prompt."""
    return sha256(canonical_json(messages_as_json(messages)))


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


@dataclass(frozen=True, slots=True)
class Sample:
    """One item of a task, rendered.

    Attributes:
        sample_id: Stable within the task.
        messages: The prompt, the same for every model.
        target: What the scorer compares with. None: the task has no target.
        cluster_id: Samples that share a source, for clustered intervals. None: its own cluster.
        tags: Free labels, for slicing.
        columns: The source row, for scorers that need more than the target.
        reference: A reply that scores 1, where the task gives one.
        decoy: A plausible reply that scores 0, where the task gives one.
        needs_logprobs: True: nothing is to be generated; the last message, an assistant's, is to be given its
            log-probability after the text before it.
    """

    sample_id: str
    messages: tuple[Message, ...]
    target: Any = None
    cluster_id: str | None = None
    tags: tuple[str, ...] = ()
    columns: Mapping[str, Any] = field(default_factory=dict)
    reference: str | None = None
    decoy: str | None = None
    needs_logprobs: bool = False

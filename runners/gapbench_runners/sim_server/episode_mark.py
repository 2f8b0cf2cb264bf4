"""The mark by which the simulated provider knows its own calls again, and the signed state that must come back.

A conversation is sent whole with every turn, so nothing of it is remembered: the mark is in the ids of calls and in the
state of each vendor (a thinking block's signature, encrypted reasoning, a thought signature).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import NamedTuple

_MARK = re.compile(r"([0-9a-f]{12})_(\d+)_(\d+)_(\d+)(s?)$")
_KEY = b"gapbench sim"
_HEADER = base64.b64decode("gAAAAABn")
"""How OpenAI's encrypted reasoning begins; the other vendors' state looks like nothing in particular."""
_DIGEST_BYTES = 32


class EpisodeMark(NamedTuple):
    """Where a call or a piece of state belongs.

    Attributes:
        prompt: The first 12 digits of the hash of the episode's first prompt.
        repeat: Which repeat of the episode, from 0.
        turn: Which reply, from 0.
        call: Which call of the reply, from 0.
        has_state: Whether the reply had state that must come back with the call.
    """

    prompt: str
    repeat: int
    turn: int
    call: int
    has_state: bool = False

    def __str__(self) -> str:
        """Return the text that ends an id."""
        return f"{self.prompt}_{self.repeat}_{self.turn}_{self.call}{'s' if self.has_state else ''}"


def read_mark(identity: str) -> EpisodeMark | None:
    """Return the mark at the end of an id. None: another provider made the id."""
    found = _MARK.search(identity)
    if found is None:
        return None
    prompt, repeat, turn, call, has_state = found.groups()
    return EpisodeMark(prompt, int(repeat), int(turn), int(call), bool(has_state))


def sign_mark(mark: EpisodeMark, content: str = "") -> str:
    """Return a mark as state that cannot be changed unnoticed.

    Args:
        mark: What is signed.
        content: Text that must come back unchanged with it.
    """
    text = str(mark).encode()
    return base64.b64encode(_HEADER + _digest(text, content) + text).decode()


def verify_mark(state: str, content: str = "") -> EpisodeMark | None:
    """Return the mark in state that :func:`sign_mark` made. None: it is not as it was made."""
    try:
        # Google's clients write bytes in the URL-safe alphabet.
        raw = base64.b64decode(state.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return None
    sealed = raw.removeprefix(_HEADER)
    digest, text = sealed[:_DIGEST_BYTES], sealed[_DIGEST_BYTES:]
    return read_mark(text.decode(errors="replace")) if digest == _digest(text, content) else None


def _digest(text: bytes, content: str) -> bytes:
    return hashlib.blake2b(text + b"\x1f" + content.encode(), key=_KEY, digest_size=_DIGEST_BYTES).digest()

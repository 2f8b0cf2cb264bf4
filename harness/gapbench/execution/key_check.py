"""Try an API key with a request that costs nothing: the vendor's list of models."""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx2

from gapbench import credentials
from gapbench.runner import KeyCheck

TIMEOUT_S = 5.0
_REFUSED = frozenset({400, 401, 403})
"""Google refuses a key with 400."""
_SHOWN_CHARS = 200


@dataclass(frozen=True)
class KeyReply:
    """What a vendor said of a key.

    Attributes:
        is_accepted: Whether the key works. None: unknown, the vendor was not reached or is in trouble.
        words: The same in words, with the vendor's host, the status and its text.
    """

    is_accepted: bool | None
    words: str


def try_key(check: KeyCheck, key: str, timeout_s: float = TIMEOUT_S) -> KeyReply:
    """Ask a vendor for its models with a key.

    Args:
        check: Where to ask, and how the key is sent.
        key: The key.
        timeout_s: Longest wait for the reply, in seconds.
    """
    host = urlsplit(check.url).hostname or check.url
    try:
        headers = {**check.headers, check.key_header: f"{check.key_prefix}{key}"}
        reply = httpx2.get(check.url, headers=headers, timeout=timeout_s)
    except (httpx2.HTTPError, ValueError) as exc:  # ValueError: a key that no header can hold
        return KeyReply(
            None, f"not tried: {host} cannot be reached ({credentials.redact(str(exc))[:_SHOWN_CHARS]})"
        )
    if reply.status_code == 200:
        return KeyReply(True, f"accepted by {host}")
    said = f"{reply.status_code}: {_message(reply.text)}"
    if reply.status_code in _REFUSED:
        return KeyReply(False, f"refused by {host} ({said})")
    return KeyReply(None, f"not tried: {host} replied {said}")


def _message(body: str) -> str:
    """Return the text of a vendor's error in one line, without keys."""
    try:
        error = json.loads(body)["error"]
        text = str(error["message"] if isinstance(error, dict) else error)
    except (ValueError, KeyError, TypeError):
        text = body
    return credentials.redact(" ".join(text.split()))[:_SHOWN_CHARS] or "no text"

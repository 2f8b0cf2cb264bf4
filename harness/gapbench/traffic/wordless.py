"""What may be stored of a request when no word of it may: numbers, flags and codes of one word."""

from __future__ import annotations

import re
from typing import Any

MAX_WORDS = 3
"""Of a label as it is; with more words it could be a part of a prompt."""
MAX_CHARS = 80
"""Of a label as it is; not every language has spaces between words."""
_CODE = re.compile(r"[\w.\-/:+]{1,64}", re.ASCII)
_ERROR_KIND = re.compile(r"(HTTP \d{3}|[\w.\-]{1,64})(?::|$)", re.ASCII)
_SETTINGS = frozenset({"type", "effort", "budget_tokens", "summary", "verbosity", "format", "mode"})
"""Keys inside a parameter whose values are settings; a schema's names and descriptions are words."""


def strip_words(value: Any) -> Any:
    """Return a parameter's value without texts of more than one word, schemas and descriptions. None: nothing is left."""
    if isinstance(value, (bool, int, float)) or value is None:
        return value
    if isinstance(value, str):
        return value if _CODE.fullmatch(value) else None
    if isinstance(value, dict):
        kept = {key: strip_words(inner) for key, inner in value.items() if key in _SETTINGS}
        return {key: inner for key, inner in kept.items() if inner is not None} or None
    return None


def error_kind(error: str) -> str:
    """Return the code that an error starts with, such as ``rate_limit_error``; its message may repeat the prompt."""
    found = _ERROR_KIND.match(error)
    return found[1] if found is not None else "error"


def has_words(text: str) -> bool:
    """Return whether a name or an id could be a part of a prompt: it has more than three words, or more than 80 characters."""
    return len(text) > MAX_CHARS or len(text.split()) > MAX_WORDS


def shorten_label(label: str, digest: str) -> str:
    """Return a label as it is, or of one with words the first three, cut, and a hash that tells it from others.

    Args:
        label: A route, a model or another name.
        digest: The keyed hash of the whole label.
    """
    return (
        f"{' '.join(label.split()[:MAX_WORDS])[: MAX_CHARS // 4]} #{digest[:8]}"
        if has_words(label)
        else label
    )

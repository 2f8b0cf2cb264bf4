"""Take the ids of users and sessions out of texts: a prompt, an error or a route may repeat them in the clear."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, NamedTuple

MIN_CHARS = 6
"""Of an id that is looked for in texts; a shorter one, such as 7, is in many words and numbers."""
_DISTINCT = re.compile(r"[0-9@]")
_PLAIN = re.compile(r"[A-Za-z0-9@._+\-/|:#= ]+")
"""An id that JSON spells as it is."""
_NUMBER_LIKE = re.compile(r"[0-9\s,.:+\-eE]+")


class HiddenId(NamedTuple):
    """An id to look for.

    Attributes:
        text: The id.
        in_texts: Its spellings in a text, which may hold JSON, and JSON inside JSON: quotes and other letters are escaped.
        in_json: Its spellings in JSON.
        mark: What takes its place. Of a number it has another number, so that JSON stays JSON.
        is_number: Whether it may be a part of a longer number, which is another one.
    """

    text: str
    in_texts: tuple[str, ...]
    in_json: tuple[str, ...]
    mark: str
    is_number: bool


def find_ids(user: Any, session: Any) -> tuple[HiddenId, ...]:
    """Return the ids of one request that can be looked for in its texts, the longer first.

    An id of at least 6 characters with a digit or an @ is looked for. A plain word, such as ``alice``, is not: taking it
    out would spoil prompts.
    """
    if user is None and session is None:
        return ()
    found = [
        hidden
        for value, mark in ((user, "[user]"), (session, "[session]"))
        if value is not None
        and not isinstance(value, (dict, list))
        and (hidden := _hidden(str(value), mark)) is not None
    ]
    if len(found) == 2 and len(found[0].text) < len(found[1].text):
        found.reverse()
    return tuple(found)


@lru_cache(maxsize=1_000)
def _hidden(given: str, mark: str) -> HiddenId | None:
    text = given.strip()
    if len(text) < MIN_CHARS or not _DISTINCT.search(text):
        return None
    if _NUMBER_LIKE.fullmatch(text):
        digits = re.sub("[0-9]", "9", text)
        return HiddenId(text, (text,), (text,), digits if digits != text else text.replace("9", "8"), True)
    if _PLAIN.fullmatch(text):
        return HiddenId(text, (text,), (text,), mark, False)
    escaped = _escapings(text)
    return HiddenId(text, (text, *escaped), escaped, mark, False)


def _escapings(text: str) -> tuple[str, ...]:
    """Return how JSON and JSON inside JSON may spell a text, the longest first, which may hold the others."""
    found, once = set(), {text}
    for _ in range(2):
        once = {json.dumps(one, ensure_ascii=is_ascii)[1:-1] for one in once for is_ascii in (False, True)}
        found |= once
    return tuple(sorted(found, key=len, reverse=True))


def hide_ids(text: str, ids: tuple[HiddenId, ...], *, is_json: bool = False) -> str:
    """Return a text with each id replaced by its mark."""
    for one in ids:
        for spelled in one.in_json if is_json else one.in_texts:
            if spelled not in text:
                continue
            if one.is_number:
                text = re.sub(rf"(?<![0-9]){re.escape(spelled)}(?![0-9])", one.mark, text)
            else:
                text = text.replace(spelled, one.mark)
    return text

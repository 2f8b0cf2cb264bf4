"""Which requests have personal data in their texts, by kind and route: counts alone, never what was found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
import pandas as pd

from gapbench.store.text_columns import match_texts
from gapbench.traffic.personal_data import KINDS, MAY_HAVE, Kind, find_personal_data

Row = dict[str, Any]
_SCANNED = ("messages", "reply", "reply_tool_calls")
_MOST_REMEMBERED = 100_000
_BIT: dict[Kind, int] = {kind: 1 << place for place, kind in enumerate(KINDS)}


def scan_texts(frame: pd.DataFrame) -> pd.Series[Any]:
    """Return which kinds of personal data each request has in its prompt and reply, a bit for each of the kinds.

    0: none was found. NA: no text is stored. Images and files are not looked at.

    Args:
        frame: Has ``messages``, ``reply`` and ``reply_tool_calls``.
    """
    scanner = _Scanner()
    found = np.zeros(len(frame), dtype=np.int16)
    has_text = np.zeros(len(frame), dtype=bool)
    for name in _SCANNED:
        column = frame[name]
        has_text |= column.notna().to_numpy()
        read = _texts_of_json if name != "reply" else _text
        for place in np.flatnonzero(match_texts(column, MAY_HAVE)):
            for text in read(column.iloc[place]):
                found[place] |= scanner.scan(text)
    return pd.Series(pd.arrays.IntegerArray(found, ~has_text), index=frame.index)


def count_personal_data(frame: pd.DataFrame) -> Row:
    """Return how many requests have personal data, at all and by kind, of those with a stored text.

    ``personal_data_share`` is None if no text is stored; then the counts are None too.
    """
    known = frame["personal_data"].dropna().astype(int)
    counts: Row = {
        f"{kind}_requests": int((known & bit != 0).sum()) if len(known) else None
        for kind, bit in _BIT.items()
    }
    return {
        "requests": len(frame),
        "requests_with_text": len(known),
        "requests_with_any": int((known != 0).sum()) if len(known) else None,
        "personal_data_share": float((known != 0).mean()) if len(known) else None,
        **counts,
    }


class _Scanner:
    """Looks into texts, and remembers which it has seen: every turn of a conversation repeats those before it."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, int], int] = {}

    def scan(self, text: str) -> int:
        """Return the kinds in a text, a bit for each."""
        key = (hash(text), len(text))
        known = self._seen.get(key)
        if known is None:
            known = 0
            for one in find_personal_data(text):
                known |= _BIT[one.kind]
            if len(self._seen) >= _MOST_REMEMBERED:
                self._seen.clear()
            self._seen[key] = known
        return known


def _text(value: Any) -> Iterator[str]:
    yield str(value)


def _texts_of_json(value: Any) -> Iterator[str]:
    """Yield the texts and numbers of a JSON value; what is no JSON is one text."""
    try:
        stack = [orjson.loads(value)]
    except orjson.JSONDecodeError:
        yield str(value)
        return
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            stack += item.values()
        elif isinstance(item, list):
            stack += item
        elif isinstance(item, int) and not isinstance(item, bool):
            yield str(item)

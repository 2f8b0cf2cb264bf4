"""The JSON of values that come again and again: the rows of a cell share their parameters, a row and its texts the prompt."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, Generic, TypeVar

from gapbench.values import canonical_json, messages_as_json
from gapbench.values.messages import Message

_Value = TypeVar("_Value")


class RememberedJson(Generic[_Value]):
    """Converts values, and remembers the last one with its text.

    Args:
        convert: Returns the text of a value.
        snapshot: Returns what a value is compared with when it comes again. It may have been changed in place meanwhile.
    """

    def __init__(
        self, convert: Callable[[_Value], str], snapshot: Callable[[_Value], _Value] = lambda value: value
    ) -> None:
        self._convert = convert
        self._snapshot = snapshot
        self._last: tuple[_Value, _Value, str] | None = None

    def of(self, value: _Value) -> str:
        """Return the text of a value."""
        if self._last is not None:
            last, then, text = self._last
            if value is last and value == then:
                return text
        text = self._convert(value)
        self._last = (value, self._snapshot(value), text)
        return text


def _prompt_json(messages: tuple[Message, ...]) -> str:
    return canonical_json(messages_as_json(messages))


PROMPTS: RememberedJson[tuple[Message, ...]] = RememberedJson(_prompt_json)
"""Prompts as they are hashed and stored. Messages are never changed in place."""
PARAMETERS: RememberedJson[Any] = RememberedJson(canonical_json, deepcopy)
"""Parameters as they were sent."""

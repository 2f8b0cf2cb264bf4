"""Assemble native tool calls from the pieces in which providers stream them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from gapbench.values.messages import ToolCall


class ToolCallPiece(NamedTuple):
    """A piece of a tool call.

    Attributes:
        place: Which of the reply's calls it belongs to, as the provider numbers them. None: it does not.
        id: The provider's id of the call; "" if this piece has none.
        name: The tool's name; "" if this piece has none.
        arguments: Some more characters of the arguments, which are JSON.
        signature: See ``ToolCall.signature``; None if this piece has none.
    """

    place: int | str | None = None
    id: str = ""
    name: str = ""
    arguments: str = ""
    signature: str | None = None


class _Call:
    """A tool call in progress."""

    __slots__ = ("arguments", "id", "name", "signature")

    def __init__(self, identity: str) -> None:
        self.id = identity
        self.name = ""
        self.signature: str | None = None
        self.arguments: list[str] = []


class ToolCallAccumulator:
    """The tool calls of one reply, in the order in which they began."""

    def __init__(self) -> None:
        """Start without calls."""
        self._calls: list[_Call] = []
        self._by_place: dict[int | str | None, _Call] = {}

    def __len__(self) -> int:
        """Return how many calls have begun."""
        return len(self._calls)

    def add(self, piece: ToolCallPiece) -> int:
        """Add a piece to its call, and return the call's position."""
        call = self._call_of(piece)
        call.signature = piece.signature or call.signature
        if piece.name.startswith(call.name):
            # The name so far again, whole or longer.
            call.name = piece.name or call.name
        else:
            call.name += piece.name
        if piece.arguments:
            call.arguments.append(piece.arguments)
        return self._calls.index(call)

    def calls(self) -> list[ToolCall]:
        """Return the calls, with the arguments as they came; "{}" where there are none."""
        return [
            ToolCall(call.id, call.name, "".join(call.arguments).strip() or "{}", call.signature)
            for call in self._calls
        ]

    def _call_of(self, piece: ToolCallPiece) -> _Call:
        """Return the call of a piece: that of its index, unless the piece shows that a new one begins.

        Gemini's OpenAI route gives every call the index 0, others give none; a new id, or a name after complete
        arguments, then shows where a call begins.
        """
        call = self._by_place.get(piece.place)
        if call is not None and piece.id and call.id and piece.id != call.id:
            call = next((known for known in self._calls if known.id == piece.id), None)
        elif call is not None and piece.name and not piece.id and _is_next(call, piece):
            call = None
        if call is None:
            call = _Call(piece.id)
            self._calls.append(call)
        self._by_place[piece.place] = call
        call.id = call.id or piece.id
        return call

    def to_json(self) -> str | None:
        """Return the calls as a JSON list of ``{"name": …, "arguments": {…}}``, or None if there are none."""
        return _calls_as_json(self.calls()) if self._calls else None


def text_before_calls(answer: str, calls: Sequence[ToolCall]) -> str:
    """Return the text of a stored answer without the JSON list of its tool calls.

    Args:
        answer: The answer channel as stored: text, then the calls as :meth:`ToolCallAccumulator.to_json` writes them.
        calls: The calls.
    """
    if not calls:
        return answer
    return answer.removesuffix(_calls_as_json(calls)).removesuffix("\n")


def _calls_as_json(calls: Sequence[ToolCall]) -> str:
    listed = [{"name": call.name, "arguments": _parse(call.arguments_json)} for call in calls]
    return json.dumps(listed, ensure_ascii=False)


def _is_next(call: _Call, piece: ToolCallPiece) -> bool:
    """Return whether a piece with a name but no id begins the call after ``call``."""
    if call.arguments:
        return isinstance(_parse("".join(call.arguments)), dict)
    return piece.place is None and piece.name != call.name and bool(call.name)


def _parse(arguments: str) -> Any:
    """Return arguments as a JSON value, or as text if they are not JSON."""
    if not arguments.strip():
        return {}
    try:
        return json.loads(arguments, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return arguments


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")

"""Undo in a reply's tool calls what the request changed: names of tools, and nulls for arguments that were left out.

A piece keeps its instant: a name or an argument that cannot be restored yet goes out with a later piece of its call, and
the piece itself goes out without it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gapbench.errors import RunnerError
from gapbench.values import Call, Chunk, ToolCallPiece
from gapbench.values.tool_calls import ToolCallAccumulator
from gapbench_runners.support.conversation import arguments_object
from gapbench_runners.support.strict_schema import drop_added_nulls


@dataclass(frozen=True, slots=True)
class CallRestoration:
    """What a request changed about its tools.

    Attributes:
        names: The suite's names by the names that were sent, where they differ.
        schemas: By the name that was sent, the schema as given of a tool whose optional arguments were sent as null.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    schemas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RestorableCall(Call):
    """A call whose reply has to be restored.

    Attributes:
        restoration: What the request changed.
    """

    restoration: CallRestoration | None = None


async def restore_calls(chunks: AsyncIterator[Chunk], restoration: CallRestoration) -> AsyncIterator[Chunk]:
    """Yield the chunks of a reply with its tool calls as the suite knows them."""
    reply = _Reply(restoration)
    try:
        async for chunk in chunks:
            yield reply.restore(chunk)
    except RunnerError:
        for chunk in reply.rest():
            yield chunk
        raise
    for chunk in reply.rest():
        yield chunk


class _Sent:
    """One call of the reply.

    Attributes:
        name: Its name as the vendor has sent it so far.
        is_named: Whether a name has gone out.
        held: Arguments that have not gone out. None: they go out as they come.
    """

    __slots__ = ("held", "is_named", "name")

    def __init__(self) -> None:
        self.name = ""
        self.is_named = False
        self.held: str | None = ""


class _Reply:
    """The calls of one reply as far as they have come."""

    def __init__(self, restoration: CallRestoration) -> None:
        self._restoration = restoration
        # Tells which call a piece belongs to, as the engine will.
        self._pieces = ToolCallAccumulator()
        self._calls: dict[int, _Sent] = {}
        self._received_s: float | None = None

    def restore(self, chunk: Chunk) -> Chunk:
        """Return a chunk with its piece of a call restored."""
        piece = chunk.tool_call
        if piece is None:
            return chunk
        self._received_s = chunk.received_s
        place = self._pieces.add(piece)
        call = self._calls.setdefault(place, _Sent())
        if piece.name:
            call.name = piece.name if piece.name.startswith(call.name) else call.name + piece.name
        name = ""
        if piece.name or not call.is_named:
            name = self._name(call, is_whole=bool(piece.arguments))
        arguments = self._arguments(call, piece.arguments)
        return chunk._replace(tool_call=piece._replace(place=place, name=name, arguments=arguments))

    def _name(self, call: _Sent, *, is_whole: bool) -> str:
        """Return the suite's name of a call; "" while a longer name may come."""
        names = self._restoration.names
        if not is_whole and not call.is_named and call.name not in names:
            may_grow = any(sent.startswith(call.name) for sent in names)
            if may_grow:
                return ""
        call.is_named = True
        return names.get(call.name, call.name)

    def _arguments(self, call: _Sent, more: str) -> str:
        """Return the arguments that can go out: all of them once they are whole, where they have to be restored."""
        if call.held is None or not more:
            return more
        schema = self._restoration.schemas.get(call.name)
        call.held += more
        if schema is not None and not more.rstrip().endswith("}"):
            return ""
        arguments = None if schema is None else arguments_object(call.held)
        if schema is not None and arguments is None:
            return ""
        text, call.held = call.held, None
        if schema is None or arguments is None:
            return text
        restored = drop_added_nulls(arguments, schema)
        return text if restored == arguments else json.dumps(restored, ensure_ascii=False)

    def rest(self) -> Iterator[Chunk]:
        """Yield what never became whole: a name without arguments, and arguments that were cut off or are not JSON."""
        for place, call in self._calls.items():
            name = "" if call.is_named else self._name(call, is_whole=True)
            if name or call.held:
                piece = ToolCallPiece(place, name=name, arguments=call.held or "")
                yield Chunk(received_s=self._received_s, tool_call=piece)

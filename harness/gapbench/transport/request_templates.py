"""A request that the vendor's client builds once, sent again and again with other texts.

Building a request costs the SDKs a third to half a millisecond. The requests of a cell differ in their
prompts alone, so the client is asked for one with marks in the texts' places; later requests are that one's
bytes with the texts put in. URL, headers, auth and every parameter stay the client's. What it would not build
alike (checked once per shape, on its second request) and what it must judge (every reply but 200) goes
through the client whole.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2
import orjson

from gapbench.errors import RunnerError
from gapbench.transport.capture import tape
from gapbench.transport.client import StampedTransport
from gapbench.transport.connection import Origin
from gapbench.transport.connection_pool import head_of, origin_of
from gapbench.transport.sse import Event
from gapbench.values import Call

MAX_SHAPES = 256

Create = Callable[[Mapping[str, Any]], Awaitable[object]]
"""Asks a vendor's client to send a body, by this one's tape."""


@dataclass(frozen=True, slots=True)
class Draft:
    """One shape of request, rendered.

    Attributes:
        transport: Where it goes out.
        origin: To whom.
        head: All of the head but the length.
        pieces: The body between the texts.
        order: Which text follows each piece but the last.
    """

    transport: StampedTransport
    origin: Origin
    head: bytes
    pieces: tuple[bytes, ...]
    order: tuple[int, ...]

    def filled(self, texts: Sequence[str]) -> bytes | None:
        """Return the request with ``texts`` in it; None: a text that JSON cannot carry."""
        try:
            inner = [orjson.dumps(text)[1:-1] for text in texts]
        except TypeError:  # a lone surrogate
            return None
        body = self.pieces[0] + b"".join(
            inner[place] + piece for place, piece in zip(self.order, self.pieces[1:], strict=True)
        )
        return b"%sContent-Length: %d\r\n\r\n%s" % (self.head, len(body), body)


class Drafts:
    """Sends a runner's calls, each shape of them built once by the vendor's client."""

    def __init__(self, create: Create, failure: Callable[[Exception], RunnerError]) -> None:
        """Start without drafts.

        Args:
            create: Asks the client to send a call's body as a stream.
            failure: Puts the client's errors into the harness's words.
        """
        self._create = create
        self._failure = failure
        self._met: set[Hashable] = set()
        self._drafts: dict[Hashable, Draft | None] = {}

    async def events(self, call: Call) -> AsyncIterator[list[Event]]:
        """Send a call and yield its reply's events; see :meth:`gapbench.transport.Tape.batches`.

        Raises:
            RunnerError: The call failed, or the reply ended badly.
        """
        try:
            await self.send(call)
        except Exception as exc:
            raise self._failure(exc) from exc
        async for batch in tape().batches():
            yield batch

    async def send(self, call: Call) -> None:
        """Send a call; its events are on the tape then.

        Raises:
            Exception: The vendor's own error, or httpx2's.
        """
        draft = await self._draft(call)
        data = None if draft is None else draft.filled(call.texts)
        if draft is None or data is None:
            await self._create(call.body)
            return
        exchange_tape = tape()
        await draft.transport.post(draft.origin, data, exchange_tape, eager=False)
        if exchange_tape.replayed is not None:
            await self._create(call.body)

    async def _draft(self, call: Call) -> Draft | None:
        if call.shape is None or call.retexted is None:
            return None
        if call.shape in self._drafts:
            return self._drafts[call.shape]
        if call.shape not in self._met:
            # A shape that is never met again is not worth a draft.
            if len(self._met) >= MAX_SHAPES:
                self._met.clear()
                self._drafts.clear()
            self._met.add(call.shape)
            return None
        # Those that come while it is being made go through the client.
        self._drafts[call.shape] = None
        self._drafts[call.shape] = await self._made(call, call.retexted)
        return self._drafts[call.shape]

    async def _made(self, call: Call, retexted: Callable[[Sequence[str]], Mapping[str, Any]]) -> Draft | None:
        token = secrets.token_hex(8)
        marks = [f"place-{place}-{token}" for place in range(len(call.texts))]
        marked, real = await self._built(retexted(marks)), await self._built(call.body)
        if marked is None or real is None:
            return None
        transport = marked.extensions["transport"]
        if transport.lean is None:
            return None
        try:
            head = head_of(marked, 0).removesuffix(b"Content-Length: 0\r\n\r\n")
            same = head == head_of(real, 0).removesuffix(b"Content-Length: 0\r\n\r\n")
        except httpx2.LocalProtocolError:
            return None
        cut = re.split(rb"place-(\d+)-" + token.encode(), await marked.aread())
        draft = Draft(
            transport, origin_of(marked.url), head, tuple(cut[::2]), tuple(int(place) for place in cut[1::2])
        )
        data = draft.filled(call.texts)
        if not same or data is None:
            return None
        filled = data.partition(b"\r\n\r\n")[2]
        return draft if json.loads(filled) == json.loads(await real.aread()) else None

    async def _built(self, body: Mapping[str, Any]) -> httpx2.Request | None:
        """Return the request that the client would send; None: not exactly one."""
        exchange_tape = tape()
        captured: list[httpx2.Request] = []
        exchange_tape.captured = captured
        try:
            await self._create(body)
        finally:
            exchange_tape.captured = None
        return captured[0] if len(captured) == 1 else None

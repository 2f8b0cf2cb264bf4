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
from gapbench.transport.capture import current_record
from gapbench.transport.client import StampedTransport
from gapbench.transport.connection import Origin
from gapbench.transport.connection_pool import origin_of, serialize_head
from gapbench.transport.sse import Event
from gapbench.values import Call

MAX_TEMPLATES = 256

CreateRequest = Callable[[Mapping[str, Any]], Awaitable[object]]
"""Asks a vendor's client to send a body, by this one's tape."""


@dataclass(frozen=True, slots=True)
class RequestTemplate:
    """One shape of request, rendered.

    Attributes:
        transport: Where it goes out.
        origin: To whom.
        head: All of the head but the length.
        body_segments: The body between the texts.
        text_order: Which text follows each piece but the last.
    """

    transport: StampedTransport
    origin: Origin
    head: bytes
    body_segments: tuple[bytes, ...]
    text_order: tuple[int, ...]

    def fill(self, texts: Sequence[str]) -> bytes | None:
        """Return the request with ``texts`` in it; None: a text that JSON cannot carry."""
        try:
            inner = [orjson.dumps(text)[1:-1] for text in texts]
        except TypeError:  # a lone surrogate
            return None
        body = self.body_segments[0] + b"".join(
            inner[place] + piece for place, piece in zip(self.text_order, self.body_segments[1:], strict=True)
        )
        return b"%sContent-Length: %d\r\n\r\n%s" % (self.head, len(body), body)


class RequestTemplates:
    """Sends a runner's calls, each shape of them built once by the vendor's client."""

    def __init__(self, create: CreateRequest, to_runner_error: Callable[[Exception], RunnerError]) -> None:
        """Start without drafts.

        Args:
            create: Asks the client to send a call's body as a stream.
            to_runner_error: Puts the client's errors into the harness's words.
        """
        self._create = create
        self._to_runner_error = to_runner_error
        self._seen_shapes: set[Hashable] = set()
        self._templates: dict[Hashable, RequestTemplate | None] = {}

    async def event_batches(self, call: Call) -> AsyncIterator[list[Event]]:
        """Send a call and yield its reply's events; see :meth:`gapbench.transport.ExchangeRecord.event_batches`.

        Raises:
            RunnerError: The call failed, or the reply ended badly.
        """
        try:
            await self.send(call)
        except Exception as exc:
            raise self._to_runner_error(exc) from exc
        async for batch in current_record().event_batches():
            yield batch

    async def send(self, call: Call) -> None:
        """Send a call; its events are on the tape then.

        Raises:
            Exception: The vendor's own error, or httpx2's.
        """
        draft = await self._template_for(call)
        data = None if draft is None else draft.fill(call.texts)
        if draft is None or data is None:
            await self._create(call.body)
            return
        exchange_tape = current_record()
        await draft.transport.send_serialized(draft.origin, data, exchange_tape, eager=False)
        if exchange_tape.error_response is not None:
            await self._create(call.body)

    async def _template_for(self, call: Call) -> RequestTemplate | None:
        if call.template_key is None or call.body_with_texts is None:
            return None
        if call.template_key in self._templates:
            return self._templates[call.template_key]
        if call.template_key not in self._seen_shapes:
            # A shape that is never met again is not worth a draft.
            if len(self._seen_shapes) >= MAX_TEMPLATES:
                self._seen_shapes.clear()
                self._templates.clear()
            self._seen_shapes.add(call.template_key)
            return None
        # Those that come while it is being made go through the client.
        self._templates[call.template_key] = None
        self._templates[call.template_key] = await self._build_template(call, call.body_with_texts)
        return self._templates[call.template_key]

    async def _build_template(
        self, call: Call, body_with_texts: Callable[[Sequence[str]], Mapping[str, Any]]
    ) -> RequestTemplate | None:
        token = secrets.token_hex(8)
        marks = [f"place-{place}-{token}" for place in range(len(call.texts))]
        marked, real = (
            await self._capture_request(body_with_texts(marks)),
            await self._capture_request(call.body),
        )
        if marked is None or real is None:
            return None
        transport = marked.extensions["transport"]
        if transport.lean is None:
            return None
        try:
            head = serialize_head(marked, 0).removesuffix(b"Content-Length: 0\r\n\r\n")
            same = head == serialize_head(real, 0).removesuffix(b"Content-Length: 0\r\n\r\n")
        except httpx2.LocalProtocolError:
            return None
        cut = re.split(rb"place-(\d+)-" + token.encode(), await marked.aread())
        draft = RequestTemplate(
            transport, origin_of(marked.url), head, tuple(cut[::2]), tuple(int(place) for place in cut[1::2])
        )
        data = draft.fill(call.texts)
        if not same or data is None:
            return None
        filled = data.partition(b"\r\n\r\n")[2]
        return draft if json.loads(filled) == json.loads(await real.aread()) else None

    async def _capture_request(self, body: Mapping[str, Any]) -> httpx2.Request | None:
        """Return the request that the client would send; None: not exactly one."""
        exchange_tape = current_record()
        captured: list[httpx2.Request] = []
        exchange_tape.captured_requests = captured
        try:
            await self._create(body)
        finally:
            exchange_tape.captured_requests = None
        return captured[0] if len(captured) == 1 else None

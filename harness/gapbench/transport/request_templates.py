"""Send a request that the vendor's SDK builds once, with other texts each time.

Building a request costs the SDKs a third to half a millisecond. A conversation of 20 turns with tools costs 8 ms over Chat
Completions, 20 ms over Responses and 7 ms over generateContent (benchmarks/conversation_requests.py). The requests of a
cell differ only in their prompts. So the SDK builds one request with markers in place of the texts, and later requests
are its bytes with the texts inserted. The turns of an episode differ in the list of their messages: there the whole list
is inserted, in the form that the SDK sent once for messages of the same kinds. URL, headers, auth and every parameter
come from the SDK. Requests go through the SDK as usual if it would build them
differently (checked once per shape, on its second request), and after every response other than 200.

The head is built once per shape. Headers that the SDK would change later, such as a rotating token, are not updated;
``transport: httpx2`` turns templates off.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import orjson

from gapbench.errors import RunnerError
from gapbench.transport.capture import current_record, record_exchange
from gapbench.transport.connection import Origin
from gapbench.transport.connection_pool import LeanTransport, origin_of, serialize_head
from gapbench.transport.sse import EventBatch
from gapbench.values import Call

MAX_TEMPLATES = 256

CreateRequest = Callable[[Mapping[str, Any]], Awaitable[object]]
"""Makes the vendor's SDK send a body within the current exchange."""


@dataclass(frozen=True, slots=True)
class RequestTemplate:
    """One shape of request, rendered.

    Attributes:
        transport: What sends it.
        origin: Where to.
        head: The head without the content length.
        body_segments: The parts of the body between the insertions.
        order: Index of the insertion after each segment but the last.
    """

    transport: LeanTransport
    origin: Origin
    head: bytes
    body_segments: tuple[bytes, ...]
    order: tuple[int, ...]

    def fill(self, call: Call) -> bytes | None:
        """Return the request for a call of this shape, or None if orjson cannot encode what it says."""
        try:
            if call.conversation:
                inserted = [orjson.dumps(value) for value in call.conversation.values()]
            else:
                inserted = [orjson.dumps(text)[1:-1] for text in call.texts]
        except TypeError:  # a lone surrogate, bytes, or an integer of more than 64 bits
            return None
        body = self.body_segments[0] + b"".join(
            inserted[place] + piece for place, piece in zip(self.order, self.body_segments[1:], strict=True)
        )
        return b"%sContent-Length: %d\r\n\r\n%s" % (self.head, len(body), body)


class RequestTemplates:
    """Sends a runner's calls; the vendor's SDK builds each shape once."""

    def __init__(self, create: CreateRequest, to_runner_error: Callable[[Exception], RunnerError]) -> None:
        """Start without templates.

        Args:
            create: Makes the SDK send a call's body as a stream.
            to_runner_error: Translates the SDK's errors.
        """
        self._create = create
        self._to_runner_error = to_runner_error
        self._seen_shapes: set[Hashable] = set()
        self._templates: dict[Hashable, RequestTemplate | None] = {}

    async def warm_up(self, call: Call) -> None:
        """Have the SDK build a call and its template, and read an error, without sending anything.

        The SDKs import modules and inspect types for their first request and for their first error: up to a fifth of a
        second, in which the event loop would read nothing.

        Raises:
            Exception: The SDK cannot build it.
        """
        with record_exchange() as record:
            record.error_response = httpx2.Response(429, json={"error": {"message": "warm-up"}})
            try:
                await self._create(call.body)
            except Exception as exc:  # noqa: BLE001 - the vendor's own error for the status above
                self._to_runner_error(exc)
        with record_exchange():
            if call.template_key is None:
                await self._capture_request(call.body)
                return
            for _ in range(2):  # a template is built for the second call of a shape
                await self._template_for(call)

    def event_batches(self, call: Call) -> AsyncIterator[EventBatch]:
        """Send a call and yield its response's events; see :meth:`gapbench.transport.ExchangeRecord.event_batches`.

        Raises:
            RunnerError: The call failed, or the response ended early.
        """
        return _CallEvents(self, call)

    async def send_or_explain(self, call: Call) -> None:
        """Send a call; see :meth:`send`.

        Raises:
            RunnerError: The call failed.
        """
        try:
            await self.send(call)
        except Exception as exc:
            raise self._to_runner_error(exc) from exc

    async def send(self, call: Call) -> None:
        """Send a call; the current record then has its events.

        Raises:
            Exception: The vendor's own error, or httpx2's.
        """
        template = await self._template_for(call)
        data = None if template is None else template.fill(call)
        if template is None or data is None:
            await self._create(call.body)
            return
        record = current_record()
        await template.transport.send_recorded(template.origin, data, record, eager=False)
        if record.error_response is not None:
            await self._create(call.body)

    async def body_of(self, call: Call) -> bytes:
        """Return the body that :meth:`send` would send for a call. Nothing is sent.

        Raises:
            RunnerError: The SDK cannot build it.
        """
        try:
            with record_exchange():
                template = await self._template_for(call)
                filled = None if template is None else template.fill(call)
                if filled is not None:
                    return filled.partition(b"\r\n\r\n")[2]
                request = await self._capture_request(call.body)
            return b"" if request is None else await request.aread()
        except Exception as exc:
            raise self._to_runner_error(exc) from exc

    async def _template_for(self, call: Call) -> RequestTemplate | None:
        if call.template_key is None:
            return None
        if call.template_key in self._templates:
            return self._templates[call.template_key]
        if call.template_key not in self._seen_shapes:
            # A shape that occurs once is not worth a template.
            if len(self._seen_shapes) >= MAX_TEMPLATES:
                self._seen_shapes.clear()
                self._templates.clear()
            self._seen_shapes.add(call.template_key)
            return None
        # Requests that come while the template is being built go through the SDK.
        self._templates[call.template_key] = None
        self._templates[call.template_key] = await self._build_template(call)
        return self._templates[call.template_key]

    async def _build_template(self, call: Call) -> RequestTemplate | None:
        """Return the template of a call's shape, or None if filling it would send something else than the SDK."""
        real = await self._capture_request(call.body)
        if real is None:
            return None
        template: RequestTemplate | None = None
        if call.conversation:
            template = _cut_conversation(real, await real.aread(), call.conversation)
        elif call.body_with_texts is not None:
            token = secrets.token_hex(8)
            markers = [f"place-{place}-{token}" for place in range(len(call.texts))]
            marked = await self._capture_request(call.body_with_texts(markers))
            if marked is not None:
                template = _split_at_markers(marked, await marked.aread(), rb"place-(\d+)-" + token.encode())
        data = None if template is None else template.fill(call)
        if template is None or data is None or template.head != _head_of(real):
            return None
        filled = data.partition(b"\r\n\r\n")[2]
        return template if json.loads(filled) == json.loads(await real.aread()) else None

    async def _capture_request(self, body: Mapping[str, Any]) -> httpx2.Request | None:
        """Return the request that the SDK would send, or None if it sends none or several."""
        record = current_record()
        captured: list[httpx2.Request] = []
        record.captured_requests = captured
        try:
            await self._create(body)
        finally:
            record.captured_requests = None
        return captured[0] if len(captured) == 1 else None


class _CallEvents(AsyncIterator[EventBatch]):
    """Sends a call when its first events are asked for. Not an async generator, which the event loop has to register."""

    def __init__(self, templates: RequestTemplates, call: Call) -> None:
        self._templates = templates
        self._call = call
        self._batches: AsyncIterator[EventBatch] | None = None

    async def __anext__(self) -> EventBatch:
        if self._batches is None:
            await self._templates.send_or_explain(self._call)
            self._batches = current_record().event_batches()
        return await anext(self._batches)


def _cut_conversation(
    request: httpx2.Request, body: bytes, conversation: Mapping[str, Any]
) -> RequestTemplate | None:
    """Return a request without the values of its conversation, or None if it has not all of them."""
    sent = json.loads(body)
    if not isinstance(sent, dict) or not conversation.keys() <= sent.keys():
        return None
    token = secrets.token_hex(8)
    for place, key in enumerate(conversation):
        sent[key] = f"place-{place}-{token}"
    return _split_at_markers(request, orjson.dumps(sent), rb'"place-(\d+)-' + token.encode() + b'"')


def _split_at_markers(request: httpx2.Request, body: bytes, marker: bytes) -> RequestTemplate | None:
    transport: LeanTransport | None = request.extensions["transport"]
    head = _head_of(request)
    if transport is None or head is None:
        return None
    segments = re.split(marker, body)
    return RequestTemplate(
        transport,
        origin_of(request.url),
        head,
        tuple(segments[::2]),
        tuple(int(place) for place in segments[1::2]),
    )


def _head_of(request: httpx2.Request) -> bytes | None:
    """Return the head without the content length. None: it cannot be sent."""
    try:
        return serialize_head(request, 0).removesuffix(b"Content-Length: 0\r\n\r\n")
    except httpx2.LocalProtocolError:
        return None

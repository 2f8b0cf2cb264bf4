"""The HTTP server: reads requests, keeps the persona's time, and writes down when it wrote what.

An own ``asyncio.Protocol``: keep-alive, bounded requests, chunked replies. Every chunk is rendered before
the first is due and written at an absolute time, so lateness does not add up; how late it was is logged.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any, cast
from urllib.parse import unquote

import orjson

from runners.sim_server.protocols import (
    ChatCompletions,
    GenerateContent,
    Messages,
    Responses,
    WireProtocol,
)
from runners.sim_server.reply import Asked, Mind, Reply
from runners.sim_server.simulation import Simulation

MAX_REQUEST_BYTES = 64 * 2**20
ROUTES: Mapping[str, WireProtocol] = {
    "/v1/chat/completions": ChatCompletions(),
    "/v1/responses": Responses(),
    "/v1/messages": Messages(),
}
_GOOGLE = GenerateContent()
_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"cache-control: no-store\r\ntransfer-encoding: chunked\r\n\r\n"
)
_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    413: "Content Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
    529: "Overloaded",
}


LATE_S = 0.005
"""A chunk written later than this counts as late: the server, not the client, is then the limit."""


class Connection(asyncio.Protocol):
    """One client connection."""

    def __init__(self, simulation: Simulation) -> None:
        """Wait for the first request."""
        self._simulation = simulation
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._reply: _TimedReply | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # uvloop's transports do not inherit from asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - a client that leaves is no error here
        """Stop the reply under way."""
        if self._reply is not None:
            self._reply.abandon()
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Answer each complete request."""
        received_s = time.perf_counter()
        self._buffer += data
        while self._transport is not None and self._reply is None:
            request = self._next_request()
            if request is None:
                return
            self._answer(*request, received_s)

    def _next_request(self) -> tuple[str, str, dict[str, str], bytes] | None:
        """Take one request off the buffer; None: it is not complete."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or len(self._buffer) > MAX_REQUEST_BYTES:
            if len(self._buffer) > MAX_REQUEST_BYTES:
                self._json(413, {"error": {"message": f"more than {MAX_REQUEST_BYTES} bytes"}})
                self.close()
            return None
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        method, _, rest = lines[0].partition(" ")
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines[1:])
        }
        start = end + 4
        if "chunked" in headers.get("transfer-encoding", ""):
            found = _unchunked(self._buffer, start)
            if found is None:
                return None
            body, stop = found
        else:
            stop = start + int(headers.get("content-length") or 0)
            if len(self._buffer) < stop:
                return None
            body = bytes(self._buffer[start:stop])
        del self._buffer[:stop]
        return method, unquote(rest.rsplit(" ", 1)[0]), headers, body

    def _answer(
        self, method: str, target: str, headers: dict[str, str], body: bytes, received_s: float
    ) -> None:
        path = target.partition("?")[0]
        if method == "GET":
            self._get(path)
            return
        google = path.endswith((":generateContent", ":streamGenerateContent"))
        protocol = _GOOGLE if google else ROUTES.get(path)
        if protocol is None:
            self._json(404, {"error": {"message": f"no route {method} {path}"}})
            return
        if self._simulation.key is not None and self._simulation.key not in _keys(headers):
            self._json(401, protocol.error(401, "wrong API key"))
            return
        try:
            asked = protocol.asked(_google_body(body, path) if protocol is _GOOGLE else orjson.loads(body))
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            self._json(400, protocol.error(400, f"cannot read the request: {type(exc).__name__}: {exc}"))
            return
        if protocol is _GOOGLE:
            asked = Asked(
                asked.messages, asked.max_tokens, "streamGenerateContent" in path, True, asked.model
            )
        mind = self._simulation.mind(asked.model)
        if mind is None:
            self._json(404, protocol.error(404, f"the model {asked.model!r} does not exist"))
            return
        self._reply = _TimedReply(self, self._simulation, mind, protocol, asked, received_s)
        self._reply.start()

    def _get(self, path: str) -> None:
        simulation = self._simulation
        if path in {"/health", "/ping"}:
            self._json(200, {})
        elif path in {"/v1/models", "/v1beta/models"}:
            listed = [
                {"id": name or "any", "object": "model", "owned_by": "simulated"} for name in simulation.minds
            ]
            self._json(200, {"object": "list", "data": listed})
        elif path == "/version":
            self._json(200, {"version": "simulated"})
        elif path == "/metrics":
            self._plain(200, "text/plain; version=0.0.4", simulation.metrics().encode())
        elif path == "/sim/log":
            self._plain(
                200,
                "application/x-ndjson",
                b"".join(orjson.dumps(entry) + b"\n" for entry in simulation.kept),
            )
        else:
            self._json(404, {"error": {"message": f"no route GET {path}"}})

    def _json(self, status: int, value: Any, headers: Iterable[tuple[str, str]] = ()) -> None:
        self._plain(status, "application/json", orjson.dumps(value), headers)

    def _plain(self, status: int, kind: str, body: bytes, headers: Iterable[tuple[str, str]] = ()) -> None:
        more = "".join(f"{name}: {value}\r\n" for name, value in headers)
        head = f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-type: {kind}\r\n{more}content-length: {len(body)}\r\n\r\n"
        self.write(head.encode() + body)

    def write(self, data: bytes) -> None:
        """Write, unless the client has gone."""
        if self._transport is not None:
            self._transport.write(data)

    def finish(self, status: int | None, value: Any = None, headers: Iterable[tuple[str, str]] = ()) -> None:
        """End a reply, with a JSON body where it was not streamed, and turn to the next request."""
        if status is not None:
            self._json(status, value, headers)
        self._reply = None
        if self._buffer:
            self.data_received(b"")

    def page(self, body: bytes) -> None:
        """Answer with an HTML page where an answer was due."""
        self._plain(200, "text/html", body)
        self._reply = None

    def close(self) -> None:
        """Close the connection at once."""
        if self._transport is not None:
            self._transport.abort()


class _TimedReply:
    """One reply under way."""

    def __init__(
        self,
        connection: Connection,
        simulation: Simulation,
        mind: Mind,
        protocol: WireProtocol,
        asked: Asked,
        received_s: float,
    ) -> None:
        self.connection = connection
        self.simulation = simulation
        self.mind = mind
        self.protocol = protocol
        self.asked = asked
        self.received_s = received_s
        self.reply: Reply = mind.reply(asked)
        self.writes_s: list[float] = []
        self.late_s = 0.0
        self._handle: asyncio.TimerHandle | None = None
        self._events: list[tuple[float, bytes]] = []
        self._next = 0
        self._placed = False
        self._ended = False

    def start(self) -> None:
        """Refuse, fail, or take a place."""
        counts, reply = self.simulation.counts, self.reply
        counts["requests"] += 1
        counts["unknown_prompts"] += not reply.known
        faults = self.mind.persona.faults
        if reply.fault not in {None, "slow", "cut"}:
            counts["faults"] += 1
            self._end()
            if reply.fault == "garbage":
                self.connection.page(b"<html><body>Bad gateway</body></html>")
                return
            status = {"rate_limit": 429, "server_error": 500}.get(
                str(reply.fault), self.protocol.overloaded_status
            )
            wait = (
                [("retry-after", f"{faults.retry_after_s:g}")]
                if status == 429 and faults.retry_after_s is not None
                else []
            )
            self.connection.finish(status, self.protocol.error(status, f"simulated {reply.fault}"), wait)
            return
        if not self.simulation.enter(self.mind, self._begin):
            self._end()
            status = self.protocol.overloaded_status
            self.connection.finish(status, self.protocol.error(status, "the queue is full"))

    def _begin(self) -> None:
        """Lay out the events on absolute times and wait for the first."""
        self._placed = True
        persona, reply = self.mind.persona, self.reply
        begin_s = time.perf_counter()
        first_s = begin_s + persona.first_token_s(reply.prompt_sha256, reply.nth)
        if persona.capacity.prefill_tokens_per_s:
            first_s += (reply.input_tokens - reply.cached_tokens) / persona.capacity.prefill_tokens_per_s
        if reply.fault == "slow":
            first_s += persona.faults.slow_s
        self._events = self._laid_out(first_s)
        if reply.fault == "cut":
            self._events = self._events[: max(1, len(self._events) // 2)]
        self._wait()

    def _laid_out(self, first_s: float) -> list[tuple[float, bytes]]:
        persona, reply, protocol, model = self.mind.persona, self.reply, self.protocol, self.asked.model
        chunks = [("reasoning", text) for text in reply.reasoning] + [
            ("answer", text) for text in reply.answer
        ]
        gaps = iter(persona.gaps_s(reply.prompt_sha256, reply.nth, reply.output_tokens + 1))
        at_s = first_s + sum(next(gaps) for _ in range(reply.hidden_tokens))
        seen: set[str] = set()
        events: list[tuple[float, bytes]] = []
        for channel, text in chunks:
            events.append((at_s, protocol.chunk(text, channel, reply, model, first=channel not in seen)))
            seen.add(channel)
            at_s += sum(next(gaps, persona.gap_s) for _ in range(-(-len(text) // persona.chars_per_token)))
        head, tail = protocol.head(reply, model), protocol.tail(reply, self.asked, model)
        if events:
            events[0] = (events[0][0], head + events[0][1])
            last_s, last = events[-1]
            events[-1] = (last_s, last + tail)
        else:
            events = [(at_s, head + tail)]
        return events

    def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        # perf_counter and the loop's clock differ by a constant on some platforms: wait by difference.
        ahead_s = max(0.0, self._events[self._next][0] - time.perf_counter())
        self._handle = loop.call_later(ahead_s, self._write)

    def _write(self) -> None:
        """Write every event that is due; wait for the next, or end."""
        now_s = time.perf_counter()
        streamed = self.asked.stream
        while self._next < len(self._events) and self._events[self._next][0] <= now_s:
            due_s, event = self._events[self._next]
            if streamed:
                framed = b"%x\r\n%s\r\n" % (len(event), event)
                self.connection.write(_STREAM_HEAD + framed if self._next == 0 else framed)
            self.late_s = max(self.late_s, now_s - due_s)
            self.simulation.counts["late_chunks"] += now_s - due_s > LATE_S
            self.writes_s.append(now_s)
            self._next += 1
        if self._next < len(self._events):
            self._wait()
            return
        self._close()

    def _close(self) -> None:
        counts, reply = self.simulation.counts, self.reply
        self._leave()
        if reply.fault == "cut":
            counts["faults"] += 1
            self._end()
            self.connection.close()
            return
        counts["finished"] += 1
        counts["prompt_tokens"] += reply.input_tokens
        counts["cached_tokens"] += reply.cached_tokens
        counts["generation_tokens"] += reply.output_tokens
        self._end()
        if self.asked.stream:
            self.connection.write(b"0\r\n\r\n")
            self.connection.finish(None)
        else:
            self.connection.finish(200, self.protocol.whole(reply, self.asked.model))

    def abandon(self) -> None:
        """Stop: the client has gone."""
        if self._handle is not None:
            self._handle.cancel()
        self.simulation.forget(self._begin)
        self._leave()
        self._end()

    def _leave(self) -> None:
        if self._placed:
            self._placed = False
            self.simulation.leave()

    def _end(self) -> None:
        """Write the request down, once."""
        if self._ended:
            return
        self._ended = True
        reply = self.reply
        self.simulation.record(
            {
                "model": self.asked.model,
                "prompt_sha256": reply.prompt_sha256,
                "nth": reply.nth,
                "known": reply.known,
                "is_right": reply.is_right,
                "fault": reply.fault,
                "received_s": self.received_s,
                "write_s": self.writes_s,
                "late_s": self.late_s,
                "input_tokens": reply.input_tokens,
                "output_tokens": reply.output_tokens,
            }
        )


def _keys(headers: Mapping[str, str]) -> set[str]:
    bearer = headers.get("authorization", "").removeprefix("Bearer ")
    return {bearer, headers.get("x-api-key", ""), headers.get("x-goog-api-key", "")}


def _google_body(body: bytes, path: str) -> dict[str, Any]:
    model = path.rsplit("/", 1)[-1].partition(":")[0]
    return {**orjson.loads(body), "model": model}


def _unchunked(buffer: bytearray, start: int) -> tuple[bytes, int] | None:
    """Return a chunked body and where it ends; None: it is not complete."""
    body = b""
    while True:
        line_end = buffer.find(b"\r\n", start)
        if line_end < 0:
            return None
        size = int(bytes(buffer[start:line_end]).split(b";")[0], 16)
        start = line_end + 2
        if len(buffer) < start + size + 2:
            return None
        if size == 0:
            return body, start + 2
        body += buffer[start : start + size]
        start += size + 2

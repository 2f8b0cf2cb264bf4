"""The HTTP server: one connection's requests in, plain replies out, streams handed to their delivery.

An own ``asyncio.Protocol``: keep-alive, bounded requests, no pipelining (a request that comes early waits).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable, Mapping
from typing import Any, cast

import orjson

from gapbench_runners.sim_server.http_request import HttpRequest, RefusedRequestError, RequestParser
from gapbench_runners.sim_server.protocols import (
    ChatCompletionsProtocol,
    GenerateContentProtocol,
    MessagesProtocol,
    ResponsesProtocol,
    WireProtocol,
)
from gapbench_runners.sim_server.reply import SimRequest
from gapbench_runners.sim_server.state import Simulation
from gapbench_runners.sim_server.stream_writer import ResponseWriter

VERSION = "gapbench-sim"
ROUTES: Mapping[str, WireProtocol] = {
    "/v1/chat/completions": ChatCompletionsProtocol(),
    "/v1/responses": ResponsesProtocol(),
    "/v1/messages": MessagesProtocol(),
}
_GOOGLE = GenerateContentProtocol()
_GOOGLE_ROOTS = ("/v1beta/models/", "/v1/models/")
_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    413: "Content Too Large",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
    529: "Overloaded",
}


class SimConnection(asyncio.Protocol):
    """One client connection."""

    def __init__(self, simulation: Simulation) -> None:
        """Wait for the first request."""
        self._simulation = simulation
        self._parser = RequestParser()
        self._transport: asyncio.Transport | None = None
        self._descriptor = -1
        self._response_writer: ResponseWriter | None = None
        self._is_last = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # uvloop's transports do not inherit from asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._descriptor = transport.get_extra_info("socket").fileno()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - a client that leaves is no error here
        """Stop the reply under way."""
        self._transport = None
        delivery, self._response_writer = self._response_writer, None
        if delivery is not None:
            delivery.cancel()

    def data_received(self, data: bytes) -> None:
        """Answer each complete request, one after the other."""
        received_s = time.perf_counter()
        self._parser.feed(data)
        self._process_requests(received_s)

    def _process_requests(self, received_s: float) -> None:
        while self._transport is not None and self._response_writer is None:
            try:
                request = self._parser.next_request()
            except RefusedRequestError as exc:
                self._write_json(exc.status, {"error": {"message": str(exc)}})
                self.close()
                return
            if request is None:
                if self._parser.needs_100_continue():
                    self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                return
            self._is_last = request.headers.get("connection", "").lower() == "close"
            self._respond(request, received_s)
            if self._is_last and self._response_writer is None:
                self.close()

    def _respond(self, request: HttpRequest, received_s: float) -> None:
        protocol, in_path = route_of(request.path)
        if request.method != "POST" or protocol is None:
            self._respond_to_get(request.method, request.path)
            return
        simulation = self._simulation
        if simulation.api_key is not None and simulation.api_key not in _api_keys(request.headers):
            self._write_json(401, protocol.render_error(401, "wrong API key"))
            return
        try:
            body = orjson.loads(request.body)
            asked = protocol.parse_request({**body, **in_path})
            _check_request(asked)
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            said = f"missing or unknown {exc}" if isinstance(exc, KeyError) else str(exc)
            self._write_json(400, protocol.render_error(400, f"cannot read the request: {said}"))
            return
        name = simulation.persona_name(asked.model)
        if name is None:
            self._write_json(404, protocol.render_error(404, f"the model {asked.model!r} does not exist"))
            return
        self._response_writer = ResponseWriter(self, simulation, name, protocol, asked, received_s)
        self._response_writer.start()

    def _respond_to_get(self, method: str, path: str) -> None:
        simulation = self._simulation
        if method == "GET" and path in {"/health", "/ping"}:
            self._write_json(200, {})
        elif method == "GET" and path in {"/v1/models", "/v1beta/models"}:
            names = [name or "any" for name in simulation.models]
            listed = [{"id": name, "object": "model", "owned_by": "simulated"} for name in names]
            google = [{"name": f"models/{name}"} for name in names]
            self._write_json(200, {"object": "list", "data": listed, "models": google})
        elif method == "GET" and path == "/version":
            self._write_json(200, {"version": VERSION})
        elif method == "GET" and path == "/metrics":
            self.write_plain(200, "text/plain; version=0.0.4", simulation.metrics().encode())
        elif method == "GET" and path == "/sim/log":
            self.write_plain(200, "application/x-ndjson", b"".join(simulation.recent_log))
        else:
            self._write_json(404, {"error": {"message": f"no route {method} {path}"}})

    def _write_json(self, status: int, value: Any, headers: Iterable[tuple[str, str]] = ()) -> None:
        self.write_plain(status, "application/json", orjson.dumps(value), headers)

    def write_plain(
        self, status: int, kind: str, body: bytes, headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Write an unstreamed reply."""
        self.write(plain_response(status, kind, body, headers))

    def write(self, data: bytes) -> None:
        """Write now, unless the client has gone: the transport would hold the bytes until its loop turns."""
        transport = self._transport
        if transport is None or transport.is_closing() or not data:
            return
        if transport.get_write_buffer_size() == 0:
            try:
                written = os.write(self._descriptor, data)
            except BlockingIOError:
                written = 0
            except OSError:
                return  # the loop tells of the lost connection
            if written == len(data):
                return
            data = data[written:]
        transport.write(data)

    def finish(self) -> None:
        """End a delivery and turn to the next request."""
        self._response_writer = None
        if self._is_last:
            self.close()
        else:
            self._process_requests(time.perf_counter())

    def abort(self) -> None:
        """Close the connection in the middle of a delivery."""
        self._response_writer = None
        self.close()

    def close(self) -> None:
        """Close the connection after what was written."""
        if self._transport is not None:
            self._transport.close()


def plain_response(status: int, kind: str, body: bytes, headers: Iterable[tuple[str, str]] = ()) -> bytes:
    """Return an unstreamed reply."""
    more = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-type: {kind}\r\n"
        f"{more}content-length: {len(body)}\r\n\r\n"
    ).encode() + body


def _check_request(request: SimRequest) -> None:
    """Raise ``ValueError`` for what no protocol allows."""
    budget = request.max_tokens
    if budget is not None and (isinstance(budget, bool) or not isinstance(budget, int) or budget < 0):
        raise ValueError(f"the token budget must be a whole number of at least 0, found {budget!r}")
    if not isinstance(request.model, str):
        raise ValueError(f"model must be a name, found {request.model!r}")  # noqa: TRY004 - the sender's value
    if not request.messages:
        raise ValueError("no messages")


def route_of(path: str) -> tuple[WireProtocol | None, dict[str, Any]]:
    """Return the protocol of a path, and what of the request stands in the path."""
    if path in ROUTES:
        return ROUTES[path], {}
    for root in _GOOGLE_ROOTS:
        model, _, verb = path.removeprefix(root).rpartition(":")
        if path.startswith(root) and verb in {"generateContent", "streamGenerateContent"}:
            return _GOOGLE, {"model": model, "stream": verb == "streamGenerateContent"}
    return None, {}


def _api_keys(headers: Mapping[str, str]) -> set[str]:
    bearer = headers.get("authorization", "").removeprefix("Bearer ")
    return {bearer, headers.get("x-api-key", ""), headers.get("x-goog-api-key", "")}

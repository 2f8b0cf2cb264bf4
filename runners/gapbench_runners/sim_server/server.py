"""The HTTP server: one connection's requests in, plain replies out, streams handed to their delivery.

An own ``asyncio.Protocol``: keep-alive, bounded requests, no pipelining (a request that comes early waits).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, cast

import orjson

from gapbench_runners.sim_server.batch_routes.routes import BatchRoutes
from gapbench_runners.sim_server.http_request import HttpRequest, RefusedRequestError, RequestParser
from gapbench_runners.sim_server.protocols import (
    ChatCompletionsProtocol,
    CompletionsProtocol,
    GenerateContentProtocol,
    MessagesProtocol,
    ResponsesProtocol,
    VendorRefusalError,
    WireProtocol,
    check_request,
)
from gapbench_runners.sim_server.state import Simulation
from gapbench_runners.sim_server.stream_writer import ResponseWriter

VERSION = "gapbench-sim"
ROUTES: Mapping[str, WireProtocol] = {
    "/v1/chat/completions": ChatCompletionsProtocol(),
    "/v1/completions": CompletionsProtocol(),
    "/v1/responses": ResponsesProtocol(),
    "/v1/messages": MessagesProtocol(),
}
_GOOGLE = GenerateContentProtocol()
_GOOGLE_ROOTS = ("/v1beta/models/", "/v1/models/")
_GOOGLE_VERBS = ("generateContent", "streamGenerateContent", "countTokens")
# Path of a request that only counts a prompt's tokens -> path of the protocol that reads it, reply.
_COUNT_ROUTES: Mapping[str, tuple[str, Callable[[int], dict[str, Any]]]] = {
    "/v1/messages/count_tokens": ("/v1/messages", lambda tokens: {"input_tokens": tokens}),
    "/v1/responses/input_tokens": (
        "/v1/responses",
        lambda tokens: {"object": "response.input_tokens", "input_tokens": tokens},
    ),
}
_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    409: "Conflict",
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
        """Stop the reply in progress."""
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
        batches = next((routes for routes in self._simulation.batch_routes if routes.owns(request)), None)
        if batches is not None:
            self._respond_about_batches(batches, request)
            return
        route = route_of(request.path)
        if request.method != "POST" or route is None:
            self._respond_to_get(request)
            return
        protocol, simulation = route.protocol, self._simulation
        if simulation.api_key is not None and simulation.api_key not in _api_keys(request.headers):
            self._write_json(401, protocol.render_error(401, "wrong API key"))
            return
        try:
            body = orjson.loads(request.body)
            asked = protocol.parse_request({**body, **route.in_path})
            check_request(asked)
        except VendorRefusalError as exc:
            self._write_json(exc.status, protocol.render_error(exc.status, str(exc), exc.code))
            return
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            said = f"missing or unknown {exc}" if isinstance(exc, KeyError) else str(exc)
            self._write_json(400, protocol.render_error(400, f"cannot read the request: {said}"))
            return
        name = simulation.persona_name(asked.model)
        if name is None:
            self._write_json(404, protocol.render_error(404, f"the model {asked.model!r} does not exist"))
            return
        if route.render_count is not None:
            self._write_json(200, route.render_count(simulation.models[name].count_tokens(asked)))
            return
        self._response_writer = ResponseWriter(self, simulation, name, protocol, asked, received_s)
        self._response_writer.start()

    def _respond_about_batches(self, routes: BatchRoutes, request: HttpRequest) -> None:
        key = self._simulation.api_key
        if key is not None and key not in _api_keys(request.headers):
            self._write_json(401, routes.protocol.render_error(401, "wrong API key"))
            return
        reply = routes.respond(request)
        if reply.is_cut:
            self.abort()
        else:
            self.write_plain(reply.status, reply.kind, reply.body, reply.headers)

    def _respond_to_get(self, request: HttpRequest) -> None:
        simulation, path = self._simulation, request.path
        if request.method != "GET":
            self._write_json(404, {"error": {"message": f"no route {request.method} {path}"}})
        elif path in {"/health", "/ping"}:
            self._write_json(200, {})
        elif path in {"/v1/models", "/v1beta/models"}:
            listed = [_model_entry(name or "any") for name in simulation.models]
            self._write_json(200, {"object": "list", "data": listed, "models": listed, "has_more": False})
        elif path.startswith(_GOOGLE_ROOTS):
            self._respond_with_model(path.partition("/models/")[2], request)
        elif path == "/version":
            self._write_json(200, {"version": VERSION})
        elif path == "/metrics":
            self.write_plain(200, "text/plain; version=0.0.4", simulation.metrics().encode())
        elif path == "/sim/log":
            self.write_plain(200, "application/x-ndjson", b"".join(simulation.recent_log))
        elif path == "/sim/ledger":
            self._write_json(200, simulation.batches.ledger_as_json())
        else:
            self._write_json(404, {"error": {"message": f"no route {request.method} {path}"}})

    def _respond_with_model(self, model: str, request: HttpRequest) -> None:
        """Describe one model, or refuse it in the form of the vendor whose client asks."""
        if self._simulation.persona_name(model) is not None:
            self._write_json(200, _model_entry(model))
            return
        protocol: WireProtocol = ROUTES["/v1/chat/completions"]
        if "anthropic-version" in request.headers:
            protocol = ROUTES["/v1/messages"]
        elif request.path.startswith("/v1beta/") or "x-goog-api-key" in request.headers:
            protocol = _GOOGLE
        self._write_json(404, protocol.render_error(404, f"the model {model!r} does not exist"))

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
        f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-type: {kind}\r\nserver: {VERSION}\r\n"
        f"{more}content-length: {len(body)}\r\n\r\n"
    ).encode() + body


def _model_entry(name: str) -> dict[str, Any]:
    """Return a model with the fields of all vendors: OpenAI's ``id`` and ``object``, Anthropic's, Google's ``name``."""
    return {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": "simulated",
        "type": "model",
        "display_name": name,
        "created_at": "1970-01-01T00:00:00Z",
        "name": f"models/{name}",
        "displayName": name,
        "supportedGenerationMethods": list(_GOOGLE_VERBS),
    }


class Route(NamedTuple):
    """What answers a POST.

    Attributes:
        protocol: The protocol.
        in_path: What of the request is in the path.
        render_count: Returns the reply for a number of prompt tokens. None: the request asks for an answer.
    """

    protocol: WireProtocol
    in_path: Mapping[str, Any]
    render_count: Callable[[int], dict[str, Any]] | None = None


def route_of(path: str) -> Route | None:
    """Return the route of a path. None: there is none."""
    if path in ROUTES:
        return Route(ROUTES[path], {})
    if path in _COUNT_ROUTES:
        protocol, render_count = _COUNT_ROUTES[path]
        return Route(ROUTES[protocol], {"max_tokens": None, "stream": False}, render_count)
    for root in _GOOGLE_ROOTS:
        model, _, verb = path.removeprefix(root).rpartition(":")
        if path.startswith(root) and verb in _GOOGLE_VERBS:
            in_path = {"model": model, "stream": verb == "streamGenerateContent"}
            count = (lambda tokens: {"totalTokens": tokens}) if verb == "countTokens" else None
            return Route(_GOOGLE, in_path, count)
    return None


def _api_keys(headers: Mapping[str, str]) -> set[str]:
    bearer = headers.get("authorization", "").removeprefix("Bearer ")
    return {bearer, headers.get("x-api-key", ""), headers.get("x-goog-api-key", "")}

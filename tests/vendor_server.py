"""A local server that answers and refuses as the vendors do, over Chat Completions, Responses, Messages and Gemini.

It accepts one key and one model, and may refuse a parameter or images. It counts what it was asked. Bound to loopback.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-right-0123456789"
MODEL = "known-model"
PROTOCOLS = ("chat", "responses", "messages", "gemini")


@dataclass
class Vendor:
    """What a server accepts, and what it was asked.

    Attributes:
        url: Its address without a path.
        refused_parameter: The name of a parameter that it refuses. "": none.
        takes_images: Whether it takes images.
        status: A status that it answers everything with. 0: it works.
        asked: The body of each request.
    """

    url: str = ""
    refused_parameter: str = ""
    takes_images: bool = True
    status: int = 0
    asked: list[dict[str, Any]] = field(default_factory=list)

    def model_yaml(self, protocol: str, name: str = MODEL, **more: Any) -> dict[str, Any]:
        """Return a model of a suite that this server answers for."""
        runner = {"chat": "openai", "responses": "openai", "messages": "anthropic", "gemini": "google"}[
            protocol
        ]
        path = "/v1" if runner == "openai" else ""
        api = {"api": "responses"} if protocol == "responses" else {}
        price = {"input_usd_per_mtok": 2, "output_usd_per_mtok": 8}
        return {
            "id": protocol, "runner": runner, "model": name, "weights": "closed", "base_url": self.url + path,
            "key_env": f"KEY_{protocol.upper()}", "cost": price, **api, **more,
        }  # fmt: skip


@contextmanager
def vendor(**changes: Any) -> Iterator[Vendor]:
    """Run a server until the block ends."""
    state = Vendor(**changes)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            state.asked.append(body)
            protocol = protocol_of(self.path)
            status, message = verdict(state, self, body)
            if status != 200:
                self.reply(status, "application/json", json.dumps(error(protocol, status, message)))
            else:
                self.reply(200, "text/event-stream", "".join(STREAMS[protocol]))

        def reply(self, status: int, kind: str, text: str) -> None:
            data = text.encode()
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


def protocol_of(path: str) -> str:
    """Return the protocol of a path."""
    ends = {"/chat/completions": "chat", "/responses": "responses", "/messages": "messages"}
    return next((name for end, name in ends.items() if path.endswith(end)), "gemini")


def verdict(state: Vendor, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> tuple[int, str]:
    """Return the status of a request, and the vendor's words."""
    headers = handler.headers
    keys = {
        headers.get("authorization", "").removeprefix("Bearer "),
        headers.get("x-api-key"),
        headers.get("x-goog-api-key"),
    }
    text = json.dumps(body)
    if state.status:
        return state.status, "the service is in trouble"
    if KEY not in keys:
        return 401, "Incorrect API key provided"
    if body.get("model", MODEL) != MODEL or (
        protocol_of(handler.path) == "gemini" and f"/{MODEL}:" not in handler.path
    ):
        return 404, "The model does not exist"
    if state.refused_parameter and state.refused_parameter in text:
        return 400, f"Unsupported parameter: {state.refused_parameter}"
    if not state.takes_images and "iVBORw0KGgo" in text:
        return 400, "this model takes text alone"
    return 200, ""


def error(protocol: str, status: int, message: str) -> dict[str, Any]:
    """Return an error in the protocol's form."""
    if protocol == "messages":
        return {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
    if protocol == "gemini":
        return {"error": {"code": status, "message": message, "status": "INVALID_ARGUMENT"}}
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}


def sse(value: Any, name: str = "") -> str:
    """Return one event."""
    return (f"event: {name}\n" if name else "") + f"data: {json.dumps(value)}\n\n"


def _typed(value: dict[str, Any]) -> str:
    return sse(value, value["type"])


STREAMS: dict[str, list[str]] = {
    "chat": [
        sse({"id": "1", "model": MODEL, "choices": [{"index": 0, "delta": {"content": "OK"}, "finish_reason": "stop"}]}),
        sse({"id": "1", "model": MODEL, "choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}}),
        "data: [DONE]\n\n",
    ],
    "responses": [
        _typed({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "item_id": "m", "delta": "OK"}),
        _typed({"type": "response.completed", "response": {"id": "r", "status": "completed", "model": MODEL, "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}}}),
    ],
    "messages": [
        _typed({"type": "message_start", "message": {"id": "m", "model": MODEL, "usage": {"input_tokens": 10, "output_tokens": 1}}}),
        _typed({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        _typed({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "OK"}}),
        _typed({"type": "content_block_stop", "index": 0}),
        _typed({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}),
        _typed({"type": "message_stop"}),
    ],
    "gemini": [
        sse({"candidates": [{"content": {"role": "model", "parts": [{"text": "OK"}]}, "finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}, "modelVersion": MODEL}),
    ],
}  # fmt: skip

"""Anthropic's Message Batches."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gapbench_runners.sim_server.batch_routes.routes import (
    JSON_LINES,
    PlainReply,
    page_of,
    parse_body,
    reply_error,
    reply_json,
    rfc3339,
    write_results,
)
from gapbench_runners.sim_server.batch_store import BatchLine, BatchStore, LineResult, SimBatch, expires_at
from gapbench_runners.sim_server.http_request import HttpRequest
from gapbench_runners.sim_server.protocols import MessagesProtocol, VendorRefusalError, WireProtocol

MAX_REQUESTS = 100_000
ROOT = "/v1/messages/batches"
_CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_STATUS = {"validating": "in_progress", "running": "in_progress", "cancelling": "canceling", "ended": "ended"}


class AnthropicRoutes:
    """Batches, and the file of results of each."""

    protocol: WireProtocol = MessagesProtocol()

    def __init__(self, store: BatchStore) -> None:
        """Answer from a store."""
        self._store = store

    def owns(self, request: HttpRequest) -> bool:
        """Return whether a path is about batches."""
        return request.path.startswith(ROOT)

    def respond(self, request: HttpRequest) -> PlainReply:
        """Return the reply."""
        rest = [word for word in request.path.removeprefix(ROOT).split("/") if word]
        root = f"http://{request.headers.get('host', '127.0.0.1')}{ROOT}"
        try:
            reply = self._respond(request, rest, root)
        except VendorRefusalError as exc:
            return reply_error(self.protocol, exc.status, str(exc))
        return reply or reply_error(self.protocol, 404, f"no route {request.method} {request.path}")

    def _respond(self, request: HttpRequest, rest: list[str], root: str) -> PlainReply | None:
        match request.method, rest:
            case "POST", []:
                return self._create(parse_body(request), root)
            case "GET", []:
                batches = self._store.batches("msgbatch_sim")
                shown, has_more = page_of(
                    batches, [batch.batch_id for batch in batches], request.query, "after_id"
                )
                rows = [_look(batch, root) for batch in shown]
                first, last = (rows[0]["id"], rows[-1]["id"]) if rows else (None, None)
                return reply_json({"data": rows, "first_id": first, "last_id": last, "has_more": has_more})
            case "GET", [batch_id]:
                return reply_json(_look(self._batch(batch_id), root))
            case "POST", [batch_id, "cancel"]:
                batch = self._batch(batch_id)
                if not batch.cancel():
                    raise VendorRefusalError(f"Batch {batch_id} has ended and cannot be canceled")
                return reply_json(_describe(batch, root))
            case "GET", [batch_id, "results"]:
                batch = self._batch(batch_id)
                if batch.results is None:
                    raise VendorRefusalError(f"Batch {batch_id} has no results yet", status=404)
                rows_of = ((result, _result_line(result)) for result in batch.results)
                return PlainReply(200, JSON_LINES, write_results(rows_of))
        return None

    def _batch(self, batch_id: str) -> SimBatch:
        batch = self._store.batch(batch_id)
        if batch is None:
            raise VendorRefusalError(f"Batch {batch_id} not found", status=404)
        return batch

    def _create(self, body: Mapping[str, Any], root: str) -> PlainReply:
        given = body.get("requests")
        if not isinstance(given, list) or not 1 <= len(given) <= MAX_REQUESTS:
            raise VendorRefusalError(f"requests: List should have 1 to {MAX_REQUESTS} items")
        lines = [_parse_request(at, request) for at, request in enumerate(given)]
        names = [line.name for line in lines]
        if len(set(names)) < len(names):
            raise VendorRefusalError("requests: custom_id must be unique within the batch")
        model = str(lines[0].body.get("model"))
        if self._store.is_refused(model):
            raise VendorRefusalError("the batch queue of your organization is full", status=429)
        batch, is_cut = self._store.submit("msgbatch_sim", model, lines, self.protocol, {})
        return reply_json(_describe(batch, root), is_cut=is_cut)


def _parse_request(at: int, given: Any) -> BatchLine:
    name = given.get("custom_id") if isinstance(given, Mapping) else None
    if not isinstance(name, str) or not _CUSTOM_ID.fullmatch(name):
        raise VendorRefusalError(
            f"requests.{at}.custom_id: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'"
        )
    if not isinstance(given.get("params"), dict):
        raise VendorRefusalError(f"requests.{at}.params: Field required")
    return BatchLine(name, given["params"])


def _look(batch: SimBatch, root: str) -> dict[str, Any]:
    batch.look()
    return _describe(batch, root)


def _describe(batch: SimBatch, root: str) -> dict[str, Any]:
    has_ended = batch.stage == "ended"
    lost = len(batch.lines) - len(batch.results or ())
    counts = {
        "processing": 0 if has_ended else len(batch.lines),
        # A line that is missing in the results counts like the others.
        "succeeded": batch.count("answered") + (lost if has_ended else 0),
        "errored": batch.count("error"),
        "canceled": batch.count("cancelled"),
        "expired": batch.count("expired"),
    }
    return {
        "id": batch.batch_id,
        "type": "message_batch",
        "processing_status": _STATUS[batch.stage],
        "request_counts": counts,
        "created_at": rfc3339(batch.created_at),
        "expires_at": rfc3339(expires_at(batch)),
        "ended_at": rfc3339(batch.ended_at),
        "cancel_initiated_at": None if batch.reached is None else rfc3339(batch.created_at),
        "archived_at": None,
        "results_url": f"{root}/{batch.batch_id}/results" if has_ended else None,
    }


def _result_line(result: LineResult) -> dict[str, Any]:
    found: dict[str, Any]
    if result.outcome == "answered":
        message = {**result.body, "usage": {**result.body["usage"], "service_tier": "batch"}}
        found = {"type": "succeeded", "message": message}
    elif result.outcome == "error":
        found = {"type": "errored", "error": result.body}
    else:
        found = {"type": "expired" if result.outcome == "expired" else "canceled"}
    return {"custom_id": result.name, "result": found}

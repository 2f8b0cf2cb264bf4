"""Google's files and batches of generateContent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

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
from gapbench_runners.sim_server.batch_store import BatchLine, BatchStore, LineResult, SimBatch
from gapbench_runners.sim_server.http_request import HttpRequest
from gapbench_runners.sim_server.protocols import GenerateContentProtocol, VendorRefusalError, WireProtocol

_VERSIONS = ("/v1beta/", "/v1/")
_UPLOAD = "/upload"
_CREATE = ":batchGenerateContent"
_STATE = {
    "validating": "BATCH_STATE_PENDING",
    "running": "BATCH_STATE_RUNNING",
    "cancelling": "BATCH_STATE_RUNNING",
}
_DEADLINE_EXCEEDED, _CANCELLED = 4, 1
# google.rpc.Code by HTTP status: a line of a batch has these.
_CODES = {400: 3, 401: 16, 404: 5, 429: 8, 500: 13, 503: 14}


class GoogleRoutes:
    """Uploads, batches, and the files of replies."""

    protocol: WireProtocol = GenerateContentProtocol()

    def __init__(self, store: BatchStore) -> None:
        """Answer from a store."""
        self._store = store

    def owns(self, request: HttpRequest) -> bool:
        """Return whether a path is about Google's files or batches; OpenAI's begin with /v1/, too, and come first."""
        path = request.path
        return path.startswith(
            (_UPLOAD, *(version + kind for version in _VERSIONS for kind in ("batches", "files")))
        ) or (path.startswith(tuple(f"{version}models/" for version in _VERSIONS)) and path.endswith(_CREATE))

    def respond(self, request: HttpRequest) -> PlainReply:
        """Return the reply."""
        try:
            reply = self._upload(request) if request.path.startswith(_UPLOAD) else self._respond(request)
        except VendorRefusalError as exc:
            return reply_error(self.protocol, exc.status, str(exc))
        return reply or reply_error(self.protocol, 404, f"no route {request.method} {request.path}")

    def _upload(self, request: HttpRequest) -> PlainReply:
        """Start a resumable upload, or take a piece of one (ai.google.dev/api/files)."""
        command = request.headers.get("x-goog-upload-command", "")
        if command == "start":
            name = f"upload-{self._store.add_file('upload-sim', '', b'').file_id}"
            self._store.uploads[name] = bytearray()
            url = f"http://{request.headers.get('host', '127.0.0.1')}{request.path}?upload_id={name}"
            headers = (("x-goog-upload-url", url), ("x-goog-upload-status", "active"))
            return reply_json({}, headers)
        name = request.query.get("upload_id", "")
        kept = self._store.uploads.get(name)
        if kept is None or request.headers.get("x-goog-upload-offset") != str(len(kept)):
            raise VendorRefusalError("no such upload, or a wrong offset")
        kept += request.body
        if "finalize" not in command:
            return reply_json({}, (("x-goog-upload-status", "active"),))
        file = self._store.add_file("sim-file-", "batch", bytes(self._store.uploads.pop(name)))
        entry = {"name": f"files/{file.file_id}", "mimeType": "jsonl", "sizeBytes": str(len(file.data))}
        return reply_json(
            {"file": {**entry, "state": "ACTIVE", "source": "UPLOADED"}}, (("x-goog-upload-status", "final"),)
        )

    def _respond(self, request: HttpRequest) -> PlainReply | None:
        _, _, kind, *rest = request.path.split("/")
        name, _, verb = "/".join(rest).partition(":")
        match request.method, kind, name, verb:
            case "POST", "models", model, "batchGenerateContent":
                return self._create(model, parse_body(request))
            case "GET", "batches", "", "":
                return self._list(request.query)
            case "GET", "batches", name, "":
                return reply_json(self._look(self._batch(name)))
            case "POST", "batches", name, "cancel":
                if not self._batch(name).cancel():
                    raise VendorRefusalError(f"batches/{name} has ended and cannot be cancelled")
                return reply_json({})
            case "GET", "files", name, "download":
                file = self._store.file(name)
                if file is None:
                    raise VendorRefusalError(f"files/{name} not found", status=404)
                return PlainReply(200, JSON_LINES, file.data)
        return None

    def _batch(self, name: str) -> SimBatch:
        batch = self._store.batch(f"batches/{name}")
        if batch is None:
            raise VendorRefusalError(f"batches/{name} not found", status=404)
        return batch

    def _list(self, query: Mapping[str, str]) -> PlainReply:
        batches = self._store.batches("batches/")
        ids = [batch.batch_id for batch in batches]
        asked = {"limit": query.get("pageSize", ""), "after": query.get("pageToken", "")}
        shown, has_more = page_of(batches, ids, asked, "after")
        page: dict[str, Any] = {"operations": [self._look(batch) for batch in shown]}
        if has_more:
            page["nextPageToken"] = shown[-1].batch_id
        return reply_json(page)

    def _create(self, model: str, body: Mapping[str, Any]) -> PlainReply:
        given = body.get("batch")
        source = given.get("inputConfig") if isinstance(given, Mapping) else None
        if not isinstance(given, Mapping) or not isinstance(source, Mapping):
            raise VendorRefusalError("batch.inputConfig: required")
        if self._store.persona_name(model) is None:
            raise VendorRefusalError(f"models/{model} is not found", status=404)
        if self._store.is_refused(model):
            raise VendorRefusalError("too many batches are enqueued", status=429)
        in_path = {"model": model, "stream": False}
        refusal = None
        if file_name := source.get("fileName"):
            file = self._store.file(str(file_name).removeprefix("files/"))
            if file is None:
                raise VendorRefusalError(f"{file_name} not found", status=404)
            try:
                rows = [orjson.loads(line) for line in file.data.splitlines() if line.strip()]
                lines = [BatchLine(str(row.get("key", "")), {**row["request"], **in_path}) for row in rows]
            except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as exc:
                lines, refusal = [], [{"code": 3, "message": f"the input file cannot be read: {exc!r}"}]
        else:
            requests = (source.get("requests") or {}).get("requests") or []
            lines = [
                BatchLine(str((row.get("metadata") or {}).get("key", at)), {**row["request"], **in_path})
                for at, row in enumerate(requests)
            ]
        facts = {"label": given.get("displayName"), "model": f"models/{model}", "by_file": bool(file_name)}
        batch, is_cut = self._store.submit("batches/sim", model, lines, self.protocol, facts, refusal)
        return reply_json(_describe(batch), is_cut=is_cut)

    def _look(self, batch: SimBatch) -> dict[str, Any]:
        """Look at a batch, write its replies when it has ended, and describe it."""
        batch.look()
        has_results = batch.stage == "ended" and not (batch.refusal or _has_expired_whole(batch))
        if has_results and "output" not in batch.facts:
            results = batch.results or []
            if batch.facts["by_file"]:
                data = write_results((result, {"key": result.name, **_outcome(result)}) for result in results)
                file = self._store.add_file("sim-file-", "replies", data)
                batch.facts["output"] = {"responsesFile": f"files/{file.file_id}"}
            else:
                inline = [{"metadata": {"key": result.name}, **_outcome(result)} for result in results]
                batch.facts["output"] = {"inlinedResponses": {"inlinedResponses": inline}}
        return _describe(batch)


def _has_expired_whole(batch: SimBatch) -> bool:
    """Return whether no request got time: such a batch keeps no results."""
    return bool(batch.results) and batch.count("expired") == len(batch.results or ())


def _state(batch: SimBatch) -> str:
    if batch.stage != "ended":
        return _STATE[batch.stage]
    if batch.refusal is not None:
        return "BATCH_STATE_FAILED"
    if batch.reached is not None:
        return "BATCH_STATE_CANCELLED"
    if _has_expired_whole(batch):
        return "BATCH_STATE_EXPIRED"
    return "JOB_STATE_PARTIALLY_SUCCEEDED" if batch.is_expired else "BATCH_STATE_SUCCEEDED"


def _describe(batch: SimBatch) -> dict[str, Any]:
    has_ended, total = batch.stage == "ended", len(batch.lines)
    answered = batch.count("answered")
    stats = {
        "requestCount": total,
        "pendingRequestCount": 0 if has_ended else total,
        "successfulRequestCount": answered,
        "failedRequestCount": total - answered if has_ended else 0,
    }
    found: dict[str, Any] = {
        "name": batch.batch_id,
        "metadata": {
            "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
            "name": batch.batch_id,
            "model": batch.facts["model"],
            "displayName": batch.facts["label"],
            "createTime": rfc3339(batch.created_at),
            "updateTime": rfc3339(batch.ended_at or batch.created_at),
            # Counts are texts, and those of 0 are left out.
            "batchStats": {key: str(value) for key, value in stats.items() if value},
            "state": _state(batch),
        },
    }
    if has_ended:
        found["done"] = True
        found["metadata"]["endTime"] = rfc3339(batch.ended_at)
        if output := batch.facts.get("output"):
            found["metadata"]["output"] = output
            found["response"] = output
        if batch.refusal:
            found["error"] = batch.refusal[0]
    return found


def _outcome(result: LineResult) -> dict[str, Any]:
    if result.outcome == "answered":
        return {"response": result.body}
    if result.outcome == "expired":
        return {
            "error": {
                "code": _DEADLINE_EXCEEDED,
                "message": "Deadline expired before the request was processed.",
            }
        }
    if result.outcome == "cancelled":
        return {"error": {"code": _CANCELLED, "message": "The batch was cancelled."}}
    message = result.body["error"]["message"]
    return {"error": {"code": _CODES.get(result.status, 2), "message": message}}

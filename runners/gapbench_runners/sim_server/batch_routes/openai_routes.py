"""OpenAI's files and batches, of Chat Completions and of Responses."""

from __future__ import annotations

from collections.abc import Mapping
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import orjson

from gapbench_runners.sim_server.batch_routes.routes import (
    PlainReply,
    page_of,
    parse_body,
    reply_error,
    reply_json,
    write_results,
)
from gapbench_runners.sim_server.batch_store import (
    BatchLine,
    BatchStore,
    LineResult,
    SimBatch,
    StoredFile,
    expires_at,
)
from gapbench_runners.sim_server.http_request import HttpRequest
from gapbench_runners.sim_server.protocols import (
    ChatCompletionsProtocol,
    ResponsesProtocol,
    VendorRefusalError,
    WireProtocol,
)

MAX_LINES = 50_000
_ENDPOINTS: Mapping[str, WireProtocol] = {
    "/v1/chat/completions": ChatCompletionsProtocol(),
    "/v1/responses": ResponsesProtocol(),
}
_STATUS = {"validating": "validating", "running": "in_progress", "cancelling": "cancelling"}
# developers.openai.com/api/docs/guides/batch: what the file of errors says of an expired request.
_EXPIRED = "This request could not be executed before the completion window expired."


class OpenAIRoutes:
    """Files, batches, and the files of their results."""

    protocol: WireProtocol = ChatCompletionsProtocol()

    def __init__(self, store: BatchStore) -> None:
        """Answer from a store."""
        self._store = store

    def owns(self, request: HttpRequest) -> bool:
        """Return whether a path is about files or batches."""
        return request.path.startswith(("/v1/files", "/v1/batches"))

    def respond(self, request: HttpRequest) -> PlainReply:
        """Return the reply."""
        kind, *rest = request.path.removeprefix("/v1/").split("/")
        try:
            reply = self._files(request, rest) if kind == "files" else self._batches(request, rest)
        except VendorRefusalError as exc:
            return reply_error(self.protocol, exc.status, str(exc), exc.code)
        return reply or reply_error(self.protocol, 404, f"no route {request.method} {request.path}")

    def _files(self, request: HttpRequest, rest: list[str]) -> PlainReply | None:
        match request.method, rest:
            case "POST", []:
                return reply_json(_file_entry(self._upload(request)))
            case "GET", [file_id]:
                return reply_json(_file_entry(self._file(file_id)))
            case "GET", [file_id, "content"]:
                return PlainReply(200, "application/octet-stream", self._file(file_id).data)
            case "DELETE", [file_id]:
                found = self._store.remove_file(file_id)
                return reply_json({"id": file_id, "object": "file", "deleted": found})
        return None

    def _file(self, file_id: str) -> StoredFile:
        file = self._store.file(file_id)
        if file is None:
            raise VendorRefusalError(f"No such File object: {file_id}", status=404)
        return file

    def _upload(self, request: HttpRequest) -> StoredFile:
        head = b"content-type: " + request.headers.get("content-type", "").encode() + b"\r\n\r\n"
        message = BytesParser(policy=HTTP).parsebytes(head + request.body)
        if not message.is_multipart():
            raise VendorRefusalError("expected multipart/form-data with `file` and `purpose`")
        parts = {part.get_param("name", header="content-disposition"): part for part in message.iter_parts()}
        purpose, file = parts.get("purpose"), parts.get("file")
        if purpose is None or file is None or purpose.get_content().strip() != "batch":
            raise VendorRefusalError("`purpose` must be batch, and `file` given", code="invalid_purpose")
        data = file.get_payload(decode=True)
        return self._store.add_file("file-sim", file.get_filename() or "file", bytes(data or b""))

    def _batches(self, request: HttpRequest, rest: list[str]) -> PlainReply | None:
        match request.method, rest:
            case "POST", []:
                return self._create(parse_body(request))
            case "GET", []:
                batches = self._store.batches("batch_sim")
                shown, has_more = page_of(
                    batches, [batch.batch_id for batch in batches], request.query, "after"
                )
                rows = [self._entry(batch) for batch in shown]
                first, last = (rows[0]["id"], rows[-1]["id"]) if rows else (None, None)
                return reply_json(
                    {
                        "object": "list",
                        "data": rows,
                        "first_id": first,
                        "last_id": last,
                        "has_more": has_more,
                    }
                )
            case "GET", [batch_id]:
                return reply_json(self._entry(self._batch(batch_id)))
            case "POST", [batch_id, "cancel"]:
                batch = self._batch(batch_id)
                if not batch.cancel():
                    raise VendorRefusalError(
                        f"Batch {batch_id} has ended and cannot be cancelled", status=409
                    )
                return reply_json(self._describe(batch))
        return None

    def _batch(self, batch_id: str) -> SimBatch:
        batch = self._store.batch(batch_id)
        if batch is None:
            raise VendorRefusalError(f"No batch found with id '{batch_id}'.", status=404)
        return batch

    def _create(self, body: Mapping[str, Any]) -> PlainReply:
        endpoint = body.get("endpoint")
        if endpoint not in _ENDPOINTS:
            raise VendorRefusalError(f"Invalid endpoint: {endpoint!r}", code="invalid_endpoint")
        if body.get("completion_window") != "24h":
            raise VendorRefusalError("completion_window must be 24h", code="invalid_completion_window")
        file = self._file(str(body.get("input_file_id")))
        lines, errors = _read_lines(file.data, str(endpoint))
        model = str(lines[0].body.get("model")) if lines else ""
        if not errors and self._store.persona_name(model) is None:
            errors = [_problem("model_not_found", f"The model {model!r} does not exist.", 1)]
        if not errors and self._store.is_refused(model):
            errors = [_problem("token_limit_exceeded", f"Enqueued token limit reached for {model}.", None)]
        facts = {
            "endpoint": endpoint,
            "input_file_id": file.file_id,
            "metadata": body.get("metadata"),
            "model": model,
        }
        batch, is_cut = self._store.submit(
            "batch_sim", model, lines, _ENDPOINTS[str(endpoint)], facts, errors or None
        )
        return reply_json(self._describe(batch), is_cut=is_cut)

    def _entry(self, batch: SimBatch) -> dict[str, Any]:
        """Look at a batch, write its files when it has ended, and describe it."""
        batch.look()
        if batch.stage == "ended" and "output_file_id" not in batch.facts:
            answered = [result for result in batch.results or () if result.outcome == "answered"]
            others = [result for result in batch.results or () if result.outcome != "answered"]
            for key, results in (("output_file_id", answered), ("error_file_id", others)):
                data = write_results((result, _result_line(batch, result)) for result in results)
                # When all failed there is no file of answers; when lines were lost there is one without them.
                is_due = bool(data) or (
                    key == "output_file_id" and len(batch.results or ()) < len(batch.lines)
                )
                is_due = is_due and batch.refusal is None
                file = self._store.add_file("file-sim", f"{key}.jsonl", data) if is_due else None
                batch.facts[key] = None if file is None else file.file_id
        return self._describe(batch)

    @staticmethod
    def _describe(batch: SimBatch) -> dict[str, Any]:
        created, ended = int(batch.created_at.timestamp()), batch.ended_at
        status = _STATUS.get(batch.stage) or _final_status(batch)
        has_ended_at = None if ended is None else int(ended.timestamp())
        return {
            "id": batch.batch_id,
            "object": "batch",
            "endpoint": batch.facts["endpoint"],
            "errors": {"object": "list", "data": list(batch.refusal)}
            if batch.refusal is not None and batch.stage == "ended"
            else None,
            "input_file_id": batch.facts["input_file_id"],
            "completion_window": "24h",
            "status": status,
            "output_file_id": batch.facts.get("output_file_id"),
            "error_file_id": batch.facts.get("error_file_id"),
            "created_at": created,
            "expires_at": int(expires_at(batch).timestamp()),
            f"{status}_at": has_ended_at or created,
            "request_counts": {
                "total": 0 if batch.stage == "validating" else len(batch.lines),
                "completed": batch.count("answered"),
                "failed": batch.count("error", "expired", "cancelled"),
            },
            "metadata": batch.facts["metadata"],
            "model": batch.facts["model"],
        }


def _final_status(batch: SimBatch) -> str:
    if batch.refusal is not None:
        return "failed"
    if batch.reached is not None:
        return "cancelled"
    return "expired" if batch.is_expired else "completed"


def _result_line(batch: SimBatch, result: LineResult) -> dict[str, Any]:
    row: dict[str, Any] = {"id": f"batch_req_{batch.batch_id}", "custom_id": result.name, "response": None}
    if result.outcome == "expired":
        return {**row, "error": {"code": "batch_expired", "message": _EXPIRED}}
    if result.outcome == "cancelled":
        message = "This request was not executed, because the batch was cancelled."
        return {**row, "error": {"code": "batch_cancelled", "message": message}}
    response = {"status_code": result.status, "request_id": f"req_{result.name}", "body": result.body}
    return {**row, "response": response, "error": None}


def _read_lines(data: bytes, endpoint: str) -> tuple[list[BatchLine], list[dict[str, Any]]]:
    """Return the requests of a file, and what is wrong with it as a whole."""
    lines: list[BatchLine] = []
    errors: list[dict[str, Any]] = []
    seen: set[str] = set()
    for number, text in enumerate(data.splitlines(), 1):
        if not text.strip():
            continue
        try:
            row = orjson.loads(text)
            name, body = row["custom_id"], row["body"]
            url, model = row["url"], body["model"]
        except (orjson.JSONDecodeError, KeyError, TypeError) as exc:
            errors.append(_problem("invalid_json_line", f"This line is not a request: {exc!r}", number))
            continue
        if row.get("method") != "POST" or url != endpoint:
            errors.append(
                _problem("invalid_url", f"found {row.get('method')} {url}; expected POST {endpoint}", number)
            )
        if name in seen:
            errors.append(_problem("duplicate_custom_id", f"The custom_id {name!r} is not unique.", number))
        if lines and model != lines[0].body["model"]:
            errors.append(_problem("mismatched_model", "All requests must name one model.", number))
        streamed = [key for key in ("stream", "stream_options") if body.get(key)]
        if streamed:
            errors.append(_problem("invalid_request", f"{', '.join(streamed)}: not supported", number))
        seen.add(name)
        lines.append(BatchLine(name, body))
    if not lines and not errors:
        errors.append(_problem("empty_file", "The batch file is empty.", None))
    if len(lines) > MAX_LINES:
        errors.append(_problem("too_many_requests", f"A batch holds {MAX_LINES} requests.", None))
    return lines, errors


def _problem(code: str, message: str, line: int | None) -> dict[str, Any]:
    return {"code": code, "line": line, "message": message, "param": None}


def _file_entry(file: StoredFile) -> dict[str, Any]:
    return {
        "id": file.file_id,
        "object": "file",
        "bytes": len(file.data),
        "created_at": int(file.created_at.timestamp()),
        "filename": file.name,
        "purpose": "batch",
        "status": "processed",
    }

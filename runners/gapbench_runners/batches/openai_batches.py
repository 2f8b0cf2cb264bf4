"""OpenAI's batches: a file of requests is uploaded, and two files come back, of answers and of errors.

The same lines are what ``vllm run-batch`` reads and writes: :class:`OpenAILines`.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import orjson

from gapbench import transport
from gapbench.errors import RunnerError
from gapbench.runner import BatchClient
from gapbench.values import Call, Chunk, Disclosure
from gapbench.values.batches import Batch, BatchLimits, BatchReply, BatchRequest, BatchState
from gapbench_runners.batches.descriptions import (
    MAX_LISTED,
    count_or_none,
    end_listing,
    explain_sdk_error,
    instant_or_none,
    is_before,
    join_errors,
    require_id,
    state_of,
    text_or_none,
)
from gapbench_runners.batches.line_errors import openai_line_error
from gapbench_runners.batches.names import check_requests, write_lines
from gapbench_runners.batches.result_lines import ResultLine, read_result_lines
from gapbench_runners.batches.whole_replies import (
    broken_reply,
    read_whole_chat,
    read_whole_response,
    to_reply,
)

if TYPE_CHECKING:
    from openai import AsyncOpenAI

Api = Literal["chat", "responses"]
ENDPOINTS: Mapping[Api, str] = {"chat": "/v1/chat/completions", "responses": "/v1/responses"}
LABEL_KEY = "gapbench"
"""Key of our label in the metadata of a batch."""
_STREAM_KEYS = ("stream", "stream_options")
_STATES: Mapping[str, BatchState] = {
    "validating": "waiting",
    "in_progress": "running",
    "finalizing": "running",
    "cancelling": "running",
    "completed": "ended",
    "failed": "ended",
    "expired": "ended",
    "cancelled": "ended",
}
_PAGE = 100
_NO_SUCH_ROUTE = frozenset({404, 405, 501})
_ONE_BATCH = re.compile(
    r"\b(?:batch|file) (?:object|job|id|not|found|with|was|does)\b|\bno such (?:batch|file)\b", re.IGNORECASE
)
"""How servers that have the routes say that they lack one batch or file."""


class OpenAILines:
    """The lines of OpenAI's batch files.

    Args:
        templates: Has the SDK build a request.
        api: Which API the requests are for.
        shown: How much of its reasoning the model shows.
    """

    def __init__(self, templates: transport.RequestTemplates, api: Api, shown: Disclosure) -> None:
        self._templates = templates
        self._api = api
        self._shown = shown

    async def write(self, request: BatchRequest) -> bytes:
        """Return a request as one line; what only a stream has is left out.

        Raises:
            RunnerError: The SDK cannot build it.
        """
        body = orjson.loads(await self._templates.body_of(request.call))
        for key in _STREAM_KEYS:
            body.pop(key, None)
        line = {"custom_id": request.custom_id, "method": "POST", "url": ENDPOINTS[self._api], "body": body}
        return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)

    async def read(self, line: ResultLine, call_of: Callable[[str], Call | None]) -> BatchReply:
        """Return the reply of one line."""
        if line.body is None:
            return broken_reply(line.name, line.problem)
        name = line.body.get("custom_id")
        if not isinstance(name, str):
            return broken_reply("", f"a line of the results has the custom id {str(name)[:80]!r}")
        status, body = _response_of(line.body)
        return await to_reply(name, self._chunks(status, body, line.body.get("error")), call_of(name), status)

    def _chunks(self, status: int | None, body: Any, error: Any) -> AsyncIterator[Chunk]:
        found: Mapping[str, Any] | RunnerError
        if error or body is None or (status is not None and status >= 300):
            found = openai_line_error(status, body, error)
        elif isinstance(body, Mapping):
            found = body
        else:
            found = RunnerError("garbage", f"expected a reply, found {str(body)[:80]!r}")
        return read_whole_response(found) if self._api == "responses" else read_whole_chat(found, self._shown)


def _response_of(line: Mapping[str, Any]) -> tuple[int | None, Any]:
    """Return status and body of a line; the status is that of the request, never that of the download."""
    response = line.get("response")
    if not isinstance(response, Mapping):
        return None, None
    status = response.get("status_code")
    is_status = isinstance(status, int) and not isinstance(status, bool) and 100 <= status <= 599
    return status if is_status else None, response.get("body")


class OpenAIBatches(BatchClient):
    """Batches of Chat Completions or of Responses.

    Args:
        client: The SDK's client, without retries.
        lines: Writes and reads the lines.
        api: Which API the requests are for.
        to_runner_error: Translates the SDK's errors.
        base_url: The address, for messages.
        is_official_endpoint: Whether it is OpenAI's own, which has these routes.
    """

    # openai 3.57, types/batch_create_params.py
    limits = BatchLimits(requests=50_000, bytes=200_000_000)
    max_listed = MAX_LISTED

    def __init__(
        self,
        client: AsyncOpenAI,
        lines: OpenAILines,
        api: Api,
        to_runner_error: Callable[[Exception], RunnerError],
        base_url: str,
        *,
        is_official_endpoint: bool,
    ) -> None:
        self._client = client
        self._lines = lines
        self._api = api
        self._to_runner_error = to_runner_error
        self._base_url = base_url
        self._is_official_endpoint = is_official_endpoint

    async def size_bytes(self, request: BatchRequest) -> int:
        """Return the length of the request's line."""
        return len(await self._lines.write(request))

    async def create(self, requests: Sequence[BatchRequest], label: str) -> Batch:
        """Upload the requests as a file, and submit it; the label is in the batch's metadata."""
        check_requests(requests, label, self.limits)
        data = io.BytesIO()
        await write_lines(self._lines.write, requests, self.limits, data)
        data.seek(0)
        try:
            file = await self._client.files.create(
                file=(f"{label}.jsonl", data, "application/jsonl"), purpose="batch"
            )
            file_id = require_id(file.id, "POST /v1/files")
        except Exception as exc:
            raise self._explain(exc) from exc
        try:
            batch = await self._client.batches.create(
                input_file_id=file_id,
                endpoint=ENDPOINTS[self._api],  # type: ignore[arg-type]  # a Literal of the SDK
                completion_window="24h",
                metadata={LABEL_KEY: label},
            )
        except Exception as exc:
            failure = self._explain(exc)
            if failure.is_refusal:
                # The file is of no use. In any other case the batch may exist, and reads it.
                with contextlib.suppress(Exception):
                    await self._client.files.delete(file_id)
            raise failure from exc
        return _describe(batch.to_dict(mode="json", warnings=False))

    async def find(self, label_prefix: str, since: datetime | None = None) -> AsyncIterator[Batch]:
        """Yield the account's batches whose metadata has such a label."""
        seen = older = 0
        has_match = False
        try:
            async for listed in self._client.batches.list(limit=_PAGE):
                batch = _describe(listed.to_dict(mode="json", warnings=False))
                seen += 1
                # The newest come first, but no document promises it: only a whole page of older ones ends the search.
                older = older + 1 if is_before(batch.created_at, since) else 0
                if older == _PAGE:
                    return
                if seen > self.max_listed:
                    end_listing(self.max_listed, has_match=has_match)
                    return
                if older:
                    continue
                if batch.label is not None and batch.label.startswith(label_prefix):
                    has_match = True
                    yield batch
        except Exception as exc:
            raise self._explain(exc) from exc

    async def read(self, batch_id: str) -> Batch:
        """Return a batch as it is now."""
        try:
            return _describe(
                (await self._client.batches.retrieve(batch_id)).to_dict(mode="json", warnings=False)
            )
        except Exception as exc:
            raise self._explain(exc) from exc

    async def cancel(self, batch_id: str) -> Batch:
        """Ask for a batch to end, which takes up to ten minutes."""
        try:
            return _describe(
                (await self._client.batches.cancel(batch_id)).to_dict(mode="json", warnings=False)
            )
        except Exception as exc:
            raise self._explain(exc) from exc

    async def results(self, batch: Batch, call_of: Callable[[str], Call | None]) -> AsyncIterator[BatchReply]:
        """Yield the lines of the file of answers, then of the file of errors; a batch may have one, both or neither.

        A completed batch without files was paid for: that is an error, because its requests must not be sent again.
        """
        if not batch.has_results:
            raise RunnerError(
                "server",
                f"{batch.batch_id} is completed and names no file of results; try again later, or give it up with "
                "`bench batch cancel`",
            )
        for key in ("output_file_id", "error_file_id"):
            if file_id := batch.raw.get(key):
                async for line in read_result_lines(self._download(file_id)):
                    yield await self._lines.read(line, call_of)

    async def _download(self, file_id: str) -> AsyncIterator[bytes]:
        try:
            async with self._client.files.with_streaming_response.content(file_id) as response:
                async for piece in response.iter_bytes():
                    yield piece
        except Exception as exc:
            raise self._explain(exc) from exc

    def _explain(self, exc: Exception) -> RunnerError:
        """Return the failure; for a compatible server without these routes, what to use in their place."""
        failure = explain_sdk_error(exc, self._to_runner_error)
        is_about_route = failure.http_status in _NO_SUCH_ROUTE and not _ONE_BATCH.search(str(failure))
        if self._is_official_endpoint or not is_about_route:
            return failure
        return RunnerError(
            "not_found",
            f"{self._base_url} has no /files and /batches (HTTP {failure.http_status}: {failure}); leave out the batch, "
            "or for vLLM use its offline form: runner: vllm with run_batch: {args: [...]} in place of base_url",
            http_status=failure.http_status,
        )


def _describe(given: Mapping[str, Any]) -> Batch:
    """Return a batch as OpenAI describes it."""
    metadata = given.get("metadata")
    counts = given.get("request_counts")
    errors = given.get("errors")
    listed = errors.get("data") if isinstance(errors, Mapping) else None
    status = state_of(given.get("status"))
    problem = join_errors(listed) if isinstance(listed, list) else None
    if problem is None and status == "failed":
        problem = "the batch failed, and OpenAI gives no reason"
    counted = counts if isinstance(counts, Mapping) else {}
    files = {
        key: text_or_none(given.get(key)) for key in ("input_file_id", "output_file_id", "error_file_id")
    }
    return Batch(
        batch_id=require_id(given.get("id"), "batch"),
        state=_STATES.get(status, "running"),
        state_raw=status,
        label=text_or_none(metadata.get(LABEL_KEY)) if isinstance(metadata, Mapping) else None,
        created_at=instant_or_none(given.get("created_at")),
        expires_at=instant_or_none(given.get("expires_at")),
        # 0 while it is being validated.
        total=count_or_none(counted.get("total")) or None,
        succeeded=count_or_none(counted.get("completed")),
        failed=count_or_none(counted.get("failed")),
        problem=problem,
        raw={key: value for key, value in files.items() if value is not None},
        has_results=status != "completed" or bool(files["output_file_id"] or files["error_file_id"]),
    )

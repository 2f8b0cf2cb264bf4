"""Google's batches of generateContent: a file of keyed requests is uploaded, and a file of keyed replies comes back.

Requests in the body of the submit would come back without keys of ours, and hold 20 MB; so all go by file. The SDK drops
the counts and the error of a batch, so its answers are read as they came, by a hook of our HTTP client.
"""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import httpx2
import orjson

from gapbench import transport
from gapbench.errors import RunnerError
from gapbench.runner import BatchClient
from gapbench.values import Call
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
from gapbench_runners.batches.line_errors import google_line_error
from gapbench_runners.batches.names import check_requests, write_lines
from gapbench_runners.batches.result_lines import MAX_FILE_BYTES, ResultLine, read_result_lines
from gapbench_runners.batches.whole_replies import broken_reply, read_whole_content, to_reply

if TYPE_CHECKING:
    from google.genai import Client

# ai.google.dev/gemini-api/docs/batch-api: PENDING, RUNNING, SUCCEEDED, FAILED, CANCELLED, EXPIRED; google-genai 3.6
# knows more, under JOB_STATE_. A paused batch may go on.
_STATES: Mapping[str, BatchState] = {
    "UNSPECIFIED": "waiting",
    "QUEUED": "waiting",
    "PENDING": "waiting",
    "RUNNING": "running",
    "UPDATING": "running",
    "PAUSED": "running",
    "CANCELLING": "running",
    "SUCCEEDED": "ended",
    "PARTIALLY_SUCCEEDED": "ended",
    "FAILED": "ended",
    "CANCELLED": "ended",
    "EXPIRED": "ended",
}
_STATE_PREFIX = re.compile(r"^(BATCH|JOB)_STATE_")
_PROBLEMS = {"FAILED": "the batch failed", "EXPIRED": "the batch expired: Google keeps no results of it"}
# "Your job has been running or pending for more than 48 hours": EXPIRED.
_EXPIRES_AFTER = timedelta(hours=48)
_SPOOLED_BYTES = 16 * 2**20
_PIECE_BYTES = 2**20
_BATCH_NAME = re.compile(r"batches/[A-Za-z0-9._-]{1,128}")
_FILE_NAME = re.compile(r"files/[A-Za-z0-9._-]{1,128}")
_ANSWERS: ContextVar[list[httpx2.Response] | None] = ContextVar("google_batch_answers", default=None)


async def keep_answer(response: httpx2.Response) -> None:
    """Keep a response for its listener: a hook of the HTTP client that the SDK is given."""
    answers = _ANSWERS.get()
    if answers is not None:
        answers.append(response)


@contextlib.contextmanager
def _kept_answers() -> Iterator[list[httpx2.Response]]:
    answers: list[httpx2.Response] = []
    token = _ANSWERS.set(answers)
    try:
        yield answers
    finally:
        _ANSWERS.reset(token)


class GoogleBatches(BatchClient):
    """Batches of generateContent.

    Args:
        client: The SDK's client over an HTTP client with the hook :func:`keep_answer`, without retries.
        templates: Has the SDK build a request.
        model: The model's name.
        to_runner_error: Translates the SDK's errors.
    """

    # A file holds 2 GB (ai.google.dev/gemini-api/docs/batch-api); it is made in memory, so ours are smaller.
    limits = BatchLimits(requests=100_000, bytes=500_000_000)
    max_listed = MAX_LISTED

    def __init__(
        self,
        client: Client,
        templates: transport.RequestTemplates,
        model: str,
        to_runner_error: Callable[[Exception], RunnerError],
    ) -> None:
        self._client = client
        self._templates = templates
        self._model = model
        self._to_runner_error = to_runner_error
        # We read the state ourselves; google-genai 3.6 warns of every new one.
        warnings.filterwarnings("ignore", message=".* is not a valid JobState", category=UserWarning)

    async def size_bytes(self, request: BatchRequest) -> int:
        """Return the length of the request's line."""
        return len(await self._line(request))

    async def _line(self, request: BatchRequest) -> bytes:
        body = orjson.loads(await self._templates.body_of(request.call))
        return orjson.dumps({"key": request.custom_id, "request": body}, option=orjson.OPT_APPEND_NEWLINE)

    async def create(self, requests: Sequence[BatchRequest], label: str) -> Batch:
        """Upload the requests as a file, and submit it; the label is the batch's display name."""
        check_requests(requests, label, self.limits)
        data = io.BytesIO()
        await write_lines(self._line, requests, self.limits, data)
        data.seek(0)
        try:
            file = await self._client.aio.files.upload(
                file=data, config={"mime_type": "jsonl", "display_name": label}
            )
            name = require_id(file.name, "the uploaded file")
            with _kept_answers() as answers:
                await self._client.aio.batches.create(
                    model=self._model, src=name, config={"display_name": label}
                )
        except Exception as exc:
            raise explain_sdk_error(exc, self._to_runner_error) from exc
        return _describe(_answer(answers))

    async def find(self, label_prefix: str, since: datetime | None = None) -> AsyncIterator[Batch]:
        """Yield the account's batches with such a display name."""
        page_token: str | None = None
        seen = 0
        has_match = False
        while seen < self.max_listed:
            try:
                with _kept_answers() as answers:
                    await self._client.aio.batches.list(config={"page_size": 100, "page_token": page_token})
            except Exception as exc:
                raise explain_sdk_error(exc, self._to_runner_error) from exc
            page = _answer(answers)
            listed = page.get("operations")
            for operation in listed if isinstance(listed, list) else ():
                seen += 1
                batch = _describe(operation if isinstance(operation, Mapping) else {})
                if is_before(batch.created_at, since):
                    continue  # the order of the list is not documented
                if batch.label is not None and batch.label.startswith(label_prefix):
                    has_match = True
                    yield batch
            page_token = text_or_none(page.get("nextPageToken"))
            if page_token is None or not listed:
                return
        end_listing(self.max_listed, has_match=has_match)

    async def read(self, batch_id: str) -> Batch:
        """Return a batch as it is now."""
        try:
            with _kept_answers() as answers:
                await self._client.aio.batches.get(name=batch_id)
        except Exception as exc:
            raise explain_sdk_error(exc, self._to_runner_error) from exc
        return _describe(_answer(answers))

    async def cancel(self, batch_id: str) -> Batch:
        """Ask for a batch to end."""
        try:
            await self._client.aio.batches.cancel(name=batch_id)
        except Exception as exc:
            raise explain_sdk_error(exc, self._to_runner_error) from exc
        return await self.read(batch_id)

    async def results(self, batch: Batch, call_of: Callable[[str], Call | None]) -> AsyncIterator[BatchReply]:
        """Yield one reply for each line of the file of replies. A batch that failed or expired has none.

        One that succeeded without a file was paid for (discuss.ai.google.dev/t/174261): that is an error, because its
        requests must not be sent again.
        """
        name = batch.raw.get("responses_file")
        if name is None:
            if not batch.has_results:
                raise RunnerError(
                    "server",
                    f"{batch.batch_id} succeeded and names no file of replies; try again later, or give it up with "
                    "`bench batch cancel`",
                )
            return
        if not _FILE_NAME.fullmatch(name):
            raise RunnerError("garbage", f"expected the name of a file, found {name[:80]!r}")
        with _BoundedFile(MAX_FILE_BYTES) as file:
            try:
                # It goes to disk: the SDK gives it whole, or to something that is written to.
                await self._client.aio.files.download(file=name, destination=file)  # type: ignore[call-overload]  # anything with `write` will do
            except Exception as exc:
                raise explain_sdk_error(exc, self._to_runner_error) from exc
            async for line in read_result_lines(file.pieces()):
                yield await self._reply(line, call_of)

    async def _reply(self, line: ResultLine, call_of: Callable[[str], Call | None]) -> BatchReply:
        if line.body is None:
            return broken_reply(line.name, line.problem)
        key = line.body.get("key")
        if not isinstance(key, str):
            return broken_reply("", f"a line of the results has the key {str(key)[:80]!r}")
        response = line.body.get("response")
        error = line.body.get("error") or line.body.get("status")
        found: Mapping[str, Any] | RunnerError
        if error:
            found = google_line_error(error)
        elif isinstance(response, Mapping):
            found = response
        else:
            found = RunnerError("garbage", f"expected a reply, found {str(response)[:80]!r}")
        return await to_reply(key, read_whole_content(found), call_of(key))


class _BoundedFile:
    """A temporary file that takes so many bytes, in memory as long as they are few."""

    def __init__(self, max_bytes: int) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_SPOOLED_BYTES)  # noqa: SIM115 - closed by __exit__
        self._left = max_bytes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, data: bytes) -> int:
        """Append bytes. Raises ``RunnerError`` when there is no room for them."""
        self._left -= len(data)
        if self._left < 0:
            raise RunnerError("garbage", "the file of results is too large")
        return self._file.write(data)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield what was written."""
        self._file.seek(0)
        while piece := self._file.read(_PIECE_BYTES):
            yield piece


def _answer(answers: Sequence[httpx2.Response]) -> Mapping[str, Any]:
    """Return the JSON object of the last response.

    Raises:
        RunnerError: ``garbage``: there is none.
    """
    try:
        found = orjson.loads(answers[-1].content)
    except (IndexError, ValueError) as exc:
        raise RunnerError("garbage", f"expected a batch, found no JSON: {exc}") from exc
    if not isinstance(found, dict):
        raise RunnerError("garbage", f"expected a batch, found {str(found)[:80]!r}")
    return found


def _describe(operation: Mapping[str, Any]) -> Batch:
    """Return a batch as Google describes it: a long-running operation whose metadata is the batch."""
    batch_id = require_id(operation.get("name"), "batch")
    if not _BATCH_NAME.fullmatch(batch_id):
        raise RunnerError("garbage", f"expected the name of a batch, found {batch_id[:80]!r}")
    metadata = _mapping(operation.get("metadata"))
    stats = _mapping(metadata.get("batchStats"))
    output = _mapping(metadata.get("output")) or _mapping(operation.get("response"))
    state_raw = state_of(metadata.get("state") or "UNSPECIFIED")
    state = _STATE_PREFIX.sub("", state_raw)
    total = count_or_none(stats.get("requestCount"))
    pending = count_or_none(stats.get("pendingRequestCount")) or 0
    succeeded, failed = (
        count_or_none(stats.get(key)) for key in ("successfulRequestCount", "failedRequestCount")
    )
    if total is not None:
        # A count of 0 is left out.
        failed = failed or 0
        succeeded = max(0, total - pending - failed) if succeeded is None else succeeded
    created_at = instant_or_none(metadata.get("createTime"))
    problem = join_errors([operation.get("error")]) or _PROBLEMS.get(state)
    results = text_or_none(output.get("responsesFile"))
    return Batch(
        batch_id=batch_id,
        state=_STATES.get(state, "running"),
        state_raw=state_raw,
        label=text_or_none(metadata.get("displayName")),
        created_at=created_at,
        expires_at=None if created_at is None else created_at + _EXPIRES_AFTER,
        total=total,
        succeeded=succeeded,
        failed=failed,
        problem=problem,
        raw={} if results is None else {"responses_file": results},
        has_results=results is not None or not state.endswith("SUCCEEDED"),
    )


def _mapping(given: Any) -> Mapping[str, Any]:
    return given if isinstance(given, Mapping) else {}

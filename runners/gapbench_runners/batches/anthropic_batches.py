"""Anthropic's Message Batches: the requests go in the body, and one file of results comes back.

A batch has no place for a label. Ours is put in front of every custom id, and custom ids are only in the results. So
a batch that has not ended cannot be recognized: :meth:`AnthropicBatches.find` yields it without a label, with its number of
requests. Who lost the answer to a submit waits for such a batch, or cancels it, before the requests are sent again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import httpx2
import orjson

from gapbench import transport
from gapbench.errors import RunnerError
from gapbench.runner import BatchClient
from gapbench.values import Call, Disclosure
from gapbench.values.batches import Batch, BatchLimits, BatchReply, BatchRequest, BatchState
from gapbench_runners.batches.descriptions import (
    MAX_LISTED,
    count_or_none,
    end_listing,
    explain_sdk_error,
    instant_or_none,
    is_before,
    require_id,
    state_of,
    text_or_none,
)
from gapbench_runners.batches.line_errors import anthropic_line_error, cancelled_error, expired_error
from gapbench_runners.batches.names import check_bytes, check_requests, split_label, with_label
from gapbench_runners.batches.result_lines import ResultLine, read_result_lines
from gapbench_runners.batches.whole_replies import broken_reply, read_whole_message, to_reply

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

_STATES: Mapping[str, BatchState] = {"in_progress": "running", "canceling": "running", "ended": "ended"}
_STREAMED = {"X-Stainless-Raw-Response": "stream"}
"""What the SDK's ``with_streaming_response`` adds to a request: the body is read piece by piece."""
_LINES_LOOKED_AT = 20
"""Lines of a batch that are read to find its label; the first that can be read has it."""


class AnthropicBatches(BatchClient):
    """Batches of Messages.

    Args:
        client: The SDK's client, without retries.
        templates: Has the SDK build a request.
        disclosure: How much of its thinking the model shows.
        to_runner_error: Translates the SDK's errors.
    """

    # docs.claude.com/en/docs/build-with-claude/batch-processing
    limits = BatchLimits(requests=100_000, bytes=256_000_000, one_model=False)
    max_listed = MAX_LISTED

    def __init__(
        self,
        client: AsyncAnthropic,
        templates: transport.RequestTemplates,
        disclosure: Disclosure,
        to_runner_error: Callable[[Exception], RunnerError],
    ) -> None:
        self._client = client
        self._templates = templates
        self._disclosure = disclosure
        self._to_runner_error = to_runner_error

    async def size_bytes(self, request: BatchRequest) -> int:
        """Return the length of the request in the body, with the longest label and the comma after it."""
        return len(orjson.dumps(await self._request(request, "x" * 31))) + 1

    async def _request(self, request: BatchRequest, label: str) -> dict[str, Any]:
        params = orjson.loads(await self._templates.body_of(request.call))
        params.pop("stream", None)
        return {"custom_id": with_label(label, request.custom_id), "params": params}

    async def create(self, requests: Sequence[BatchRequest], label: str) -> Batch:
        """Submit the requests; the label goes in front of their custom ids."""
        check_requests(requests, label, self.limits)
        given = [await self._request(request, label) for request in requests]
        check_bytes(sum(len(orjson.dumps(request)) + 1 for request in given), self.limits)
        try:
            batch = await self._client.messages.batches.create(requests=given)  # type: ignore[arg-type]  # params are the SDK's own
            return replace(_describe(batch.to_dict(mode="json", warnings=False)), label=label)
        except Exception as exc:
            raise explain_sdk_error(exc, self._to_runner_error) from exc

    async def find(self, label_prefix: str, since: datetime | None = None) -> AsyncIterator[Batch]:
        """Yield ended batches with such a label, which is read from their results, and all that have not ended.

        Of a batch that has ended the first lines of its results are read, so ``since`` saves requests.
        """
        seen = 0
        has_match = False
        try:
            async for listed in self._client.messages.batches.list(limit=100):
                batch = _describe(listed.to_dict(mode="json", warnings=False))
                seen += 1
                if is_before(batch.created_at, since):
                    return
                if seen > self.max_listed:
                    end_listing(self.max_listed, has_match=has_match)
                    return
                if batch.state != "ended":
                    yield batch
                    continue
                label = None if "archived_at" in batch.raw else await self._label_of(batch)
                if label is not None and label.startswith(label_prefix):
                    has_match = True
                    yield replace(batch, label=label)
        except Exception as exc:
            raise explain_sdk_error(exc, self._to_runner_error) from exc

    async def _label_of(self, batch: Batch) -> str | None:
        """Return the label in front of the custom ids of a batch that has ended. None: it is not one of ours."""
        looked_at = 0
        download = self._download(batch.batch_id)
        try:
            async for line in read_result_lines(download):
                name = line.name if line.body is None else line.body.get("custom_id")
                if isinstance(name, str) and name:
                    return split_label(name)[0]
                looked_at += 1
                if looked_at == _LINES_LOOKED_AT:
                    break
        except RunnerError as exc:
            # Its results were deleted, or are too old.
            if exc.kind != "not_found":
                raise
        finally:
            await download.aclose()
        return None

    async def read(self, batch_id: str) -> Batch:
        """Return a batch as it is now; its label is not in it."""
        try:
            batch = await self._client.messages.batches.retrieve(batch_id)
            return _describe(batch.to_dict(mode="json", warnings=False))
        except Exception as exc:
            raise explain_sdk_error(exc, self._to_runner_error) from exc

    async def cancel(self, batch_id: str) -> Batch:
        """Ask for a batch to end; requests that are being answered are finished."""
        try:
            batch = await self._client.messages.batches.cancel(batch_id)
            return _describe(batch.to_dict(mode="json", warnings=False))
        except Exception as exc:
            raise explain_sdk_error(exc, self._to_runner_error) from exc

    async def results(self, batch: Batch, call_of: Callable[[str], Call | None]) -> AsyncIterator[BatchReply]:
        """Yield one reply for each line of the results, which Anthropic keeps for 29 days."""
        if not batch.has_results:
            raise RunnerError("not_found", f"{batch.batch_id} was {batch.problem}")
        async for line in read_result_lines(self._download(batch.batch_id)):
            yield await self._reply(line, call_of)

    async def _reply(self, line: ResultLine, call_of: Callable[[str], Call | None]) -> BatchReply:
        if line.body is None:
            return broken_reply(split_label(line.name)[1], line.problem)
        name, result = line.body.get("custom_id"), line.body.get("result")
        if not isinstance(name, str):
            return broken_reply("", f"a line of the results has the custom id {str(name)[:80]!r}")
        custom_id = split_label(name)[1]
        found = _message_of(result if isinstance(result, Mapping) else {})
        chunks = read_whole_message(found, self._disclosure)
        return await to_reply(custom_id, chunks, call_of(custom_id))

    async def _download(self, batch_id: str) -> AsyncGenerator[bytes, None]:
        """Yield the file of results.

        It is at its documented path below our base URL, not at ``results_url``: a gateway passes on Anthropic's, and the
        key must go nowhere else.
        """
        try:
            response = await self._client.get(
                f"/v1/messages/batches/{batch_id}/results",
                cast_to=httpx2.Response,
                options={"headers": _STREAMED},
            )
            try:
                async for piece in response.aiter_bytes():
                    yield piece
            finally:
                await response.aclose()
        except Exception as exc:
            raise explain_sdk_error(exc, self._to_runner_error) from exc


def _message_of(result: Mapping[str, Any]) -> Mapping[str, Any] | RunnerError:
    """Return the message of a result, or why there is none."""
    kind, message = result.get("type"), result.get("message")
    if kind == "succeeded" and isinstance(message, Mapping):
        return message
    if kind == "errored":
        return anthropic_line_error(result.get("error"))
    if kind == "expired":
        return expired_error()
    if kind == "canceled":
        return cancelled_error()
    return RunnerError("garbage", f"expected a result, found {str(dict(result))[:200]}")


def _describe(given: Mapping[str, Any]) -> Batch:
    """Return a batch as Anthropic describes it."""
    counts = given.get("request_counts")
    counted = counts if isinstance(counts, Mapping) else {}
    kinds = ("processing", "succeeded", "errored", "canceled", "expired")
    numbers = {kind: count_or_none(counted.get(kind)) or 0 for kind in kinds}
    status, archived = state_of(given.get("processing_status")), text_or_none(given.get("archived_at"))
    return Batch(
        batch_id=require_id(given.get("id"), "batch"),
        state=_STATES.get(status, "running"),
        state_raw=status,
        created_at=instant_or_none(given.get("created_at")),
        expires_at=instant_or_none(given.get("expires_at")),
        total=sum(numbers.values()) or None,
        # Both stay at 0 until the batch has ended.
        succeeded=numbers["succeeded"] if status == "ended" else None,
        failed=numbers["errored"] + numbers["canceled"] + numbers["expired"] if status == "ended" else None,
        problem=None if archived is None else f"archived at {archived}: its results are gone",
        raw={} if archived is None else {"archived_at": archived},
        has_results=archived is None,
    )

"""A provider with a batch API that lives in memory: it keeps its batches while clients come and go, and its bill."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from gapbench.errors import RunnerError
from gapbench.runner import BatchClient
from gapbench.values import Call, Chunk, Failure, Model, Request, Usage
from gapbench.values.batches import Batch, BatchLimits, BatchReply, BatchRequest
from tests.makers import ScriptedRunner

TOKENS = Usage(5, output_tokens=3)
ROOMY = BatchLimits(100, 1_000_000)


@dataclass
class StoredBatch:
    """A batch at the provider."""

    batch_id: str
    label: str
    requests: list[BatchRequest]
    reads_left: int
    state_raw: str = "completed"
    is_ended: bool = False


@dataclass
class BatchProvider:
    """The provider's side.

    Attributes:
        limits: What one batch holds.
        reads: How often a batch must be read before it has ended.
        fault: Called before each step with its name, such as ``create:before``; it may raise.
        replies: Returns the results of a batch that has ended.
        batches: All batches, oldest first.
        hides_labels: Whether a batch tells its label only when it has ended, as Anthropic's do.
        has_results: Whether the results of a batch that has ended can be read.
        runs_here: Whether its batches keep this machine busy.
        busy: Returns why it takes no batch now.
        billed: Prompts that were answered, in order: each is paid for.
        calls: Names of the steps made.
    """

    limits: BatchLimits = ROOMY
    reads: int = 0
    fault: Callable[[str], None] = lambda _: None
    replies: Callable[[StoredBatch], list[BatchReply]] | None = None
    batches: list[StoredBatch] = field(default_factory=list)
    hides_labels: bool = False
    has_results: bool = True
    runs_here: bool = False
    busy: Callable[[], str | None] = lambda: None
    billed: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def step(self, name: str) -> None:
        self.calls.append(name)
        self.fault(name)

    def of(self, batch_id: str) -> StoredBatch:
        return next(batch for batch in self.batches if batch.batch_id == batch_id)


def answer(request: BatchRequest) -> BatchReply:
    """Return the right answer to a sum."""
    number = int(request.call.body["text"].split()[2])
    chunks = (Chunk(f"Answer: {number + 1}"), Chunk(finish_reason="stop", usage=TOKENS))
    return BatchReply(request.custom_id, chunks, None, 200)


def fail(request: BatchRequest, kind: Any = "server", message: str = "it broke") -> BatchReply:
    return BatchReply(request.custom_id, (), Failure(kind, message))


class ProviderClient(BatchClient):
    """What a runner gets."""

    def __init__(self, provider: BatchProvider) -> None:
        self.provider = provider
        self.limits = provider.limits
        self.runs_here = provider.runs_here

    def busy(self) -> str | None:
        return self.provider.busy()

    async def size_bytes(self, request: BatchRequest) -> int:
        return len(request.call.body["text"])

    async def create(self, requests: Sequence[BatchRequest], label: str) -> Batch:
        self.provider.step("create:before")
        number = len(self.provider.batches) + 1
        batch = StoredBatch(f"batch_{number}", label, list(requests), self.provider.reads)
        self.provider.batches.append(batch)
        self.provider.step("create:after")
        return self._describe(batch)

    async def find(self, label_prefix: str, since: datetime | None = None) -> AsyncIterator[Batch]:
        self.provider.step("find")
        for batch in reversed(self.provider.batches):
            if self.provider.hides_labels and not batch.is_ended:
                yield replace(await self.read(batch.batch_id), label=None)
            elif batch.label.startswith(label_prefix):
                yield self._describe(batch)

    async def read(self, batch_id: str) -> Batch:
        self.provider.step("read")
        batch = self.provider.of(batch_id)
        if batch.reads_left > 0:
            batch.reads_left -= 1
        elif not batch.is_ended:
            batch.is_ended = True
            if self.provider.replies is None and batch.state_raw != "cancelled":
                self.provider.billed += [request.call.body["text"] for request in batch.requests]
        return self._describe(batch)

    async def cancel(self, batch_id: str) -> Batch:
        self.provider.step("cancel")
        batch = self.provider.of(batch_id)
        if batch.is_ended:
            raise RunnerError("bad_request", "a batch that has ended cannot be cancelled", http_status=400)
        batch.state_raw, batch.reads_left = "cancelled", 0
        return self._describe(batch)

    async def results(self, batch: Batch, call_of: Callable[[str], Call | None]) -> AsyncIterator[BatchReply]:
        self.provider.step("results:start")
        stored = self.provider.of(batch.batch_id)
        if not batch.has_results:
            raise RunnerError("server", "it names no file")
        if self.provider.replies is not None:
            found = self.provider.replies(stored)
        elif stored.state_raw == "cancelled":
            found = [fail(request, "cancelled", "the batch was cancelled") for request in stored.requests]
        else:
            found = [answer(request) for request in reversed(stored.requests)]
        for reply in found:
            self.provider.step("results:line")
            yield reply
        self.provider.step("results:end")

    def _describe(self, batch: StoredBatch) -> Batch:
        done = len(batch.requests) if batch.is_ended else 0
        return Batch(
            batch.batch_id,
            "ended" if batch.is_ended else "running",
            batch.state_raw if batch.is_ended else "in_progress",
            label=batch.label,
            created_at=datetime(2026, 11, 30, 1, 2, 3, tzinfo=UTC),
            total=len(batch.requests),
            succeeded=done,
            failed=0,
            has_results=self.provider.has_results or not batch.is_ended,
        )


class BatchRunner(ScriptedRunner):
    """A scripted runner whose provider has a batch API."""

    def __init__(self, given: Model, provider: BatchProvider, script: Any = None) -> None:
        super().__init__(given, script)
        self.provider = provider

    def prepare(self, request: Request) -> Call:
        return Call({"text": request.messages[-1].text}, {"max_tokens": request.params.max_tokens})

    def batch_client(self) -> BatchClient:
        return ProviderClient(self.provider)


class Killed(BaseException):
    """The process was killed: nothing may catch it."""


def lost() -> RunnerError:
    """Return the error of an answer that never arrived."""
    return RunnerError("connect", "the connection was cut")

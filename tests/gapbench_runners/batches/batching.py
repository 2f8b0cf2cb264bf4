"""A runner of each vendor over a sim server in the test's own loop, and its batches driven to their end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gapbench import transport
from gapbench.execution.attempts.measure import measure
from gapbench.execution.attempts.reply import ReplyAccumulator
from gapbench.runner import BatchClient, Runner
from gapbench.values import Call, GroundTruth, Message, Model, Params, Request, Response, Session, ToolSet
from gapbench.values.batches import Batch, BatchReply, BatchRequest
from gapbench_runners.anthropic import AnthropicRunner
from gapbench_runners.google import GoogleRunner
from gapbench_runners.openai import OpenAIRunner
from gapbench_runners.sim_server.batch_store import BatchStore
from tests.gapbench_runners.simulated import QUESTION, mind, served, user

PROTOCOLS = ("chat", "responses", "messages", "google")
LABEL = "run-1"
OTHER_BATCH: dict[str, Any] = {
    "label": "other",
    "by_file": True,
    "endpoint": "",
    "input_file_id": "",
    "metadata": None,
}
"""Fields that turn a batch of the simulated server into one that another program created."""


def id_prefix(protocol: str) -> str:
    """Return what the ids of simulated batches begin with."""
    return {"messages": "msgbatch_sim", "google": "batches/sim"}.get(protocol, "batch_sim")


def runner_for(protocol: str, url: str) -> Runner:
    """Return a vendor's runner at an address."""
    if protocol in {"chat", "responses"}:
        return OpenAIRunner(
            Model("m", "openai", "m", "closed", base_url=f"{url}/v1", options={"api": protocol})
        )
    kind = {"messages": AnthropicRunner, "google": GoogleRunner}[protocol]
    return kind(Model("m", protocol, "m", "closed", base_url=url))


@dataclass
class Desk:
    """An open runner, its batch client and the sim's store behind it."""

    runner: Runner
    client: BatchClient
    store: BatchStore

    def call(
        self,
        messages: tuple[Message, ...] | None = None,
        params: Params | None = None,
        tools: ToolSet | None = None,
    ) -> Call:
        return self.runner.prepare(
            Request(
                self.runner.model, messages or user(QUESTION), params or Params(max_tokens=64), tools=tools
            )
        )

    def requests(self, count: int) -> list[BatchRequest]:
        """Return requests with prompts of their own, which the sim draws for one by one."""
        return [BatchRequest(f"id-{at}", self.call(user(f"{QUESTION} ({at})"))) for at in range(count)]

    async def ended(self, batch: Batch) -> Batch:
        """Look at a batch until it has ended."""
        for _ in range(20):
            if batch.state == "ended":
                return batch
            batch = await self.client.read(batch.batch_id)
        raise AssertionError(f"{batch} did not end")

    async def replies(self, batch: Batch, calls: Mapping[str, Call] | None = None) -> list[BatchReply]:
        return [reply async for reply in self.client.results(batch, (calls or {}).get)]

    async def answer(self, requests: Sequence[BatchRequest]) -> list[BatchReply]:
        """Submit requests and return their replies."""
        batch = await self.ended(await self.client.create(requests, LABEL))
        return await self.replies(batch, {request.custom_id: request.call for request in requests})


@asynccontextmanager
async def desk(protocol: str, *book: GroundTruth, **persona: Any) -> AsyncIterator[Desk]:
    """Serve a persona, and open a runner on it."""
    minds = {"m": mind(*book, **persona)}
    async with served(key=None, **minds) as (url, simulation):
        runner = runner_for(protocol, url)
        await runner.open(Session(Path(), connect_timeout_s=120, read_timeout_s=120))
        try:
            client = runner.batch_client()
            assert client is not None
            yield Desk(runner, client, simulation.batches)
        finally:
            await runner.close()


def at_desk(protocol: str, work: Callable[[Desk], Awaitable[Any]], *book: GroundTruth, **persona: Any) -> Any:
    """Return what some work at a desk returns."""

    async def main() -> Any:
        async with desk(protocol, *book, **persona) as open_desk:
            return await work(open_desk)

    return asyncio.run(main())


def to_response(model: Model, reply: BatchReply) -> Response:
    """Return a reply as the engine adds it up."""
    found = ReplyAccumulator(model)
    for chunk in reply.chunks:
        found.add_chunk(chunk)
    return found.build_response(transport.ExchangeRecord(), 0.0, 0.0, reply.failure)


async def streamed(open_desk: Desk, calls: Sequence[Call]) -> list[Response]:
    """Return the responses of calls that are sent live, one after the other."""
    return [await measure(open_desk.runner, call, 60) for call in calls]

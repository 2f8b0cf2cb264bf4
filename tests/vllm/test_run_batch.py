"""Real vLLM answers a file offline, and says what it says as a server."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from gapbench.execution.attempts.measure import measure
from gapbench.values import Call, Model, Params, Request, Response, Session
from gapbench.values.batches import Batch, BatchRequest
from gapbench_runners.openai import OpenAIRunner
from gapbench_runners.vllm.run_batch import VllmRunBatches
from gapbench_runners.vllm.runner import VllmRunner
from tests.gapbench_runners.batches.batching import to_response
from tests.gapbench_runners.simulated import user
from tests.gapbench_runners.vllm.test_run_batch import wait_for_end
from tests.vllm.real import MODEL, READY_S, SERVE_ARGS, SERVE_ENV, VLLM_PYTHON

pytestmark = pytest.mark.vllm
SUMS = {f"sum-{at}": f"{at}+{at + 1}" for at in range(8)}
PARAMS = Params(max_tokens=8, temperature=0)


async def answer(folder: Path, texts: dict[str, str], label: str) -> tuple[Batch, dict[str, Response]]:
    """Return the batch as it ended, and what vLLM said by custom id."""
    args = [arg for arg in SERVE_ARGS if arg != "--enable-tokenizer-info-endpoint"]
    settings = {"python": str(VLLM_PYTHON), "args": args, "env": SERVE_ENV}
    runner = VllmRunner(Model("tiny", "vllm", str(MODEL), "open", options={"run_batch": settings}))
    await runner.open(Session(folder))
    try:
        client = runner.batch_client()
        assert isinstance(client, VllmRunBatches)
        calls = {
            name: runner.prepare(Request(runner.model, user(text), PARAMS)) for name, text in texts.items()
        }
        await client.create([BatchRequest(name, call) for name, call in calls.items()], label)
        await asyncio.wait_for(asyncio.to_thread(wait_for_end, folder / "batches" / label), READY_S)
        batch = await client.read(label)

        def call_of(name: str) -> Call | None:
            return calls.get(name)

        replies = {
            reply.custom_id: to_response(runner.model, reply)
            async for reply in client.results(batch, call_of)
        }
        return batch, replies
    finally:
        await runner.close()


def served(url: str) -> dict[str, Response]:
    """Return what the same model says as a server."""

    async def main() -> dict[str, Response]:
        runner = OpenAIRunner(Model("tiny", "openai", "tiny", "open", base_url=f"{url}/v1"))
        await runner.open(Session(Path()))
        try:
            return {
                name: await measure(runner, runner.prepare(Request(runner.model, user(text), PARAMS)), 60)
                for name, text in SUMS.items()
            }
        finally:
            await runner.close()

    return asyncio.run(main())


def said(response: Response) -> tuple[Any, ...]:
    usage = response.usage
    return (
        response.answer,
        response.finish_reason,
        usage.input_tokens,
        usage.output_tokens,
        response.failure,
    )


def test_run_batch_says_what_the_server_says(vllm_url: str, tmp_path: Path) -> None:
    """Eight sums at temperature 0: answers, reasons and token counts are equal."""
    began_s = time.monotonic()
    batch, replies = asyncio.run(answer(tmp_path, SUMS, "run-1"))
    took_s = time.monotonic() - began_s
    live = served(vllm_url)

    assert (batch.state_raw, batch.problem) == ("completed", None)
    assert {name: said(response) for name, response in live.items()} == {
        name: said(response) for name, response in replies.items()
    }
    assert 0 < float(batch.raw["engine_s"]) <= took_s


def test_a_prompt_that_is_too_long_fails_alone(tmp_path: Path) -> None:
    """VLLM refuses the second of two; its body is left out, and the reason stands outside of it."""
    _, replies = asyncio.run(answer(tmp_path, {"short": "1+1", "long": "1+1 " * 2_000}, "run-1"))
    failure = replies["long"].failure

    assert replies["short"].failure is None
    assert failure is not None
    assert (failure.kind, failure.http_status) == ("bad_request", 400)
    assert "512" in failure.message

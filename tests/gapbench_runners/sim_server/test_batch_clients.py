"""The vendors' own clients submit batches to `bench sim`, look at them and read their results, in their own forms."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from google.genai import errors

from tests.gapbench_runners.sim_server.conftest import start_sim
from tests.gapbench_runners.sim_server.test_clients import anthropic_client, google_client, openai_client
from tests.gapbench_runners.simulated import QUESTION, REFERENCE, mind, served

USER = [{"role": "user", "content": QUESTION}]
Work = Callable[[Any], Awaitable[Any]]


def at_sim(client: Callable[[str, str], Any], work: Work, **persona: Any) -> Any:
    """Return what some work with a client returns."""

    async def main() -> Any:
        minds = {"m": mind(**persona)}
        async with served(key=None, **minds) as (url, _):
            made = client(url, "k")
            try:
                return await work(made)
            finally:
                await (made.aio.aclose() if hasattr(made, "aio") else made.close())

    return asyncio.run(main())


def lines(*names: str, **body: Any) -> bytes:
    """Return a file of chat requests."""
    rows = [
        {
            "custom_id": name,
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": "m", "messages": USER, **body},
        }
        for name in names
    ]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


async def submit(client: Any, data: bytes) -> Any:
    file = await client.files.create(file=("a.jsonl", data), purpose="batch")
    return await client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"k": "v"}
    )


def test_openai_from_file_to_file() -> None:
    """The file is there, the batch moves on, its metadata is kept, and the output can be read."""

    async def work(client: Any) -> Any:
        batch = await submit(client, lines("a", "b"))
        kept = await client.files.retrieve(batch.input_file_id)
        ended = await client.batches.retrieve(batch.id)
        output = (await client.files.content(ended.output_file_id)).text
        listed = [found.id async for found in client.batches.list()]
        deleted = await client.files.delete(batch.input_file_id)
        return batch.status, kept.bytes, ended, output, listed == [batch.id], deleted.deleted

    status, size, ended, output, is_listed, is_deleted = at_sim(openai_client, work)
    answers = [
        json.loads(line)["response"]["body"]["choices"][0]["message"]["content"]
        for line in output.splitlines()
    ]

    assert (status, ended.status, ended.metadata) == ("validating", "completed", {"k": "v"})
    assert size == len(lines("a", "b"))
    assert (ended.request_counts.total, ended.request_counts.completed, ended.error_file_id) == (2, 2, None)
    assert answers == [REFERENCE, REFERENCE]
    assert is_listed
    assert is_deleted


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"no json\n", "invalid_json_line"),
        (lines("a", "a"), "duplicate_custom_id"),
        (lines("a", stream=True), "invalid_request"),
        (lines("a", model="other"), "model_not_found"),
        (lines("a").replace(b"/v1/chat", b"/v1/x"), "invalid_url"),
        (b"", "empty_file"),
    ],
)
def test_openai_refuses_a_file_as_a_whole(data: bytes, code: str) -> None:
    """The batch fails when it is validated, with the line that is wrong."""

    async def work(client: Any) -> Any:
        return await client.batches.retrieve((await submit(client, data)).id)

    batch = at_sim(openai_client, work)

    assert batch.status == "failed"
    assert code in {error.code for error in batch.errors.data}
    assert (batch.output_file_id, batch.error_file_id) == (None, None)


def test_openai_has_only_an_error_file_when_all_failed() -> None:
    """Its lines have the status that the request would have had."""

    async def work(client: Any) -> Any:
        ended = await client.batches.retrieve((await submit(client, lines("a"))).id)
        return ended, (await client.files.content(ended.error_file_id)).text

    ended, errors_file = at_sim(openai_client, work, faults={"server_error": 1.0})

    assert (ended.status, ended.output_file_id) == ("completed", None)
    assert json.loads(errors_file)["response"]["status_code"] == 500


def test_openai_errors_are_openais() -> None:
    """An unknown batch and a batch that has ended."""

    async def work(client: Any) -> None:
        with pytest.raises(openai.NotFoundError):
            await client.batches.retrieve("batch_x")
        batch = await submit(client, lines("a"))
        await client.batches.retrieve(batch.id)
        with pytest.raises(openai.ConflictError):
            await client.batches.cancel(batch.id)

    at_sim(openai_client, work)


def request(name: str) -> Any:
    return {"custom_id": name, "params": {"model": "m", "max_tokens": 64, "messages": USER}}


def test_anthropic_from_submit_to_results() -> None:
    """Its client follows `results_url`; counts are 0 until the end."""

    async def work(client: Any) -> Any:
        batch = await client.messages.batches.create(requests=[request("a"), request("b")])
        ended = await client.messages.batches.retrieve(batch.id)
        results = [line async for line in await client.messages.batches.results(batch.id)]
        listed = [found.id async for found in client.messages.batches.list()]
        return batch, ended, results, listed == [batch.id]

    batch, ended, results, is_listed = at_sim(anthropic_client, work)

    assert (batch.processing_status, batch.request_counts.processing) == ("in_progress", 2)
    assert (ended.processing_status, ended.request_counts.succeeded) == ("ended", 2)
    assert {"a", "b"} == {line.custom_id for line in results}
    assert {REFERENCE} == {line.result.message.content[0].text for line in results}
    assert {"batch"} == {line.result.message.usage.service_tier for line in results}
    assert is_listed


@pytest.mark.parametrize(
    "requests", [[], [request("a"), request("a")], [request("a b")], [{"custom_id": "a"}]]
)
def test_anthropic_refuses_a_batch_at_once(requests: list[Any]) -> None:
    """HTTP 400, as for a live request."""

    async def work(client: Any) -> None:
        with pytest.raises(anthropic.BadRequestError):
            await client.messages.batches.create(requests=requests)

    at_sim(anthropic_client, work)


def test_google_with_requests_in_the_submit() -> None:
    """The replies are in the batch; metadata comes back with each."""

    async def work(client: Any) -> Any:
        source = [{"contents": [{"role": "user", "parts": [{"text": QUESTION}]}], "metadata": {"key": "a"}}]
        job = await client.aio.batches.create(model="m", src=source, config={"display_name": "d"})
        ended = await client.aio.batches.get(name=job.name)
        listed = [found.name async for found in await client.aio.batches.list()]
        return job, ended, listed == [job.name]

    job, ended, is_listed = at_sim(google_client, work)
    (reply,) = ended.dest.inlined_responses

    assert (job.state.name, job.display_name, ended.state.name) == (
        "JOB_STATE_PENDING",
        "d",
        "JOB_STATE_SUCCEEDED",
    )
    assert (reply.metadata, reply.response.text) == ({"key": "a"}, REFERENCE)
    assert is_listed


def test_google_errors_are_googles() -> None:
    """An unknown model and an unknown batch."""

    async def work(client: Any) -> Any:
        found = []
        for call in (
            client.aio.batches.create(model="other", src="files/x"),
            client.aio.batches.get(name="batches/x"),
        ):
            with pytest.raises(errors.ClientError) as caught:
                await call
            found.append(caught.value.status)
        return found

    assert at_sim(google_client, work) == ["NOT_FOUND", "NOT_FOUND"]


def test_bench_sim_tells_its_ledger(tmp_path: Path) -> None:
    """As a process with a persona file: a batch, and what it costs, at /sim/ledger."""
    price = {"input_usd_per_mtok": 2, "output_usd_per_mtok": 10}
    (tmp_path / "persona.json").write_text(json.dumps({"m": {"price": price}}))
    with start_sim(tmp_path, "--persona", "persona.json") as process:
        assert process.stdout is not None
        url = process.stdout.readline().decode().split()[1]

        async def main() -> Any:
            async with openai_client(url, "k") as client:
                batch = await submit(client, lines("a"))
                await client.batches.retrieve(batch.id)
                return await client.get(f"{url}/sim/ledger", cast_to=object)

        ledger = asyncio.run(main())
        process.terminate()
        process.wait()
    (row,) = ledger["batches"]

    assert (row["requests"], row["charged"]) == (1, 1)
    assert float(ledger["usd"]) == pytest.approx(
        0.5 * (row["input_tokens"] * 2 + row["output_tokens"] * 10) / 1e6, rel=1e-12
    )

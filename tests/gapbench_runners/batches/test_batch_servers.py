"""Servers that take batches in their own way, or answer what no vendor does."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from gapbench.errors import RunnerError
from gapbench.values import Session
from gapbench.values.batches import Batch, BatchRequest
from gapbench.values.failure_kinds import failure_traits
from gapbench_runners.batches.openai_batches import OpenAIBatches
from gapbench_runners.sim_server.protocols import ChatCompletionsProtocol
from tests.gapbench_runners.batches.batching import (
    LABEL,
    OTHER_BATCH,
    PROTOCOLS,
    Desk,
    at_desk,
    id_prefix,
    runner_for,
)
from tests.gapbench_runners.replay import Replay


def replayed(protocol: str, replay: Replay, work: Callable[[Any], Awaitable[Any]]) -> Any:
    """Return what some work with a batch client returns whose provider always answers the same."""

    async def main() -> Any:
        async with replay.serving() as url:
            runner = runner_for(protocol, url)
            await runner.open(Session(Path()))
            try:
                return await work(runner.batch_client())
            finally:
                await runner.close()

    return asyncio.run(main())


@pytest.mark.parametrize("protocol", ["chat", "responses"])
def test_a_compatible_server_without_batches_is_told_what_to_do(protocol: str) -> None:
    """Such as a vLLM that serves: its offline form is named."""
    replay = Replay(b'{"detail":"Not Found"}', status=404, kind="application/json")

    async def work(client: Any) -> RunnerError:
        with pytest.raises(RunnerError) as caught:
            await client.read("x")
        return caught.value

    failure = replayed(protocol, replay, work)

    assert failure.kind == "not_found"
    assert "has no /files and /batches (HTTP 404" in str(failure)
    assert "runner: vllm with run_batch" in str(failure)


@pytest.mark.parametrize(
    ("said", "has_routes"),
    [
        ("No batch found with id 'x'.", True),
        ("Batch not found: x", True),
        ("No such File object: x", True),
        ("Not Found", False),
        ("Invalid URL (GET /v1/batches/x)", False),
        ("no route for batch requests", False),
    ],
)
def test_a_batch_that_is_gone_is_no_server_without_batches(said: str, has_routes: bool) -> None:
    """A gateway that forgot a batch is not told to use something else."""
    body = json.dumps({"error": {"message": said}}).encode()

    async def work(client: Any) -> str:
        with pytest.raises(RunnerError) as caught:
            await client.read("x")
        assert caught.value.kind == "not_found"
        return str(caught.value)

    failure = replayed("chat", Replay(body, status=404, kind="application/json"), work)

    assert has_routes == ("has no /files and /batches" not in failure)
    assert said in failure


@pytest.mark.parametrize("protocol", ["chat", "messages", "google"])
def test_nothing_is_sent_again_by_itself(protocol: str) -> None:
    """The SDKs' retries are off: an overloaded provider is asked once."""
    replay = Replay(b'{"error":{"message":"busy"}}', status=503, kind="application/json")

    async def work(client: Any) -> str:
        with pytest.raises(RunnerError) as caught:
            await client.read("batches/x" if protocol == "google" else "x")
        return caught.value.kind

    assert replayed(protocol, replay, work) == "overloaded"
    assert len(replay.asked) == 1


@pytest.mark.parametrize("protocol", ["chat", "google"])
def test_a_batch_that_is_done_without_a_file_is_an_error(protocol: str) -> None:
    """It was paid for, so its requests are not missing; the file may come later."""

    async def work(open_desk: Desk) -> str:
        batch = await open_desk.ended(await open_desk.client.create(open_desk.requests(1), LABEL))
        with pytest.raises(RunnerError, match="names no file of re") as caught:
            await open_desk.replies(dataclasses.replace(batch, raw={}, has_results=False))
        return caught.value.kind

    assert at_desk(protocol, work) == "server"


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("body", [b"{}", b'{"id": 5, "name": 5}', b"[]", b"null", b"no json"])
def test_a_description_that_is_none_is_garbage(protocol: str, body: bytes) -> None:
    """Never an exception of another kind, and never a batch without an id."""
    batch_id = "batches/x" if protocol == "google" else "x"

    async def work(client: Any) -> str:
        with pytest.raises(RunnerError) as caught:
            await client.read(batch_id)
        return caught.value.kind

    assert replayed(protocol, Replay(body, kind="application/json"), work) == "garbage"


@pytest.mark.parametrize("name", ["batch_zz", "batches/", "batches/a/b", "files/x", "batches/\ud800"])
def test_a_name_that_is_none_of_a_batch_of_google_is_garbage(name: str) -> None:
    """The SDK takes no such name, so the batch could never be read; it is then found by its label."""

    async def work(client: Any) -> str:
        with pytest.raises(RunnerError) as caught:
            await client.read("batches/x")
        return caught.value.kind

    body = json.dumps({"name": name, "metadata": {"state": "BATCH_STATE_RUNNING"}}).encode()
    assert replayed("google", Replay(body, kind="application/json"), work) == "garbage"


@pytest.mark.parametrize(
    ("protocol", "body"),
    [
        (
            "chat",
            {"id": "x", "status": "brand_new", "request_counts": {"total": "many"}, "created_at": "now"},
        ),
        ("messages", {"id": "x", "processing_status": "brand_new", "request_counts": 5}),
        ("google", {"name": "batches/x", "metadata": {"state": "BATCH_STATE_BRAND_NEW", "batchStats": []}}),
    ],
)
def test_a_state_that_is_not_known_is_waited_for(protocol: str, body: dict[str, Any]) -> None:
    """A new word of the provider must not end a batch that is paid for."""
    batch_id = "batches/x" if protocol == "google" else "x"
    replay = Replay(orjson.dumps(body), kind="application/json")

    async def work(client: Any) -> Batch:
        found: Batch = await client.read(batch_id)
        return found

    batch = replayed(protocol, replay, work)

    assert (batch.state, batch.total) == ("running", None)
    assert batch.state_raw.lower().endswith("brand_new")


def test_an_answer_without_an_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound of a description is that of a live reply."""
    monkeypatch.setattr("gapbench.transport.MAX_BODY_BYTES", 1_000)
    replay = Replay(b'{"id":"x","status":"' + b"x" * 2_000 + b'"}', kind="application/json")

    async def work(client: Any) -> str:
        with pytest.raises(RunnerError, match="larger than 1000 bytes") as caught:
            await client.read("x")
        return caught.value.kind

    assert replayed("chat", replay, work) == "garbage"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_list_that_is_not_read_to_its_end_proves_nothing(protocol: str) -> None:
    """Of 101 batches two are looked at: one that is among them is found; that there is none is not certain."""
    prefix = id_prefix(protocol)

    async def work(open_desk: Desk) -> Any:
        client: Any = open_desk.client
        client.max_listed = 2
        for _ in range(101):
            open_desk.store.submit(prefix, "m", [], ChatCompletionsProtocol(), {**OTHER_BATCH, "model": "m"})
        with pytest.raises(RunnerError, match="may be among the others") as caught:
            [batch async for batch in client.find("run-")]
        await client.create([BatchRequest("a", open_desk.call())], "run-1")
        return caught.value.kind, [batch.label async for batch in client.find("run-")]

    kind, labels = at_desk(protocol, work)

    assert failure_traits(kind).is_retryable
    assert labels == ["run-1"]


@pytest.mark.parametrize(
    ("protocol", "body"),
    [
        ("chat", {"id": "x", "status": "completed"}),
        (
            "messages",
            {"id": "x", "processing_status": "ended", "archived_at": "2026-11-01T00:00:00Z"},
        ),
        ("google", {"name": "batches/x", "metadata": {"state": "BATCH_STATE_SUCCEEDED"}}),
    ],
)
def test_a_batch_whose_results_cannot_be_read_says_so(protocol: str, body: dict[str, Any]) -> None:
    """It was answered and paid for; reading it is an error, not a batch without answers."""
    replay = Replay(orjson.dumps(body), kind="application/json")

    async def work(client: Any) -> Any:
        batch = await client.read("batches/x" if protocol == "google" else "x")
        with pytest.raises(RunnerError):
            [reply async for reply in client.results(batch, lambda _: None)]
        return batch.state, batch.has_results

    assert replayed(protocol, replay, work) == ("ended", False)


class FakeOpenAI:
    """A client of OpenAI that uploads a file, and gets an answer of some status to the submit."""

    def __init__(self, status: int) -> None:
        self.deleted: list[str] = []
        self._status = status
        self.files = SimpleNamespace(create=self._upload, delete=self._delete)
        self.batches = SimpleNamespace(create=self._submit)

    async def _upload(self, **_: Any) -> Any:
        return SimpleNamespace(id="file-1")

    async def _delete(self, file_id: str) -> None:
        self.deleted.append(file_id)

    async def _submit(self, **_: Any) -> Any:
        raise RunnerError("server", "no", http_status=self._status)


@pytest.mark.parametrize(("status", "deleted"), [(400, ["file-1"]), (429, ["file-1"]), (408, []), (503, [])])
def test_the_file_of_a_batch_that_may_exist_is_kept(status: int, deleted: list[str]) -> None:
    """After a 408 or a 5xx the batch may have been made, and needs its file."""

    async def work(open_desk: Desk) -> list[str]:
        fake: Any = FakeOpenAI(status)
        made: Any = open_desk.client
        client = OpenAIBatches(
            fake, made._lines, "chat", made._to_runner_error, "", is_official_endpoint=True
        )
        with pytest.raises(RunnerError):
            await client.create(open_desk.requests(1), LABEL)
        deleted: list[str] = fake.deleted
        return deleted

    assert at_desk("chat", work) == deleted

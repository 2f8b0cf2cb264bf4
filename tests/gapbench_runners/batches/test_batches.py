"""The vendors' batches over the simulated batch APIs: what becomes of each request, and what is charged."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from gapbench.errors import RunnerError
from gapbench.values import Params, Session
from gapbench.values.batches import Batch, BatchReply, BatchRequest
from gapbench.values.failure_kinds import failure_traits
from gapbench_runners.batches.openai_batches import OpenAIBatches
from gapbench_runners.sim_server.protocols import ChatCompletionsProtocol
from tests.gapbench_runners.batches.batching import (
    LABEL,
    PROTOCOLS,
    Desk,
    at_desk,
    runner_for,
    to_response,
)
from tests.gapbench_runners.replay import Replay
from tests.gapbench_runners.simulated import QUESTION, mind, served, user

HALF = Decimal("0.5")
MTOK = Decimal(1_000_000)


def kinds(replies: list[BatchReply]) -> dict[str, str | None]:
    """Return the kind of each request's failure."""
    return {reply.custom_id: None if reply.failure is None else reply.failure.kind for reply in replies}


def charged(open_desk: Desk) -> list[int]:
    return [charge.charged for charge in open_desk.store.charges()]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_batch_moves_on_as_it_is_looked_at(protocol: str) -> None:
    """Two looks: it is worked on, then it has ended with all requests answered."""

    async def work(open_desk: Desk) -> list[Batch]:
        batch = await open_desk.client.create(open_desk.requests(3), LABEL)
        return [batch, *[await open_desk.client.read(batch.batch_id) for _ in range(2)]]

    created, running, ended = at_desk(protocol, work, batches={"polls": 2})

    assert created.label == LABEL
    assert created.state == ("running" if protocol == "messages" else "waiting")
    assert (running.state, running.total) == ("running", 3)
    assert (ended.state, ended.total, ended.succeeded, ended.failed) == ("ended", 3, 3, 0)
    assert timedelta(hours=48 if protocol == "google" else 24) == created.expires_at - created.created_at


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_results_come_in_any_order_and_are_matched_by_id(protocol: str) -> None:
    """The sim sorts them by a hash; each has the answer to its own prompt."""

    async def work(open_desk: Desk) -> tuple[list[str], dict[str, str | None]]:
        requests = open_desk.requests(8)
        replies = await open_desk.answer(requests)
        answers = {
            reply.custom_id: to_response(open_desk.runner.model, reply).response_id for reply in replies
        }
        return [reply.custom_id for reply in replies], answers

    order, answers = at_desk(protocol, work)
    again, others = at_desk(protocol, work, batches={"shuffle": False})

    assert sorted(order) == again == [f"id-{at}" for at in range(8)]
    assert order != again
    assert answers == others
    assert len(set(answers.values())) == 8


def test_a_line_has_nothing_of_a_stream() -> None:
    """A file that asks for a stream is refused whole."""

    async def work(open_desk: Desk) -> bytes:
        batch = await open_desk.client.create(open_desk.requests(1), LABEL)
        file = open_desk.store.file(batch.raw["input_file_id"])
        assert file is not None
        return file.data

    line = orjson.loads(at_desk("chat", work))

    assert {"custom_id": "id-0", "method": "POST", "url": "/v1/chat/completions"} == {
        key: value for key, value in line.items() if key != "body"
    }
    assert {"model", "messages", "max_tokens"} == line["body"].keys()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_size_of_requests_is_that_of_the_upload(protocol: str) -> None:
    """Anthropic's has room for the longest label; the others' files are exactly as long."""

    async def work(open_desk: Desk) -> tuple[int, int]:
        requests = open_desk.requests(3)
        sizes = [await open_desk.client.size_bytes(request) for request in requests]
        files = [len(file.data) for file in open_desk.store._files.values()]
        await open_desk.client.create(requests, "x" * 31)
        files = [len(file.data) for file in open_desk.store._files.values() if file.data]
        return sum(sizes), sum(files)

    total, uploaded = at_desk(protocol, work)

    if protocol == "messages":
        # {"requests":[ … ]} around three requests with a comma after each.
        assert total > 3 * 31
    else:
        assert total == uploaded


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("server_error", "server"),
        ("overloaded", "overloaded"),
        ("rate_limit", "rate_limit"),
        ("cut", "server"),
    ],
)
def test_a_fault_of_one_request_is_that_of_a_live_one(protocol: str, fault: str, kind: str) -> None:
    """Nothing failed is charged, and the batch itself has ended well."""

    async def work(open_desk: Desk) -> Any:
        return kinds(await open_desk.answer(open_desk.requests(2))), charged(open_desk)

    found, ledger = at_desk(protocol, work, faults={fault: 1.0})

    assert found == {"id-0": kind, "id-1": kind}
    assert ledger == [0]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_some_requests_fail_and_the_others_are_kept(protocol: str) -> None:
    """A quarter each fails and expires; the rest is answered and charged."""

    async def work(open_desk: Desk) -> Any:
        batch = await open_desk.ended(await open_desk.client.create(open_desk.requests(40), LABEL))
        return batch, kinds(await open_desk.replies(batch)), charged(open_desk)

    batch, found, ledger = at_desk(
        protocol, work, faults={"server_error": 0.25}, batches={"expire": 0.25}, seed=3
    )
    answered = [name for name, kind in found.items() if kind is None]

    assert len(found) == 40
    assert {None, "server", "timeout"} == set(found.values())
    assert ledger == [len(answered)]
    assert (batch.succeeded, batch.failed) == (len(answered), 40 - len(answered))
    states = {"messages": "ended", "google": "JOB_STATE_PARTIALLY_SUCCEEDED"}
    assert batch.state_raw == states.get(protocol, "expired")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_batch_that_expires_whole(protocol: str) -> None:
    """All expire: OpenAI and Anthropic say so of each request, Google keeps no results. Nothing is charged."""

    async def work(open_desk: Desk) -> Any:
        batch = await open_desk.ended(await open_desk.client.create(open_desk.requests(2), LABEL))
        return batch.problem, kinds(await open_desk.replies(batch)), charged(open_desk)

    problem, found, ledger = at_desk(protocol, work, batches={"expire": 1.0})

    if protocol == "google":
        assert found == {}
        assert "expired" in problem
    else:
        assert found == {"id-0": "timeout", "id-1": "timeout"}
    assert ledger == [0]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_lost_and_doubled_lines(protocol: str) -> None:
    """A lost line is missing and free; a doubled one comes twice and is charged once."""

    async def work(open_desk: Desk) -> Any:
        replies = await open_desk.answer(open_desk.requests(40))
        return [reply.custom_id for reply in replies], charged(open_desk)

    names, ledger = at_desk(protocol, work, batches={"lose": 0.2, "duplicate": 0.2}, seed=5)

    assert len(set(names)) < 40
    assert len(names) > len(set(names))
    assert ledger == [len(set(names))]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_broken_line_is_one_failure(protocol: str) -> None:
    """It is cut off in the middle: its custom id can still be read, and the other lines are whole."""

    async def work(open_desk: Desk) -> Any:
        return kinds(await open_desk.answer(open_desk.requests(30)))

    found = at_desk(protocol, work, batches={"garble": 0.3}, seed=2)

    assert found.keys() == {f"id-{at}" for at in range(30)}
    assert set(found.values()) == {None, "garbage"}


@pytest.mark.parametrize("protocol", ["chat", "responses"])
def test_openai_refuses_a_whole_batch_after_the_submit(protocol: str) -> None:
    """It ends as failed, with its error in one line and without results; the next one is taken."""

    async def work(open_desk: Desk) -> Any:
        refused = await open_desk.ended(await open_desk.client.create(open_desk.requests(1), LABEL))
        taken = await open_desk.ended(await open_desk.client.create(open_desk.requests(1), "run-2"))
        return refused, await open_desk.replies(refused), taken

    refused, replies, taken = at_desk(protocol, work, batches={"refuse_first": 1})

    assert (refused.state, refused.state_raw, replies) == ("ended", "failed", [])
    assert refused.problem == "token_limit_exceeded: Enqueued token limit reached for m."
    assert taken.problem is None


@pytest.mark.parametrize("protocol", ["messages", "google"])
def test_the_others_refuse_at_the_submit(protocol: str) -> None:
    """It is a rate limit, and there is no batch."""

    async def work(open_desk: Desk) -> Any:
        with pytest.raises(RunnerError) as caught:
            await open_desk.client.create(open_desk.requests(1), LABEL)
        return caught.value.kind, [batch async for batch in open_desk.client.find("")]

    assert at_desk(protocol, work, batches={"refuse_first": 1}) == ("rate_limit", [])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_batch_whose_submit_got_no_answer_is_found(protocol: str) -> None:
    """The connection is cut after the submit. Anthropic tells the label only when the batch has ended."""

    async def work(open_desk: Desk) -> Any:
        began = datetime.now(UTC)
        with pytest.raises(RunnerError) as caught:
            await open_desk.client.create(open_desk.requests(3), LABEL)
        first = [batch async for batch in open_desk.client.find("run-", began)]
        (found,) = [batch async for batch in open_desk.client.find("run-", began)]
        return caught.value.kind, first, found, kinds(await open_desk.replies(found)), charged(open_desk)

    kind, first, found, replies, ledger = at_desk(protocol, work, batches={"cut_first": 1, "polls": 2})

    assert kind == "cut_stream"
    assert [(None if protocol == "messages" else LABEL, 3)] == [(batch.label, batch.total) for batch in first]
    assert (found.state, found.label) == ("ended", LABEL)
    assert replies == {"id-0": None, "id-1": None, "id-2": None}
    assert ledger == [3]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_cancelled_batch_keeps_what_was_answered(protocol: str) -> None:
    """Cancelled after one of four looks: a quarter of 8 was reached, and only that is charged."""

    async def work(open_desk: Desk) -> Any:
        batch = await open_desk.client.create(open_desk.requests(8), LABEL)
        await open_desk.client.read(batch.batch_id)
        asked = await open_desk.client.cancel(batch.batch_id)
        ended = await open_desk.ended(asked)
        return asked, ended, kinds(await open_desk.replies(ended)), charged(open_desk)

    asked, ended, found, ledger = at_desk(protocol, work, batches={"polls": 4})
    answered = [name for name, kind in found.items() if kind is None]

    assert asked.state == ("ended" if protocol == "google" else "running")
    assert sorted(answered) == ["id-0", "id-1"]
    assert {None, "cancelled"} == set(found.values())
    assert ledger == [2]
    assert ended.state == "ended"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_list_of_several_pages_is_read_whole(protocol: str) -> None:
    """101 batches, a page has 100; those of another label are left out."""
    prefix = {"messages": "msgbatch_sim", "google": "batches/sim"}.get(protocol, "batch_sim")
    facts: dict[str, Any] = {
        "label": "other",
        "by_file": True,
        "endpoint": "",
        "input_file_id": "",
        "metadata": None,
    }

    async def work(open_desk: Desk) -> Any:
        await open_desk.client.create([BatchRequest("a", open_desk.call())], "run-0")
        for _ in range(99):
            open_desk.store.submit(prefix, "m", [], ChatCompletionsProtocol(), {**facts, "model": "m"})
        await open_desk.client.create([BatchRequest("a", open_desk.call())], "run-50")
        labels = [batch.label async for batch in open_desk.client.find("run-")]
        return labels, [batch.label async for batch in open_desk.client.find("run-5")]

    every, some = at_desk(protocol, work)

    assert every == ["run-50", "run-0"]
    assert some == ["run-50"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_batches_from_before_are_left_out(protocol: str) -> None:
    """An hour from now is later than the 15 minutes that a clock may be wrong."""

    async def work(open_desk: Desk) -> Any:
        await open_desk.client.create(open_desk.requests(1), LABEL)
        now = datetime.now(UTC)
        later = [batch async for batch in open_desk.client.find("", now + timedelta(hours=1))]
        return later, len([batch async for batch in open_desk.client.find("", now + timedelta(minutes=5))])

    assert at_desk(protocol, work) == ([], 1)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_request_that_the_vendor_refuses_is_a_bad_request(protocol: str) -> None:
    """One of two has a parameter that cannot be; the other is answered."""
    extra: dict[str, Any] = {
        "chat": {"n": 500},
        "responses": {"max_output_tokens": -1},
        "messages": {"max_tokens": -1},
        "google": {"candidate_count": 500},
    }[protocol]

    async def work(open_desk: Desk) -> Any:
        bad = open_desk.call(user(f"{QUESTION} (bad)"), Params(extra=extra))
        return kinds(
            await open_desk.answer([BatchRequest("bad", bad), BatchRequest("good", open_desk.call())])
        )

    assert at_desk(protocol, work) == {"bad": "bad_request", "good": None}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("names", "label", "said"),
    [
        (["a", "a"], LABEL, "custom id: found 'a' twice"),
        (["a b"], LABEL, "custom id: found 'a b'; expected 1 to 32 of"),
        (["a" * 33], LABEL, "expected 1 to 32 of"),
        (["a"], "run_1", "label: found 'run_1'; expected 1 to 31 of"),
        ([], LABEL, "found 0 requests; a batch holds 1 to"),
    ],
)
def test_what_could_not_be_matched_is_never_sent(
    protocol: str, names: list[str], label: str, said: str
) -> None:
    """Nothing is uploaded."""

    async def work(open_desk: Desk) -> Any:
        requests = [BatchRequest(name, open_desk.call()) for name in names]
        with pytest.raises(RunnerError, match=re.escape(said)) as caught:
            await open_desk.client.create(requests, label)
        return caught.value.kind, open_desk.store.charges(), open_desk.store._files

    assert at_desk(protocol, work) == ("bad_request", [], {})


def test_the_ledger_charges_half_of_the_price() -> None:
    """Two prompts of 8 tokens and answers of 5, at 3 and 15 dollars per million."""

    async def work(open_desk: Desk) -> Any:
        requests = [BatchRequest(name, open_desk.call()) for name in "ab"]
        await open_desk.answer(requests)
        return open_desk.store.ledger_as_json()

    ledger = at_desk("chat", work, price={"input_usd_per_mtok": 3, "output_usd_per_mtok": 15})
    (row,) = ledger["batches"]

    assert (row["requests"], row["charged"], row["input_tokens"], row["output_tokens"]) == (2, 2, 16, 10)
    assert Decimal(ledger["usd"]) == HALF * (16 * 3 + 10 * 15) / MTOK


def test_the_ledger_has_a_price_for_cached_tokens() -> None:
    """The second of two equal prompts of 504 tokens reads 31 blocks of 16 from the cache."""
    prompt = "word" * 500  # 500 tokens, and 4 around them

    async def work(open_desk: Desk) -> Any:
        made = open_desk.call(user(prompt), Params(max_tokens=1))
        await open_desk.answer([BatchRequest(name, made) for name in "ab"])
        return open_desk.store.charges()

    price = {"input_usd_per_mtok": 2, "output_usd_per_mtok": 8, "cached_input_usd_per_mtok": 0.2}
    (charge,) = at_desk("chat", work, cache=True, price=price)
    cached = 504 // 16 * 16

    assert charge.cached_tokens == cached
    assert charge.usd == HALF * ((2 * 504 - cached) * 2 + cached * Decimal("0.2") + 2 * 8) / MTOK


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_wrong_key_is_an_auth_failure(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the key is in the message."""
    monkeypatch.setenv("SIM_KEY", "sk-planted-0123456789")

    async def work() -> RunnerError:
        async with served(key="another", **{"": mind()}) as (url, _):
            runner = runner_for(protocol, url)
            runner = type(runner)(dataclasses.replace(runner.model, key_env="SIM_KEY"))
            await runner.open(Session(Path()))
            try:
                client = runner.batch_client()
                assert client is not None
                with pytest.raises(RunnerError) as caught:
                    await client.read("batches/x" if protocol == "google" else "x")
                return caught.value
            finally:
                await runner.close()

    failure = asyncio.run(work())

    assert (failure.kind, failure.http_status) == ("auth", 401)
    assert "planted" not in str(failure)


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
    prefix = {"messages": "msgbatch_sim", "google": "batches/sim"}.get(protocol, "batch_sim")
    facts: dict[str, Any] = {
        "label": "other",
        "by_file": True,
        "endpoint": "",
        "input_file_id": "",
        "metadata": None,
    }

    async def work(open_desk: Desk) -> Any:
        client: Any = open_desk.client
        client.max_listed = 2
        for _ in range(101):
            open_desk.store.submit(prefix, "m", [], ChatCompletionsProtocol(), {**facts, "model": "m"})
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

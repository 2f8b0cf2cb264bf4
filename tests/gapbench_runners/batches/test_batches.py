"""Batches of the vendors: submitted, looked at, found again, and charged."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest

from gapbench.errors import RunnerError
from gapbench.values import Params
from gapbench.values.batches import Batch, BatchRequest
from gapbench_runners.sim_server.protocols import ChatCompletionsProtocol
from tests.gapbench_runners.batches.batching import (
    LABEL,
    OTHER_BATCH,
    PROTOCOLS,
    Desk,
    at_desk,
    id_prefix,
    to_response,
)
from tests.gapbench_runners.batches.outcomes import charged, kinds
from tests.gapbench_runners.simulated import user

HALF = Decimal("0.5")
MTOK = Decimal(1_000_000)


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
    prefix = id_prefix(protocol)

    async def work(open_desk: Desk) -> Any:
        await open_desk.client.create([BatchRequest("a", open_desk.call())], "run-0")
        for _ in range(99):
            open_desk.store.submit(prefix, "m", [], ChatCompletionsProtocol(), {**OTHER_BATCH, "model": "m"})
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

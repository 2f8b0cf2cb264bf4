"""Requests of a batch that fail, and batches that are refused or expire."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from gapbench.errors import RunnerError
from gapbench.values import Params, Session
from gapbench.values.batches import BatchRequest
from tests.gapbench_runners.batches.batching import LABEL, PROTOCOLS, Desk, at_desk, runner_for
from tests.gapbench_runners.batches.outcomes import charged, kinds
from tests.gapbench_runners.simulated import QUESTION, mind, served, user


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

"""Anthropic's own client reads what the simulated provider sends."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic

from tests.gapbench_runners.sim_server.sdk import PNG, REFERENCE

USER: Any = [{"role": "user", "content": "What is 2+2?"}]
SOURCE = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(PNG).decode()}


@pytest.fixture(scope="module")
def client(sim_url: str) -> Anthropic:
    """The client, without retries of its own."""
    return Anthropic(api_key="k", base_url=sim_url, max_retries=0)


def ask(
    client: Anthropic, model: str = "gpt-4o", messages: Any = USER, max_tokens: int = 500, **more: Any
) -> Any:
    return client.messages.create(model=model, max_tokens=max_tokens, messages=messages, **more)


def test_whole(client: Anthropic) -> None:
    """Text, stop reason, type and counts."""
    reply = ask(client)

    assert (REFERENCE, "end_turn", "message") == (reply.content[0].text, reply.stop_reason, reply.type)
    assert reply.usage.output_tokens > 40


def test_stream_helper(client: Anthropic) -> None:
    """The client's own accumulation."""
    with client.messages.stream(model="gpt-4o", max_tokens=500, messages=USER) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()

    assert (REFERENCE, "end_turn") == (text, final.stop_reason)
    assert final.usage.output_tokens > 40


def test_streamed_events(client: Anthropic) -> None:
    """In the order that the vendor documents."""
    kinds = [event.type for event in ask(client, stream=True)]

    assert ("message_start", "message_stop") == (kinds[0], kinds[-1])
    assert "content_block_stop" in kinds


def test_budget(client: Anthropic) -> None:
    """Five tokens."""
    reply = ask(client, max_tokens=5)

    assert ("max_tokens", 5) == (reply.stop_reason, reply.usage.output_tokens)


FORMS: dict[str, dict[str, Any]] = {
    "system": {"system": "Be terse."},
    "system blocks": {"system": [{"type": "text", "text": "Be terse.", "cache_control": {"type": "ephemeral"}}]},
    "image": {"messages": [{"role": "user", "content": [{"type": "text", "text": "What colour?"}, {"type": "image", "source": SOURCE}]}]},
    "tools": {"tools": [{"name": "add", "description": "x", "input_schema": {"type": "object", "properties": {}}}]},
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_forms(client: Anthropic, name: str) -> None:
    """Every form of the prompt has the same answer."""
    assert REFERENCE == ask(client, **FORMS[name]).content[0].text


RESULTS: dict[str, Any] = {
    "text": {"content": "4"},
    "blocks": {"content": [{"type": "text", "text": "4"}]},
    "image": {"content": [{"type": "image", "source": SOURCE}]},
    "nothing": {},
}


@pytest.mark.parametrize("name", RESULTS)
def test_tool_history(client: Anthropic, name: str) -> None:
    """A call that another provider made, and what the tool returned."""
    history = [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "add", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", **RESULTS[name]}]},
    ]  # fmt: skip

    assert ask(client, messages=USER + history).content[0].text


@pytest.mark.parametrize("stream", [False, True])
def test_stop_sequences(client: Anthropic, stream: bool) -> None:
    """The reply says which one ended it."""
    more: Any = {"model": "gpt-4o", "max_tokens": 500, "messages": USER, "stop_sequences": ["zzz", "four"]}
    if stream:
        with client.messages.stream(**more) as events:
            reply = events.get_final_message()
    else:
        reply = client.messages.create(**more)
    first: Any = reply.content[0]

    assert ("The answer is ", "stop_sequence", "four") == (first.text, reply.stop_reason, reply.stop_sequence)


def test_thinking(client: Anthropic) -> None:
    """A signed block before the text."""
    with client.messages.stream(model="think-summary", max_tokens=5000, messages=USER, thinking={"type": "enabled", "budget_tokens": 1024}) as stream:  # fmt: skip
        blocks: Any = stream.get_final_message().content

    assert ("thinking", True, REFERENCE) == (blocks[0].type, bool(blocks[0].signature), blocks[1].text)


def test_hidden_thinking(client: Anthropic) -> None:
    """The text alone."""
    with client.messages.stream(model="think-hidden", max_tokens=5000, messages=USER) as stream:
        last: Any = stream.get_final_message().content[-1]

    assert REFERENCE == last.text


def test_refusal(client: Anthropic) -> None:
    """A stop reason of its own."""
    assert "refusal" == ask(client, "refuser").stop_reason


ERRORS: list[tuple[Callable[[Anthropic], object], int, str]] = [
    (lambda client: ask(client, "e429"), 429, "rate_limit_error"),
    (lambda client: ask(client, "eover"), 529, "overloaded_error"),
    (lambda client: ask(client, "nope"), 404, "not_found_error"),
    (lambda client: ask(client, stop_sequences=[""]), 400, "invalid_request_error"),
    (lambda client: client.models.retrieve("nope"), 404, "not_found_error"),
    (lambda client: client.post("/v1/messages", body={"model": "gpt-4o", "messages": USER}, cast_to=object), 400, "invalid_request_error"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_errors_have_the_vendors_type(client: Anthropic, number: int) -> None:
    """Status and type."""
    check, status, kind = ERRORS[number]
    with pytest.raises(anthropic.APIStatusError) as caught:
        check(client)

    body: Any = caught.value.body
    assert (status, kind) == (caught.value.status_code, body["error"]["type"])


def test_a_cut_stream_is_an_error(client: Anthropic) -> None:
    """The connection ends in the middle."""
    with pytest.raises(Exception, match=r"peer closed|incomplete|Connection"):
        list(ask(client, "ecut", stream=True))


def test_count_tokens(client: Anthropic) -> None:
    """As many as the reply's own count, system prompt included."""
    counted = client.messages.count_tokens(model="gpt-4o", messages=USER, system="Be terse.")

    assert ask(client, system="Be terse.").usage.input_tokens == counted.input_tokens


def test_models(client: Anthropic) -> None:
    """Listed and one by one."""
    assert 11 == len(list(client.models.list()))
    assert ("gpt-4o", "model") == (client.models.retrieve("gpt-4o").id, client.models.retrieve("gpt-4o").type)

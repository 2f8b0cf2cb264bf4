"""The same reply says the same streamed and in a batch: texts, calls, counts, reasons, and what must come back."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from gapbench.values import GroundTruth, Message, Params, Response, Tool, ToolSet
from gapbench.values.batches import BatchRequest
from tests.gapbench_runners.batches.batching import PROTOCOLS, Desk, at_desk, streamed, to_response
from tests.gapbench_runners.episodes import DONE, MAIL, REFUND, TASK, TOOLS, call, calling, say, shop_truth
from tests.gapbench_runners.simulated import QUESTION, truth, user

THINKING = {"reasoning": {"tokens": 20, "shown": "verbatim"}}
DOTTED = ToolSet((Tool("shop.refund", "Refund an order.", {"type": "object", "properties": {}}),))


def two_calls() -> GroundTruth:
    turns = (calling(call(REFUND, order=42), call(MAIL, to="Ada"), text="I see."), say(DONE))
    return shop_truth(reference=turns)


def dotted_call() -> GroundTruth:
    return shop_truth(reference=(calling(call("shop.refund")), say(DONE)))


# name -> persona, truth, prompt, parameters, tools
CASES: dict[str, tuple[dict[str, Any], GroundTruth, tuple[Message, ...], Params, ToolSet | None]] = {
    "text": ({}, truth(), user(QUESTION), Params(max_tokens=64), None),
    "cut at max_tokens": ({}, truth(), user(QUESTION), Params(max_tokens=2), None),
    "refusal": ({"refuse": 1.0}, truth(), user(QUESTION), Params(max_tokens=64), None),
    "cached tokens": ({"cache": True}, truth("word " * 200), user("word " * 200), Params(max_tokens=9), None),
    "shown reasoning": (THINKING, truth(), user(QUESTION), Params(max_tokens=64), None),
    "summary": (
        {"reasoning": {"tokens": 40, "shown": "summary"}},
        truth(),
        user(QUESTION),
        Params(max_tokens=64),
        None,
    ),
    "hidden reasoning": (
        {"reasoning": {"tokens": 20, "shown": "hidden"}},
        truth(),
        user(QUESTION),
        Params(max_tokens=64),
        None,
    ),
    "cut in the reasoning": (THINKING, truth(), user(QUESTION), Params(max_tokens=10), None),
    "tool calls": ({}, two_calls(), user(TASK), Params(max_tokens=200), TOOLS),
    "tool calls after reasoning": (THINKING, two_calls(), user(TASK), Params(max_tokens=200), TOOLS),
    "a renamed tool": ({}, dotted_call(), user(TASK), Params(max_tokens=200), DOTTED),
}


def facts(response: Response) -> dict[str, Any]:
    """Return all that a response says, times and transport aside, which a batch has not.

    Google signs an empty part at the end of a stream, and the text itself in a whole reply; the signature is the same.
    """
    found = dataclasses.asdict(response)
    for part in found["parts"]:
        if part.get("api") == "google":
            part["item"] = part["item"]["thoughtSignature"]
    return {key: value for key, value in found.items() if key not in {"timing", "transport", "http_status"}}


async def live(open_desk: Desk, name: str) -> list[dict[str, Any]]:
    _, _, prompt, params, tools = CASES[name]
    made = open_desk.call(prompt, params, tools)
    return [facts(response) for response in await streamed(open_desk, [made, made])]


async def batched(open_desk: Desk, name: str) -> list[dict[str, Any]]:
    _, _, prompt, params, tools = CASES[name]
    made = open_desk.call(prompt, params, tools)
    replies = await open_desk.answer([BatchRequest("first", made), BatchRequest("second", made)])
    by_name = {reply.custom_id: to_response(open_desk.runner.model, reply) for reply in replies}
    return [facts(by_name["first"]), facts(by_name["second"])]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", CASES)
def test_a_batch_says_what_a_stream_says(protocol: str, name: str) -> None:
    """Two equal requests, so that the second finds the first in the cache where there is one."""
    persona, book, *_ = CASES[name]
    expected = at_desk(protocol, lambda open_desk: live(open_desk, name), book, **persona)
    found = at_desk(protocol, lambda open_desk: batched(open_desk, name), book, **persona)
    tiers = {"batch" if protocol == "messages" else None}

    assert tiers == {response.pop("service_tier") for response in found}
    assert {None} == {response.pop("service_tier") for response in expected}
    assert all(response["failure"] is None for response in expected)
    assert expected == found

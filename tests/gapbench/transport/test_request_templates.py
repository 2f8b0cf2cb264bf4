"""The body that a call would be sent with, as the SDK writes it, without anything being sent."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest

from gapbench.errors import RunnerError
from gapbench.values import Call, Image, Message, Model, Params, Request, Session, Text
from gapbench_runners.openai import OpenAIRunner
from tests.gapbench_runners.replay import PNG

NOWHERE = "http://127.0.0.1:9/v1"
"""Nothing listens there: what is sent would fail."""


def bodies(*calls: Call) -> list[bytes]:
    """Return the bodies of calls by one runner."""

    async def main() -> list[bytes]:
        runner = OpenAIRunner(Model("m", "openai", "m", "closed", base_url=NOWHERE))
        await runner.open(Session(Path()))
        assert runner._templates is not None
        try:
            return [await runner._templates.body_of(call) for call in calls]
        finally:
            await runner.close()

    return asyncio.run(main())


def prepared(*parts: Text | Image) -> Call:
    runner = OpenAIRunner(Model("m", "openai", "m", "closed", base_url=NOWHERE))
    return runner.prepare(Request(runner.model, (Message("user", parts),), Params(max_tokens=8)))


def test_a_body_is_the_same_with_and_without_a_template() -> None:
    """The third call of a shape is filled into a template; the first was built by the SDK."""
    runner = OpenAIRunner(Model("m", "openai", "m", "closed", base_url=NOWHERE))
    calls = [
        runner.prepare(Request(runner.model, (Message("user", (Text(text),)),), Params(max_tokens=8)))
        for text in ("one", "two", "three")
    ]
    first, *_, third = [orjson.loads(body) for body in bodies(*calls)]

    assert first["messages"] == [{"role": "user", "content": "one"}]
    assert third == {**first, "messages": [{"role": "user", "content": "three"}]}


def test_a_body_has_its_media() -> None:
    """An image is in it as the SDK encodes it."""
    (body,) = bodies(prepared(Image("image/png", PNG), Text("What is it?")))

    assert orjson.loads(body)["messages"][0]["content"][0]["image_url"]["url"].startswith("data:image/png;")


def test_a_body_that_the_sdk_refuses_is_a_bad_request() -> None:
    """Such as one without messages."""
    with pytest.raises(RunnerError) as caught:
        bodies(Call({"model": "m"}, {}))

    assert caught.value.kind == "bad_request"

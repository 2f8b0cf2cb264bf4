"""The official clients see through the proxy what they see without it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from google import genai

from tests.gapbench_runners.simulated import mind, served
from tests.recording import chunked, plain, recording, scripted

ASK: list[Any] = [{"role": "user", "content": "What is 6 x 7?"}]
TOOL = {"name": "look", "description": "Look.", "parameters": {"type": "object", "properties": {}}}
CHAT_CHUNK = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'


async def chat(url: str) -> list[Any]:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client:
        stream = await client.chat.completions.create(
            model="m", messages=ASK, stream=True, stream_options={"include_usage": True}
        )
        return [chunk.model_dump(exclude={"id", "created"}) async for chunk in stream]


async def chat_at_once(url: str) -> list[Any]:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client:
        tools: list[Any] = [{"type": "function", "function": TOOL}]
        reply = await client.chat.completions.create(model="m", messages=ASK, tools=tools)
        return [reply.model_dump(exclude={"id", "created"})]


async def responses(url: str) -> list[Any]:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client:
        stream = await client.responses.create(model="m", input="What is 6 x 7?", stream=True)
        return [event.type async for event in stream]


async def messages(url: str) -> list[Any]:
    async with anthropic.AsyncAnthropic(base_url=url, api_key="k", max_retries=0) as client:
        stream = await client.messages.create(model="m", max_tokens=99, messages=ASK, stream=True)
        return [event.type async for event in stream]


async def google(url: str) -> list[Any]:
    options = genai.types.HttpOptions(base_url=url)
    async with genai.Client(api_key="k", http_options=options).aio as client:
        stream = await client.models.generate_content_stream(model="m", contents="What is 6 x 7?")
        return [chunk.model_dump(exclude={"response_id", "sdk_http_response"}) async for chunk in stream]


async def list_models(url: str) -> list[Any]:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client:
        return [model.id async for model in client.models.list()]


CLIENTS = [chat, chat_at_once, responses, messages, google]


@pytest.mark.parametrize("ask", [*CLIENTS, list_models])
def test_a_client_gets_the_same_through_the_proxy(
    tmp_path: Path, ask: Callable[[str], Awaitable[list[Any]]]
) -> None:
    """Every event of a stream, every field of a reply."""

    async def run() -> tuple[list[Any], list[Any]]:
        async with served() as (url, _), recording(tmp_path, url) as recorder:
            return await ask(url), await ask(recorder.url)

    direct, through = asyncio.run(run())

    assert direct == through
    assert direct


@pytest.mark.parametrize("ask", CLIENTS)
def test_a_reply_is_recorded_with_its_tokens(
    tmp_path: Path, ask: Callable[[str], Awaitable[list[Any]]]
) -> None:
    """The prompt has 14 characters and the reply is known: 'The answer is 42.', 5 tokens."""

    async def run() -> dict[str, Any]:
        async with served(key="k", m=mind()) as (url, _), recording(tmp_path, url) as recorder:
            await ask(recorder.url)
            return await recorder.line()

    line = asyncio.run(run())

    assert ("The answer is 42.", 5, 200, True) == (
        line["reply"],
        line["output_tokens"],
        line["http_status"],
        line["simulated"],
    )
    assert "What is 6 x 7?" == line["messages"][0]["content"]
    assert (ask is not chat_at_once) == ("first_token_s" in line)


async def error_of(ask: Callable[[str], Awaitable[list[Any]]], url: str) -> tuple[str, str]:
    try:
        await ask(url)
    except (openai.OpenAIError, anthropic.AnthropicError, genai.errors.APIError) as exc:
        return type(exc).__name__, str(exc)
    return "none", ""


@pytest.mark.parametrize("fault", ["rate_limit", "overloaded", "server_error"])
@pytest.mark.parametrize("ask", CLIENTS)
def test_an_error_of_the_provider_is_the_same_error(
    tmp_path: Path, ask: Callable[[str], Awaitable[list[Any]]], fault: str
) -> None:
    """Class, status and text."""

    async def run() -> tuple[Any, Any, dict[str, Any]]:
        model = mind(faults={fault: 1.0})
        async with served(m=model) as (url, _), recording(tmp_path, url) as recorder:
            return await error_of(ask, url), await error_of(ask, recorder.url), await recorder.line()

    direct, through, line = asyncio.run(run())

    assert direct == through
    assert "none" != direct[0]
    assert line["http_status"] >= 400
    assert line["error"]


def test_a_refused_connection_is_the_error_that_it_is_without_the_proxy(tmp_path: Path) -> None:
    """Nothing listens there; the client would try again."""

    async def run() -> tuple[Any, Any, dict[str, Any]]:
        async with scripted() as server:
            url = server.url
        async with recording(tmp_path, url) as recorder:
            return await error_of(chat, url), await error_of(chat, recorder.url), await recorder.line()

    direct, through, line = asyncio.run(run())

    assert ("APIConnectionError", "APIConnectionError") == (direct[0], through[0])
    assert line["error"] == "connection: cannot connect: Connection refused"


def test_a_stream_that_is_cut_gives_its_parts_and_the_same_error(tmp_path: Path) -> None:
    """One chunk arrives, then the connection ends in the middle."""

    async def parts(url: str) -> tuple[int, str]:
        count = 0
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client:
            stream = await client.chat.completions.create(model="m", messages=ASK, stream=True)
            try:
                async for _ in stream:
                    count += 1
            except Exception as exc:  # noqa: BLE001 - compared
                return count, type(exc).__name__
        return count, "none"

    async def run() -> tuple[Any, Any, dict[str, Any]]:
        cut = chunked(CHAT_CHUNK, end=False)
        async with scripted(*cut, closes=True) as server, recording(tmp_path, server.url) as recorder:
            return await parts(server.url), await parts(recorder.url), await recorder.line()

    direct, through, line = asyncio.run(run())

    assert direct == through == (1, direct[1])
    assert "none" != direct[1]
    assert line["error"].startswith("connection: ")
    assert "a" == line["reply"]


def test_a_client_that_leaves_ends_the_request_upstream(tmp_path: Path) -> None:
    """The upstream sees the connection closed, and the line says that the client left."""

    async def run() -> dict[str, Any]:
        open_stream = chunked(CHAT_CHUNK, end=False)
        async with scripted(*open_stream, waits=True) as server, recording(tmp_path, server.url) as recorder:
            async with openai.AsyncOpenAI(base_url=f"{recorder.url}/v1", api_key="k") as client:
                stream = await client.chat.completions.create(model="m", messages=ASK, stream=True)
                async for _ in stream:
                    break
                await stream.close()
            async with asyncio.timeout(20):
                await server.gone.wait()
            return await recorder.line()

    line = asyncio.run(run())

    assert (True, "a") == (line["cancelled"], line["reply"])
    assert "error" not in line


def test_a_retry_of_the_client_is_a_second_line(tmp_path: Path) -> None:
    """The client asks again as the header of the first answer says."""

    async def run() -> list[int]:
        refusal = plain("429 Too Many Requests", b'{"error":{"message":"slow"}}', "retry-after-ms: 1")
        async with scripted(refusal) as server, recording(tmp_path, server.url) as recorder:
            async with openai.AsyncOpenAI(
                base_url=f"{recorder.url}/v1", api_key="k", max_retries=1
            ) as client:
                with pytest.raises(openai.RateLimitError):
                    await client.chat.completions.create(model="m", messages=ASK)
            return [line["http_status"] for line in await recorder.lines(2)]

    assert [429, 429] == asyncio.run(run())

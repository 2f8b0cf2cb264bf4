"""The vendors' own clients read the simulated replies with their typed parsers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from google import genai
from google.genai import errors, types

from tests.gapbench_runners.simulated import QUESTION, REFERENCE, mind, served

THOUGHT: dict[str, Any] = {"reasoning": {"tokens": 8, "shown": "verbatim"}}
MUSED = "Let me see: first this, then tha"  # 8 tokens of 4 characters
USER: Any = [{"role": "user", "content": QUESTION}]
Ask = Callable[[Any], Awaitable[Any]]


def talk(client_of: Callable[[str, str], Any], ask: Ask, *, key: str = "sk-sim", **persona: Any) -> Any:
    """Return what ``ask`` makes of a vendor's client at a persona of this kind."""

    async def main() -> Any:
        async with served(key="sk-sim", m=mind(**persona)) as (url, _):
            client = client_of(url, key)
            try:
                return await ask(client)
            finally:
                await (client.aio.aclose() if isinstance(client, genai.Client) else client.close())

    return asyncio.run(main())


def openai_client(url: str, key: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key=key, base_url=f"{url}/v1", max_retries=0)


def anthropic_client(url: str, key: str) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(api_key=key, base_url=url, max_retries=0)


def google_client(url: str, key: str) -> genai.Client:
    once = types.HttpRetryOptions(attempts=1)
    return genai.Client(
        api_key=key,
        # A transport of httpx2's: with aiohttp installed google-genai would take that, warnings and all.
        http_options=types.HttpOptions(
            base_url=url,
            api_version="v1beta",
            retry_options=once,
            async_client_args={"transport": httpx2.AsyncHTTPTransport()},
        ),
    )


async def chat(client: Any) -> Any:
    return await client.chat.completions.create(model="m", messages=USER)


async def messages(client: Any) -> Any:
    return await client.messages.create(model="m", max_tokens=100, messages=USER)


async def generate(client: Any) -> Any:
    return await client.aio.models.generate_content(model="m", contents=QUESTION)


def test_openai_chat_streamed() -> None:
    """Reasoning, answer, finish and counts arrive in typed chunks."""

    async def ask(client: Any) -> list[Any]:
        usage = {"include_usage": True}
        stream = await client.chat.completions.create(
            model="m", messages=USER, stream=True, stream_options=usage
        )
        return [chunk async for chunk in stream]

    chunks = talk(openai_client, ask, **THOUGHT)
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]

    assert "".join(choice.delta.content or "" for choice in choices) == REFERENCE
    assert "".join(getattr(choice.delta, "reasoning", None) or "" for choice in choices) == MUSED
    assert [choice.finish_reason for choice in choices if choice.finish_reason] == ["stop"]
    assert (chunks[-1].choices, chunks[-1].usage.completion_tokens) == ([], 13)
    assert chunks[-1].usage.completion_tokens_details.reasoning_tokens == 8


def test_openai_chat_whole() -> None:
    """A typed completion."""
    reply = talk(openai_client, chat)

    assert (reply.choices[0].message.content, reply.usage.total_tokens) == (REFERENCE, 8 + 5)


@pytest.mark.parametrize("shown", ["verbatim", "summary"])
def test_openai_responses_streamed(shown: str) -> None:
    """The client's accumulator, which checks the order of the events, ends with the same response as the server."""

    async def ask(client: Any) -> Any:
        async with client.responses.stream(model="m", input=QUESTION) as stream:
            kinds = [type(event).__name__ async for event in stream]
            return kinds, await stream.get_final_response()

    kinds, reply = talk(openai_client, ask, reasoning={"tokens": 8, "shown": shown})

    assert (reply.status, reply.output_text, reply.usage.output_tokens) == ("completed", REFERENCE, 13)
    assert [item.type for item in reply.output] == ["reasoning", "message"]
    assert len({kind for kind in kinds if "Reasoning" in kind}) >= 2


def test_openai_responses_cut_short() -> None:
    """A budget of 3 makes an incomplete response that says why."""

    async def ask(client: Any) -> Any:
        return await client.responses.create(model="m", input=QUESTION, max_output_tokens=3)

    reply = talk(openai_client, ask)

    assert (reply.status, reply.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert reply.output_text == REFERENCE[:12]


def test_anthropic_streamed() -> None:
    """The client's accumulator builds a thinking block, signed, and a text block."""

    async def ask(client: Any) -> Any:
        async with client.messages.stream(model="m", max_tokens=100, messages=USER) as stream:
            return await stream.get_final_message()

    reply = talk(anthropic_client, ask, **THOUGHT)
    thinking, text = reply.content

    assert (thinking.type, thinking.thinking, bool(thinking.signature)) == ("thinking", MUSED, True)
    assert (text.text, reply.stop_reason) == (REFERENCE, "end_turn")
    assert (reply.usage.output_tokens, reply.usage.output_tokens_details.thinking_tokens) == (13, 8)


def test_anthropic_whole() -> None:
    """A typed message; its input leaves out what came from the cache."""

    async def twice(client: Any) -> Any:
        long: Any = [{"role": "user", "content": "x" * 400}]
        for _ in range(2):
            reply = await client.messages.create(model="m", max_tokens=100, messages=long)
        return reply.usage

    usage = talk(anthropic_client, twice, cache=True)

    # 104 tokens, 96 of them in whole blocks of 16.
    assert (usage.input_tokens, usage.cache_read_input_tokens) == (8, 96)


def test_google_streamed() -> None:
    """Thoughts and text are typed parts; the colon of the path is percent-encoded by this client."""

    async def ask(client: Any) -> list[Any]:
        stream = await client.aio.models.generate_content_stream(model="m", contents=QUESTION)
        return [chunk async for chunk in stream]

    chunks = talk(google_client, ask, **THOUGHT)
    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts or ()]

    assert "".join(part.text for part in parts if part.thought) == MUSED
    assert "".join(part.text for part in parts if not part.thought) == REFERENCE
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert chunks[-1].usage_metadata.thoughts_token_count == 8
    assert chunks[-1].usage_metadata.candidates_token_count == 5


def test_google_whole() -> None:
    """A typed response."""
    reply = talk(google_client, generate)

    assert (reply.text, reply.usage_metadata.total_token_count) == (REFERENCE, 8 + 5)


def test_a_refusal_is_each_vendors_own() -> None:
    """content_filter, refusal, SAFETY."""
    refused: dict[str, Any] = {"refuse": 1}

    assert talk(openai_client, chat, **refused).choices[0].finish_reason == "content_filter"
    assert talk(anthropic_client, messages, **refused).stop_reason == "refusal"
    assert talk(google_client, generate, **refused).candidates[0].finish_reason == types.FinishReason.SAFETY


FAULTS: list[tuple[Callable[[str, str], Any], Ask, str, type[Exception], int]] = [
    (openai_client, chat, "rate_limit", openai.RateLimitError, 429),
    (openai_client, chat, "overloaded", openai.InternalServerError, 503),
    (openai_client, chat, "server_error", openai.InternalServerError, 500),
    (anthropic_client, messages, "rate_limit", anthropic.RateLimitError, 429),
    (anthropic_client, messages, "overloaded", anthropic.InternalServerError, 529),
    (anthropic_client, messages, "server_error", anthropic.InternalServerError, 500),
    (google_client, generate, "rate_limit", errors.ClientError, 429),
    (google_client, generate, "overloaded", errors.ServerError, 503),
    (google_client, generate, "server_error", errors.ServerError, 500),
]


@pytest.mark.parametrize(("client_of", "ask", "fault", "error", "status"), FAULTS)
def test_a_fault_is_the_clients_own_error(
    client_of: Callable[[str, str], Any], ask: Ask, fault: str, error: type[Exception], status: int
) -> None:
    """Class, status, and Retry-After where it was asked for."""
    with pytest.raises(error) as caught:
        talk(client_of, ask, faults={fault: 1, "retry_after_s": 7})

    found: Any = caught.value
    assert status == (found.code if isinstance(found, errors.APIError) else found.status_code)
    assert found.response.headers.get("retry-after") == ("7" if status == 429 else None)


@pytest.mark.parametrize(
    ("client_of", "ask", "error"),
    [
        (openai_client, chat, openai.AuthenticationError),
        (anthropic_client, messages, anthropic.AuthenticationError),
        (google_client, generate, errors.ClientError),
    ],
)
def test_a_wrong_key_is_refused(
    client_of: Callable[[str, str], Any], ask: Ask, error: type[Exception]
) -> None:
    """Wherever the vendor's client puts it."""
    with pytest.raises(error):
        talk(client_of, ask, key="sk-other")

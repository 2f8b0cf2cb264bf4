"""Google's own client reads what the simulated provider sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.genai import Client, errors, types

from tests.gapbench_runners.sim_server.sdk import PNG, REFERENCE

QUESTION = "What is 2+2?"


@pytest.fixture(scope="module")
def client(sim_url: str) -> Client:
    """The client, without retries of its own."""
    once = types.HttpRetryOptions(attempts=1)
    return Client(api_key="k", http_options=types.HttpOptions(base_url=sim_url, retry_options=once))


def ask(client: Client, model: str = "gpt-4o", contents: Any = QUESTION, **config: Any) -> Any:
    settings = types.GenerateContentConfig(**config)
    return client.models.generate_content(model=model, contents=contents, config=settings)


def test_whole(client: Client) -> None:
    """Text, finish reason, counts that add up."""
    reply = ask(client)
    usage = reply.usage_metadata

    assert (REFERENCE, "STOP") == (reply.text, reply.candidates[0].finish_reason.name)
    assert usage.total_token_count == usage.prompt_token_count + usage.candidates_token_count


def test_streamed(client: Client) -> None:
    """The counts come with the last chunk."""
    chunks: list[Any] = list(client.models.generate_content_stream(model="gpt-4o", contents=QUESTION))

    assert REFERENCE == "".join(chunk.text or "" for chunk in chunks)
    assert "STOP" == chunks[-1].candidates[0].finish_reason.name
    assert chunks[-1].usage_metadata.candidates_token_count > 40


def test_system(client: Client) -> None:
    """A system instruction is a turn of its own."""
    assert REFERENCE == ask(client, system_instruction="Be terse.").text


def test_image(client: Client) -> None:
    """Sent inline."""
    assert REFERENCE == ask(client, contents=["What colour?", types.Part.from_bytes(data=PNG, mime_type="image/png")]).text  # fmt: skip


def test_tools_and_safety_settings(client: Client) -> None:
    """They change nothing."""
    tool = types.Tool(function_declarations=[types.FunctionDeclaration(name="add", description="x")])
    safety = types.SafetySetting(category="HARM_CATEGORY_HARASSMENT", threshold="BLOCK_NONE")

    assert REFERENCE == ask(client, tools=[tool], safety_settings=[safety]).text


def test_chat(client: Client) -> None:
    """The client's conversation."""
    assert client.chats.create(model="gpt-4o").send_message(QUESTION).text


def test_tool_history(client: Client) -> None:
    """A call that another model made, signed as Google's guide says, and what the function returned."""
    call = types.FunctionCall(name="add", args={})
    turns = [
        types.UserContent(QUESTION),
        types.ModelContent(
            types.Part(function_call=call, thought_signature=b"skip_thought_signature_validator")
        ),
        types.UserContent(types.Part.from_function_response(name="add", response={"sum": 4})),
    ]

    assert ask(client, contents=turns).text


def test_budget(client: Client) -> None:
    """Five tokens."""
    assert "MAX_TOKENS" == ask(client, max_output_tokens=5).candidates[0].finish_reason.name


def test_stop(client: Client) -> None:
    """The answer ends before the first of the texts."""
    reply = ask(client, stop_sequences=["zzz", "four"])

    assert ("The answer is ", "STOP") == (reply.text, reply.candidates[0].finish_reason.name)


def test_several_candidates(client: Client) -> None:
    """Each with its text."""
    reply = ask(client, candidate_count=3)

    assert [REFERENCE] * 3 == [candidate.content.parts[0].text for candidate in reply.candidates]


def test_thoughts(client: Client) -> None:
    """Marked parts before the answer, and counted."""
    thinking = types.ThinkingConfig(include_thoughts=True, thinking_budget=100)
    reply = ask(client, "think-summary", thinking_config=thinking)

    assert any(part.thought for part in reply.candidates[0].content.parts)
    assert (20, REFERENCE) == (reply.usage_metadata.thoughts_token_count, reply.text)


def test_refusal(client: Client) -> None:
    """Blocked for safety."""
    assert "SAFETY" == ask(client, "refuser").candidates[0].finish_reason.name


ERRORS: list[tuple[Callable[[Client], object], int, str | None]] = [
    (lambda client: ask(client, "e429"), 429, "RESOURCE_EXHAUSTED"),
    (lambda client: ask(client, "eover"), 503, "UNAVAILABLE"),
    (lambda client: ask(client, "nope"), 404, "NOT_FOUND"),
    (lambda client: client.models.get(model="nope"), 404, "NOT_FOUND"),
    (lambda client: ask(client, candidate_count=0), 400, "INVALID_ARGUMENT"),
    (lambda client: list(client.models.generate_content_stream(model="e429", contents=QUESTION)), 429, "RESOURCE_EXHAUSTED"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_errors_have_the_vendors_status(client: Client, number: int) -> None:
    """Code and name."""
    check, code, name = ERRORS[number]
    with pytest.raises(errors.APIError) as caught:
        check(client)

    assert (code, name) == (caught.value.code, caught.value.status)


def test_models(client: Client) -> None:
    """Listed and one by one."""
    assert 11 == len(list(client.models.list()))
    assert "models/gpt-4o" == client.models.get(model="gpt-4o").name


def test_count_tokens(client: Client) -> None:
    """As many as the reply's own count."""
    counted = client.models.count_tokens(model="gpt-4o", contents=QUESTION)

    assert ask(client).usage_metadata.prompt_token_count == counted.total_tokens

"""OpenAI's own client reads what the simulated provider sends: Chat, Completions, Responses, models."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.gapbench_runners.sim_server.sdk import PNG, REFERENCE

USER: Any = [{"role": "user", "content": "What is 2+2?"}]
URI = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "add",
            "description": "adds",
            "parameters": {"type": "object", "properties": {}},
        },
    }
]
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
IMAGE: Any = [{"role": "user", "content": [{"type": "text", "text": "What colour?"}, {"type": "image_url", "image_url": {"url": URI, "detail": "high"}}]}]  # fmt: skip
Check = Callable[[OpenAI], object]


@pytest.fixture(scope="module")
def client(sim_url: str) -> OpenAI:
    """The client, without retries of its own."""
    return OpenAI(api_key="k", base_url=f"{sim_url}/v1", max_retries=0)


def chat(client: OpenAI, model: str = "gpt-4o", messages: Any = USER, **more: Any) -> Any:
    return client.chat.completions.create(model=model, messages=messages, **more)


def text_of(client: OpenAI, model: str = "gpt-4o", messages: Any = USER, **more: Any) -> str | None:
    text: str | None = chat(client, model, messages, **more).choices[0].message.content
    return text


def respond(client: OpenAI, model: str = "gpt-4o", given: Any = "What is 2+2?", **more: Any) -> Any:
    return client.responses.create(model=model, input=given, **more)


def test_chat_whole(client: OpenAI) -> None:
    """Text, finish reason, counts that add up."""
    reply = chat(client)
    usage = reply.usage

    assert (REFERENCE, "stop", "chat.completion") == (reply.choices[0].message.content, reply.choices[0].finish_reason, reply.object)  # fmt: skip
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def test_chat_streamed(client: OpenAI) -> None:
    """Many chunks, then the finish reason and the counts."""
    chunks = list(chat(client, stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)

    assert REFERENCE == text
    assert len(chunks) > 40
    assert chunks[-1].usage.completion_tokens > 40


def test_chat_stream_helper(client: OpenAI) -> None:
    """The client's own accumulation of a stream."""
    with client.chat.completions.stream(model="gpt-4o", messages=USER) as stream:
        for _ in stream:
            pass
        assert REFERENCE == stream.get_final_completion().choices[0].message.content


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_chat_budget(client: OpenAI, name: str) -> None:
    """Five tokens."""
    budget: dict[str, Any] = {name: 5}
    reply = chat(client, **budget)

    assert ("length", 5) == (reply.choices[0].finish_reason, reply.usage.completion_tokens)
    assert REFERENCE.startswith(reply.choices[0].message.content)


TURNS: dict[str, Any] = {
    "system": [{"role": "system", "content": "Be terse."}, *USER],
    "developer": [{"role": "developer", "content": "Be terse."}, *USER],
    "parts": [{"role": "user", "content": [{"type": "text", "text": "What is 2+2?"}]}],
    "image": IMAGE,
}


@pytest.mark.parametrize("name", TURNS)
def test_chat_turns(client: OpenAI, name: str) -> None:
    """Every form of the same prompt has the same answer."""
    assert REFERENCE == text_of(client, messages=TURNS[name])


HISTORIES: dict[str, Any] = {
    "null content": [{"role": "assistant", "content": None, "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "c1", "content": "4"}],
    "no content": [{"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "4"}]}],
    "empty content": [{"role": "assistant", "content": "", "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "c1", "content": "4"}],
    "old functions": [{"role": "assistant", "content": None, "function_call": {"name": "add", "arguments": "{}"}}, {"role": "function", "name": "add", "content": "4"}],
    "refusal": [{"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}, {"role": "user", "content": "Please."}],
}  # fmt: skip


@pytest.mark.parametrize("name", HISTORIES)
def test_chat_tool_history(client: OpenAI, name: str) -> None:
    """A prompt that is not in the book is answered too."""
    assert text_of(client, messages=USER + HISTORIES[name])


def test_chat_parameters_that_change_nothing(client: OpenAI) -> None:
    """Tools, temperature, seed and the like."""
    assert REFERENCE == text_of(client, tools=TOOLS, tool_choice="auto", temperature=0, top_p=1, seed=3, n=1, response_format={"type": "text"})  # fmt: skip


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("count", [2, 5])
def test_chat_several_choices(client: OpenAI, count: int, stream: bool) -> None:
    """Each has its index, text and finish reason; all are counted."""
    if not stream:
        reply = chat(client, n=count)
        assert [(index, REFERENCE, "stop") for index in range(count)] == [
            (choice.index, choice.message.content, choice.finish_reason) for choice in reply.choices
        ]
        one = chat(client).usage.completion_tokens
        assert count * one == reply.usage.completion_tokens
        return
    texts, ends = [""] * count, {}
    for chunk in chat(client, n=count, stream=True):
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
            if choice.finish_reason:
                ends[choice.index] = choice.finish_reason
    assert ([REFERENCE] * count, dict.fromkeys(range(count), "stop")) == (texts, ends)


@pytest.mark.parametrize(
    ("stop", "kept"),
    [("four", "The answer is "), (["four"], "The answer is "), (["zzz", "4", "four"], "The answer is "), (["😀"], REFERENCE.split("😀")[0]), (["zzz"], REFERENCE), ([], REFERENCE)],
)  # fmt: skip
def test_chat_stop(client: OpenAI, stop: Any, kept: str) -> None:
    """The answer ends before the first of the texts."""
    reply = chat(client, stop=stop)

    assert (kept, "stop") == (reply.choices[0].message.content, reply.choices[0].finish_reason)


def test_chat_stop_behind_the_budget(client: OpenAI) -> None:
    """Three tokens of four characters end before the word does."""
    assert "length" == chat(client, stop="dashes", max_tokens=3).choices[0].finish_reason


def test_chat_reasoning(client: OpenAI) -> None:
    """In its own field, as vLLM sends it."""
    chunks = chat(client, "think-verbatim", stream=True)

    assert len("".join(getattr(chunk.choices[0].delta, "reasoning", None) or "" for chunk in chunks)) > 40


def test_chat_refusal(client: OpenAI) -> None:
    """The finish reason of a filter."""
    assert "content_filter" == chat(client, "refuser").choices[0].finish_reason


def test_chat_parse(client: OpenAI) -> None:
    """The client's typed variant."""
    assert (
        REFERENCE == client.chat.completions.parse(model="gpt-4o", messages=USER).choices[0].message.content
    )


def test_cached_tokens(client: OpenAI) -> None:
    """The second time the same prompt is asked."""
    chat(client, "cacher")

    assert chat(client, "cacher").usage.prompt_tokens_details.cached_tokens >= 0


ERRORS: list[tuple[Check, type[openai.APIError]]] = [
    (lambda client: chat(client, "e429"), openai.RateLimitError),
    (lambda client: chat(client, "e500"), openai.InternalServerError),
    (lambda client: chat(client, "eover"), openai.InternalServerError),
    (lambda client: chat(client, "nope"), openai.NotFoundError),
    (lambda client: chat(client, max_tokens=-3), openai.BadRequestError),
    (lambda client: chat(client, messages=[]), openai.BadRequestError),
    (lambda client: chat(client, n=0), openai.BadRequestError),
    (lambda client: chat(client, stop=""), openai.BadRequestError),
    (lambda client: chat(client, messages=[{"role": "user", "content": [{"type": "file"}]}]), openai.BadRequestError),
    (lambda client: list(chat(client, "ecut", stream=True)), openai.APIError),
    (lambda client: respond(client, "e429"), openai.RateLimitError),
    (lambda client: client.models.retrieve("nope"), openai.NotFoundError),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_errors_are_the_clients_own(client: OpenAI, number: int) -> None:
    """Each with the class that the vendor's server would cause."""
    check, error = ERRORS[number]

    with pytest.raises(error):
        check(client)


def test_a_rate_limit_says_how_long_and_why(client: OpenAI) -> None:
    """The header and the code."""
    with pytest.raises(openai.RateLimitError) as caught:
        chat(client.with_options(max_retries=1), "e429")

    assert (True, "rate_limit_exceeded") == ("retry-after" in caught.value.response.headers, caught.value.code)  # fmt: skip


def test_models(client: OpenAI) -> None:
    """Listed and one by one."""
    assert 11 == len(client.models.list().data)
    assert ("gpt-4o", "model") == (client.models.retrieve("gpt-4o").id, client.models.retrieve("gpt-4o").object)  # fmt: skip


def test_completions(client: OpenAI) -> None:
    """The older form: 16 tokens unless more are asked for, stop and n as in Chat."""
    whole = client.completions.create(model="gpt-4o", prompt="What is 2+2?", max_tokens=500)
    short = client.completions.create(model="gpt-4o", prompt=["What is 2+2?"])
    two = client.completions.create(model="gpt-4o", prompt="What is 2+2?", n=2, stop="four")
    streamed = client.completions.create(model="gpt-4o", prompt="What is 2+2?", max_tokens=500, stream=True)

    assert (REFERENCE, "stop") == (whole.choices[0].text, whole.choices[0].finish_reason)
    assert short.usage is not None
    assert ("length", 16) == (short.choices[0].finish_reason, short.usage.completion_tokens)
    assert ["The answer is "] * 2 == [choice.text for choice in two.choices]
    assert REFERENCE == "".join(chunk.choices[0].text for chunk in streamed)


RESPONSE_INPUTS: dict[str, dict[str, Any]] = {
    "text": {},
    "turns": {"given": USER},
    "instructions": {"instructions": "Be terse."},
    "image": {"given": [{"role": "user", "content": [{"type": "input_text", "text": "What colour?"}, {"type": "input_image", "image_url": URI, "detail": "auto"}]}]},
    "tools": {"given": USER, "tools": [{"type": "function", "name": "add", "parameters": {"type": "object", "properties": {}}, "strict": False}], "store": False},
    "reasoning before": {"given": [{"type": "reasoning", "id": "r", "summary": []}, *USER]},
}  # fmt: skip


@pytest.mark.parametrize("name", RESPONSE_INPUTS)
def test_responses_whole(client: OpenAI, name: str) -> None:
    """Every form of input has the same answer."""
    reply = respond(client, **RESPONSE_INPUTS[name])

    assert (REFERENCE, "completed") == (reply.output_text, reply.status)
    assert reply.usage.total_tokens == reply.usage.input_tokens + reply.usage.output_tokens


def test_responses_tool_history(client: OpenAI) -> None:
    """Calls and their results are input items."""
    history = [{"type": "function_call", "call_id": "c", "name": "add", "arguments": "{}"}, {"type": "function_call_output", "call_id": "c", "output": "4"}]  # fmt: skip

    assert respond(client, given=USER + history).output_text


def test_responses_streamed(client: OpenAI) -> None:
    """Deltas and the whole response at the end agree."""
    events = list(respond(client, given=USER, stream=True))

    assert REFERENCE == "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert REFERENCE == events[-1].response.output_text


def test_responses_stream_helper(client: OpenAI) -> None:
    """The client's own accumulation."""
    with client.responses.stream(model="gpt-4o", input=USER) as stream:
        for _ in stream:
            pass
        assert REFERENCE == stream.get_final_response().output_text


def test_responses_budget(client: OpenAI) -> None:
    """An incomplete response says why."""
    reply = respond(client, max_output_tokens=16)

    assert ("incomplete", "max_output_tokens") == (reply.status, reply.incomplete_details.reason)


def test_responses_reasoning(client: OpenAI) -> None:
    """A summary is an item before the message, and is counted."""
    reply = respond(client, "think-summary")

    assert ("reasoning", 20, REFERENCE) == (reply.output[0].type, reply.usage.output_tokens_details.reasoning_tokens, reply.output_text)  # fmt: skip


def test_responses_input_tokens(client: OpenAI) -> None:
    """As many as the reply's own count."""
    counted = client.responses.input_tokens.count(model="gpt-4o", input="What is 2+2?")

    assert respond(client).usage.input_tokens == counted.input_tokens

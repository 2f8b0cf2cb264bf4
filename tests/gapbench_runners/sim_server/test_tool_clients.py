"""The vendors' own clients play an episode against the simulated provider, streamed and whole, and parse all of it."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from google.genai import types

from tests.gapbench_runners.episodes import (
    DONE,
    FIND,
    MAIL,
    REFUND,
    RESULTS,
    TASK,
    TOOLS,
    shop_truth,
)
from tests.gapbench_runners.sim_server.test_clients import anthropic_client, google_client, openai_client
from tests.gapbench_runners.simulated import mind, served

Made = list[list[tuple[str, Any]]]
"""The calls of each reply."""
PLAYED: Made = [[(FIND, {"customer": "Ada"})], [(REFUND, {"order": 42}), (MAIL, {"to": "Ada"})], []]
OPENAI_TOOLS: list[Any] = [
    {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    for tool in TOOLS.tools
]
NESTED_TOOLS: Any = [{"type": "function", "function": tool} for tool in OPENAI_TOOLS]
FLAT_TOOLS: Any = [{"type": "function", "strict": False, **tool} for tool in OPENAI_TOOLS]
ANTHROPIC_TOOLS: Any = [
    {"name": tool.name, "description": tool.description, "input_schema": dict(tool.parameters)}
    for tool in TOOLS.tools
]
GOOGLE_TOOLS = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name=tool.name, description=tool.description, parameters_json_schema=dict(tool.parameters)
        )
        for tool in TOOLS.tools
    ]
)


async def play_chat(client: Any, *, stream: bool, **more: Any) -> tuple[Made, str]:
    messages: list[Any] = [{"role": "user", "content": TASK}]
    made: Made = []
    while True:
        given: Any = {"model": "m", "messages": messages, "tools": NESTED_TOOLS, **more}
        if stream:
            async with client.chat.completions.stream(**given) as events:
                async for _ in events:
                    pass
                reply = await events.get_final_completion()
        else:
            reply = await client.chat.completions.create(**given)
        (choice,) = reply.choices
        calls = choice.message.tool_calls or []
        made.append([(call.function.name, json.loads(call.function.arguments)) for call in calls])
        assert choice.finish_reason == ("tool_calls" if calls else "stop")
        if not calls:
            return made, choice.message.content
        messages.append(
            {
                "role": "assistant",
                "content": choice.message.content,
                "tool_calls": [
                    {
                        "id": call.id,
                        "type": "function",
                        "function": {"name": call.function.name, "arguments": call.function.arguments},
                    }
                    for call in calls
                ],
            }
        )
        messages += (
            {"role": "tool", "tool_call_id": call.id, "content": RESULTS[call.function.name]}
            for call in calls
        )


async def play_responses(client: Any, *, stream: bool, **more: Any) -> tuple[Made, str]:
    items: list[Any] = [{"role": "user", "content": TASK}]
    made: Made = []
    while True:
        given: Any = {"model": "m", "input": items, "tools": FLAT_TOOLS, "store": False, **more}
        if stream:
            async with client.responses.stream(**given) as events:
                async for _ in events:
                    pass
                reply = await events.get_final_response()
        else:
            reply = await client.responses.create(**given)
        calls = [item for item in reply.output if item.type == "function_call"]
        made.append([(call.name, json.loads(call.arguments)) for call in calls])
        if not calls:
            return made, reply.output_text
        items += (item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in reply.output)
        items += (
            {"type": "function_call_output", "call_id": call.call_id, "output": RESULTS[call.name]}
            for call in calls
        )


async def play_messages(client: Any, *, stream: bool, **more: Any) -> tuple[Made, str]:
    messages: list[Any] = [{"role": "user", "content": TASK}]
    made: Made = []
    while True:
        given: Any = {"model": "m", "max_tokens": 500, "messages": messages, "tools": ANTHROPIC_TOOLS, **more}
        if stream:
            async with client.messages.stream(**given) as events:
                async for _ in events:
                    pass
                reply = await events.get_final_message()
        else:
            reply = await client.messages.create(**given)
        calls = [block for block in reply.content if block.type == "tool_use"]
        made.append([(call.name, call.input) for call in calls])
        assert reply.stop_reason == ("tool_use" if calls else "end_turn")
        if not calls:
            return made, reply.content[-1].text
        messages.append({"role": "assistant", "content": [block.model_dump() for block in reply.content]})
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": RESULTS[call.name]} for call in calls
        ]
        messages.append({"role": "user", "content": results})


async def play_google(client: Any, *, stream: bool, **more: Any) -> tuple[Made, str]:
    config = types.GenerateContentConfig(
        tools=[GOOGLE_TOOLS],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        **more,
    )
    chat = client.aio.chats.create(model="m", config=config)
    said: Any = TASK
    made: Made = []
    while True:
        if stream:
            replies = [reply async for reply in await chat.send_message_stream(said)]
        else:
            replies = [await chat.send_message(said)]
        calls = [call for reply in replies for call in reply.function_calls or ()]
        made.append([(call.name, call.args) for call in calls])
        if not calls:
            return made, "".join(reply.text or "" for reply in replies)
        said = [
            types.Part(
                function_response=types.FunctionResponse(
                    id=call.id, name=call.name, response={"output": RESULTS[call.name]}
                )
            )
            for call in calls
        ]


Play = Callable[..., Awaitable[tuple[Made, str]]]
PLAYERS: dict[str, tuple[Callable[[str, str], Any], Play]] = {
    "chat": (openai_client, play_chat),
    "responses": (openai_client, play_responses),
    "messages": (anthropic_client, play_messages),
    "google": (google_client, play_google),
}
THINKS: dict[str, dict[str, Any]] = {
    shown: {"reasoning": {"tokens": 12, "shown": shown}} for shown in ("verbatim", "summary", "hidden")
}


def played(vendor: str, *, stream: bool, persona: dict[str, Any], **more: Any) -> tuple[Made, str]:
    """Return what a vendor's client gets of an episode."""
    client_of, play = PLAYERS[vendor]

    async def main() -> tuple[Made, str]:
        async with served(m=mind(shop_truth(), **persona)) as (url, _):
            client = client_of(url, "k")
            try:
                return await play(client, stream=stream, **more)
            finally:
                await (client.aio.aclose() if vendor == "google" else client.close())

    return asyncio.run(main())


@pytest.mark.parametrize("persona", [{}, *THINKS.values()], ids=["plain", *THINKS])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("vendor", PLAYERS)
def test_an_official_client_plays_the_episode(vendor: str, stream: bool, persona: dict[str, Any]) -> None:
    """The reference's calls and its last text, with a persona that thinks in any way and one that does not."""
    assert played(vendor, stream=stream, persona=persona) == (PLAYED, DONE)


@pytest.mark.parametrize("bundle", [1, 3])
@pytest.mark.parametrize("vendor", PLAYERS)
def test_the_size_of_chunks_changes_nothing(vendor: str, bundle: int) -> None:
    """One character a token, and three tokens a chunk."""
    persona = {"chars_per_token": 1, "tokens_per_chunk": bundle}

    assert played(vendor, stream=True, persona=persona) == (PLAYED, DONE)


ONE_CALL: dict[str, dict[str, Any]] = {
    "chat": {"parallel_tool_calls": False},
    "responses": {"parallel_tool_calls": False},
    "messages": {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
}


@pytest.mark.parametrize("vendor", ONE_CALL)
def test_parallel_calls_can_be_turned_off(vendor: str) -> None:
    """The same calls, one a reply; Google has no such setting."""
    made, text = played(vendor, stream=True, persona={}, **ONE_CALL[vendor])

    assert (made, text) == ([[call] for reply in PLAYED[:2] for call in reply] + [[]], DONE)


async def chat_once(client: Any, **more: Any) -> Any:
    return await client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": TASK}], tools=NESTED_TOOLS, **more
    )


def once(persona: dict[str, Any], **more: Any) -> Any:
    async def main() -> Any:
        async with served(m=mind(shop_truth(), **persona)) as (url, _), openai_client(url, "k") as client:
            return (await chat_once(client, **more)).choices[0]

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("none", []),
        ("required", [FIND]),
        ({"type": "function", "function": {"name": MAIL}}, [MAIL]),
        ("auto", [FIND]),
    ],
)
def test_a_choice_of_tools_is_kept(choice: Any, names: list[str]) -> None:
    """No call, some call, that call, or as the persona likes."""
    found = once({}, tool_choice=choice).message.tool_calls or []

    assert [call.function.name for call in found] == names


def test_structured_output_is_accepted_by_all_four() -> None:
    """Each in its own form; the reply is the persona's."""
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}  # fmt: skip

    async def main() -> list[str]:
        async with served(m=mind(dataclasses.replace(shop_truth(), reference_turns=(), reference="{}"))) as (
            url,
            _,
        ):
            async with openai_client(url, "k") as client:
                form: Any = {"name": "s", "schema": schema, "strict": True}
                text_format: Any = {"format": {"type": "json_schema", **form}}
                asked: Any = [{"role": "user", "content": TASK}]
                chat = await client.chat.completions.create(
                    model="m", messages=asked, response_format={"type": "json_schema", "json_schema": form}
                )
                answer = await client.responses.create(model="m", input=TASK, text=text_format)
            async with anthropic_client(url, "k") as other:
                message = await other.messages.create(
                    model="m", max_tokens=9, messages=asked,
                    output_config={"format": {"type": "json_schema", "schema": schema}},
                )  # fmt: skip
            google = google_client(url, "k")
            config = types.GenerateContentConfig(
                response_mime_type="application/json", response_json_schema=schema
            )
            generated = await google.aio.models.generate_content(model="m", contents=TASK, config=config)
            await google.aio.aclose()
            first: Any = message.content[0]
            return [str(chat.choices[0].message.content), answer.output_text, first.text, str(generated.text)]

    assert asyncio.run(main()) == ["{}"] * 4

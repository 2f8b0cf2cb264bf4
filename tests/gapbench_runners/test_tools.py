"""Native tools over HTTP: what each vendor's own client puts on the wire, and what comes back of it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import pytest

from gapbench.values import (
    Message,
    Model,
    Params,
    ReasoningState,
    Response,
    ResponseSchema,
    Tool,
    ToolCall,
    ToolResult,
    ToolSet,
)
from gapbench_runners.anthropic import AnthropicRunner
from gapbench_runners.google import GoogleRunner
from gapbench_runners.openai import OpenAIRunner
from gapbench_runners.vllm.in_process_engine import InProcessEngine
from gapbench_runners.vllm.runner import VllmRunner
from tests.gapbench_runners.conversations import (
    BOOK,
    PARAMETERS,
    REASONING,
    STATES,
    THINKING,
    TOOLS,
    WAV,
    WEATHER,
    answered,
    history,
    prepare,
    user,
)
from tests.gapbench_runners.events import chat, generate, messages, responses
from tests.gapbench_runners.replay import Replay, ask

APIS = ("chat", "responses", "messages", "generate")
DOORS: dict[str, tuple[Any, Model, str]] = {
    "chat": (OpenAIRunner, Model("m", "openai", "x", "open"), "/v1"),
    "responses": (OpenAIRunner, Model("m", "openai", "x", "open", options={"api": "responses"}), "/v1"),
    "messages": (AnthropicRunner, Model("m", "anthropic", "x", "open"), ""),
    "generate": (GoogleRunner, Model("m", "google", "gemini-3-pro", "open"), ""),
    "vllm": (VllmRunner, Model("m", "vllm", "x", "open"), "/v1"),
}
CITIES = ('{"city": "Rome", "days": 2}', '{"city": "Oslo"}')


def _chat_stream() -> str:
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "I look."}]
    for place, text in enumerate(CITIES):
        function = {"name": "weather_get", "arguments": ""}
        deltas.append(
            {"tool_calls": [{"index": place, "id": f"c{place}", "type": "function", "function": function}]}
        )
        deltas += [
            {"tool_calls": [{"index": place, "function": {"arguments": text[start : start + 5]}}]}
            for start in range(0, len(text), 5)
        ]
    return chat(*deltas, finish="tool_calls")


def _responses_stream() -> str:
    events: list[dict[str, Any]] = [
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "part"}},
        {"type": "response.output_item.done", "output_index": 0, "item": REASONING},
        {"type": "response.output_text.delta", "output_index": 1, "item_id": "m", "delta": "I look."},
    ]  # fmt: skip
    for place, text in enumerate(CITIES, 2):
        item = {
            "type": "function_call",
            "id": f"fc{place}",
            "call_id": f"c{place - 2}",
            "name": "weather_get",
        }
        key = {"output_index": place, "item_id": f"fc{place}"}
        events.append({"type": "response.output_item.added", **key, "item": {**item, "arguments": ""}})
        events += [
            {"type": "response.function_call_arguments.delta", **key, "delta": text[start : start + 5]}
            for start in range(0, len(text), 5)
        ]
        events.append({"type": "response.function_call_arguments.done", **key, "arguments": text})
        events.append({"type": "response.output_item.done", **key, "item": {**item, "arguments": text}})
    return responses(*events)


def _messages_stream() -> str:
    thinking = [
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "Look "},
        {"type": "thinking_delta", "thinking": "first."},
        {"type": "signature_delta", "signature": "c2lnbmVk"},
    ]
    calls: list[list[dict[str, Any]]] = [
        [
            {"type": "tool_use", "id": f"c{place}", "name": "weather_get", "input": {}},
            *(
                {"type": "input_json_delta", "partial_json": text[start : start + 5]}
                for start in range(0, len(text), 5)
            ),
        ]
        for place, text in enumerate(CITIES)
    ]
    text = [{"type": "text", "text": ""}, {"type": "text_delta", "text": "I look."}]
    hidden = [{"type": "redacted_thinking", "data": "cmVkYWN0ZWQ="}]
    return messages(thinking, hidden, text, *calls, stop="tool_use")


def _generate_stream() -> str:
    calls = [
        {"functionCall": {"name": "weather.get", "args": json.loads(text), "id": f"c{place}"}}
        for place, text in enumerate(CITIES)
    ]
    calls[0]["thoughtSignature"] = "c2lnbmVk"  # type: ignore[assignment]
    return generate([{"text": "I look.", "thoughtSignature": "dGV4dA=="}], calls)


STREAMS = {
    "chat": _chat_stream,
    "vllm": _chat_stream,
    "responses": _responses_stream,
    "messages": _messages_stream,
    "generate": _generate_stream,
}


def heard(
    kind: str, body: str, given: tuple[Message, ...], tools: ToolSet | None = TOOLS, **changes: Any
) -> tuple[Response, dict[str, Any]]:
    """Return what a runner makes of a stream, and the body that its client sent."""
    runner, model, path = DOORS[kind]
    replay = Replay(body.encode())
    response = ask(runner, replay, model=model, path=path, messages=given, tools=tools, **changes)
    return response, replay.asked[0]


@pytest.mark.parametrize("kind", list(STREAMS))
def test_parallel_calls_come_back_whole_under_the_suites_name(kind: str) -> None:
    """Text before them, each with its id and its arguments as streamed."""
    response, _ = heard(kind, STREAMS[kind](), (user("Weather?"),))

    assert ("I look.", None) == (response.text, response.failure)
    assert [("c0", "weather.get"), ("c1", "weather.get")] == [
        (call.id, call.name) for call in response.tool_calls
    ]
    assert [json.loads(text) for text in CITIES] == [
        json.loads(call.arguments_json) for call in response.tool_calls
    ]


@pytest.mark.parametrize("kind", list(STREAMS))
def test_the_first_call_is_complete_before_the_last_token(kind: str) -> None:
    """The instants of a call are those of its own pieces, also where its name was restored."""
    timing = heard(kind, STREAMS[kind](), (user("Weather?"),))[0].timing

    assert timing.first_tool_call_s is not None
    assert timing.first_complete_call_s is not None
    assert timing.last_token_s is not None
    assert timing.first_tool_call_s <= timing.first_complete_call_s <= timing.last_token_s
    assert sorted(timing.chunk_s) == list(timing.chunk_s)


OWN_STATES: Mapping[str, tuple[ReasoningState, ...]] = {
    "chat": (),
    "vllm": (),
    "responses": (STATES[2],),
    "messages": (STATES[0], STATES[1]),
    "generate": (ReasoningState("google", {"text": "I look.", "thoughtSignature": "dGV4dA=="}),),
}


@pytest.mark.parametrize("kind", list(STREAMS))
def test_reasoning_state_is_in_the_reply(kind: str) -> None:
    """Whole, and before what follows from it."""
    parts = heard(kind, STREAMS[kind](), (user("Weather?"),))[0].parts

    assert OWN_STATES[kind] == tuple(part for part in parts if isinstance(part, ReasoningState))
    assert isinstance(parts[-1], ToolCall)
    assert (kind == "generate") == any(
        part.signature == "c2lnbmVk" for part in parts if isinstance(part, ToolCall)
    )


def second_turn(kind: str) -> dict[str, Any]:
    """Return what is sent after the calls of the first turn were answered, one of them with an error."""
    first = (user("Weather?"),)
    response, _ = heard(kind, STREAMS[kind](), first)
    results = [
        answered(ToolResult(call.id, call.name, "storm" if place else "no such city", is_error=not place))
        for place, call in enumerate(response.tool_calls)
    ]
    return heard(kind, STREAMS[kind](), (*first, response.to_message(), *results))[1]


def test_second_turn_of_chat_completions() -> None:
    """Calls as they came, then their results."""
    for kind in ("chat", "vllm"):
        _, asked, *results = second_turn(kind)["messages"]

        assert [("c0", CITIES[0]), ("c1", CITIES[1])] == [
            (call["id"], call["function"]["arguments"]) for call in asked["tool_calls"]
        ]
        assert [
            {"role": "tool", "tool_call_id": "c0", "content": "no such city"},
            {"role": "tool", "tool_call_id": "c1", "content": "storm"},
        ] == results


def test_second_turn_of_responses() -> None:
    """The reasoning item goes back unchanged before the calls; nothing is stored at the provider."""
    body = second_turn("responses")

    assert body["store"] is False
    assert [
        REASONING,
        {"role": "assistant", "content": "I look."},
        {"type": "function_call", "call_id": "c0", "name": "weather_get", "arguments": CITIES[0]},
        {"type": "function_call", "call_id": "c1", "name": "weather_get", "arguments": CITIES[1]},
        {"type": "function_call_output", "call_id": "c0", "output": "no such city"},
        {"type": "function_call_output", "call_id": "c1", "output": "storm"},
    ] == body["input"][1:]


def test_second_turn_of_messages() -> None:
    """Signed and redacted thinking go back unchanged before the call; both results are in one message."""
    _, asked, results = second_turn("messages")["messages"]

    assert [THINKING, {"type": "redacted_thinking", "data": "cmVkYWN0ZWQ="}] == asked["content"][:2]
    assert [json.loads(text) for text in CITIES] == [block["input"] for block in asked["content"][3:]]
    assert [
        {"type": "tool_result", "tool_use_id": "c0", "content": "no such city", "is_error": True},
        {"type": "tool_result", "tool_use_id": "c1", "content": "storm"},
    ] == results["content"]


def test_second_turn_of_generate_content() -> None:
    """Each thought signature goes back on the part on which it came; Google's mark for foreign calls is not needed."""
    _, asked, results = second_turn("generate")["contents"]

    text, first, second = asked["parts"]
    assert {"text": "I look.", "thoughtSignature": "dGV4dA=="} == text
    assert ("c2lnbmVk", {"city": "Rome", "days": 2}) == (
        first["thoughtSignature"],
        first["functionCall"]["args"],
    )
    assert "thoughtSignature" not in second
    assert [("c0", {"error": "no such city"}), ("c1", {"output": "storm"})] == [
        (part["functionResponse"]["id"], part["functionResponse"]["response"]) for part in results["parts"]
    ]


@pytest.mark.parametrize("kind", list(STREAMS))
def test_a_recorded_conversation_of_another_vendor_is_sent(kind: str) -> None:
    """With foreign ids, an error and a document, where the vendor takes one."""
    response, body = heard(kind, STREAMS[kind](), history())

    assert response.failure is None
    assert "no such station" in json.dumps(body)


@pytest.mark.parametrize("kind", APIS)
def test_declared_tools_on_the_wire(kind: str) -> None:
    """Name, description and schema; vendors without dots in names get an underscore."""
    body = heard(kind, STREAMS[kind](), (user("Weather?"),))[1]
    name = "weather.get" if kind == "generate" else "weather_get"
    function = {"name": name, "description": "The weather of a city."}

    expected = {
        "chat": {"type": "function", "function": {**function, "parameters": PARAMETERS}},
        "responses": {"type": "function", **function, "parameters": PARAMETERS, "strict": None},
        "messages": {**function, "input_schema": PARAMETERS},
    }
    if kind == "generate":
        declared = body["tools"][0]["functionDeclarations"][0]
        schema = declared.pop("parametersJsonSchema", None) or declared.pop("parameters_json_schema")
        assert (function, PARAMETERS) == (declared, schema)
    else:
        assert expected[kind] == body["tools"][0]


CHOICES: dict[tuple[str, str], Any] = {
    ("chat", "auto"): "auto",
    ("chat", "none"): "none",
    ("chat", "required"): "required",
    ("chat", "weather.get"): {"type": "function", "function": {"name": "weather_get"}},
    ("responses", "required"): "required",
    ("responses", "weather.get"): {"type": "function", "name": "weather_get"},
    ("messages", "auto"): {"type": "auto", "disable_parallel_tool_use": True},
    ("messages", "required"): {"type": "any", "disable_parallel_tool_use": True},
    ("messages", "none"): {"type": "none"},
    ("messages", "weather.get"): {"type": "tool", "name": "weather_get", "disable_parallel_tool_use": True},
    ("generate", "auto"): {"mode": "AUTO"},
    ("generate", "required"): {"mode": "ANY"},
    ("generate", "none"): {"mode": "NONE"},
    ("generate", "weather.get"): {"mode": "ANY", "allowedFunctionNames": ["weather.get"]},
}


@pytest.mark.parametrize(("kind", "choice"), list(CHOICES))
def test_the_choice_on_the_wire(kind: str, choice: str) -> None:
    """And whether one reply may hold several calls."""
    tools = dataclasses.replace(TOOLS, choice=choice, parallel=False)
    body = heard(kind, STREAMS[kind](), (user("Weather?"),), tools)[1]

    sent = body["toolConfig"]["functionCallingConfig"] if kind == "generate" else body["tool_choice"]
    assert CHOICES[kind, choice] == sent
    assert (False if kind in {"chat", "responses"} else None) == body.get("parallel_tool_calls")


def test_what_generate_content_cannot_be_told() -> None:
    """There is no setting for parallel calls, and one mode for all tools."""
    tools = ToolSet((dataclasses.replace(WEATHER, strict=True), BOOK), parallel=True)
    call = prepare("generate", (user("a"),), tools=tools)

    assert "VALIDATED" == call.params_sent["tool_choice"]
    assert "parallel_tool_calls dropped: generateContent has no such setting" in call.changes
    assert "strict sent as the mode VALIDATED for all tools" in call.changes


def test_a_set_without_tools_is_not_sent() -> None:
    """An empty list is refused by vLLM and OpenAI."""
    for kind in STREAMS:
        body = heard(kind, STREAMS[kind](), (user("a"),), ToolSet(()))[1]

        assert not {"tools", "tool_choice", "toolConfig", "parallel_tool_calls"} & set(body)


REPLY = ResponseSchema("city report", PARAMETERS, strict=True)


def closed() -> dict[str, Any]:
    """Return the parameters as OpenAI's strict mode takes them."""
    days = {"type": ["integer", "null"], "minimum": 1}
    properties = {"city": {"type": "string"}, "days": days}
    return {
        "type": "object",
        "properties": properties,
        "required": ["city", "days"],
        "additionalProperties": False,
    }


def test_structured_output_of_every_vendor() -> None:
    """Each in its own form, with the schema in its subset."""
    bodies = {kind: prepare(kind, (user("a"),), response_schema=REPLY).body for kind in (*APIS, "vllm")}
    named = {"name": "city_report", "strict": True}

    assert {"type": "json_schema", "json_schema": {**named, "schema": closed()}} == bodies["chat"][
        "response_format"
    ]
    assert {"format": {"type": "json_schema", **named, "schema": closed()}} == bodies["responses"]["text"]
    assert {"type": "json_schema", "json_schema": {**named, "schema": PARAMETERS}} == bodies["vllm"][
        "response_format"
    ]
    assert (
        "{minimum: 1}"
        == bodies["messages"]["output_config"]["format"]["schema"]["properties"]["days"]["description"]
    )
    assert ("application/json", PARAMETERS) == (
        bodies["generate"]["config"]["response_mime_type"],
        bodies["generate"]["config"]["response_json_schema"],
    )


def test_structured_output_on_the_wire() -> None:
    """The official clients pass it on."""
    for kind, key in (("chat", "response_format"), ("responses", "text"), ("messages", "output_config")):
        assert key in heard(kind, STREAMS[kind](), (user("a"),), None, schema=REPLY)[1]
    body = heard("generate", STREAMS["generate"](), (user("a"),), None, schema=REPLY)[1]
    assert PARAMETERS == body["generationConfig"]["responseJsonSchema"]


def test_an_effort_and_a_schema_share_the_output_config() -> None:
    """Messages has one field for both."""
    config = prepare("messages", (user("a"),), params=Params(reasoning="high"), response_schema=REPLY).body[
        "output_config"
    ]

    assert {"effort", "format"} == set(config)


@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        ("chat", ["tool weather.get renamed weather_get: OpenAI allows letters, digits, _ and -", "tool weather.get: additionalProperties set to false", "tool weather.get: optional days sent as required or null"]),
        ("responses", ["tool weather.get renamed weather_get: OpenAI allows letters, digits, _ and -", "tool weather.get: additionalProperties set to false", "tool weather.get: optional days sent as required or null"]),
        ("messages", ["tool weather.get renamed weather_get: Anthropic allows letters, digits, _ and -", "tool weather.get: additionalProperties set to false", "tool weather.get: minimum moved to the description"]),
        ("generate", ["strict sent as the mode VALIDATED for all tools"]),
        ("vllm", ["tool weather.get renamed weather_get: OpenAI allows letters, digits, _ and -"]),
    ],
)  # fmt: skip
def test_each_rewrite_is_listed(kind: str, lines: list[str]) -> None:
    """For the fairness line of the gap."""
    tools = ToolSet((dataclasses.replace(WEATHER, strict=True),))
    changes = prepare(kind, (user("a"),), tools=tools, params=Params(max_tokens=9)).changes

    assert lines == [change for change in changes if "tool" in change or "strict" in change]


@pytest.mark.parametrize("kind", ["chat", "responses"])
def test_a_null_for_an_argument_that_may_be_left_out_is_left_out(kind: str) -> None:
    """OpenAI's strict mode has no optional arguments; the suite's schema does not allow the null."""
    runner, _, path = DOORS[kind]
    text = '{"city": "Rome", "days": null}'
    if kind == "chat":
        first = {"index": 0, "id": "c0", "function": {"name": "weather_get", "arguments": ""}}
        pieces = [
            {"tool_calls": [{"index": 0, "function": {"arguments": text[at : at + 4]}}]}
            for at in range(0, len(text), 4)
        ]
        stream = chat({"tool_calls": [first]}, *pieces, finish="tool_calls")
    else:
        item = {"type": "function_call", "id": "f", "call_id": "c0", "name": "weather_get", "arguments": text}
        stream = responses({"type": "response.output_item.done", "output_index": 0, "item": item})
    model = dataclasses.replace(DOORS[kind][1], name="gpt-5-mini")
    strict = ToolSet((dataclasses.replace(WEATHER, strict=True),))
    response = ask(
        _official(runner),
        Replay(stream.encode()),
        model=model,
        path=path,
        messages=(user("a"),),
        tools=strict,
    )

    assert [("weather.get", {"city": "Rome"})] == [
        (call.name, json.loads(call.arguments_json)) for call in response.tool_calls
    ]


def _official(runner: Any) -> Any:
    """Return a runner that takes a local address for the vendor's own."""

    class Official(runner):  # type: ignore[misc]
        _has_official_rules = True

    return Official


PROBLEMS: list[tuple[str, ToolSet, str]] = [
    ("chat", ToolSet((WEATHER, dataclasses.replace(WEATHER, name="weather get"))), "tools 'weather.get' and 'weather get' would both be sent as 'weather_get'"),
    ("generate", ToolSet((WEATHER, WEATHER)), "tool 'weather.get' is declared twice"),
    ("messages", ToolSet((Tool("a" * 64 + "b", "", PARAMETERS), Tool("a" * 64 + "c", "", PARAMETERS))), f"tools '{'a' * 64}b' and '{'a' * 64}c' would both be sent"),
    ("responses", ToolSet((WEATHER,), choice="wether.get"), "tool_choice: found 'wether.get'; expected one of auto, none, required, weather.get"),
    ("chat", ToolSet((), choice="required"), "tool_choice is 'required', but there are no tools"),
    ("messages", ToolSet((Tool("t", "", {"type": "array"}),)), "tool 't': found parameters of the type 'array'"),
    ("chat", ToolSet((Tool("t", "", {"type": "object", "anyOf": []}),)), "tool 't': found anyOf at the top of its parameters"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "tools", "line"), PROBLEMS)
def test_tools_that_cannot_be_declared_are_a_problem_before_the_run(
    kind: str, tools: ToolSet, line: str
) -> None:
    """One line; parameters stay known."""
    call = prepare(kind, (user("a"),), tools=tools)

    assert call.problem is not None
    assert call.problem.startswith(line)
    assert "\n" not in call.problem


@pytest.mark.parametrize("kind", [*APIS, "vllm"])
def test_a_call_with_a_problem_is_refused_and_never_sent(kind: str) -> None:
    """Even by an engine that does not look at the problem."""
    runner, model, path = DOORS[kind]
    replay = Replay()
    twice = ToolSet((WEATHER, WEATHER))
    failure = ask(runner, replay, model=model, path=path, messages=(user("a"),), tools=twice).failure

    assert failure is not None
    assert ("bad_request", []) == (failure.kind, replay.asked)
    assert "declared twice" in failure.message


def test_older_models_of_google_take_a_schema_or_tools() -> None:
    """They refuse both together."""
    model = Model("m", "google", "gemini-2.5-pro", "closed")
    problem = prepare(model, (user("a"),), tools=TOOLS, response_schema=REPLY).problem

    assert "gemini-2.5-pro takes no response_schema together with tools; leave one of the two out" == problem
    assert prepare("generate", (user("a"),), tools=TOOLS, response_schema=REPLY).problem is None


def test_a_forced_call_turns_thinking_with_a_budget_off() -> None:
    """Messages refuses the two together; adaptive thinking is no problem."""
    params = Params(max_tokens=4_000, reasoning="low")
    forced = dataclasses.replace(TOOLS, choice="required")

    assert "disabled" == prepare("manual", (user("a"),), tools=forced, params=params).body["thinking"]["type"]
    assert (
        "adaptive" == prepare("messages", (user("a"),), tools=forced, params=params).body["thinking"]["type"]
    )


def test_parameters_sent_say_how_tools_were_declared() -> None:
    """With few distinct values, so that rows with other tools are alike."""
    tools = ToolSet((dataclasses.replace(WEATHER, strict=True), BOOK), "weather.get", parallel=False)
    sent = prepare("chat", (user("a"),), tools=tools, response_schema=REPLY).params_sent

    assert {
        "tools": 2,
        "tool_choice": "weather_get",
        "strict": "mixed",
        "parallel_tool_calls": False,
        "response_schema": "strict",
    }.items() <= sent.items()


def test_prompts_of_one_task_share_a_template() -> None:
    """The samples of a task have one set of tools, and their requests are built by the SDK once."""
    runner = OpenAIRunner(Model("m", "openai", "x", "open", base_url="http://127.0.0.1:9/v1"))
    params = Params(max_tokens=9)
    first, second = (prepare(runner, (user(text),), tools=TOOLS, params=params) for text in ("a", "b"))
    other = prepare(runner, (user("a"),), tools=ToolSet((BOOK,)), params=params)

    assert first.template_key is not None
    assert first.template_key == second.template_key
    assert first.template_key != other.template_key


@pytest.mark.parametrize(
    ("request_parts", "found"),
    [
        ({"tools": TOOLS}, "tools"),
        ({"response_schema": REPLY}, "a response_schema"),
        ({"messages": history()}, "a prompt with tool calls"),
        ({"messages": (user(WAV),)}, "a prompt with tool calls"),
    ],
)
def test_the_engine_in_this_process_names_what_only_the_server_takes(
    request_parts: dict[str, Any], found: str
) -> None:
    """Its replies are text, and the parsers belong to the server."""
    engine = InProcessEngine(Model("m", "vllm", "q", "open"), {})
    given = {"messages": (user("a"),), **request_parts}
    problem = prepare(engine, given.pop("messages"), **given).problem

    assert problem is not None
    assert problem.startswith(f"engine: found {found}")
    assert prepare(engine, (user("a"),)).problem is None


def test_googles_compatible_route_gets_its_signature_back() -> None:
    """It hides it in a field of its own, and refuses the next turn without it."""
    extra = {"google": {"thought_signature": "c2lnbmVk"}}
    tool = {"index": 0, "id": "c0", "function": {"name": "book", "arguments": "{}"}, "extra_content": extra}
    response, _ = heard("chat", chat({"tool_calls": [tool]}, finish="tool_calls"), (user("a"),))
    turn = (user("a"), response.to_message(), answered(ToolResult("c0", "book", "done")))
    base_url = "https://generativelanguage.googleapis.com/v1beta/openai"
    model = Model("m", "openai", "gemini-3-pro", "closed", base_url=base_url)

    assert extra == prepare(model, turn).body["messages"][1]["tool_calls"][0]["extra_content"]
    assert "extra_content" not in prepare("vllm", turn).body["messages"][1]["tool_calls"][0]


def test_the_phase_of_a_message_goes_back() -> None:
    """OpenAI's models lose quality without it; the text is sent once."""
    content = [{"type": "output_text", "text": "I look.", "annotations": []}]
    message = {"type": "message", "id": "m", "role": "assistant", "phase": "commentary", "content": content}
    item = {"type": "function_call", "id": "f", "call_id": "c0", "name": "book", "arguments": "{}"}
    stream = responses(
        {"type": "response.output_text.delta", "output_index": 0, "item_id": "m", "delta": "I look."},
        {"type": "response.output_item.done", "output_index": 0, "item": message},
        {"type": "response.output_item.done", "output_index": 1, "item": item},
    )
    reply = heard("responses", stream, (user("a"),))[0].to_message()
    sent = heard("responses", stream, (user("a"), reply, answered(ToolResult("c0", "book", "done"))))[1]

    assert "I look." == reply.text
    assert [
        {"role": "assistant", "content": "I look.", "phase": "commentary"},
        {"type": "function_call", "call_id": "c0", "name": "book", "arguments": "{}"},
    ] == sent["input"][1:3]

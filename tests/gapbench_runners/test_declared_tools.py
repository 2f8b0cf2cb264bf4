"""How tools, the choice of one, and the schema of a reply are declared to each vendor."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from gapbench.values import Model, Params, ResponseSchema, Tool, ToolSet
from gapbench_runners.openai import OpenAIRunner
from gapbench_runners.vllm.in_process_engine import InProcessEngine
from tests.gapbench_runners.conversations import BOOK, PARAMETERS, TOOLS, WAV, WEATHER, history, prepare, user
from tests.gapbench_runners.events import chat, responses
from tests.gapbench_runners.replay import Replay, ask
from tests.tool_streams import DOORS, STREAMS, closed, heard

APIS = ("chat", "responses", "messages", "generate")


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

"""The parser that reads tool calls out of a model's text: started, named in the run, and missed in one clear line."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from typing import Any

import pytest

from gapbench.errors import InputError
from gapbench.suite.model_schema import add_runner_options
from gapbench.values import Model
from gapbench_runners.anthropic import AnthropicRunner
from gapbench_runners.openai import OpenAIRunner
from gapbench_runners.vllm.runner import VllmRunner
from tests.gapbench_runners.conversations import TOOLS, prepare, user
from tests.gapbench_runners.replay import Replay, ask

BOTH = ["--enable-auto-tool-choice", "--tool-call-parser", "hermes"]


def served(*args: str, command: list[str] | None = None, **options: Any) -> Model:
    """Return a model whose server bench starts; `python` is a program that is there."""
    program = {"command": command} if command else {"python": "/bin/sh"}
    return Model("m", "vllm", "q", "open", options={"serve": {**program, "args": [*args]}, **options})


@pytest.mark.parametrize(
    ("model", "choice", "is_missing"),
    [
        (served(), "auto", True),
        (served(), "required", True),
        (served(), "weather.get", True),
        (served(), "none", False),
        (served(*BOTH), "auto", False),
        (served(tool_parser="hermes"), "auto", False),
        (served(command=["my-vllm"]), "auto", False),
        (Model("m", "vllm", "q", "open", base_url="http://127.0.0.1:9/v1"), "auto", False),
    ],
)
def test_tools_without_a_parser_are_a_problem_before_the_run(
    model: Model, choice: str, is_missing: bool
) -> None:
    """The server refuses them, also a forced call; a command of the user's and a server elsewhere may have one."""
    problem = prepare(model, (user("a"),), tools=dataclasses.replace(TOOLS, choice=choice)).problem

    assert is_missing == (problem is not None)
    assert problem is None or "add tool_parser: hermes" in problem


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (served(), []),
        (served("--dtype", "float32", tool_parser="hermes"), ["--dtype", "float32", *BOTH]),
        (served(*BOTH, tool_parser="hermes"), BOTH),
        (served("--tool-call-parser=qwen3_xml"), ["--tool-call-parser=qwen3_xml", BOTH[0]]),
        (served(command=["my-vllm"], tool_parser="hermes"), BOTH),
    ],
)
def test_a_server_is_started_with_both_flags_once(model: Model, expected: list[str]) -> None:
    """The server reads no calls with one of the two alone."""
    command = VllmRunner(model)._command(8000)

    assert expected == command[command.index("8000") + 1 :]


@pytest.mark.parametrize(
    ("model", "line"),
    [
        (served(*BOTH, tool_parser="mistral"), "tool_parser: found 'mistral', and --tool-call-parser hermes"),
        (
            Model("m", "vllm", "q", "open", options={"engine": {}, "tool_parser": "hermes"}),
            "tool_parser: found with engine, which takes no tools",
        ),
    ],
)
def test_a_parser_that_cannot_be_used_is_refused(model: Model, line: str) -> None:
    """Two different ones, and one for an engine without a server."""
    with pytest.raises(InputError, match=line):
        VllmRunner(model)


def attached(**options: str) -> Model:
    return Model("m", "", "q", "open", base_url="http://127.0.0.1:9/v1", options=options)


@pytest.mark.parametrize(
    ("runner", "model", "parser"),
    [
        (VllmRunner, served(tool_parser="hermes"), "hermes"),
        (VllmRunner, served("--tool-call-parser=qwen3_xml"), "qwen3_xml"),
        (VllmRunner, served(), None),
        (VllmRunner, attached(tool_parser="hermes"), "hermes"),
        (VllmRunner, attached(), None),
        (OpenAIRunner, attached(api="responses", tool_parser="hermes"), "hermes"),
        (AnthropicRunner, attached(tool_parser="hermes"), "hermes"),
    ],
)
def test_run_json_names_the_parser(runner: Any, model: Model, parser: str | None) -> None:
    """No route of a server tells it, so it is what the suite says."""
    opened = runner(model)
    opened.base_url = "http://127.0.0.1:9/v1"

    assert parser == asyncio.run(opened.facts())["tool_call_parser"]


@pytest.mark.parametrize("runner", [OpenAIRunner, AnthropicRunner])
def test_a_vendor_that_returns_calls_itself_has_no_parser(runner: Any) -> None:
    """Then the fairness line says that the provider reads them."""
    assert "tool_call_parser" not in asyncio.run(runner(attached()).facts())


def test_the_key_is_explained_for_each_runner_that_takes_it() -> None:
    """One key of three runners has one description in the suite's schema."""
    schema: dict[str, Any] = {"$defs": {"ModelDocument": {"properties": {}}}}
    add_runner_options(schema)
    description = schema["$defs"]["ModelDocument"]["properties"]["tool_parser"]["description"]

    assert ["anthropic, openai", "vllm"] == [part.split(":")[0] for part in description.split("; ")]


REFUSED = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
REFUSALS = {
    "openai": {"error": {"message": REFUSED, "type": "BadRequestError", "param": None, "code": 400}},
    "anthropic": {"type": "error", "error": {"type": "BadRequestError", "message": REFUSED}},
}


@pytest.mark.parametrize(
    ("runner", "path", "form"),
    [(VllmRunner, "/v1", "openai"), (OpenAIRunner, "/v1", "openai"), (AnthropicRunner, "", "anthropic")],
)
def test_a_server_without_a_parser_is_told_with_what_to_add(runner: Any, path: str, form: str) -> None:
    """One line, for chat completions and Messages; vLLM's own words stand behind it."""
    replay = Replay(json.dumps(REFUSALS[form]).encode(), status=400, kind="application/json")
    failure = ask(
        runner, replay, model=Model("m", "", "q", "open"), path=path, messages=(user("a"),), tools=TOOLS
    ).failure

    assert failure is not None
    assert "bad_request" == failure.kind
    assert "start vLLM with --enable-auto-tool-choice and --tool-call-parser hermes" in failure.message
    assert REFUSED in failure.message
    assert "\n" not in failure.message

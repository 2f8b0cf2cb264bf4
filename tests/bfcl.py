"""BFCL's conversations for tests: played in this process, and by the package's own loop and rules."""

from __future__ import annotations

import asyncio
import copy
import importlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

from gapbench.agents import AgentConversation, ToolOutcome
from gapbench.sandbox import Sandbox
from gapbench.suite.bfcl import stateful
from gapbench.values import Message, Sample, Text, ToolCall, ToolSet, Transcript

DONE = Message("assistant", (Text("Done."),))
Replies = Sequence[Sequence[Message]]
"""What a model answers, by line of the user; after them it says that it is done."""


class DirectEnvironment:
    """Runs the calls in this process, so that a thousand conversations take seconds."""

    def __init__(self) -> None:
        self._state: Any = None

    async def open(self, state: Any) -> None:
        self._state = copy.deepcopy(state)
        stateful._objects.clear()

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolOutcome:
        return ToolOutcome(stateful.run_call(self._state, name=name, arguments=arguments))

    async def state(self) -> Any:
        return self._state

    async def close(self) -> None:
        """Nothing is open."""


def judge_directly(lines: Any, sample: Sample, sandbox: Sandbox) -> str | None:
    """Judge calls in this process; through JSON, as they reach the sandbox."""
    conversation: dict[str, Any] = json.loads(json.dumps({**sample.columns, "calls": lines}))
    return stateful.find_mismatch(**conversation)


Answer = Callable[[tuple[Message, ...], ToolSet | None], Message]
"""Returns the reply to a prompt with the tools declared."""


def play(sample: Sample, answer: Answer) -> Transcript:
    """Return the conversation in which a model answers so."""

    async def run() -> Transcript:
        conversation = AgentConversation(sample, environment=DirectEnvironment())
        messages, tools = await conversation.begin(), sample.tools
        while True:
            reply = answer(messages, tools)
            step = await conversation.follow(reply)
            if step.termination is not None:
                return await conversation.end()
            messages, tools = (*messages, reply, *step.messages), step.tools or tools

    return asyncio.run(run())


def in_order(turns: Sequence[Message]) -> Answer:
    """Answer with the given messages one after another; the last one is repeated."""
    left = list(turns)
    return lambda _messages, _tools: left.pop(0) if len(left) > 1 else left[0]


def by_line(replies: Replies) -> Answer:
    """Answer each line of the user with its replies."""

    def answer(messages: tuple[Message, ...], _: ToolSet | None) -> Message:
        line = sum(message.role == "user" for message in messages) - 1
        step = 0
        for message in reversed(messages):
            if message.role == "user":
                break
            step += message.role == "assistant"
        return replies[line][step] if step < len(replies[line]) else DONE

    return answer


def calling(*calls: tuple[str, Any]) -> Message:
    """Return a reply with calls; arguments that are text are taken as they are."""
    return Message(
        "assistant",
        tuple(
            ToolCall(f"call_{at}", name, given if isinstance(given, str) else json.dumps(given))
            for at, (name, given) in enumerate(calls)
        ),
    )


class AnyModel(dict[str, Any]):
    """Stands for the package's table of models, which imports every vendor's client."""

    underscore_to_dot = False

    def __missing__(self, key: str) -> Any:
        """Return the settings of any model."""
        return self


STAND_INS: dict[str, dict[str, Any]] = {
    "bfcl_eval.constants.model_config": {"MODEL_CONFIG_MAPPING": AnyModel()},
    "bfcl_eval.model_handler.parser.java_parser": {"parse_java_function_call": None},
    "bfcl_eval.model_handler.parser.js_parser": {"parse_javascript_function_call": None},
    "overrides": {"final": lambda method: method},
}
"""What the package imports and conversations do not need: vendors' clients and parsers of other languages."""


@contextmanager
def package() -> Iterator[SimpleNamespace]:
    """Return the package's loop (``handler``), loader (``utils``) and rules (``runner``); it writes to a folder of ours."""
    before = set(sys.modules)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BFCL_PROJECT_ROOT"] = folder
        for name, content in STAND_INS.items():
            module = sys.modules[name] = ModuleType(name)
            vars(module).update(content)
        try:
            yield SimpleNamespace(
                handler=importlib.import_module("bfcl_eval.model_handler.base_handler"),
                parsing=importlib.import_module("bfcl_eval.model_handler.utils"),
                runner=importlib.import_module("bfcl_eval.eval_checker.eval_runner"),
                utils=importlib.import_module("bfcl_eval.utils"),
            )
        finally:
            del os.environ["BFCL_PROJECT_ROOT"]
            for name in set(sys.modules) - before:
                if name.startswith("bfcl_eval") or name in STAND_INS:
                    del sys.modules[name]


def package_verdict(found: SimpleNamespace, row: Mapping[str, Any], expected: Any, replies: Replies) -> Any:
    """Return what the package's loop and rules say of a model that gives these replies, and the tools that it declared.

    Args:
        found: Of :func:`package`.
        row: The item as the data have it.
        expected: Its right calls.
        replies: What the model answers.
    """
    entry = copy.deepcopy(dict(row))
    found.utils.populate_test_cases_with_predefined_functions([entry])
    category = row["id"].rsplit("_", 1)[0]
    declared: list[list[str]] = []

    class Handler(found.handler.BaseHandler):  # type: ignore[misc,name-defined]  # the package has no types
        line, step = -1, 0

        def _pre_query_processing_FC(self, data: Any, _: Any) -> Any:  # noqa: N802 - the package's names
            return data

        def _compile_tools(self, data: Any, given: Any) -> Any:
            declared.append([function["name"] for function in given["function"]])
            return data

        def add_first_turn_message_FC(self, data: Any, _: Any) -> Any:  # noqa: N802
            self.line, self.step = 0, 0
            return data

        def _add_next_turn_user_message_FC(self, data: Any, _: Any) -> Any:  # noqa: N802
            self.line, self.step = self.line + 1, 0
            return data

        def _query_FC(self, _: Any) -> Any:  # noqa: N802
            given = replies[self.line]
            reply = given[self.step] if self.step < len(given) else DONE
            self.step += 1
            return reply, 0.0

        def _parse_query_response_FC(self, reply: Message) -> Any:  # noqa: N802
            made: Any = [{call.name: call.arguments_json} for call in reply.tool_calls]
            return {"model_responses": made or reply.text, "input_token": 0, "output_token": 0}

        def _add_assistant_message_FC(self, data: Any, _: Any) -> Any:  # noqa: N802
            return data

        def _add_execution_results_FC(self, data: Any, results: Any, _: Any) -> Any:  # noqa: N802
            return data

        def decode_execute(self, result: Any, has_tool_call_tag: bool) -> Any:
            return found.parsing.convert_to_function_call(result)

    number = package_verdict.calls = getattr(package_verdict, "calls", 0) + 1  # type: ignore[attr-defined]
    handler = Handler(f"m{number}", 0, f"m{number}-FC", is_fc_model=True)
    result, _ = handler.inference_multi_turn_FC(entry, include_input_log=False, exclude_state_log=True)
    verdict = found.runner._evaluate_single_multi_turn_entry(
        handler, row["id"], result, expected, entry, f"m{number}", category
    )
    return verdict["valid"], declared

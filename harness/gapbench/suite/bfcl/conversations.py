"""Turn BFCL's multi-turn items into conversations with tools that run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from gapbench.sandbox.packages import find_packages
from gapbench.suite.bfcl import stateful
from gapbench.suite.bfcl.functions import make_tool_set
from gapbench.suite.bfcl.package import BfclRows, read_functions
from gapbench.values import (
    Episode,
    EpisodeLimits,
    Message,
    PythonTools,
    Sample,
    Text,
    Tool,
    ToolCall,
    ToolSet,
    UserLine,
    canonical_json,
)

PACKAGES = ("bfcl_eval", "mpmath")
"""What the classes import: the package itself, and what one of them calculates with."""
TOOLS = PythonTools(Path(stateful.__file__), PACKAGES, dispatcher=stateful.run_call.__name__)
MAX_CALLING_TURNS = 20
"""As ``MAXIMUM_STEP_LIMIT`` of the package; one more reply with calls ends the conversation."""
CALL_TIMEOUT_S = 300.0
"""The calls take milliseconds and the package has no limit: only a call that never ends, and no busy machine, may cost a score."""
MAX_RESULT_CHARS = 200_000
"""The package cuts nothing; the longest result of its right calls has 32,000 characters."""
NEW_FUNCTIONS_LINE = "I have updated some more functions you can choose from. What about now?"
"""``DEFAULT_USER_PROMPT_FOR_ADDITIONAL_FUNCTION_FC`` of the package."""
_DONE = Message("assistant", (Text("Done."),))
_NO_CALL = Message("assistant", (Text("Something is missing for that."),))
_DECOY = Message("assistant", (Text("I cannot do that."),))

Function = Mapping[str, Any]


def convert_conversations(rows: BfclRows, category: str) -> list[Sample]:
    """Return the items of one category as samples.

    Args:
        rows: The category's rows.
        category: BFCL's name of it.

    Raises:
        SetupError: A package that the tools need is not installed.
    """
    find_packages(PACKAGES)
    long_context = category == "multi_turn_long_context"
    return [
        _convert_row(question, answer["ground_truth"], long_context=long_context)
        for question, answer in zip(rows.questions, rows.answers, strict=True)
    ]


def _convert_row(
    question: Mapping[str, Any], expected: Sequence[Sequence[str]], *, long_context: bool
) -> Sample:
    classes, config = question["involved_classes"], question["initial_config"]
    tools, held_back = _split_tools(classes, question.get("missed_function", {}))
    lines = []
    for number, messages in enumerate(question["question"]):
        text = messages[0]["content"] if messages else NEW_FUNCTIONS_LINE
        lines.append(UserLine(text, tools=held_back.get(number, ())))
    reference = _reference_turns(expected, _parameters_by_name(classes))
    return Sample(
        sample_id=question["id"],
        messages=(Message("user", (Text(lines[0].text),)),),
        target=expected,
        # The categories are variants of the same items.
        cluster_id=f"multi_turn:{question['id'].rpartition('_')[2]}",
        columns={"classes": classes, "config": config, "expected": expected, "long_context": long_context},
        tools=ToolSet(tools),
        reference=reference[-1].text,
        decoy=_DECOY.text,
        reference_turns=reference,
        decoy_turns=(_DECOY,),
        episode=Episode(
            tools=TOOLS,
            state={"classes": classes, "config": config, "long_context": long_context, "calls": []},
            user=tuple(lines[1:]),
            limits=EpisodeLimits(
                turns=(MAX_CALLING_TURNS + 1) * len(lines),
                tool_s=CALL_TIMEOUT_S,
                result_chars=MAX_RESULT_CHARS,
                calling_turns=MAX_CALLING_TURNS,
            ),
            invalid_calls="run",
        ),
    )


def _split_tools(
    classes: Sequence[str], missed: Mapping[str, Sequence[str]]
) -> tuple[tuple[Tool, ...], dict[int, tuple[Tool, ...]]]:
    """Return the tools from the start, and those that come with a later turn of the user."""
    tools = [tool for name in classes for tool in _tools_of(name)]
    held_back = {
        int(turn): tuple(tool for name in names for tool in tools if tool.name == name)
        for turn, names in missed.items()
    }
    away = {tool.name for later in held_back.values() for tool in later}
    return tuple(tool for tool in tools if tool.name not in away), held_back


@cache
def _tools_of(class_name: str) -> tuple[Tool, ...]:
    """Return the tools of a class, the same values for all samples: so their schemas are checked once."""
    return make_tool_set(_functions_of(class_name), "multi_turn").tools


@cache
def _functions_of(class_name: str) -> tuple[Function, ...]:
    return read_functions(stateful.MODULES[class_name])


def _parameters_by_name(classes: Sequence[str]) -> dict[str, list[str]]:
    return {
        function["name"]: list(function["parameters"]["properties"])
        for name in classes
        for function in _functions_of(name)
    }


def _reference_turns(
    expected: Sequence[Sequence[str]], parameters: Mapping[str, Sequence[str]]
) -> tuple[Message, ...]:
    """Return the right calls, those of a turn of the user in one reply, and a reply without calls after each turn."""
    turns: list[Message] = []
    for texts in expected:
        calls = []
        for number, text in enumerate(texts):
            name, positional, named = stateful.parse_call(text)
            arguments = {**dict(zip(parameters[name], positional, strict=False)), **named}
            calls.append(ToolCall(f"call_{number}", name, canonical_json(arguments)))
        turns += [Message("assistant", tuple(calls)), _DONE] if calls else [_NO_CALL]
    return tuple(turns)

"""Which tool calls are valid, and what is said about those that are not."""

from __future__ import annotations

import pytest

from gapbench.agents import call_check, check_call, check_tools
from gapbench.agents.call_check import MAX_PROBLEM_CHARS
from gapbench.errors import InputError
from gapbench.values import Tool, ToolCall, ToolSet

PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOLS = ToolSet((Tool("forecast", "", PARAMETERS), Tool("now", "", {"type": "object"})))


def check(arguments: str, name: str = "forecast", tools: ToolSet | None = TOOLS) -> str | None:
    return check_call(ToolCall("1", name, arguments), tools)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("forecast", '{"city": "Oslo", "days": 2}'), ("now", "{}"), ("now", ""), ("now", " \n")],
)
def test_a_call_that_follows_the_schema_is_valid(name: str, arguments: str) -> None:
    """No text at all is no arguments."""
    assert check(arguments, name) is None


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ('{"city": 5}', "arguments.city: 5 is not of type 'string'"),
        ('{"city": "Oslo", "days": 0}', "arguments.days: 0 is less than the minimum of 1"),
        ("{}", "arguments: 'city' is a required property"),
        (
            '{"city": "Oslo", "town": 1}',
            "arguments: Additional properties are not allowed ('town' was unexpected)",
        ),
        ('{"city": ', "the arguments are not JSON: Expecting value at character 9"),
        ("[]", "the arguments are JSON, but an array; expected an object"),
        ("3", "the arguments are JSON, but a number; expected an object"),
        ("null", "the arguments are JSON, but null; expected an object"),
        ('{"city": NaN}', "the arguments are not JSON: JSON has no NaN"),
        ("[" * 100_000, "the arguments are not JSON that can be read: too many levels"),
    ],
)
def test_the_problem_is_said_in_one_line(arguments: str, problem: str) -> None:
    """It names the argument, what was found, and what is expected."""
    assert check(arguments) == problem


def test_a_tool_that_is_not_declared_is_named_with_those_that_are() -> None:
    """So that the model can choose one of them."""
    assert check("{}", "weather") == "there is no tool 'weather'; the tools are: forecast, now"
    assert check("{}", "weather", None) == "there is no tool 'weather'; the tools are: none"


def test_a_problem_is_one_short_line_whatever_the_model_wrote() -> None:
    """A name with terminal codes and 10,000 characters ends as a short printable line."""
    problem = check("{}", "\x1b[2J\n" + "x" * 10_000)
    assert problem is not None
    assert (len(problem), problem.isprintable()) == (MAX_PROBLEM_CHARS, True)


def test_a_reference_outside_the_schema_is_not_fetched() -> None:
    """What cannot be judged here counts as met."""
    tools = ToolSet((Tool("a", "", {"properties": {"x": {"$ref": "http://192.0.2.1/schema"}}}),))
    assert check('{"x": 1}', "a", tools) is None


def test_a_tool_whose_schema_is_invalid_is_named() -> None:
    """Before the run, as the document's fault and not the model's."""
    tools = ToolSet((Tool("a", "", {"type": "objct"}),))
    with pytest.raises(
        InputError, match="tool 'a': its parameters are not a JSON Schema: 'objct' is not valid"
    ):
        check_tools(tools)


def test_two_tools_of_one_name_keep_their_own_schemas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Validators belong to the tool; more tools than are kept do not mix them up."""
    monkeypatch.setattr(call_check, "MAX_TOOLS", 20)
    sets = [ToolSet((Tool("a", "", {"properties": {"x": {"const": number}}}),)) for number in range(20 + 5)]
    for _ in range(2):
        assert [check(f'{{"x": {number}}}', "a", tools) for number, tools in enumerate(sets)] == [None] * len(
            sets
        )
    assert len(call_check._validators._tools) == 20

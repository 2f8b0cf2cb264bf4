"""Whether a tool call is valid: it names a declared tool, and its arguments are what the tool's schema asks for."""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import Any

from gapbench.errors import InputError
from gapbench.values import Tool, ToolCall, ToolSet

MAX_PROBLEM_CHARS = 300
MAX_TOOLS = 1024


def check_call(call: ToolCall, tools: ToolSet | None) -> str | None:
    """Return in one line why a call is invalid. None: it is valid.

    A part of a schema that cannot be judged here, such as a reference to another document, counts as met.

    Args:
        call: As the model wrote it.
        tools: The declared tools. None: none are.

    Raises:
        InputError: The schema of the tool itself is invalid.
    """
    tool = tools.tool(call.name) if tools is not None else None
    if tools is None or tool is None:
        names = ", ".join(declared.name for declared in tools.tools) if tools is not None else ""
        return _one_line(f"there is no tool {call.name!r}; the tools are: {names or 'none'}")
    try:
        arguments = parse_arguments(call.arguments_json)
    except ValueError as exc:
        return _one_line(str(exc))
    return _schema_problem(_validators.validator(tool), arguments)


def check_tools(tools: ToolSet) -> None:
    """Check the schemas of all tools, before a run.

    Raises:
        InputError: One is invalid; the message names the tool.
    """
    for tool in tools.tools:
        _validators.validator(tool)


def parse_arguments(text: str) -> dict[str, Any]:
    """Return the arguments of a call; no text at all is no arguments.

    Raises:
        ValueError: They are not a JSON object; the message is one line.
    """
    try:
        found = json.loads(text if text.strip() else "{}", parse_constant=_refuse_constant)
    except json.JSONDecodeError as exc:
        raise ValueError(f"the arguments are not JSON: {exc.msg} at character {exc.pos}") from None
    except RecursionError:
        raise ValueError("the arguments are not JSON that can be read: too many levels") from None
    if not isinstance(found, dict):
        raise ValueError(f"the arguments are JSON, but {_kind_of(found)}; expected an object")  # noqa: TRY004 - one way out
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"the arguments are not JSON: JSON has no {name}")


def _kind_of(value: Any) -> str:
    kinds = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return kinds.get(type(value), "a number")


def _schema_problem(validator: Any, arguments: dict[str, Any]) -> str | None:
    from jsonschema.exceptions import best_match  # noqa: PLC0415 - not needed by runs without tools
    from referencing.exceptions import Unresolvable  # noqa: PLC0415 - as above

    try:
        error = best_match(validator.iter_errors(arguments))
    except Unresolvable:
        return None
    except RecursionError:
        return "the arguments have too many levels"
    if error is None:
        return None
    return _one_line(f"arguments{error.json_path[1:]}: {error.message}")


def _one_line(text: str) -> str:
    text = "".join(char if char.isprintable() else " " for char in text)
    return text if len(text) <= MAX_PROBLEM_CHARS else f"{text[: MAX_PROBLEM_CHARS - 1]}…"


class _ValidatorCache:
    """The validators of the tools used last.

    The key is the ``id()`` of a tool, because hashing its content would cost more than a check. Each entry keeps its tool
    alive, so that no other tool can get the same ``id()``. Many samples, and the sets of an episode, share their tools.
    """

    def __init__(self) -> None:
        self._tools: OrderedDict[int, tuple[Tool, Any]] = OrderedDict()

    def validator(self, tool: Tool) -> Any:
        """Return the validator of a tool.

        Raises:
            InputError: Its schema is invalid.
        """
        if id(tool) not in self._tools:
            self._tools[id(tool)] = (tool, _make_validator(tool))
        self._tools.move_to_end(id(tool))
        if len(self._tools) > MAX_TOOLS:
            self._tools.popitem(last=False)
        return self._tools[id(tool)][1]


_validators = _ValidatorCache()


def _make_validator(tool: Tool) -> Any:
    from jsonschema.exceptions import SchemaError  # noqa: PLC0415 - as above
    from jsonschema.validators import Draft202012Validator, validator_for  # noqa: PLC0415 - as above
    from referencing import Registry  # noqa: PLC0415 - as above

    schema = dict(tool.parameters)
    try:
        kind = validator_for(schema, default=Draft202012Validator)
        kind.check_schema(schema)
    except (SchemaError, RecursionError) as exc:
        reason = exc.message if isinstance(exc, SchemaError) else "too many levels"
        raise InputError(
            f"tool {tool.name!r}: its parameters are not a JSON Schema: {_one_line(reason)}; correct the schema"
        ) from exc
    return kind(schema, registry=Registry())  # an empty registry: nothing is fetched

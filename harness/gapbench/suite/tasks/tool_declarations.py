"""Tool declarations in the form of any vendor, and the checks that can be made before a run.

Read are the lists of OpenAI (Chat Completions and Responses), Anthropic, Gemini, the Model Context Protocol, and plain
``{name, description, parameters}``. Shapes were taken from openai 3.57, anthropic 2.14, google-genai 3.6 and mcp 2.3.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gapbench.suite.tasks.json_schemas import find_schema_problem
from gapbench.values import Tool, ToolSet

MAX_NAME_CHARS = 64
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_SCHEMA_KEYS = ("parameters", "input_schema", "inputSchema", "parametersJsonSchema", "parameters_json_schema")
_LIST_KEYS = ("tools", "functions", "functionDeclarations", "function_declarations")
CHOICES = ("auto", "none", "required")


class ToolDeclarationError(ValueError):
    """A tool cannot be declared.

    Attributes:
        place: Keys and positions of the faulty value inside the declarations.
    """

    def __init__(self, place: tuple[str | int, ...], problem: str) -> None:
        """Keep the place."""
        super().__init__(problem)
        self.place = place


def read_tools(value: Any) -> tuple[Tool, ...]:
    """Return the tools of a JSON value: a list of declarations, one declaration, or JSON text of either.

    Raises:
        ToolDeclarationError: It is none, or a declaration is wrong.
    """
    tools = tuple(_read_list(_parsed(value), ()))
    check_tools(tools)
    return tools


def check_tools(tools: Sequence[Tool]) -> None:
    """Refuse names that a vendor refuses, duplicates, and schemas that are none.

    Raises:
        ToolDeclarationError: Names the tool and the key.
    """
    seen: dict[str, int] = {}
    for index, tool in enumerate(tools):
        if len(tool.name) > MAX_NAME_CHARS:
            raise ToolDeclarationError(
                (index, "name"),
                f"{tool.name!r} has {len(tool.name)} characters; OpenAI and Anthropic accept at most {MAX_NAME_CHARS}: shorten it",
            )
        if not _NAME.fullmatch(tool.name):
            raise ToolDeclarationError(
                (index, "name"),
                f"{tool.name!r} is not a name for a tool; OpenAI and Anthropic accept letters, digits, _ and - only",
            )
        if tool.name in seen:
            raise ToolDeclarationError(
                (index, "name"),
                f"tool {tool.name!r} is declared twice, also as number {seen[tool.name] + 1}; keep one",
            )
        seen[tool.name] = index
        problem = find_schema_problem(tool.parameters)
        if problem is not None:
            raise ToolDeclarationError((index, "parameters"), f"of tool {tool.name!r}: {problem}")


def make_tool_set(tools: Sequence[Tool], choice: str, *, parallel: bool | None) -> ToolSet:
    """Return tools with the choice.

    Raises:
        ToolDeclarationError: The choice names no tool.
    """
    if choice not in CHOICES and choice not in {tool.name for tool in tools}:
        names = ", ".join(tool.name for tool in tools) or "none"
        raise ToolDeclarationError(
            (), f"found {choice!r}; expected auto, none, required, or the name of a tool: {names}"
        )
    return ToolSet(tuple(tools), choice, parallel)


def _parsed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value.strip() else []
    except (ValueError, RecursionError) as exc:
        raise ToolDeclarationError((), f"{value[:60]!r} is not JSON; expected a list of tools") from exc


def _read_list(value: Any, place: tuple[str | int, ...]) -> list[Tool]:
    if value is None:
        return []
    if isinstance(value, Mapping):
        inner = next((key for key in _LIST_KEYS if isinstance(value.get(key), list)), None)
        return [_read_tool(value, place)] if inner is None else _read_list(value[inner], (*place, inner))
    if not isinstance(value, list):
        raise ToolDeclarationError(place, f"found {type(value).__name__}; expected a list of tools")
    tools: list[Tool] = []
    for index, item in enumerate(value):
        at = (*place, index)
        is_list = isinstance(item, Mapping) and any(isinstance(item.get(key), list) for key in _LIST_KEYS)
        tools += _read_list(item, at) if is_list else [_read_tool(item, at)]
    return tools


def _read_tool(item: Any, place: tuple[str | int, ...]) -> Tool:
    if isinstance(item, str):
        item = _parsed(item)
    if isinstance(item, Mapping) and isinstance(item.get("function"), Mapping):
        item, place = {**item["function"], **_strict_of(item)}, (*place, "function")
    if not isinstance(item, Mapping):
        raise ToolDeclarationError(
            place, f"found {type(item).__name__}; expected a tool {{name, description, parameters}}"
        )
    name = item.get("name")
    if not isinstance(name, str) or not name:
        kind = item.get("type")
        own = f"; {kind!r} is a tool that one vendor runs itself, which others do not have" if kind else ""
        raise ToolDeclarationError(place, f"a tool without name{own}")
    key = next((key for key in _SCHEMA_KEYS if item.get(key) is not None), None)
    if key is None:
        kind = item.get("type")
        own = (
            f"; {kind!r} is a tool that one vendor runs itself, which others do not have"
            if isinstance(kind, str) and kind not in {"function", "custom"}
            else ""
        )
        raise ToolDeclarationError(
            (*place, "parameters"),
            f"tool {name!r} has no schema of its parameters{own}; write {{type: object, properties: {{}}}} for a tool without any",
        )
    schema = _parsed(item[key])
    if find_schema_problem(schema) is not None:
        schema = _without_nulls(schema)  # Arrow writes null for each key that another row's schema has
    problem = find_schema_problem(schema)
    if problem is not None:
        raise ToolDeclarationError((*place, key), f"of tool {name!r}: {problem}")
    strict = item.get("strict")
    return Tool(
        name, str(item.get("description") or ""), schema, strict if isinstance(strict, bool) else None
    )


def _strict_of(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"strict": item["strict"]} if isinstance(item.get("strict"), bool) else {}


def _without_nulls(schema: Any) -> Any:
    if isinstance(schema, Mapping):
        return {key: _without_nulls(inner) for key, inner in schema.items() if inner is not None}
    return [_without_nulls(inner) for inner in schema] if isinstance(schema, list) else schema

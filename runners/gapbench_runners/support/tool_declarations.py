"""The tools of a request and the schema of its reply, checked once and rewritten for one vendor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gapbench.errors import RunnerError
from gapbench.values import ResponseSchema, Tool, ToolSet
from gapbench_runners.support.call_restoration import CallRestoration
from gapbench_runners.support.closed_schema import UnknownShapeError, make_closed
from gapbench_runners.support.strict_schema import FreeFormError, make_strict
from gapbench_runners.support.tool_names import NameRule, ToolNames

CHOICES = ("auto", "none", "required")
_COMBINATIONS = ("anyOf", "oneOf", "allOf", "enum", "not")


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A schema as one vendor is sent it.

    Attributes:
        schema: As it is sent.
        strict: Whether the vendor is to hold the model to it. None: the vendor's default.
        changes: What differs, a few words each.
        has_added_nulls: Whether arguments that may be left out are sent as null.
    """

    schema: Mapping[str, Any]
    strict: bool | None
    changes: tuple[str, ...] = ()
    has_added_nulls: bool = False


RewriteSchema = Callable[[Mapping[str, Any], bool | None], Rewrite]
"""Returns a schema as a vendor takes it, given whether it is to be strict."""


def keep_schema(schema: Mapping[str, Any], strict: bool | None) -> Rewrite:
    """Return the schema as it is, for vendors that take any."""
    return Rewrite(schema, strict)


def rewrite_for_openai(schema: Mapping[str, Any], strict: bool | None) -> Rewrite:
    """Return the schema in the subset of OpenAI's strict mode, if it is to be strict and the subset can express it."""
    if not strict:
        return Rewrite(schema, strict)
    try:
        found = make_strict(schema)
    except FreeFormError as exc:
        return Rewrite(schema, strict=False, changes=(f"strict dropped, because {exc}",))
    return Rewrite(found.schema, True, found.notes, found.has_added_nulls)


def rewrite_for_anthropic(schema: Mapping[str, Any], strict: bool | None) -> Rewrite:
    """Return the schema in the subset of Anthropic's structured output, if it is to be strict."""
    if not strict:
        return Rewrite(schema, strict)
    try:
        closed, notes = make_closed(schema)
    except UnknownShapeError as exc:
        return Rewrite(schema, strict=False, changes=(f"strict dropped, because {exc}",))
    return Rewrite(closed, True, notes)


@dataclass(frozen=True, slots=True)
class ToolDeclarations:
    """The tools of a request as one vendor is sent them.

    Attributes:
        tools: Names, schemas and strictness as sent.
        choice: ``auto``, ``none``, ``required``, or the sent name of the one tool to call. None: there are no tools.
        parallel: See ``ToolSet.parallel``.
        names: The names, also of tools that are not declared.
        changes: See ``Call.changes``.
        restoration: What has to be undone in the reply's calls. None: nothing.
    """

    names: ToolNames
    tools: tuple[Tool, ...] = ()
    choice: str | None = None
    parallel: bool | None = None
    changes: tuple[str, ...] = ()
    restoration: CallRestoration | None = None

    @property
    def named_choice(self) -> str | None:
        """The sent name of the one tool to call. None: another choice."""
        return None if self.choice in {*CHOICES, None} else self.choice

    @property
    def strict(self) -> str | bool | None:
        """Whether the tools are strict: ``mixed`` if only some of them are. None: the vendor's default for all."""
        kinds = {tool.strict for tool in self.tools}
        return next(iter(kinds), None) if len(kinds) < 2 else "mixed"


def declare_tools(tools: ToolSet | None, rule: NameRule, rewrite: RewriteSchema) -> ToolDeclarations:
    """Return the tools of a request as a vendor is sent them.

    Args:
        tools: The tools. None, or without any: nothing is declared.
        rule: The names that the vendor allows.
        rewrite: How the vendor takes a schema.

    Raises:
        RunnerError: ``bad_request``: the tools cannot be declared.
    """
    given = tools.tools if tools is not None else ()
    names = ToolNames((tool.name for tool in given), rule)
    if tools is None or not given:
        if tools is not None and tools.choice not in {"auto", "none"}:
            raise RunnerError(
                "bad_request", f"tool_choice is {tools.choice!r}, but there are no tools; add one"
            )
        return ToolDeclarations(names)
    changes = list(names.changes)
    sent: list[Tool] = []
    schemas: dict[str, Mapping[str, Any]] = {}
    for tool in given:
        schema = _object_schema(tool)
        found = rewrite(schema, tool.strict)
        changes += [f"tool {tool.name}: {change}" for change in found.changes]
        name = names.sent_name(tool.name)
        if found.has_added_nulls:
            schemas[name] = schema
        sent.append(replace(tool, name=name, parameters=found.schema, strict=found.strict))
    choice = tools.choice
    if choice not in CHOICES:
        if tools.tool(choice) is None:
            known = ", ".join((*CHOICES, *(tool.name for tool in given)))
            raise RunnerError("bad_request", f"tool_choice: found {choice!r}; expected one of {known}")
        choice = names.sent_name(choice)
    restoration = CallRestoration(names.renamed, schemas) if names.renamed or schemas else None
    return ToolDeclarations(names, tuple(sent), choice, tools.parallel, tuple(changes), restoration)


def tools_as_params(declared: ToolDeclarations) -> dict[str, Any]:
    """Return what ``Call.params_sent`` says of tools: few values, so that rows with other tools are alike."""
    if not declared.tools:
        return {}
    strict = {} if declared.strict is None else {"strict": declared.strict}
    parallel = {} if declared.parallel is None else {"parallel_tool_calls": declared.parallel}
    return {"tools": len(declared.tools), "tool_choice": declared.choice, **strict, **parallel}


def _object_schema(tool: Tool) -> Mapping[str, Any]:
    """Return a tool's schema with its type, which every vendor asks for.

    Raises:
        RunnerError: ``bad_request``: it is not that of an object.
    """
    schema = tool.parameters
    kind = schema.get("type", "object")
    if kind != "object":
        raise RunnerError(
            "bad_request",
            f"tool {tool.name!r}: found parameters of the type {kind!r}; every API expects an object",
        )
    combined = next((key for key in _COMBINATIONS if key in schema), None)
    if combined is not None:
        raise RunnerError(
            "bad_request",
            f"tool {tool.name!r}: found {combined} at the top of its parameters; OpenAI and Anthropic refuse it there, "
            "so put it into a property",
        )
    return schema if "type" in schema else {"type": "object", **schema}


@dataclass(frozen=True, slots=True)
class ReplySchema:
    """The schema of a reply as one vendor is sent it.

    Attributes:
        name: Its name, which the vendor takes.
        schema: As it is sent.
        strict: See ``ResponseSchema.strict``.
        changes: See ``Call.changes``.
    """

    name: str
    schema: Mapping[str, Any]
    strict: bool | None
    changes: tuple[str, ...] = ()

    def as_param(self) -> str:
        """Return what ``Call.params_sent`` says of it: whether it is strict, or that the vendor decides."""
        return "default" if self.strict is None else "strict" if self.strict else "not strict"


def declare_reply(given: ResponseSchema, rule: NameRule, rewrite: RewriteSchema) -> ReplySchema:
    """Return the schema of a reply as a vendor is sent it."""
    found = rewrite(given.schema, given.strict)
    name = rule.make_valid(given.name)
    changes = [f"response_schema: {change}" for change in found.changes]
    if name != given.name:
        changes.append(f"response_schema {given.name} renamed {name}: {rule.vendor} allows {rule.words}")
    return ReplySchema(name, found.schema, found.strict, tuple(changes))

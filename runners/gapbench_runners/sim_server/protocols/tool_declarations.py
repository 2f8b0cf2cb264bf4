"""Declared tools and schemas of each vendor's form, checked as the vendor does."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gapbench.values import ResponseSchema, Tool, ToolSet
from gapbench_runners.sim_server.protocols.protocol import VendorRefusalError

_OPENAI_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_OPENAI_NAME_CHARS = 64
_ANTHROPIC_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_GOOGLE_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")


def parse_openai_tools(body: Mapping[str, Any], *, nested: bool) -> ToolSet | None:
    """Return the tools of Chat Completions (``nested`` under ``function``) or of Responses. None: there are none."""
    given, choice = body.get("tools"), body.get("tool_choice")
    parallel = body.get("parallel_tool_calls")
    if given == [] and nested:
        raise VendorRefusalError(
            "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            code="empty_array",
        )
    if not given:
        for key, value in (("tool_choice", choice), ("parallel_tool_calls", parallel)):
            if nested and value is not None and (key, value) != ("tool_choice", "none"):
                raise VendorRefusalError(
                    f"Invalid value for '{key}': '{key}' is only allowed when 'tools' are specified.",
                    code="invalid_value",
                )
        return None
    tools = [
        _openai_tool(item["function"] if nested else item, f"tools[{index}]{'.function' if nested else ''}")
        for index, item in enumerate(given)
        if item.get("type", "function") == "function"
    ]
    if not tools:
        return None
    return ToolSet(tuple(tools), _openai_choice(choice, tools), parallel)


def _openai_tool(given: Mapping[str, Any], where: str) -> Tool:
    name = given.get("name")
    if not name:
        raise VendorRefusalError(
            f"Missing required parameter: '{where}.name'.", code="missing_required_parameter"
        )
    if len(name) > _OPENAI_NAME_CHARS:
        raise VendorRefusalError(
            f"Invalid '{where}.name': string too long. Expected a string with maximum length "
            f"{_OPENAI_NAME_CHARS}, but got a string with length {len(name)} instead.",
            code="string_above_max_length",
        )
    if _OPENAI_NAME.fullmatch(name) is None:
        raise VendorRefusalError(
            f"Invalid '{where}.name': string does not match pattern. Expected a string that matches the pattern "
            "'^[a-zA-Z0-9_-]+$'.",
            code="invalid_value",
        )
    schema = given.get("parameters") or {"type": "object", "properties": {}}
    said = f"Invalid schema for function '{name}': "
    if schema.get("type") != "object":
        raise VendorRefusalError(
            f"{said}schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{schema.get('type')}\"'.",
            code="invalid_function_parameters",
        )
    if given.get("strict"):
        _check_strict(schema, said, "invalid_function_parameters")
    return Tool(name, given.get("description") or "", schema, given.get("strict"))


def _check_strict(schema: Any, said: str, code: str, path: tuple[str, ...] = ()) -> None:
    """Refuse a schema that OpenAI's strict mode refuses: each object closed, and each of its keys required."""
    if not isinstance(schema, Mapping):
        return
    properties = schema.get("properties")
    if schema.get("type") == "object" or properties:
        context = "(" + ", ".join(f"'{step}'" for step in path) + ("," if len(path) == 1 else "") + ")"
        if schema.get("additionalProperties") is not False:
            raise VendorRefusalError(
                f"{said}In context={context}, 'additionalProperties' is required to be supplied and to be false.",
                code=code,
            )
        missing = [name for name in properties or () if name not in (schema.get("required") or ())]
        if missing:
            raise VendorRefusalError(
                f"{said}In context={context}, 'required' is required to be supplied and to be an array including "
                f"every key in properties. Missing '{missing[0]}'.",
                code=code,
            )
    for name, inner in (properties or {}).items():
        _check_strict(inner, said, code, (*path, "properties", name))
    _check_strict(schema.get("items"), said, code, (*path, "items"))


def _openai_choice(given: Any, tools: Sequence[Tool]) -> str:
    if given is None or isinstance(given, str):
        if given not in {None, "auto", "none", "required"}:
            raise VendorRefusalError(
                f"Invalid value: '{given}'. Supported values are: 'none', 'auto', and 'required'.",
                code="invalid_value",
            )
        return given or "auto"
    if given.get("type") == "allowed_tools":
        return (given.get("allowed_tools") or given).get("mode") or "auto"
    name = (given.get("function") or given).get("name")
    if name not in {tool.name for tool in tools}:
        raise VendorRefusalError(
            f"Tool choice '{name}' not found in 'tools' parameter.", code="invalid_value"
        )
    return str(name)


def parse_openai_schema(form: Any) -> ResponseSchema | None:
    """Return the schema of ``response_format`` or ``text.format``. None: the reply is free text or any JSON."""
    if not isinstance(form, Mapping) or form.get("type") != "json_schema":
        return None
    inner = form.get("json_schema") or form
    if not inner.get("name"):
        raise VendorRefusalError(
            "Missing required parameter: 'response_format.json_schema.name'.",
            code="missing_required_parameter",
        )
    schema = inner.get("schema") or {}
    if inner.get("strict"):
        said = f"Invalid schema for response_format '{inner['name']}': "
        _check_strict(schema, said, "invalid_json_schema")
    return ResponseSchema(inner["name"], schema, inner.get("strict"))


def parse_anthropic_tools(body: Mapping[str, Any]) -> ToolSet | None:
    """Return the tools of Messages. None: there are none."""
    choice = body.get("tool_choice") or {}
    own = [
        (index, item)
        for index, item in enumerate(body.get("tools") or ())
        if item.get("type", "custom") == "custom"
    ]
    if not own:
        if choice and not body.get("tools"):
            raise VendorRefusalError("tool_choice: tool_choice may only be specified while providing tools.")
        return None
    tools = tuple(_anthropic_tool(item, f"tools.{index}.custom") for index, item in own)
    names = [tool.name for tool in tools]
    if len(set(names)) < len(names):
        raise VendorRefusalError("tools: Tool names must be unique.")
    kind = choice.get("type", "auto")
    if kind == "tool" and choice.get("name") not in names:
        raise VendorRefusalError(f"Tool '{choice.get('name')}' not found in provided tools")
    if kind in {"any", "tool"} and (body.get("thinking") or {}).get("type") == "enabled":
        raise VendorRefusalError("Thinking may not be enabled when tool_choice forces tool use.")
    disabled = choice.get("disable_parallel_tool_use")
    return ToolSet(
        tools,
        choice["name"] if kind == "tool" else {"any": "required"}.get(kind, kind),
        None if disabled is None else not disabled,
    )


def _anthropic_tool(given: Mapping[str, Any], where: str) -> Tool:
    name, schema = given.get("name"), given.get("input_schema")
    if not name:
        raise VendorRefusalError(f"{where}.name: Field required")
    if _ANTHROPIC_NAME.fullmatch(name) is None:
        raise VendorRefusalError(f"{where}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
    if schema is None:
        raise VendorRefusalError(f"{where}.input_schema: Field required")
    if schema.get("type") != "object":
        raise VendorRefusalError(f"{where}.input_schema.type: Input should be 'object'")
    return Tool(name, given.get("description") or "", schema, given.get("strict"))


def parse_google_tools(body: Mapping[str, Any]) -> ToolSet | None:
    """Return the function declarations of generateContent. None: there are none."""
    declared = [
        item
        for tool in body.get("tools") or ()
        for item in tool.get("functionDeclarations") or tool.get("function_declarations") or ()
    ]
    if not declared:
        return None
    tools = tuple(_google_tool(item, index) for index, item in enumerate(declared))
    config = body.get("toolConfig") or body.get("tool_config") or {}
    calling = config.get("functionCallingConfig") or config.get("function_calling_config") or {}
    allowed = calling.get("allowedFunctionNames") or calling.get("allowed_function_names") or []
    mode = str(calling.get("mode") or "AUTO").upper()
    if allowed:
        tools = tuple(tool for tool in tools if tool.name in allowed)
        if not tools:
            raise VendorRefusalError(
                "Function calling config: allowed_function_names must be a subset of the declared functions."
            )
    if mode == "ANY":
        return ToolSet(tools, allowed[0] if len(allowed) == 1 else "required")
    return ToolSet(tools, "none" if mode == "NONE" else "auto")


def _google_tool(given: Mapping[str, Any], index: int) -> Tool:
    name = given.get("name") or ""
    if _GOOGLE_NAME.fullmatch(name) is None:
        raise VendorRefusalError(
            f"* GenerateContentRequest.tools[0].function_declarations[{index}].name: [FIELD_INVALID] Invalid function "
            "name. Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), "
            "dots (.), colons (:), or dashes (-), with a maximum length of 128."
        )
    schema = (
        given.get("parametersJsonSchema") or given.get("parameters_json_schema") or given.get("parameters")
    )
    return Tool(name, given.get("description") or "", schema or {"type": "object"})

"""BFCL's descriptions of functions as tools: its names of types become JSON Schema, as its own clients convert them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gapbench.values import Tool, ToolSet, canonical_json

_JSON_TYPES = {
    "integer": "integer", "number": "number", "float": "number", "string": "string", "boolean": "boolean",
    "bool": "boolean", "array": "array", "list": "array", "dict": "object", "object": "object", "tuple": "array",
    "any": "string", "byte": "integer", "short": "integer", "long": "integer", "double": "number", "char": "string",
    "ArrayList": "array", "Array": "array", "HashMap": "object", "Hashtable": "object", "Queue": "array",
    "Stack": "array", "Any": "string", "String": "string", "Bigint": "integer",
}  # fmt: skip
_LANGUAGES = {"simple_java": ("Java", "Java 8 SDK"), "simple_javascript": ("JavaScript", "JavaScript")}


def make_tool_set(functions: Sequence[Mapping[str, Any]], category: str) -> ToolSet:
    """Return functions as tools.

    Java and JavaScript values are asked for as text, as BFCL does; the descriptions say so in its words.

    Args:
        functions: As the data describe them.
        category: BFCL's name of the category.
    """
    language, syntax = _LANGUAGES.get(category, ("", "Python 3"))
    return ToolSet(
        tuple(
            Tool(
                function["name"],
                f"{function['description']} Note that the provided function is in {syntax} syntax.{_result(function)}",
                _object_schema(function["parameters"], language),
            )
            for function in functions
        )
    )


def _result(function: Mapping[str, Any]) -> str:
    """Return what a function's result looks like, in the words of most of BFCL's clients; "" if the data do not say."""
    response = function.get("response")
    return "" if response is None else f" The response field has the following schema: {json.dumps(response)}"


def _object_schema(parameters: Mapping[str, Any], language: str) -> dict[str, Any]:
    convert = _json_schema if not language else lambda described: _text_schema(described, language)
    return {
        **parameters,
        "type": "object",
        "properties": {name: convert(inner) for name, inner in parameters["properties"].items()},
    }


def _json_schema(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return one parameter's schema with JSON's names of types, at any depth."""
    kind = described.get("type", "string")
    schema: dict[str, Any] = {**described, "type": _JSON_TYPES.get(kind, "string")}
    if kind == "float":
        schema["format"] = "float"
        schema["description"] = f"{described.get('description', '')} This is a float type value.".lstrip()
    if isinstance(described.get("properties"), Mapping):
        schema["properties"] = {name: _json_schema(inner) for name, inner in described["properties"].items()}
    if isinstance(described.get("items"), Mapping):
        schema["items"] = _json_schema(described["items"])
    # `optional` is BFCL's own word, and a `required` that is no list is no JSON Schema.
    schema.pop("optional", None)
    if not isinstance(schema.get("required", []), list):
        del schema["required"]
    return schema


def _text_schema(described: Mapping[str, Any], language: str) -> dict[str, Any]:
    """Return the schema of a value of another language, written as text."""
    kind = described["type"]
    words = described.get("description", "")
    if kind == "any":
        words += f" This parameter can be of any type of {language} object in string representation."
    else:
        words += f" This is {language} {kind} type parameter in string representation."
    if kind in {"ArrayList", "Array", "array"}:
        words += f" The list elements are of type {described['items']['type']}; they are not in string representation."
    if kind == "dict" and "properties" in described:
        words += (
            " The dictionary entries have the following schema; they are not in string representation. "
            f"{canonical_json(described['properties'])}"
        )
    kept = {key: value for key, value in described.items() if key not in {"items", "properties"}}
    return {**kept, "type": "string", "description": words.strip()}

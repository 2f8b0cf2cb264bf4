"""JSON Schemas in the subset that Anthropic's structured output and strict tools take.

The rewrite is that of ``anthropic.transform_schema`` (anthropic 2.13), which a test compares it with. It is written here
because preparing a request must not import the SDK, and because a row says what was changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)
_KEPT = frozenset({"$defs", "$ref", "type", "anyOf", "oneOf", "allOf", "description", "title"})


class UnknownShapeError(ValueError):
    """A part of a schema has neither type, values nor choices."""


def make_closed(schema: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return a schema as Anthropic takes it, and what differs, in few words each.

    Raises:
        UnknownShapeError: A part of it has neither type, values nor choices.
    """
    moved: set[str] = set()
    rewritten, is_closed = _Rewriter(moved).rewrite(schema), _is_closed(schema)
    notes = [] if is_closed else ["additionalProperties set to false"]
    if moved:
        notes.append(f"{', '.join(sorted(moved))} moved to the description")
    return rewritten, tuple(notes)


def _is_closed(schema: Any) -> bool:
    """Return whether all objects in a schema are closed as given."""
    if isinstance(schema, Mapping):
        is_open = schema.get("type") == "object" and schema.get("additionalProperties") is not False
        return not is_open and all(_is_closed(inner) for inner in schema.values())
    return not isinstance(schema, list) or all(_is_closed(inner) for inner in schema)


class _Rewriter:
    """One schema on its way into the subset."""

    def __init__(self, moved: set[str]) -> None:
        self._moved = moved

    def rewrite(self, schema: Any) -> dict[str, Any]:
        """Return one schema or subschema."""
        if not isinstance(schema, Mapping):
            raise UnknownShapeError(f"found {schema!r} in place of a schema")
        if isinstance(schema.get("type"), (list, tuple)):
            return self._one_of_types(schema)
        out: dict[str, Any] = {}
        if "$defs" in schema:
            out["$defs"] = {name: self.rewrite(inner) for name, inner in schema["$defs"].items()}
        if "$ref" in schema:
            return {**out, "$ref": schema["$ref"]}
        rest = {key: value for key, value in schema.items() if key not in _KEPT}
        kind = self._shape(schema, rest, out)
        out |= {key: schema[key] for key in ("description", "title") if schema.get(key) is not None}
        self._limits(kind, rest, out)
        if rest:
            self._moved.update(rest)
            said = "{" + ", ".join(f"{key}: {value}" for key, value in rest.items()) + "}"
            out["description"] = f"{out['description']}\n\n{said}" if "description" in out else said
        return out

    def _one_of_types(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Return a schema with several types as a choice of one each; only the values that fit stay with each."""
        shared = {key: schema[key] for key in ("description", "title", "$defs") if key in schema}
        rest = {key: value for key, value in schema.items() if key not in {*shared, "type"}}
        choices = []
        for kind in schema["type"]:
            own = {key: value for key, value in rest.items() if kind != "null" or key == "enum"}
            if "enum" in own:
                own["enum"] = [value for value in own["enum"] if (value is None) == (kind == "null")]
            if own.get("enum") != []:
                choices.append({"type": kind, **own})
        return self.rewrite({**shared, "anyOf": choices})

    def _shape(self, schema: Mapping[str, Any], rest: dict[str, Any], out: dict[str, Any]) -> Any:
        """Write type, values or choices, and return the type that the limits belong to."""
        enum = schema.get("enum")
        if isinstance(enum, list) and enum and all(_is_primitive(value) for value in enum):
            out["enum"] = list(rest.pop("enum"))
        if "const" in schema and _is_primitive(schema["const"]):
            out["const"] = rest.pop("const")
        has_values = "enum" in out or "const" in out
        for key, sent in (("anyOf", "anyOf"), ("oneOf", "anyOf"), ("allOf", "allOf")):
            if isinstance(schema.get(key), list):
                out[sent] = [self.rewrite(option) for option in schema[key]]
                return None if has_values else schema.get("type")
        if has_values:
            return None
        if schema.get("type") is None:
            raise UnknownShapeError("a part has neither type, values nor choices")
        out["type"] = schema["type"]
        return schema["type"]

    def _limits(self, kind: Any, rest: dict[str, Any], out: dict[str, Any]) -> None:
        """Write what the API holds a value to, and take it out of ``rest``."""
        if kind == "object":
            properties = rest.pop("properties", {})
            out["properties"] = {name: self.rewrite(inner) for name, inner in properties.items()}
            rest.pop("additionalProperties", None)
            out["additionalProperties"] = False
            if rest.get("required") is not None:
                out["required"] = list(rest["required"])
            rest.pop("required", None)
        elif kind == "string" and rest.get("format"):
            found = rest.pop("format")
            (out if found in _FORMATS else rest)["format"] = found
        elif kind == "array":
            if rest.get("items") is not None:
                out["items"] = self.rewrite(rest["items"])
            rest.pop("items", None)
            if rest.get("minItems") is not None:
                found = rest.pop("minItems")
                (out if found in {0, 1} else rest)["minItems"] = found


def _is_primitive(value: object) -> bool:
    return value is None or isinstance(value, (str, int, float, bool))

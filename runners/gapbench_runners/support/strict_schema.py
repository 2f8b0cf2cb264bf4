"""JSON Schemas in the subset that OpenAI's strict mode takes, and arguments back from it.

platform.openai.com/docs/guides/structured-outputs#supported-schemas: every object is closed and every property required;
a property that may be left out has to allow null instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# What the mode refuses and what only narrows a value further or describes it: without it the schema still fits.
_LEFT_OUT = frozenset(
    {
        "not", "if", "then", "else", "dependentRequired", "dependentSchemas", "dependencies",
        "minLength", "maxLength", "minProperties", "maxProperties", "uniqueItems",
        "contains", "minContains", "maxContains", "propertyNames", "unevaluatedProperties", "unevaluatedItems",
        "default", "examples", "example", "$schema", "$id", "$comment", "deprecated", "readOnly", "writeOnly",
        "discriminator", "contentEncoding", "contentMediaType",
    }
)  # fmt: skip
_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})
_NULL = {"type": "null"}


class FreeFormError(ValueError):
    """A schema that no closed schema can stand for; says where and why."""


@dataclass(frozen=True, slots=True)
class StrictSchema:
    """A schema for the strict mode.

    Attributes:
        schema: As it is sent.
        notes: What differs from the schema as given, in few words each.
        has_added_nulls: Whether properties that may be left out are sent as null; see :func:`drop_added_nulls`.
    """

    schema: dict[str, Any]
    notes: tuple[str, ...]
    has_added_nulls: bool


def make_strict(schema: Mapping[str, Any]) -> StrictSchema:
    """Return a schema for the strict mode.

    Raises:
        FreeFormError: It has a part that the mode cannot express, such as an object with any keys.
    """
    rewriter = _Rewriter(schema)
    rewritten = rewriter.rewrite(schema, "the schema")
    if "anyOf" in rewritten or rewritten.get("type") != "object":
        raise FreeFormError("the schema is not an object")
    return StrictSchema(rewritten, tuple(rewriter.notes()), bool(rewriter.nullable))


class _Rewriter:
    """One schema on its way into the strict mode."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.nullable: dict[str, None] = {}
        self._root = root
        self._left_out: set[str] = set()
        self._closed = False
        self._one_of = False

    def notes(self) -> Iterator[str]:
        """Yield what was changed."""
        if self._closed:
            yield "additionalProperties set to false"
        if self.nullable:
            yield f"optional {', '.join(self.nullable)} sent as required or null"
        if self._one_of:
            yield "oneOf sent as anyOf"
        if self._left_out:
            yield f"{', '.join(sorted(self._left_out))} left out"

    def rewrite(self, schema: Any, where: str) -> dict[str, Any]:
        """Return one schema or subschema."""
        if not isinstance(schema, Mapping):
            raise FreeFormError(f"{where} allows any value")
        if "$ref" in schema:
            return self._reference(schema, where)
        out: dict[str, Any] = {}
        for key, value in schema.items():
            if key in _LEFT_OUT or (key == "format" and value not in _FORMATS):
                self._left_out.add(key)
            elif key in {"$defs", "definitions"}:
                out[key] = {name: self.rewrite(inner, f"{key}.{name}") for name, inner in value.items()}
            elif key == "items":
                out[key] = self.rewrite(value, f"the items of {where}")
            elif key in {"anyOf", "oneOf"}:
                self._one_of = self._one_of or key == "oneOf"
                out["anyOf"] = [self.rewrite(option, f"a choice of {where}") for option in value]
            elif key == "allOf":
                out |= self._only_one(value, where)
            elif key in {"patternProperties", "prefixItems"}:
                raise FreeFormError(f"{where} has {key}")
            elif key not in {"properties", "required", "additionalProperties"}:
                out[key] = value
        if "object" in _types(schema) or "properties" in schema:
            out |= self._object(schema, where)
        elif not {"type", "enum", "const", "anyOf"} & out.keys():
            raise FreeFormError(f"{where} allows any value")
        if "array" in _types(schema) and "items" not in out:
            raise FreeFormError(f"the items of {where} may be anything")
        return out

    def _reference(self, schema: Mapping[str, Any], where: str) -> dict[str, Any]:
        if not str(schema["$ref"]).startswith("#/"):
            raise FreeFormError(f"{where} refers to {schema['$ref']}")
        out: dict[str, Any] = {"$ref": schema["$ref"]}
        for key, value in schema.items():
            if key in {"$defs", "definitions"}:
                out[key] = {name: self.rewrite(inner, f"{key}.{name}") for name, inner in value.items()}
            elif key != "$ref":
                self._left_out.add(key)
        return out

    def _only_one(self, schemas: Any, where: str) -> dict[str, Any]:
        if len(schemas) != 1:
            raise FreeFormError(f"{where} has allOf")
        return self.rewrite(schemas[0], where)

    def _object(self, schema: Mapping[str, Any], where: str) -> dict[str, Any]:
        more = schema.get("additionalProperties")
        given = schema.get("properties")
        if isinstance(more, Mapping) or (not given and more is not False and where != "the schema"):
            raise FreeFormError(f"{where} is an object with any keys")
        if not given and more:
            raise FreeFormError(f"{where} is an object with any keys")
        self._closed = self._closed or more is not False
        required = set(schema.get("required") or ())
        properties: dict[str, Any] = {}
        for name, inner in (given or {}).items():
            rewritten = self.rewrite(inner, name)
            if name not in required and not allows_null(inner, self._root):
                self.nullable[name] = None
                rewritten = _or_null(rewritten)
            properties[name] = rewritten
        return {"properties": properties, "required": list(properties), "additionalProperties": False}


def _types(schema: Mapping[str, Any]) -> tuple[Any, ...]:
    found = schema.get("type")
    return tuple(found) if isinstance(found, (list, tuple)) else (found,)


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that allows null too."""
    if "type" not in schema or "const" in schema or "anyOf" in schema:
        if "enum" in schema:
            return {**schema, "enum": [*schema["enum"], None]}
        if "anyOf" in schema and "type" not in schema:
            return {**schema, "anyOf": [*schema["anyOf"], _NULL]}
        description = {"description": schema["description"]} if "description" in schema else {}
        return {"anyOf": [schema, _NULL], **description}
    out = {**schema, "type": [*_types(schema), "null"]}
    if "enum" in schema:
        out["enum"] = [*schema["enum"], None]
    return out


def allows_null(schema: Any, root: Mapping[str, Any], followed: frozenset[str] = frozenset()) -> bool:
    """Return whether null is a value of a schema, as far as its types, values and choices say.

    Args:
        schema: The schema.
        root: The schema in which references are looked up; one that is not found, or leads back, does not allow null.
        followed: The references that led here.
    """
    if not isinstance(schema, Mapping):
        return bool(schema)
    if "$ref" in schema:
        reference = str(schema["$ref"])
        found = None if reference in followed else _resolve(reference, root)
        return found is not None and allows_null(found, root, followed | {reference})
    if "const" in schema:
        return schema["const"] is None
    if "enum" in schema and None not in schema["enum"]:
        return False
    if "type" in schema and "null" not in _types(schema):
        return False
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return any(allows_null(option, root, followed) for option in schema[key])
    return all(allows_null(option, root, followed) for option in schema.get("allOf", ()))


def _resolve(reference: Any, root: Mapping[str, Any]) -> Any:
    found: Any = root
    for key in str(reference).removeprefix("#/").split("/"):
        name = key.replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def drop_added_nulls(value: Any, schema: Mapping[str, Any]) -> Any:
    """Return a value without the nulls that stand for properties which ``schema``, as given, lets the model leave out.

    Args:
        value: What the model wrote under the strict schema.
        schema: The schema as the suite has it.
    """
    return _drop(value, [schema], schema)


def _drop(value: Any, schemas: list[Any], root: Mapping[str, Any]) -> Any:
    choices = [choice for schema in schemas for choice in _choices(schema, root)]
    if isinstance(value, list):
        return [
            _drop(item, [choice["items"] for choice in choices if "items" in choice], root) for item in value
        ]
    if not isinstance(value, dict):
        return value
    out: dict[str, Any] = {}
    for key, inner in value.items():
        knowing = [choice for choice in choices if key in (choice.get("properties") or {})]
        known = [choice["properties"][key] for choice in knowing]
        is_optional = any(key not in (choice.get("required") or ()) for choice in knowing)
        if inner is None and is_optional and not any(allows_null(schema, root) for schema in known):
            continue
        out[key] = _drop(inner, known, root)
    return out


def _choices(
    schema: Any, root: Mapping[str, Any], followed: frozenset[str] = frozenset()
) -> Iterator[Mapping[str, Any]]:
    """Yield a schema, and what it refers to and chooses from."""
    if not isinstance(schema, Mapping):
        return
    yield schema
    reference = str(schema.get("$ref", ""))
    if reference and reference not in followed:
        yield from _choices(_resolve(reference, root), root, followed | {reference})
    for key in ("anyOf", "oneOf", "allOf"):
        for option in schema.get(key, ()):
            yield from _choices(option, root, followed)

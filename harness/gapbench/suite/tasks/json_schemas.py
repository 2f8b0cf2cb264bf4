"""JSON Schemas of tools and replies: whether one is a schema of an object, and whether a value fits it.

Nothing is fetched: a reference to another document does not resolve.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any


def find_schema_problem(schema: Any) -> str | None:
    """Return why a value is not a JSON Schema of an object, or None if it is one."""
    if not isinstance(schema, Mapping):
        return f"is {_kind(schema)}; expected a JSON Schema, {{type: object, properties: …}}"
    if schema.get("type") != "object":
        found = f"type is {schema['type']!r}" if "type" in schema else "it has no type"
        return f"is not the schema of an object: {found}; write {{type: object, properties: …}}"
    import jsonschema  # noqa: PLC0415 - takes a fifth of a second

    try:
        jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator).check_schema(
            schema
        )
    except jsonschema.SchemaError as exc:
        return f"is not a JSON Schema: at {exc.json_path}: {_one_line(exc.message)}"
    except RecursionError:
        return "is not a JSON Schema: nested too deep"
    outside = _outside_reference(schema)
    return None if outside is None else f"refers to {outside!r}; write that part into the schema, under $defs"


def _outside_reference(value: Any) -> str | None:
    """Return the first reference to another document."""
    if isinstance(value, Mapping):
        target = value.get("$ref")
        if isinstance(target, str) and not target.startswith("#"):
            return target[:80]
        value = list(value.values())
    if isinstance(value, list):
        return next((found for inner in value if (found := _outside_reference(inner)) is not None), None)
    return None


def find_mismatch(value: Any, schema: Mapping[str, Any]) -> str | None:
    """Return where a value does not fit a schema, in one line, or None if it fits."""
    import referencing.exceptions  # noqa: PLC0415 - takes a fifth of a second with jsonschema

    try:
        fault = next(iter(_validator(json.dumps(schema, sort_keys=True)).iter_errors(value)), None)
    except RecursionError:
        return "nested too deep"
    except referencing.exceptions.Unresolvable as exc:
        return f"the schema cannot be used: {_one_line(str(exc))}"
    return None if fault is None else f"at {fault.json_path}: {_one_line(fault.message)}"


@lru_cache(maxsize=1_000)
def _validator(schema_json: str) -> Any:
    import jsonschema  # noqa: PLC0415 - not needed by runs without schemas
    import referencing  # noqa: PLC0415 - not needed by runs without schemas

    schema = json.loads(schema_json)
    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    return kind(schema, registry=referencing.Registry())


def _kind(value: Any) -> str:
    if value is None:
        return "missing"
    return "a list" if isinstance(value, list) else f"{type(value).__name__} {str(value)[:40]!r}"


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 160 else f"{line[:159]}…"

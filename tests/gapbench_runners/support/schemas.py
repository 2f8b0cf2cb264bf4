"""Random JSON Schemas, and values of them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

_NAMES = st.sampled_from(["city", "days", "note", "id", "größe"])
_LEAVES: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"type": "string"},
        {"type": "string", "minLength": 1, "description": "Words."},
        {"type": "string", "format": "date"},
        {"type": "string", "format": "regex"},
        {"type": "integer", "minimum": 1, "maximum": 9},
        {"type": "number", "default": 0.5},
        {"type": "boolean"},
        {"type": "null"},
        {"enum": ["a", "b"]},
        {"type": "string", "enum": ["a", "b"]},
        {"enum": ["a", None]},
        {"const": 7},
    ]
)
_TYPE_LISTS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{"type": ["string", "null"]}, {"type": ["integer", "string"]}]
)


@st.composite
def objects(draw: st.DrawFn, *, depth: int = 2, type_lists: bool = True) -> dict[str, Any]:
    """Draw the schema of an object."""
    inner = schemas(depth=depth - 1, type_lists=type_lists)
    properties = draw(st.dictionaries(_NAMES, inner, min_size=1, max_size=4))
    out: dict[str, Any] = {"type": "object", "properties": properties}
    if required := draw(st.lists(st.sampled_from(sorted(properties)), unique=True)):
        out["required"] = required
    if draw(st.booleans()):
        out["additionalProperties"] = False
    return out


def schemas(*, depth: int, type_lists: bool = True) -> st.SearchStrategy[dict[str, Any]]:
    """Return schemas of any value."""
    leaves: st.SearchStrategy[dict[str, Any]] = st.one_of(_LEAVES, _TYPE_LISTS) if type_lists else _LEAVES
    if depth <= 0:
        return leaves
    below = schemas(depth=depth - 1, type_lists=type_lists)
    arrays = st.builds(
        lambda items, count: {"type": "array", "items": items, "minItems": count}, below, st.integers(0, 2)
    )
    choices = st.builds(
        lambda options, key: {key: options},
        st.lists(below, min_size=1, max_size=2),
        st.sampled_from(["anyOf", "oneOf"]),
    )
    return st.one_of(leaves, arrays, choices, objects(depth=depth, type_lists=type_lists))


def value_of(draw: st.DrawFn, schema: dict[str, Any]) -> Any:
    """Draw a value of a strict schema, as a model writes it that is held to the schema."""
    if "anyOf" in schema:
        return value_of(draw, draw(st.sampled_from(schema["anyOf"])))
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return draw(st.sampled_from(schema["enum"]))
    kind = schema["type"]
    kind = draw(st.sampled_from(kind)) if isinstance(kind, list) else kind
    if kind == "object":
        return {name: value_of(draw, inner) for name, inner in schema["properties"].items()}
    if kind == "array":
        return [value_of(draw, schema["items"]) for _ in range(schema.get("minItems", 0))]
    text = "2026-02-12" if "format" in schema else "x"
    return {"string": text, "integer": 5, "number": 1.5, "boolean": True, "null": None}[kind]

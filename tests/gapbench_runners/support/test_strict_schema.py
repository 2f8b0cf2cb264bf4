"""Schemas for OpenAI's strict mode: closed, complete, and undone in what comes back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gapbench_runners.support.strict_schema import FreeFormError, drop_added_nulls, make_strict
from tests.gapbench_runners.support.schemas import objects, value_of


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield a schema and everything in it that is one."""
    yield schema
    for key in ("properties", "$defs"):
        for inner in schema.get(key, {}).values():
            yield from parts(inner)
    for inner in (*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())):
        yield from parts(inner)


@settings(max_examples=150, deadline=None)
@given(schema=objects())
def test_every_object_is_closed_and_every_property_required(schema: dict[str, Any]) -> None:
    """As the mode asks; nothing that it refuses is left."""
    for part in parts(make_strict(schema).schema):
        if "object" in str(part.get("type")):
            assert part["additionalProperties"] is False
            assert list(part["properties"]) == part["required"]
        assert not {"oneOf", "allOf", "default", "minLength"} & set(part)
        assert part.get("format") in {None, "date"}


@settings(max_examples=150, deadline=None)
@given(schema=objects(), data=st.data())
def test_what_the_strict_schema_allows_fits_the_schema_as_given(schema: dict[str, Any], data: Any) -> None:
    """After the nulls for what was left out are dropped; limits that the mode does not know are kept by the values."""
    strict = make_strict(schema).schema
    written = data.draw(st.composite(lambda draw: value_of(draw, strict))())
    jsonschema.validate(written, strict)

    # A choice of one by `oneOf` may fit twice; that is the schema's own fault.
    jsonschema.validate(drop_added_nulls(written, schema), _any_of(schema))


def _any_of(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {("anyOf" if key == "oneOf" else key): _any_of(inner) for key, inner in schema.items()}
    return [_any_of(inner) for inner in schema] if isinstance(schema, list) else schema


def test_a_rewrite_says_what_it_did() -> None:
    """In the order in which a reader needs it."""
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": "string", "minLength": 2, "default": "x"},
            "b": {"oneOf": [{"type": "null"}]},
        },
        "required": ["b"],
    }

    assert (
        "additionalProperties set to false",
        "optional a sent as required or null",
        "oneOf sent as anyOf",
        "default, minLength left out",
    ) == make_strict(schema).notes


def test_a_schema_that_fits_is_not_changed() -> None:
    """There is nothing to list then."""
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/x"}},
        "required": ["a"],
        "additionalProperties": False,
        "$defs": {"x": {"type": "array", "items": {"type": "integer", "minimum": 2}}},
    }
    found = make_strict(schema)

    assert (schema, (), False) == (found.schema, found.notes, found.has_added_nulls)


@pytest.mark.parametrize(
    ("inner", "why"),
    [
        ({"type": "object"}, "a is an object with any keys"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "a is an object with any keys"),
        ({"type": "array"}, "the items of a may be anything"),
        ({}, "a allows any value"),
        (True, "a allows any value"),
        ({"allOf": [{"type": "string"}, {"type": "string"}]}, "a has allOf"),
        ({"type": "array", "items": {"type": "string"}, "prefixItems": []}, "a has prefixItems"),
        ({"$ref": "https://x.test/schema"}, "a refers to https://x.test/schema"),
    ],
)
def test_what_no_closed_schema_can_say(inner: Any, why: str) -> None:
    """The tool is then sent without the strict mode, and the row says why."""
    with pytest.raises(FreeFormError, match=why):
        make_strict({"type": "object", "properties": {"a": inner}})


def test_a_schema_that_refers_to_itself_is_followed_once() -> None:
    """A tree's children are trees."""
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}, "name": {"type": "string"}}}
    schema = {"type": "object", "properties": {"root": {"$ref": "#/$defs/node"}}, "$defs": {"node": node}}
    written = {"root": {"name": None, "next": {"name": "b", "next": None}}}

    assert make_strict(schema).has_added_nulls
    assert {"root": {"next": {"name": "b"}}} == drop_added_nulls(written, schema)


@pytest.mark.parametrize(
    ("inner", "kept"),
    [
        ({"type": "string"}, False),
        ({"type": ["string", "null"]}, True),
        ({"enum": ["a", None]}, True),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, True),
        ({"const": None}, True),
        ({"type": "string", "enum": ["a"]}, False),
    ],
)
def test_a_null_that_the_schema_allows_is_the_models_own(inner: dict[str, Any], kept: bool) -> None:
    """Only the nulls that the rewrite added are dropped."""
    schema = {"type": "object", "properties": {"a": inner}}

    assert ({"a": None} if kept else {}) == drop_added_nulls({"a": None}, schema)


def test_what_may_be_left_out_may_be_null() -> None:
    """And only that."""
    properties = {"a": {"type": "string"}, "b": {"type": "integer"}, "c": {"enum": ["x"]}, "d": {"const": 1}}
    schema = {"type": "object", "properties": properties, "required": ["a"]}
    strict = make_strict(schema).schema
    left_out = {"a": "x", "b": None, "c": None, "d": None}

    jsonschema.validate(left_out, strict)
    assert {"a": "x"} == drop_added_nulls(left_out, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**left_out, "a": None}, strict)

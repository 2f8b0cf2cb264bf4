"""Schemas for Anthropic's structured output, as the SDK writes them."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import pytest
from hypothesis import given, settings

from gapbench_runners.support.closed_schema import UnknownShapeError, make_closed
from tests.gapbench_runners.support.schemas import objects


@settings(max_examples=200, deadline=None)
@given(schema=objects(type_lists=False))
def test_the_rewrite_is_the_sdks(schema: dict[str, Any]) -> None:
    """Key for key, in the same order."""
    copy = json.loads(json.dumps(schema))

    assert json.dumps(anthropic.transform_schema(copy)) == json.dumps(make_closed(schema)[0])


@settings(max_examples=60, deadline=None)
@given(schema=objects())
def test_the_schema_as_given_is_kept(schema: dict[str, Any]) -> None:
    """It is the suite's."""
    before = json.dumps(schema)
    make_closed(schema)

    assert before == json.dumps(schema)


def test_several_types_are_a_choice() -> None:
    """The SDK fails on a list of types; the API takes choices."""
    schema = {
        "type": "object",
        "properties": {"a": {"type": ["integer", "null"], "minimum": 1, "description": "N."}},
    }

    assert {
        "anyOf": [{"type": "integer", "description": "{minimum: 1}"}, {"type": "null"}],
        "description": "N.",
    } == make_closed(schema)[0]["properties"]["a"]


def test_a_rewrite_says_what_it_did() -> None:
    """What the API does not hold the model to is in the description."""
    schema = {"type": "object", "properties": {"a": {"type": "string", "minLength": 2, "pattern": "x"}}}

    assert (
        "additionalProperties set to false",
        "minLength, pattern moved to the description",
    ) == make_closed(schema)[1]


@pytest.mark.parametrize("inner", [{}, {"description": "Anything."}, True])
def test_a_part_of_any_shape_is_refused(inner: Any) -> None:
    """The SDK refuses it too."""
    with pytest.raises(UnknownShapeError):
        make_closed({"type": "object", "properties": {"a": inner}})

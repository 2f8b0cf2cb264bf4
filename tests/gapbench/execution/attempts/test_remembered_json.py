"""The JSON of a value that comes again is not made again, unless the value was changed in place."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from gapbench.execution.attempts.remembered_json import RememberedJson
from gapbench.values import canonical_json


def test_the_same_value_is_converted_once() -> None:
    """And another one that is equal has its own text."""
    converted: list[Any] = []

    def convert(value: Any) -> str:
        converted.append(value)
        return canonical_json(value)

    json = RememberedJson[Any](convert, deepcopy)
    first, second = {"a": [1]}, {"a": [1]}

    assert ['{"a":[1]}'] * 3 == [json.of(first), json.of(first), json.of(second)]
    assert 2 == len(converted)


def test_a_value_that_was_changed_in_place_is_converted_again() -> None:
    """A runner may use one dictionary for all its calls."""
    json = RememberedJson[Any](canonical_json, deepcopy)
    value = {"a": [1]}
    before = json.of(value)
    value["a"].append(2)

    assert ('{"a":[1]}', '{"a":[1,2]}') == (before, json.of(value))

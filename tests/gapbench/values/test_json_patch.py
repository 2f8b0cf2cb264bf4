"""A JSON Patch is applied as RFC 6902 says; the first cases are those of its appendix A."""

from __future__ import annotations

from typing import Any

import pytest

from gapbench.values.json_patch import apply_patch


@pytest.mark.parametrize(
    ("before", "operation", "after"),
    [
        ({"foo": "bar"}, {"op": "add", "path": "/baz", "value": "qux"}, {"foo": "bar", "baz": "qux"}),
        (
            {"foo": ["bar", "baz"]},
            {"op": "add", "path": "/foo/1", "value": "qux"},
            {"foo": ["bar", "qux", "baz"]},
        ),
        ({"baz": "qux", "foo": "bar"}, {"op": "remove", "path": "/baz"}, {"foo": "bar"}),
        ({"foo": ["bar", "qux", "baz"]}, {"op": "remove", "path": "/foo/1"}, {"foo": ["bar", "baz"]}),
        ({"baz": "qux"}, {"op": "replace", "path": "/baz", "value": "boo"}, {"baz": "boo"}),
        (
            {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
            {"op": "move", "from": "/foo/waldo", "path": "/qux/thud"},
            {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
        ),
        ({"foo": [1, 2, 3, 4]}, {"op": "move", "from": "/foo/1", "path": "/foo/3"}, {"foo": [1, 3, 4, 2]}),
        ({"foo": ["bar"]}, {"op": "add", "path": "/foo/-", "value": ["abc"]}, {"foo": ["bar", ["abc"]]}),
        ({"/": 9, "~1": 10}, {"op": "replace", "path": "/~01", "value": 11}, {"/": 9, "~1": 11}),
        ({"a": 1}, {"op": "copy", "from": "/a", "path": "/b"}, {"a": 1, "b": 1}),
        ({"a": 1}, {"op": "replace", "path": "", "value": [1]}, [1]),
        ({"a": 1}, {"op": "test", "path": "/a", "value": 1}, {"a": 1}),
        ({"": 0}, {"op": "replace", "path": "/", "value": 1}, {"": 1}),
    ],
)
def test_operations(before: Any, operation: dict[str, Any], after: Any) -> None:
    """Each operation alone."""
    assert after == apply_patch(before, [operation])


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/b"},
        {"op": "replace", "path": "/list/3", "value": 0},
        {"op": "add", "path": "/list/3", "value": 0},
        {"op": "add", "path": "/list/x", "value": 0},
        {"op": "add", "path": "/a/b", "value": 0},
        {"op": "test", "path": "/a", "value": 2},
        {"op": "grow", "path": "/a"},
        {"op": "remove", "path": "a"},
    ],
)
def test_what_does_not_fit_is_named(operation: dict[str, Any]) -> None:
    """The operation and its place."""
    with pytest.raises(ValueError, match=f"operation {operation['op']} "):
        apply_patch({"a": 1, "list": [1, 2]}, [operation])


def test_the_given_value_stays() -> None:
    """Two operations on a copy."""
    before = {"list": [1]}
    patch: list[dict[str, Any]] = [
        {"op": "add", "path": "/list/-", "value": 2},
        {"op": "remove", "path": "/list/0"},
    ]

    assert {"list": [2]} == apply_patch(before, patch)
    assert {"list": [1]} == before

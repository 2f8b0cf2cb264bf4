"""A JSON Patch turns the old state into the new one, and says no more than what changed."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapbench.agents.state_patch import MAX_DEPTH, make_patch

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.0, 1.0, 2.5])
    | st.text("ab/~0", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text("ab/~0", max_size=2), inner, max_size=4)
    ),
    max_leaves=20,
)


def apply_patch(value: Any, patch: list[dict[str, Any]]) -> Any:
    """Return a value after a patch, as RFC 6902 says, for the operations that we write."""
    root: dict[str, Any] = {"": copy.deepcopy(value)}
    for operation in patch:
        keys = ["", *(key.replace("~1", "/").replace("~0", "~") for key in operation["path"].split("/")[1:])]
        place: Any = root
        for key in keys[:-1]:
            place = place[int(key)] if isinstance(place, list) else place[key]
        last: Any = int(keys[-1]) if isinstance(place, list) else keys[-1]
        match operation["op"]:
            case "remove":
                del place[last]
            case "add" if isinstance(place, list):
                place.insert(last, operation["value"])
            case "add":
                assert last not in place
                place[last] = operation["value"]
            case "replace":
                assert place is root or not isinstance(place, dict) or last in place
                place[last] = operation["value"]
    return root[""]


@given(JSON_VALUES, JSON_VALUES)
def test_the_patch_turns_the_one_into_the_other(before: Any, after: Any) -> None:
    """Types of numbers included, and without changing either."""
    texts = json.dumps(before), json.dumps(after)
    patched = apply_patch(before, make_patch(before, after))
    assert json.dumps(patched, sort_keys=True) == json.dumps(after, sort_keys=True)
    assert (json.dumps(before), json.dumps(after)) == texts


@given(JSON_VALUES)
def test_equal_values_need_no_patch(value: Any) -> None:
    """Also where the keys are in another order."""
    assert make_patch(value, json.loads(json.dumps(value, sort_keys=True))) == []


@pytest.mark.parametrize(
    ("before", "after", "patch"),
    [
        ({"a": 1}, {"a": 2}, [{"op": "replace", "path": "/a", "value": 2}]),
        ({"a": 1}, {"a": True}, [{"op": "replace", "path": "/a", "value": True}]),
        ({"a": 1}, {"a": 1.0}, [{"op": "replace", "path": "/a", "value": 1.0}]),
        ({"a": 1}, {}, [{"op": "remove", "path": "/a"}]),
        ({}, {"a/b~": None}, [{"op": "add", "path": "/a~1b~0", "value": None}]),
        ([1, 2, 3], [1, 3], [{"op": "remove", "path": "/1"}]),
        ([1, 3], [1, 2, 3], [{"op": "add", "path": "/1", "value": 2}]),
        ([{"n": 1}, {"n": 2}], [{"n": 1}, {"n": 5}], [{"op": "replace", "path": "/1/n", "value": 5}]),
        ([1], {"0": 1}, [{"op": "replace", "path": "", "value": {"0": 1}}]),
    ],
)
def test_only_what_changed_is_in_the_patch(before: Any, after: Any, patch: list[dict[str, Any]]) -> None:
    """One change, one operation."""
    assert make_patch(before, after) == patch


def test_what_is_very_deep_is_replaced_whole() -> None:
    """So that no state can exhaust the stack."""
    before: Any = 1
    after: Any = 2
    for _ in range(MAX_DEPTH + 50):
        before, after = [before], [after]
    (operation,) = make_patch(before, after)
    assert operation["path"] == "/0" * MAX_DEPTH

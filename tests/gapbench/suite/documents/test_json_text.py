"""JSON that people write: duplicate keys, and where they are."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from gapbench.suite.documents.json_text import JsonError, parse_json


def make_object(draw: random.Random, depth: int) -> dict[str, Any]:
    """Return an object with distinct keys, odd characters among them."""
    keys = draw.sample(
        ["a", "b", "id", 'quo"te', "back\\slash", "brace{", "co:lon", "質問", "", "a b", "]"], 4
    )
    return {key: make_value(draw, depth) for key in keys}


def make_value(draw: random.Random, depth: int) -> Any:
    if depth and draw.random() < 0.5:
        return make_object(draw, depth - 1) if draw.random() < 0.6 else [make_value(draw, depth - 1)]
    return draw.choice([1, "x", 'a "b": 1,', '{"id": 1}', None, True, "[]", "\\"])


def write_lines(value: Any, duplicate: tuple[int, str] | None, lines: list[str], counter: list[int]) -> None:
    """Write a value with one token a line; the object with the given number gets one of its keys again at its end."""
    if isinstance(value, dict):
        counter[0] += 1
        mine = counter[0]
        lines.append("{")
        items = list(value.items())
        again = [(duplicate[1], 0)] if duplicate is not None and duplicate[0] == mine else []
        for at, (key, inner) in enumerate([*items, *again]):
            lines.append(("," if at else "") + json.dumps(key, ensure_ascii=False) + " :")
            write_lines(inner, duplicate, lines, counter)
        lines.append("}")
    elif isinstance(value, list):
        lines.append("[")
        for inner in value:
            write_lines(inner, duplicate, lines, counter)
        lines.append("]")
    else:
        lines.append(json.dumps(value))


@pytest.mark.parametrize("seed", range(60))
def test_a_duplicate_key_is_found_at_its_line(seed: int) -> None:
    """Objects in objects and lists, keys with quotes and braces; one key is written again, and that line is named."""
    draw = random.Random(seed)
    value = make_object(draw, 3)
    objects: list[dict[str, Any]] = []

    def collect(inner: Any) -> None:
        if isinstance(inner, dict):
            objects.append(inner)
            for one in inner.values():
                collect(one)
        elif isinstance(inner, list):
            for one in inner:
                collect(one)

    collect(value)
    place = draw.randrange(len(objects))
    key = draw.choice(list(objects[place]))
    clean: list[str] = []
    write_lines(value, None, clean, [0])
    broken: list[str] = []
    write_lines(value, (place + 1, key), broken, [0])
    line = next(at for at, (old, new) in enumerate(zip([*clean, ""], broken, strict=False), 1) if old != new)

    assert value == parse_json("\n".join(clean))
    with pytest.raises(JsonError) as caught:
        parse_json("\n".join(broken))
    assert (key, line) == (caught.value.key, caught.value.line)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"a": 1, "a": 2}', "the key 'a' is given twice; keep one"),
        ('{"a": 1,\n"\\u0061": 2}', "the key 'a' is given twice, first on line 1; keep one"),
        ("[1e400]", "not JSON: 1e400 is too large for a number, write null"),
        ("[-1e400]", "not JSON: -1e400 is too large"),
        ("[NaN]", "not JSON: NaN is not valid JSON, write null"),
        ("[-Infinity]", "not JSON: -Infinity is not valid JSON, write null"),
        ("{", "not JSON: Expecting property name"),
        ('"\\ud800"', "not JSON: half of a surrogate pair is not a character"),
        ("[" * 100_000, "not JSON: nested too deep"),
        ("9" * 5000, "not JSON: Exceeds the limit"),
    ],
)
def test_what_cannot_be_stored_is_refused(text: str, problem: str) -> None:
    """With the reason, in a few words."""
    with pytest.raises(JsonError) as caught:
        parse_json(text)
    assert caught.value.problem.startswith(problem)

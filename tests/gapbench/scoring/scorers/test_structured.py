"""Scorers of structured replies: JSON Schema, fields, tool calls."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gapbench.errors import InputError
from gapbench.scoring import make_scorer
from gapbench.values import Sample, Score

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}},
    "required": ["city"],
    "additionalProperties": False,
}


def score(
    name: str, reply: str, target: Any = None, columns: dict[str, Any] | None = None, **options: Any
) -> Score:
    return make_scorer(name, options)(reply, Sample("s", (), target=target, columns=columns or {}))


@pytest.mark.parametrize(
    ("reply", "target", "options", "outcome"),
    [
        ('{"city": "Oslo"}', None, {}, "correct"),
        ('Sure:\n```json\n{"city": "Oslo"}\n```', None, {}, "correct"),
        ('Sure: {"city": "Oslo"}', None, {"only": True}, "unparsed"),
        ('```json\n{"city": "Oslo"}\n```', None, {"only": True}, "correct"),
        ('{"town": "Oslo"}', None, {}, "wrong"),
        ('{"city": 5}', None, {}, "wrong"),
        ('{"city": NaN}', None, {}, "unparsed"),
        ("no idea", None, {}, "unparsed"),
        ('{"city": "Oslo"}', '{"city": "Oslo"}', {}, "correct"),
        ('{"city": "Oslo"}', {"city": "Bern"}, {}, "wrong"),
        ('{"city": "oslo"}', {"city": "Oslo"}, {"ignore_case": True}, "correct"),
        ('{"city": "Oslo"}', {"city": "Bern"}, {"compare": False}, "correct"),
        ('{"city": "O", "tags": ["b", "a"]}', {"city": "O", "tags": ["a", "b"]}, {}, "wrong"),
        ('{"city": "O", "tags": ["b", "a"]}', {"city": "O", "tags": ["a", "b"]}, {"ignore_order": True}, "correct"),
    ],
)  # fmt: skip
def test_json_schema(reply: str, target: Any, options: dict[str, Any], outcome: str) -> None:
    """The schema first, then the target where there is one."""
    assert outcome == score("json_schema", reply, target, {"schema": json.dumps(SCHEMA)}, **options).outcome
    assert outcome == score("json_schema", reply, target, schema=SCHEMA, **options).outcome


def test_a_wrong_schema_in_the_task_is_told_at_once() -> None:
    """Where the task gives it; one in a row leaves that row unscored."""
    with pytest.raises(InputError, match=r"schema is wrong at \$\.type"):
        make_scorer("json_schema", {"schema": {"type": "text"}})

    assert "unscored" == score("json_schema", "{}", None, {"schema": {"type": "text"}}).outcome
    assert "unscored" == score("json_schema", "{}", None, {}).outcome


def test_a_schema_fetches_nothing_and_never_hangs() -> None:
    """An outside reference and a pattern with repeats within repeats are the task's fault."""
    outside = make_scorer("json_schema", {"schema": {"$ref": "http://127.0.0.1:9/schema.json"}})
    with pytest.raises(Exception, match="127"):
        outside('{"a": 1}', Sample("s", ()))
    with pytest.raises(InputError, match="may never end"):
        make_scorer("json_schema", {"schema": {"type": "string", "pattern": "(a+)+$"}})


CALL = {"name": "book_room", "arguments": {"nights": 2, "city": "Oslo"}}


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ('{"name": "book_room", "arguments": {"city": "oslo", "nights": 2}}', "correct"),
        ('```json\n[{"name": "book_room", "arguments": {"city": "Oslo", "nights": 2.0}}]\n```', "correct"),
        ('{"tool": "book_room", "args": {"city": "Oslo", "nights": 2}}', "correct"),
        ('{"tool_calls": [{"type": "function", "function": {"name": "book_room", "arguments": "{\\"city\\": \\"Oslo\\", \\"nights\\": 2}"}}]}', "correct"),
        ('{"name": "book_room", "arguments": {"city": "Oslo", "nights": "2"}}', "wrong"),
        ('{"name": "book_room", "arguments": {"city": "Oslo"}}', "wrong"),
        ('{"name": "book_room", "arguments": {"city": "Oslo", "nights": 2, "pets": true}}', "wrong"),
        ('{"name": "cancel_room", "arguments": {"city": "Oslo", "nights": 2}}', "wrong"),
        ('[{"name": "book_room", "arguments": {"city": "Oslo", "nights": 2}}, {"name": "pay", "arguments": {}}]', "wrong"),
        ("[]", "wrong"),
        ("I would book a room.", "unparsed"),
        ('{"city": "Oslo"}', "unparsed"),
    ],
)  # fmt: skip
def test_tool_call(reply: str, outcome: str) -> None:
    """The forms of the usual APIs are one call; every argument counts."""
    assert outcome == score("tool_call", reply, CALL).outcome
    assert outcome == score("tool_call", reply, json.dumps(CALL)).outcome


def test_several_calls_in_any_order_unless_order_counts() -> None:
    """Two calls, the other way round."""
    a, b = {"name": "a", "arguments": {}}, {"name": "b", "arguments": {"x": 1}}
    reply = json.dumps([b, a])

    assert "correct" == score("tool_call", reply, [a, b]).outcome
    assert "wrong" == score("tool_call", reply, [a, b], order=True).outcome


@pytest.mark.parametrize(
    "form",
    [
        "{a}\n{b}", "```json\n{a}\n```\n```json\n{b}\n```", "1. {a}\n2. {b}", "{a}, {b}", "[{a}, {b}]", "<tool_call>\n{a}\n</tool_call>\n<tool_call>\n{b}\n</tool_call>",
        "I call two tools.\n<tool_call>{a}</tool_call> and then <tool_call>{b}</tool_call>", '<function=a>{{"y": 2}}</function>\n<function=b>{{"x": 1}}</function>', "<tool_call>[{a}, {b}]</tool_call>",
    ],
)  # fmt: skip
def test_calls_written_one_after_another_are_several(form: str) -> None:
    """As lines, fences, a list, or in the tags of open models."""
    a, b = {"name": "a", "arguments": {"y": 2}}, {"name": "b", "arguments": {"x": 1}}
    reply = form.format(a=json.dumps(a), b=json.dumps(b))

    assert "correct" == score("tool_call", reply, [a, b]).outcome


def test_a_draft_before_the_call_does_not_count() -> None:
    """Two calls with words between them: the last is meant."""
    draft, call = {"name": "a", "arguments": {"y": 2}}, {"name": "b", "arguments": {"x": 1}}
    reply = f"First I thought of {json.dumps(draft)}. Better is: {json.dumps(call)}"

    assert "correct" == score("tool_call", reply, call).outcome


def test_no_call_is_an_empty_list() -> None:
    """A target that wants none accepts [] alone."""
    assert "correct" == score("tool_call", "[]", []).outcome
    assert "wrong" == score("tool_call", json.dumps(CALL), []).outcome


def test_extra_arguments_where_allowed() -> None:
    """Defaults written out do no harm."""
    reply = '{"name": "book_room", "arguments": {"city": "Oslo", "nights": 2, "pets": false}}'

    assert "correct" == score("tool_call", reply, CALL, extra=True).outcome

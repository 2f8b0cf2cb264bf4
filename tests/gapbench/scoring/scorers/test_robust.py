"""Whatever a model says, the newer scorers give a score, soon."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gapbench.scoring import make_scorer
from gapbench.values import Sample

SCHEMA = {"type": "object", "required": ["a"], "properties": {"a": {"type": "string", "pattern": "^a+$"}}}
FUZZED: list[tuple[Any, Any, dict[str, Any]]] = [
    (make_scorer("f1", {}), "a b c", {}),
    (make_scorer("rouge", {}), "a b c", {}),
    (make_scorer("anls", {}), "a b c", {}),
    (make_scorer("relaxed", {}), "12", {}),
    (make_scorer("numeric", {}), "1234567", {}),
    (make_scorer("json_schema", {}), '{"a": "aa"}', {"schema": SCHEMA}),
    (make_scorer("json_schema", {"only": True, "ignore_order": True}), '{"a": "aa"}', {"schema": SCHEMA}),
    (make_scorer("plan", {}), None, {"start": {"A": [1], "B": []}, "goal": {"A": [], "B": [1]}}),
    (make_scorer("tool_call", {}), '[{"name": "a", "arguments": {"b": 1}}]', {}),
    (
        make_scorer("constraints", {}),
        None,
        {"constraints": [{"kind": "words", "max": 3}, {"kind": "json"}, {"kind": "include", "words": ["a b"]}, {"kind": "bullets", "count": 2}, {"kind": "max_word_chars", "max": 4}]},
    ),
]  # fmt: skip
PIECES = st.sampled_from(
    ["{", "}", "[", "]", '"a"', ":", ",", "name", "arguments", "```json\n", "```", "Answer: ", "\\boxed{", "$", "- ", "1", "é", "\x00", "\ud800", '{"name": "a", "arguments": ', "null", "NaN", "\\frac{1}{2}", "####", "A>B"]
)  # fmt: skip
REPLIES = st.one_of(st.text(), st.lists(PIECES, max_size=30).map("".join))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(reply=REPLIES)
def test_no_reply_raises(reply: str) -> None:
    """A value of 0 to 1, or None and unscored; one line of reason."""
    for scorer, target, columns in FUZZED:
        found = scorer(reply, Sample("s", (), target=target, columns=columns))
        assert found.value is not None
        assert 0 <= found.value <= 1
        assert "\n" not in found.reason


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(reply=REPLIES)
def test_no_reply_breaks_the_math_scorer(reply: str) -> None:
    """Nor is one right by chance: none of the pieces holds the target."""
    found = make_scorer("math", {})(reply, Sample("s", (), target=r"\frac{17}{23}"))

    assert found.outcome in {"wrong", "unparsed"}
    assert "\n" not in found.reason


@pytest.mark.parametrize(
    "reply",
    [
        "{" * 10**6,
        '{"a":' * 10**5,
        "[" * 10**6,
        "a " * 5 * 10**5,
        " " * 10**6,
        "Q" + "\t" * 10**6 + ">",
        "\\boxed{" * 10**5,
        "$" * 10**6,
        "$a" * 5 * 10**5,
        "\\(" * 5 * 10**5,
        "- " * 5 * 10**5,
        "a" * 10**6,
        "a'" * 5 * 10**5,
        "1," * 5 * 10**5,
        "√" * 10**6,
        ".\\overline{" * 10**5,
        "1 " * 5 * 10**5,
        "1 (" * 10**5,
        "- 1" * 10**5,
        "two and a half " * 10**5,
        "the answer is " * 10**5,
        "¾" * 10**5,
        "10**" * 10**5,
    ],
    ids=lambda reply: reply[:8],
)
def test_long_replies_are_quick(reply: str) -> None:
    """A million characters of what the scorers look for come back with a score of 0."""
    scorers = [*FUZZED, (make_scorer("math", {}), "5", {})]
    for scorer, target, columns in scorers:
        assert scorer(reply, Sample("s", (), target=target, columns=columns)).outcome in {"wrong", "unparsed"}

"""The scorers of short answers, and of programs against tests."""

from __future__ import annotations

from typing import Any

import pytest

from gapbench.errors import InputError
from gapbench.scoring import make_scorer
from gapbench.scoring.scorers.regex import Regex
from tests.scored_replies import COLOURS, HUMANEVAL, score


@pytest.mark.parametrize(
    ("reply", "target", "outcome"),
    [
        ("Paris", "paris", "correct"),
        ("  Paris.\n", "Paris", "correct"),
        ("I think so.\nThe answer is **Paris**.", "Paris", "correct"),
        ("Paris, France", "Paris", "wrong"),
        ("UK", ["United Kingdom", "UK"], "correct"),
        ("", "Paris", "unparsed"),
        ("x", None, "unscored"),
    ],
)
def test_exact(reply: str, target: Any, outcome: str) -> None:
    """Exact takes the reply or its stated answer, without case and punctuation."""
    assert score("exact", reply, target).outcome == outcome


def test_exact_threshold_is_a_similarity() -> None:
    """One edit in eight characters is a similarity of 7/8."""
    assert score("exact", "abcdefgx", "abcdefgh", threshold=7 / 8).outcome == "correct"
    assert score("exact", "abcdefxx", "abcdefgh", threshold=7 / 8).outcome == "wrong"


@pytest.mark.parametrize(
    ("reply", "target", "options", "outcome"),
    [
        ("It is in Paris today", "paris", {}, "correct"),
        ("concatenate", "cat", {}, "correct"),
        ("concatenate", "cat", {"whole_words": True}, "wrong"),
        ("a cat.", "cat", {"whole_words": True}, "correct"),
        ("red", ["red", "blue"], {}, "correct"),
        ("red", ["red", "blue"], {"all": True}, "wrong"),
        ("Cat", "cat", {"ignore_case": False}, "wrong"),
    ],
)
def test_contains(reply: str, target: Any, options: dict[str, Any], outcome: str) -> None:
    """Contains looks for the target anywhere."""
    assert score("contains", reply, target, **options).outcome == outcome


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ("B", "correct"),
        ("b", "correct"),
        ("(B)", "correct"),
        ("**B**", "correct"),
        ("B. dark red", "correct"),
        ("B) dark red", "correct"),
        ("Answer: B", "correct"),
        ("Answer: (B)", "correct"),
        ("**Answer:** B", "correct"),
        ("**Answer: B**", "correct"),
        ("The correct answer is B.", "correct"),
        ("The answer is option B", "correct"),
        ("The answer is: dark red", "correct"),
        (r"So \boxed{B}", "correct"),
        (r"So $\boxed{\text{B}}$.", "correct"),
        ("Answer: A\nNo, wait.\nAnswer: B", "correct"),
        ("A is too bright, C is cold.\n\nB", "correct"),
        ("It must be dark red.", "correct"),
        ("I would say (B), since it is darker.", "correct"),
        ("Answer:\nB", "correct"),
        ("A colour like this is hard.\nAnswer: B", "correct"),
        ("Answer: C", "wrong"),
        ("Answer: B\nThe final answer is C", "wrong"),
        ("Answer: A or B", "unparsed"),
        ("(A) or (B)", "unparsed"),
        ("It is either blue or green.", "unparsed"),
        ("A colour like this is hard to tell.", "unparsed"),
        ("I do not know", "unparsed"),
        ("", "unparsed"),
    ],
)
def test_choice(reply: str, outcome: str) -> None:
    """The letter is found in whatever way it is stated; what is ambiguous is unparsed."""
    found = score("choice", reply, "B", COLOURS)
    assert found.outcome == outcome, found


@pytest.mark.parametrize("target", ["B", "b", "(B)", 1, "dark red"])
def test_choice_targets(target: Any) -> None:
    """A target is a letter, an index from 0, or the option's text."""
    assert score("choice", "Answer: B", target, COLOURS).outcome == "correct"


@pytest.mark.parametrize(
    ("reply", "target", "outcome"),
    [
        ("42", 42, "correct"),
        ("Answer: 42", "42", "correct"),
        ("3 + 4 = 7\n#### 7", 7, "correct"),
        ("The answer is $1,234.50.", 1234.5, "correct"),
        ("The answer is 1 234 567".replace(" 2", "\u202f2").replace(" 5", "\u202f5"), 1234567, "correct"),
        (r"\boxed{\frac{3}{4}}", 0.75, "correct"),
        (r"\boxed{1{,}000}", 1000, "correct"),
        ("Answer: 3/4", "0.75", "correct"),
        ("Answer: 1 1/2 cups", 1.5, "correct"),
        ("Answer: -5", -5, "correct"),
        ("Answer: \u22125", -5, "correct"),
        ("Answer: -$5", -5, "correct"),
        ("Answer: 25%", 25, "correct"),
        ("Answer: 25%", 0.25, "correct"),
        ("Answer: 0.25", "25%", "correct"),
        ("Answer: 6.02e23", 6.02e23, "correct"),
        (r"Answer: $6.02 \times 10^{23}$", 6.02e23, "correct"),
        ("Answer: 1.5 million", 1_500_000, "correct"),
        ("Answer: 3,14", 3.14, "correct"),
        ("Answer: 42 km (26 miles)", 42, "correct"),
        ("Answer: 3 + 4 = 7 apples", 7, "correct"),
        ("First 10, then 20, so 30 in all.", 30, "correct"),
        ("So it is **30** apples after 2 days.", 30, "correct"),
        ("Answer: three", 3, "correct"),
        ("Answer: 12\nOops.\nAnswer: 13", 13, "correct"),
        ("Answer: 0", 0, "correct"),
        ("Answer: 41", 42, "wrong"),
        ("Answer: 12 or 13", 12, "unparsed"),
        ("Answer: 1234", 1.234, "wrong"),
        ("no idea", 3, "unparsed"),
        ("Answer: 1e9999", 3, "wrong"),
        ("42", "the number 42", "correct"),
        ("Natalia sold 48/2 = 24 clips, 72 in all.\n#### 72", "48+24 = 72\n#### 72", "correct"),
    ],
)
def test_numeric(reply: str, target: Any, outcome: str) -> None:
    """The final number counts, with separators, units, fractions, percent and powers of ten."""
    found = score("numeric", reply, target)
    assert found.outcome == outcome, found


@pytest.mark.parametrize(
    ("reply", "options", "outcome"),
    [
        ("104.9", {"relaxed": True}, "correct"),
        ("105.1", {"relaxed": True}, "wrong"),
        ("102", {"abs_tol": 2}, "correct"),
        ("103", {"abs_tol": 2}, "wrong"),
        ("101", {"rel_tol": 0.01}, "correct"),
        ("101.1", {"rel_tol": 0.01}, "wrong"),
    ],
)
def test_numeric_tolerance(reply: str, options: dict[str, Any], outcome: str) -> None:
    """Tolerances around a target of 100: 5 % relaxed, 2 absolute, 1 % relative."""
    assert score("numeric", reply, 100, **options).outcome == outcome


@pytest.mark.parametrize(
    ("reply", "target", "options", "value"),
    [
        ('```json\n{"a": 1, "b": "x"}\n```', {"a": 1, "b": "x"}, {}, 1.0),
        ('Here: {"a": 1, "b": "y"}', '{"a": 1, "b": "x"}', {}, 0.5),
        ('{"a": 1.0, "b": [1, {"c": null}]}', {"a": 1, "b": [1, {"c": None}]}, {}, 1.0),
        ('{"a": true}', {"a": 1}, {}, 0.0),
        ('{"a": 1, "z": 2}', {"a": 1}, {}, 1.0),
        ('{"a": 1, "z": 2}', {"a": 1}, {"extra": False}, 0.5),
        ('{"a": "X"}', {"a": "x"}, {"ignore_case": True}, 1.0),
        ('draft {"a": 2}\nfinal {"a": 1}', {"a": 1}, {}, 1.0),
    ],
)
def test_json(reply: str, target: Any, options: dict[str, Any], value: float) -> None:
    """The value is the share of fields that are right."""
    assert score("json", reply, target, **options).value == value


def test_json_without_an_object_is_unparsed() -> None:
    """Prose, a list or broken JSON is no object."""
    assert {score("json", r, {"a": 1}).outcome for r in ("none", "[1]", '{"a": ', "{" * 5000)} == {"unparsed"}


def test_regex_compares_the_last_match() -> None:
    """The group of the last match is the answer."""
    found = score("regex", "code: AB1\ncode: cd2", "CD2", pattern=r"code: (\w+)")
    assert (found.outcome, found.answer) == ("correct", "cd2")
    assert score("regex", "nothing", "x", pattern=r"code: (\w+)").outcome == "unparsed"
    assert score("regex", "2024-05-06", None, pattern=r"\d{4}-\d\d-\d\d", compare=False).outcome == "correct"


def test_bad_pattern_is_an_input_error() -> None:
    """A pattern that is none is refused with its text, position and fault."""
    with pytest.raises(InputError, match=r"'\(a' is wrong at position 0: missing \)"):
        make_scorer("regex", {"pattern": "(a"})
    with pytest.raises(InputError, match=r"no group 3 in '\(a\)'; it has: 0, 1"):
        make_scorer("regex", {"pattern": "(a)", "group": 3})


def test_repeats_within_repeats_are_searched_apart() -> None:
    """A pattern that can backtrack for ever is known as such; one that cannot is not."""
    risky = [Regex(p).is_risky for p in (r"(a+)+$", r"(?:(x*)|b)*c", r"(\d+),(\d+)")]
    assert risky == [True, True, False]
    assert score("regex", "x = 1,234", "1,234", pattern=r"((?:\d+,)*\d+)").outcome == "correct"


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ("    return sum(twice(x) for x in xs)\n", "correct"),
        ("```python\ndef total(xs: List[int]) -> int:\n    return sum(twice(x) for x in xs)\n```", "correct"),
        ("Sure!\n```python\nreturn sum(2 * x for x in xs)\n```\nDone.", "correct"),
        (
            "```python\ndef total(xs):\n    return 2 * sum(xs)\n```\nExample:\n```python\nprint(total([1]))\n```",
            "correct",
        ),
        ("def total(xs):\n    return 2 * sum(xs)", "correct"),
        ("```\ndef total(xs):\n    return 2 * sum(xs)", "correct"),
        ("```python\ndef total(xs):\n    return sum(xs)\n```", "wrong"),
        ("```python\ndef total(xs: return\n```", "wrong"),
        ("```python\ndef twice(x): return 0\ndef total(xs): return 0\n```", "wrong"),
        ("I cannot do this.", "unparsed"),
        ("", "unparsed"),
    ],
)
def test_code_takes_humaneval_rows(reply: str, outcome: str) -> None:
    """A completion, a whole function and a chatty reply are run as what they mean."""
    found = score("code", reply, None, HUMANEVAL)
    assert found.outcome == outcome, found
    assert (found.isolation in {"unshare", "bubblewrap"}) == (reply != "")


def test_code_takes_a_list_of_asserts() -> None:
    """MBPP's form: a list of asserts and no entry point."""
    columns = {"test": ["assert add(1, 2) == 3", "assert add(0, 0) == 0"]}
    assert score("code", "```python\ndef add(a, b): return a + b\n```", None, columns).outcome == "correct"
    assert score("code", "```python\ndef add(a, b): return a - b\n```", None, columns).outcome == "wrong"


def test_code_partial_credit_is_a_share() -> None:
    """With ``partial`` 1 of 3 assertions gives 1/3; without it nothing."""
    reply = "```python\ndef total(xs): return 0\n```"
    assert score("code", reply, None, HUMANEVAL, partial=True).value == 1 / 3
    assert score("code", reply, None, HUMANEVAL).value == 0


def test_code_without_tests_is_unscored() -> None:
    """A sample without tests, or whose tests cannot run here, blames no model."""
    assert score("code", "x = 1", None, {}).outcome == "unscored"
    assert (
        score("code", "def f(): pass", None, {"test": "import no_such_package", "entry_point": "f"}).outcome
        == "unscored"
    )

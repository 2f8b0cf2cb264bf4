"""Scorers of texts: F1, ROUGE, ANLS, relaxed accuracy, constraints, and functions of the user's own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from gapbench.errors import InputError
from gapbench.scoring import make_scorer
from gapbench.scoring.scorers.rouge import longest_common_subsequence_length, rouge_f_measure
from gapbench.values import Sample, Score


def score(name: str, reply: str, target: Any, columns: dict[str, Any] | None = None, **options: Any) -> Score:
    return make_scorer(name, options)(reply, Sample("s", (), target=target, columns=columns or {}))


@pytest.mark.parametrize(
    ("reply", "target", "value"),
    [
        ("The Eiffel Tower", "Eiffel tower", 1.0),
        ("Paris in France", "Paris", 2 / 4),
        ("Answer: Paris", ["Lyon", "Paris"], 1.0),
        ("London", "Paris", 0.0),
    ],
)
def test_f1(reply: str, target: Any, value: float) -> None:
    """2 x shared words over all words of both."""
    assert value == score("f1", reply, target).value


def test_f1_without_partial_credit() -> None:
    """2 of 4 words shared is F1 0.5, below a threshold of 0.6."""
    assert 0.0 == score("f1", "Paris in France", "Paris", partial=False, threshold=0.6).value


def test_rouge_by_hand() -> None:
    """`the cat sat` against `the cat lay down`: 2 words, 1 pair and a subsequence of 2 are shared."""
    said, wanted = ["the", "cat", "sat"], ["the", "cat", "lay", "down"]

    assert 2 * 2 / (3 + 4) == rouge_f_measure("rouge1", said, wanted)
    assert 2 * 1 / (2 + 3) == rouge_f_measure("rouge2", said, wanted)
    assert 2 * 2 / (3 + 4) == rouge_f_measure("rougeL", said, wanted)


def test_longest_common_subsequence_is_that_of_the_table() -> None:
    """The bits give what the table of Wagner and Fischer gives."""
    from random import Random

    r = Random(1)
    for _ in range(50):
        a, b = ([r.choice("abcd") for _ in range(r.randint(0, 30))] for _ in range(2))
        row = [0] * (len(b) + 1)
        for left in a:
            before = row[:]
            for j, right in enumerate(b, 1):
                row[j] = before[j - 1] + 1 if left == right else max(before[j], row[j - 1])
        assert row[-1] == longest_common_subsequence_length(a, b)


@pytest.mark.parametrize(
    ("reply", "target", "value"),
    [
        ("ITC  Limited", "itc limited", 1.0),
        ("Answer: 12 May 1998", "12 May 1999", 1 - 1 / 11),
        ("nothing alike", "12 May 1999", 0.0),
        ("colour", ["color", "colour"], 1.0),
    ],
)
def test_anls(reply: str, target: Any, value: float) -> None:
    """1 - edits / longer length, 0 below a half."""
    assert value == pytest.approx(score("anls", reply, target).value)


@pytest.mark.parametrize(
    ("reply", "target", "outcome"),
    [
        ("Answer: 104", "100", "correct"),
        ("Answer: 106", "100", "wrong"),
        ("Answer: 95%", "100%", "correct"),
        ("**Answer:** Dark blue", "dark blue", "correct"),
        ("blue", "green", "wrong"),
        ("It was May 2011.", "May 2012", "wrong"),
    ],
)
def test_relaxed(reply: str, target: str, outcome: str) -> None:
    """Five percent for numbers, the same text for words."""
    assert outcome == score("relaxed", reply, target).outcome


POEM = "- Red leaves fall\n- Cold wind sings"


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        ({"kind": "bullets", "count": 2}, True),
        ({"kind": "bullets", "min": 3}, False),
        ({"kind": "words", "min": 5, "max": 6}, True),
        ({"kind": "words", "max": 5}, False),
        ({"kind": "lines", "count": 2}, True),
        ({"kind": "paragraphs", "count": 1}, True),
        ({"kind": "sentences", "count": 0}, True),
        ({"kind": "include", "words": ["cold wind"]}, True),
        ({"kind": "include", "words": ["win"]}, False),
        ({"kind": "include", "words": ["wind"], "count": 2}, False),
        ({"kind": "forbid", "words": ["snow"]}, True),
        ({"kind": "forbid", "words": ["Leaves"]}, False),
        ({"kind": "letter", "letter": "e", "count": 3}, True),
        ({"kind": "letter", "letter": "e", "max": 2}, False),
        ({"kind": "case", "is": "lower"}, False),
        ({"kind": "starts", "text": "- Red"}, True),
        ({"kind": "ends", "text": "!"}, False),
        ({"kind": "no_commas"}, True),
        ({"kind": "quoted"}, False),
        ({"kind": "no_fence"}, True),
        ({"kind": "json"}, False),
        ({"kind": "ordered", "words": ["red", "cold"]}, True),
        ({"kind": "ordered", "words": ["cold", "red"]}, False),
        ({"kind": "each_line_starts", "text": "- "}, True),
        ({"kind": "max_word_chars", "max": 5}, False),
        ({"kind": "numbered", "count": 0}, True),
        ({"kind": "headings", "max": 0}, True),
        ({"kind": "chars", "max": 36}, True),
    ],
)
def test_constraints(wanted: dict[str, Any], kept: bool) -> None:
    """Each kind, kept and broken."""
    assert float(kept) == score("constraints", POEM, None, {"constraints": [wanted]}).value


def test_constraints_are_all_or_nothing_unless_partial() -> None:
    """One of two kept: 0, or a half."""
    columns = {"constraints": [{"kind": "no_commas"}, {"kind": "quoted"}]}

    assert 0.0 == score("constraints", POEM, None, columns).value
    assert 0.5 == score("constraints", POEM, None, columns, partial=True).value


@pytest.mark.parametrize("wanted", ["x", [], [{"kind": "rhyme"}], [{"kind": "include"}], [1]])
def test_constraints_that_are_none_leave_the_reply_unscored(wanted: Any) -> None:
    """The fault is the task's, not the model's."""
    assert "unscored" == score("constraints", POEM, None, {"constraints": wanted}).outcome


def test_json_alone() -> None:
    """In a fence or not, and with the keys asked for."""
    columns = {"constraints": [{"kind": "json", "keys": ["a"]}]}

    assert 1.0 == score("constraints", '```json\n{"a": 1}\n```', None, columns).value
    assert 0.0 == score("constraints", 'Here: {"a": 1}', None, columns).value
    assert 0.0 == score("constraints", '{"a": 1, "b": 2}', None, columns).value


JUDGE = """\
def long_enough(reply, row, least=3):
    return len(reply) >= least

def told(reply, row):
    return {"score": 0.25, "answer": reply.upper(), "reason": row["target"]}

def broken(reply, row):
    return 1 / 0

def odd(reply, row):
    return 7
"""


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """A folder with a module of judges."""
    (tmp_path / "my_judges.py").write_text(JUDGE)
    sys.modules.pop("my_judges", None)
    return str(tmp_path)


def test_a_function_of_the_users_own(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A truth value, or a mapping with score, answer and reason."""
    monkeypatch.setattr(sys, "path", [*sys.path])

    assert 1.0 == score("python", "four", 1, function="my_judges:long_enough", folder=folder).value
    assert 0.0 == score("python", "four", 1, function="my_judges:long_enough", options={"least": 9}).value
    assert Score(0.25, "wrong", "HI", "t") == score("python", "hi", "t", function="my_judges:told")


@pytest.mark.parametrize("name", ["broken", "odd"])
def test_a_function_that_fails_leaves_the_answer_unscored(
    folder: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it raises or returns no share."""
    monkeypatch.setattr(sys, "path", [*sys.path])

    assert "unscored" == score("python", "hi", "t", function=f"my_judges:{name}", folder=folder).outcome


@pytest.mark.parametrize("function", ["nothing", "no_such_module_here:f", "math:no_such", "math:pi"])
def test_a_function_that_is_not_there_is_told_at_once(function: str) -> None:
    """Before any call is paid for."""
    with pytest.raises(InputError, match="scorer 'python'"):
        make_scorer("python", {"function": function})

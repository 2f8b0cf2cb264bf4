"""Short answers as models write them: the scorers ``exact``, ``f1``, ``contains`` and ``verdict``."""

from __future__ import annotations

from typing import Any

import pytest

from gapbench.scoring import make_scorer
from gapbench.values import Sample

STATEMENTS = (
    "{0}", "\n\n  {0}.", "Answer: {0}", "The answer is {0}.", "The answer to the question is {0}.", "Answer:\n\n{0}", "**Answer:** {0}", "#### {0}", "\\boxed{{{0}}}", "\\boxed{{\\text{{{0}}}}}",
    '{{"answer": "{0}"}}', '```json\n{{"answer": "{0}", "reason": "It is."}}\n```', "<answer>{0}</answer>", "```\n{0}\n```", "Antwort: {0}", "Die Antwort ist {0}.", "La respuesta correcta es {0}.", "La réponse est {0}.", "La risposta è {0}.",
    "Resposta: {0}", "Ответ: {0}", "答案：{0}", "答案是{0}。", "正解は{0}です。", "정답: {0}", "الإجابة: {0}", "उत्तर: {0}", "Odpowiedź: {0}", "Cevap: {0}", "Svar: {0}", "Đáp án: {0}",
)  # fmt: skip
WRAPPED = ("{0}", "**{0}**", '"{0}"', "“{0}”", "`{0}`", "'{0}'", "«{0}»", "*{0}*")
REASONS = (
    "",
    " because it lies on the Seine",
    ", since it lies on the Seine",
    " (on the Seine)",
    ". It lies on the Seine.",
    " – on the Seine",
    "; it lies on the Seine",
)


def outcome(name: str, reply: str, target: Any, **options: Any) -> str:
    return make_scorer(name, options)(reply, Sample("s", (), target=target)).outcome


@pytest.mark.parametrize("target", ["Paris", "San José", "4 July", "don't know"])
def test_a_stated_answer_is_the_same_with_quotes_and_with_its_reason(target: str) -> None:
    """31 statements x 8 wrappings, and 7 reasons after "Answer:" and "The answer is"."""
    replies = [
        form.format(wrapped.format(target))
        for form in STATEMENTS
        for wrapped in WRAPPED
        if not ('"' in wrapped and '{{"' in form)
    ]
    replies += [
        f"{lead} {wrapped.format(target)}{reason}"
        for lead in ("Answer:", "The answer is", "Antwort:")
        for wrapped in WRAPPED
        for reason in REASONS
    ]
    assert [reply for reply in replies if outcome("exact", reply, target) != "correct"] == []


@pytest.mark.parametrize(
    "reply",
    [
        "Paris\n\nIt lies on the Seine.",
        "It lies on the Seine and has a tower.\n\nParis",
        "The capital of France is **Paris**.",
        "Answer: Paris\n\nReason: it lies on the Seine.",
    ],
)
def test_a_short_answer_beside_its_explanation(reply: str) -> None:
    """The first or the last paragraph, or the only words in bold."""
    assert outcome("exact", reply, "Paris") == "correct"


@pytest.mark.parametrize(
    "reply",
    [
        "Paris, France",
        "Answer: Paris, London",
        "Answer: Paris or London",
        "The answer is not Paris",
        "Paris\n\nLondon",
        "Paris\nLondon",
        "Answer: Paris\nNo. Answer: London",
        "**Paris** or **London**",
    ],
)
def test_several_answers_are_none(reply: str) -> None:
    """Nor is a longer answer or one that is taken back."""
    assert outcome("exact", reply, "Paris") == "wrong"


@pytest.mark.parametrize(
    ("reply", "target"),
    [
        ("I don’t know", "don't know"),
        ("a – b", "a - b"),
        ("Zu\u00adrich", "Zurich"),
        ("\ufeffParis", "Paris"),
    ],
)
def test_characters_that_mean_the_same(reply: str, target: str) -> None:
    """Typographic quotes and dashes, and characters that nobody sees."""
    assert outcome("contains", reply, target) == "correct"


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("Grade: 4", "4"), ("**Grade:** 4/5", "4"), ("Final grade: **3**", "3"), ('{"grade": 2}', "2"), ("<grade>5</grade>", "5"), ("## Grade\n\n4", "4"), ("The reply is good.\nGrade: 2\nGrade: 3", "3"),
        ("Grade: 4.5", None), ("Grade: 4 or 5", None), ("Grade: 9", "9"),
    ],
)  # fmt: skip
def test_grades(reply: str, answer: str | None) -> None:
    """The last one; half grades and two grades are none."""
    assert make_scorer("verdict", {})(reply, Sample("s", ())).answer == answer

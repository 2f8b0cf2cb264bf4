"""Judgements of every option on one line, comparisons of two options, and concessions before the answer."""

from __future__ import annotations

from itertools import permutations, product

import pytest

from gapbench.scoring import make_scorer
from gapbench.values import Sample

CHOICE = make_scorer("choice", {})
LABELS = "ABCD"
ITEM_FORMS = (
    ("{L}: {v}", ". "), ("{L} - {v}", "; "), ("({L}) {v}", " "), ("{L}) {v}", ", "), ("{L} – {v}", "; "), ("**{L}**: {v}", " | "), ("{L}. {v}", " "),
)  # fmt: skip
JUDGEMENTS = (
    ("true", "false"), ("correct", "incorrect"), ("right", "wrong"), ("✓", "✗"), ("✅", "❌"), ("yes", "no"),
)  # fmt: skip
COMPARISONS = (
    "Between {X} and {Y}, {X} is better supported by the data.", "Between {Y} and {X}, {X} wins.", "Of {Y} and {X}, {X} fits better.",
    "Comparing {X} and {Y}, {X} is more accurate.", "Of the two remaining options, {X} and {Y}, {X} is more consistent with the text.",
    "Although {Y} is tempting, {X}.", "While {Y} is partly true, {X}.", "Even though {Y} looks right, {X}.",
    "{Y} is partially correct, but {X} is the most complete answer.", "The textbook says {Y}. I disagree: {X}.",
    "If I had to guess, I'd pick {X}.", "I'd have to go with {X} here.", "Everything except {X} can be excluded.", "All but {X} can be ruled out.",
    "{Y}? No. {X}? Yes.", "Is it {Y}? No. Is it {X}? Yes, because it melts first.", "Is {X} correct? Yes. Is {Y} correct? No.",
    "したがって、答えは{X}（3番目の選択肢）となります。",
)  # fmt: skip
NO_ANSWER = (
    "I disagree with {X}.", "If the current were zero, I'd expect {X} to vanish.", "It would have been {X} if the sign were positive.",
    "Comparing {X} and {Y}, {X} is smaller.", "{X}? No.", "{X}? Yes. {Y}? Yes.", "Is it {X}? Perhaps.",
)  # fmt: skip


def accepted(reply: str) -> str:
    """Return the labels for which a reply is correct."""
    scores = {label: CHOICE(reply, Sample("s", (), target=label)) for label in LABELS}
    return "".join(label for label, score in scores.items() if score.outcome == "correct")


@pytest.mark.parametrize("label", LABELS)
def test_the_option_judged_right_on_one_line_is_the_answer(label: str) -> None:
    """42 lists for each letter: the option of the only right judgement, whatever stands first or last."""
    misread = []
    for (form, separator), (right, wrong) in product(ITEM_FORMS, JUDGEMENTS):
        items = [form.format(L=at, v=right if at == label else wrong) for at in LABELS]
        reply = separator.join(items) + "."
        if accepted(reply) != label:
            misread.append((reply, accepted(reply)))

    assert [] == misread


def test_two_options_judged_right_on_one_line_are_no_answer() -> None:
    replies = [
        separator.join(form.format(L=at, v=right if at in "BD" else wrong) for at in LABELS)
        for (form, separator), (right, wrong) in product(ITEM_FORMS, JUDGEMENTS)
    ]

    assert [] == [reply for reply in replies if accepted(reply)]


@pytest.mark.parametrize("form", COMPARISONS)
def test_the_preferred_option_is_the_answer(form: str) -> None:
    """For every pair of letters."""
    replies = [(form.format(X=x, Y=y), x) for x, y in permutations(LABELS, 2)]

    assert [] == [(reply, accepted(reply)) for reply, label in replies if accepted(reply) != label]


@pytest.mark.parametrize("form", NO_ANSWER)
def test_a_rejected_or_supposed_option_is_no_answer(form: str) -> None:
    assert [] == [reply for x, y in permutations(LABELS, 2) if accepted(reply := form.format(X=x, Y=y))]

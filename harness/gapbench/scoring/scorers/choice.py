"""The scorer ``choice``: the letter of a multiple-choice answer, however it is given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from gapbench.scoring.answer_extraction import (
    MARKUP_CHARS,
    normalize_text,
    reply_tail,
    shorten,
    stated_answers,
)
from gapbench.scoring.scorer import ReplyScorer
from gapbench.values import Sample, Score

OPTION_LETTERS = "ABCDEFGHIJ"
STATED_OPTION = re.compile(r"\b(?:option|choice)[*_ ]{0,3}(?:\bis\b|:)\s{0,3}([^\n]{0,300})", re.IGNORECASE)
# A letter alone: bare, bracketed or bold, followed by the end, punctuation or its option's text. A lower-case
# letter counts only if nothing else can be meant, because "a" is a word.
LEADING_LETTER = re.compile(
    r"^(?:(?:option|choice)\s+)?[(\[{*_`$]*([A-J])(?![A-Za-z0-9'])[)\]}*_`$.,:;]*", re.IGNORECASE
)
LETTER_ALONE = re.compile(r"[(\[{*_`$\s]*([A-J])[)\]}*_`$.,:;!\s]*", re.IGNORECASE)
MARKED_LETTER = re.compile(
    r"(?:\(([A-J])\)|\[([A-J])\]|\*\*\(?([A-J])\)?[.:)]?\*\*|\\text\w{0,4}\{\(?([A-J])\)?\})"
)
SECOND_LETTER = re.compile(r"(?:\bor\b|\band\b|/|,|&)\s*(?:option\s+)?[(\[*_]*([A-J])(?![A-Za-z0-9'])")


@dataclass(frozen=True)
class Choice(ReplyScorer):
    """Accepts the right letter, A to J, or the right option's full text.

    The last stated answer ("Answer: B", a box) has priority; then a reply that is a letter or begins with one;
    then the only letter that is bracketed or bold; then the only option whose text occurs. Two letters in one
    place, or none anywhere, are unparsed.

    Attributes:
        options: Column with the options' texts, a list or a mapping from letters. Samples without it may have
            the column ``choices``. Without either, only letters are understood.
    """

    name: ClassVar[str] = "choice"
    description: ClassVar[str] = "a letter of a multiple choice, however it is stated"

    options: str = "options"

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return that the target is missing or is not one of the options, or None."""
        if sample.target is None:
            return "the sample has no target"
        texts = self._option_texts(sample)
        if target_letter(sample.target, texts) is not None:
            return None
        there = (
            f"the options are {shorten('; '.join(texts.values()))}"
            if texts
            else f"column {self.options!r} has none"
        )
        return f"target {shorten(str(sample.target))!r} is not an option; {there}"

    def _option_texts(self, sample: Sample) -> dict[str, str]:
        return option_texts(sample.columns.get(self.options, sample.columns.get("choices")))

    def score_reply(self, reply: str, sample: Sample) -> Score:
        """Return 1 or 0; the answer is a letter."""
        texts = self._option_texts(sample)
        wanted = target_letter(sample.target, texts)
        letter, reason = extract_letter(reply_tail(reply), texts)
        if letter is None:
            return Score(0.0, "unparsed", reason=reason)
        if letter == wanted:
            return Score(1.0, "correct", answer=letter, reason=reason)
        return Score(0.0, "wrong", answer=letter, reason=f"{reason}; the target is {wanted}")


def option_texts(column: Any) -> dict[str, str]:
    """Return the options by letter; {} if the column is missing or of another kind."""
    if isinstance(column, Mapping):
        if isinstance(column.get("label"), list) and isinstance(column.get("text"), list):  # ARC's form
            return {str(k).upper(): str(v) for k, v in zip(column["label"], column["text"], strict=False)}
        return {str(k).upper(): str(v) for k, v in column.items() if str(k).upper() in OPTION_LETTERS}
    if isinstance(column, (list, tuple)):
        return dict(zip(OPTION_LETTERS, map(str, column), strict=False))
    return {}


def target_letter(target: Any, texts: Mapping[str, str]) -> str | None:
    """Return the target's letter, given as a letter, an option's text or an index from 0; None if it is not an option."""
    allowed = "".join(texts) or OPTION_LETTERS
    if isinstance(target, int) and not isinstance(target, bool):
        return allowed[target] if 0 <= target < len(allowed) else None
    text = str(target).strip()
    named = [letter for letter, option in texts.items() if option.strip() == text]
    if len(named) == 1:
        return named[0]
    match = LETTER_ALONE.fullmatch(text)
    return match.group(1).upper() if match and match.group(1).upper() in allowed else None


def extract_letter(reply: str, texts: Mapping[str, str]) -> tuple[str | None, str]:
    """Return the letter that ``reply`` gives and the reason; None and the reason if it gives none."""
    allowed = "".join(texts) or OPTION_LETTERS
    stated = stated_answers(reply) or [text.strip(MARKUP_CHARS) for text in STATED_OPTION.findall(reply)]
    for statement in reversed(stated):
        letter, is_two = leading_letter(statement, allowed, texts)
        if is_two:
            return None, f"states two letters: {shorten(statement)!r}"
        if letter:
            return letter, f"states {shorten(statement)!r}"
    lines = [line.strip() for line in reply.strip().splitlines() if line.strip()]
    for line in (lines[-1], lines[0]):
        letter, is_two = leading_letter(line, allowed, texts)
        if letter and not is_two:
            return letter, f"says {shorten(line)!r}"
    marked = {g for match in MARKED_LETTER.findall(reply) for g in match if g and g in allowed}
    if len(marked) == 1:
        letter = marked.pop()
        return letter, f"marks ({letter})"
    named = named_options(reply, texts)
    if len(named) == 1 and not marked:
        return named[0], f"names option {named[0]}"
    if len(marked) > 1 or len(named) > 1:
        return None, f"names several options: {', '.join(sorted(marked or set(named)))}"
    return None, "names no option"


def leading_letter(text: str, allowed: str, texts: Mapping[str, str]) -> tuple[str | None, bool]:
    """Return the letter at the start of a statement, and whether the statement also names a second one."""
    alone = LETTER_ALONE.fullmatch(text)
    if alone and alone.group(1).upper() in allowed:
        return alone.group(1).upper(), False
    marked = MARKED_LETTER.match(text)
    match = LEADING_LETTER.match(text)
    letter = next((g for g in marked.groups() if g), None) if marked else None
    if letter is None and match and match.group(1).isupper():
        rest = text[match.end() :].strip()
        begins_sentence = (
            match.group(1) in "AI" and match.group().strip() in {"A", "I"} and rest[:1].islower()
        )
        is_text = not rest or normalize_text(rest, ignore_case=True, punctuation=False).startswith(
            normalize_text(texts.get(match.group(1), "\0"), ignore_case=True, punctuation=False)
        )
        letter = match.group(1) if is_text or not begins_sentence else None
    if letter is None:
        whole = normalize_text(text, ignore_case=True, punctuation=False)
        same = [
            k for k, v in texts.items() if normalize_text(v, ignore_case=True, punctuation=False) == whole
        ]
        return (same[0], False) if len(same) == 1 else (None, False)
    if letter not in allowed:
        return None, False
    end = (marked or match).end() if (marked or match) else 0  # type: ignore[union-attr]
    second = SECOND_LETTER.match(text[end:].strip())
    return letter, bool(second and second.group(1) != letter and second.group(1) in allowed)


def named_options(reply: str, texts: Mapping[str, str]) -> list[str]:
    """Return the options whose whole text is in the reply, except those that are part of another such text."""
    reply_words = f" {normalize_text(reply, ignore_case=True, punctuation=False)} "
    found = {}
    for letter, text in texts.items():
        words = normalize_text(text, ignore_case=True, punctuation=False)
        if words and f" {words} " in reply_words:
            found[letter] = words
    return [k for k, w in found.items() if not any(w != other and w in other for other in found.values())]

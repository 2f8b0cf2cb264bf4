"""Reads the last number of a reply that states no answer."""

from __future__ import annotations

import re

from gapbench.scoring.answer_extraction import shorten
from gapbench.scoring.numbers.characters import plain_text
from gapbench.scoring.numbers.foreign_words import foreign_words_to_digits
from gapbench.scoring.numbers.statement import (
    BETWEEN,
    BOUND,
    NEGATED,
    REASON,
    Reading,
    are_equal,
    read_statement,
    without_markup,
)
from gapbench.scoring.numbers.terms import Relation, Term, find_terms
from gapbench.scoring.numbers.words import SPAN, count_other_words, has_number_words, words_to_digits

REMARK = re.compile(
    r",?\s(?:correct|round(?:ed|ing)?)\sto\s\d{1,2}\s(?:decimal|sig|d\.?p|s\.?f|digit|place)[^.;,)]*"
    r"|\s\((?=[^)]*[A-Za-z])[^)]*\)?|(?<=\S)\s?\[\d{1,2}\]|~~[^~]*~~"
)
LIST_ITEM = re.compile(r"\A\s*(?:\d{1,2}[.)]|[-•*>])\s+(?=.*[\d])")
LABEL = re.compile(
    r"\A[\s#*_>(-]*(?:step|part|case|question|problem|exercise|example|figure|fig\.|table|equation|section|method|approach)\s?#?\d{1,2}\s?[*_)]*(?:[:.)\u2013\u2014-](?=\s|\*|$))+",
    re.IGNORECASE,
)
"""``Step 2:`` at the start of a line is its number, not a number that it names."""
NUMBERED = re.compile(r"\A[\s*_>]*(\d{1,2})[.)](?:\s+(?=\S)|\s*$)")
BRACKETED = re.compile(r"\s*[(\[](?=[^)\]]*[A-Za-z]{2})[^()\[\]]*[)\]][.\s]*")
BOLD = re.compile(r"\*\*([^*\n]{1,200})\*\*|__([^_\n]{1,200})__")
EXPLANATION = re.compile(
    r"\W*(?:explanation|reason(?:ing)?|because|since|this|here|to\s(?:get|see|find|solve)|we|i|check|proof|derivation|justification|"
    r"note|steps?|working|solution|let)\b",
    re.IGNORECASE,
)
WORDS_AFTER_VERB = re.compile(
    r"(?:\b(?:is|are|comes?\sto|equal\sto|sums?\sto|equals|makes|gives|was|so|thus|hence|has|have|had|totals?|gets?|costs?|earns?|needs?|leaves|be)|=|:)\s+"
    rf"(?:(?:about|exactly|only|minus|negative)\s)*(?P<words>{SPAN.pattern})",
    re.IGNORECASE,
)
SHORT_WORDS = re.compile(
    rf"[\W_]*(?:(?:minus|negative|about|approximately|exactly)\s)?(?:{SPAN.pattern})(?:\s[A-Za-z]+){{0,2}}[\W_]*",
    re.IGNORECASE,
)
NOT_COUNTED = re.compile(
    r"\b(?:not|never|cannot|unable|unclear|impossible|sorry|if|depends|without|maybe|perhaps|no|any|these|those|both|all|other|every|each|first|last|"
    r"next|same|or|between|either|than|within|under|over)\b|n't\b|[?]",
    re.IGNORECASE,
)
"""Words of a sentence whose number word may not be its answer."""
DETERMINER = re.compile(r"\b(?:the|my|our|your|his|her|their|its|this|that)\s+$", re.IGNORECASE)
NO_ONE = re.compile(r"\b(?:no|any|every|some)[\s-]one\b", re.IGNORECASE)
SENTENCE_BEFORE = re.compile(r"[.!]\s?$")
MAX_LINES = 300
MAX_LINE_CHARS = 2000


def read_last_number(reply: str) -> Reading:
    """Return the last number of a reply: of its last line in bold, else of its last line, else of a line before.

    A first line that is only a number counts if an explanation follows it.
    """
    lines = [line[-MAX_LINE_CHARS:] for line in reply.splitlines() if line.strip()][-MAX_LINES:]
    lines = _without_labels(lines)
    if not lines or NO_ONE.match(lines[-1]):
        return Reading(None, "names no number")
    first = lines[0]
    if len(lines) > 1 and EXPLANATION.match(lines[1]) and _is_only_a_number(first):
        found = read_statement(first)
        if found is not None and found.number is not None:
            return Reading(found.number, f"begins with {found.number.text}")
    last_line = LIST_ITEM.sub("", lines[-1])
    for groups in reversed(BOLD.findall(last_line)):
        text = groups[0] or groups[1]
        found = None if text.rstrip().endswith(":") else read_statement(text)
        if found is not None and (found.number is not None or _is_only_a_number(text)):
            return _at_end(found)
    if _is_only_a_number(last_line):
        found = read_statement(last_line)
        if found is not None:
            return _at_end(found)
    for at, line in enumerate(reversed(lines)):
        found = _read_line(line, is_last=at == 0)
        if found is not None:
            return found
    return Reading(None, "names no number")


def _without_labels(lines: list[str]) -> list[str]:
    """Return lines without the numbers of steps and of items of a list, and without remarks in brackets at the end."""
    while len(lines) > 1 and BRACKETED.fullmatch(lines[-1]) and any(map(str.isdigit, "".join(lines[:-1]))):
        lines = lines[:-1]
    lines = [LABEL.sub("", line) for line in lines]
    items = {at: int(match[1]) for at, line in enumerate(lines) if (match := NUMBERED.match(line))}
    numbers = list(items.values())
    if len(numbers) > 1 and numbers == list(range(numbers[0], numbers[0] + len(numbers))) and numbers[0] <= 1:
        lines = [NUMBERED.sub("", line) if at in items else line for at, line in enumerate(lines)]
    return [line for line in lines if line.strip()]


def _at_end(found: Reading) -> Reading:
    return found if found.number is None else Reading(found.number, f"ends with {found.number.text}")


def _is_only_a_number(line: str) -> bool:
    """Return whether a line is short and has at most three words other than number words."""
    if len(line) >= 120:
        return False
    plain = plain_text(line)
    if not any(map(str.isdigit, plain)):
        plain = foreign_words_to_digits(plain) or plain
    return count_other_words(plain) <= 3


def _read_line(line: str, *, is_last: bool) -> Reading | None:
    """Return the last number of a line, without those of remarks and reasons; None if it has none."""
    plain = without_markup(plain_text(line))
    if is_last and has_number_words(plain):
        plain = _with_final_words(plain)
    if not any(map(str.isdigit, plain)):
        return None
    shortened = REMARK.sub(" ", LIST_ITEM.sub("", plain))
    reason = REASON.search(shortened)
    remaining, shortened = shortened, shortened[: reason.start()] if reason else shortened
    terms = find_terms(shortened)
    if terms:
        plain = shortened
    else:
        terms = find_terms(plain)
    if not terms:
        return None
    found = _last_number(plain, terms, is_last=is_last)
    if found.number is None and reason and SENTENCE_BEFORE.search(remaining, 0, reason.start()):
        later = find_terms(remaining)  # "x = -7 or x = 3. Since x is positive, x = 3."
        return _last_number(remaining, later, is_last=is_last)
    return found


def _last_number(plain: str, terms: list[Term], *, is_last: bool) -> Reading:
    at = next((i for i in range(len(terms) - 1, -1, -1) if terms[i].number is not None), None)
    if at is None:
        shown = shorten(plain[terms[-1].start : terms[-1].end])
        return Reading(None, f"ends with {shown!r}, which is not a single number", shown)
    number, relation = terms[at].number, terms[at].relation
    assert number is not None
    if is_last and len(terms) == 1 and NEGATED.search(plain, 0, terms[at].start):
        return Reading(None, f"names only what the answer is not: {shorten(plain)!r}")
    if is_last and BOUND.search(plain, 0, terms[at].start):
        return Reading(None, f"names only a bound: {shorten(plain)!r}")
    if is_last and at and relation in (Relation.OR, Relation.RANGE):
        before = terms[at - 1].number
        if before is None or not are_equal(before, number):
            return Reading(None, f"names two numbers: {shorten(plain)!r}")
    if is_last and at and relation is Relation.AND and BETWEEN.search(plain, 0, terms[at - 1].start):
        return Reading(None, f"names a range: {shorten(plain)!r}")
    return Reading(number, f"{'ends with' if is_last else 'last names'} {number.text}")


def _with_final_words(plain: str) -> str:
    """Return a line with those number words as digits that may be its answer, such as ``That makes eight apples``."""
    if SHORT_WORDS.fullmatch(plain):
        return words_to_digits(plain)
    if _counts_once(plain):
        return words_to_digits(plain)
    return WORDS_AFTER_VERB.sub(
        lambda match: plain[match.start() : match.start("words")] + words_to_digits(match["words"]), plain
    )


def _counts_once(plain: str) -> bool:
    """Return whether a plain sentence has one number, in words: ``The bus holds one hundred and five passengers.``.

    ``one``, ``the two lines`` and sentences that deny, compare or choose do not count.
    """
    if any(map(str.isdigit, plain)) or NOT_COUNTED.search(plain):
        return False
    spans = [match for match in SPAN.finditer(plain) if any(map(str.isdigit, words_to_digits(match[0])))]
    if len(spans) != 1 or spans[0][0].strip().lower() in ("one", "a", "half", "zero"):
        return False
    return DETERMINER.search(plain, 0, spans[0].start()) is None

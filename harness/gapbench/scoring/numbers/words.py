"""Reads English number words: ``twenty-one``, ``one hundred and five``, ``two thirds``, ``half a million``, ``a dozen``."""

from __future__ import annotations

import re
from fractions import Fraction

from gapbench.scoring.numbers.digits import Exact, simplest

UNITS = {
    word: value
    for value, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ]
    )
} | {"nought": 0, "naught": 0, "nil": 0}
TENS = dict(
    zip(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"],
        range(20, 100, 10),
        strict=True,
    )
) | {"fourty": 40}
SCALES = {
    "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "lakh": 10**5, "lac": 10**5, "crore": 10**7,
    "dozen": 12,
}  # fmt: skip
PARTS = {
    "half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "eleventh": 11, "twelfth": 12, "sixteenth": 16, "twentieth": 20, "fiftieth": 50, "hundredth": 100, "thousandth": 1000,
}  # fmt: skip
PARTS |= {f"{word}s": value for word, value in PARTS.items()} | {"halves": 2}
WORDS = sorted({*UNITS, *TENS, *SCALES, *PARTS, "hundred", "a", "an", "and", "point", "of"}, key=len)[::-1]
NUMBER_WORDS = frozenset(
    {*UNITS, *TENS, *SCALES, "hundred", "half", "quarter", "quarters", "third", "thirds"}
)
ALL_WORDS = frozenset({*WORDS, "minus", "negative"})
SPAN = re.compile(
    rf"(?<![\w'-])(?<!\d\s)(?:{'|'.join(WORDS)})(?![\w'])(?:(?:\s+|-|,\s(?=(?:and\s)?(?:{'|'.join([*UNITS, *TENS])})\b))(?:{'|'.join(WORDS)})(?![\w']))*",
    re.IGNORECASE,
)
WORD = re.compile(r"[a-z]+")


def has_number_words(text: str) -> bool:
    """Return whether a text has an English number word."""
    return not NUMBER_WORDS.isdisjoint(WORD.findall(text.lower()))


def count_other_words(text: str) -> int:
    """Return how many words of at least two letters in a text are not number words."""
    return sum(len(word) > 1 and word not in ALL_WORDS for word in WORD.findall(text.lower()))


def words_to_digits(text: str) -> str:
    """Return a text with its number words as digits: ``minus twenty-one`` becomes ``minus 21``, ``two thirds`` ``2/3``.

    Words that do not form one number, such as ``two three``, stay as they are, and so does ``one of``.
    """
    return SPAN.sub(_span_to_digits, text)


def _span_to_digits(match: re.Match[str]) -> str:
    words = WORD.findall(match[0].lower())
    lead: list[str] = []
    tail: list[str] = []
    while words and words[0] in ("and", "of", "point"):
        lead.append(words.pop(0))
    while words and words[-1] in ("and", "of", "point", "a", "an"):
        tail.insert(0, words.pop())
    if words == ["one"] and tail[:1] == ["of"]:
        return match[0]
    is_number = any(
        word in UNITS or word in TENS or word in SCALES or word in ("hundred", "half") for word in words
    ) or (len(words) > 1 and words[0] in ("a", "an") and words[-1] in PARTS)
    value = parse_words(words) if is_number else None
    if value is None:
        return match[0]
    digits = str(value) if isinstance(value, int) else f"{value.numerator}/{value.denominator}"
    if "point" in words:
        digits = format(float(value), "f").rstrip("0") if value.denominator < 10**6 else digits
    return " ".join([*lead, digits, *tail])


def parse_words(words: list[str]) -> Exact | None:
    """Return the value of lower-case words that together are one number, or None."""
    if not words:
        return None
    for at, word in enumerate(words):  # `half a million`, `a quarter of a million`, `half a dozen`
        if word in PARTS and at < len(words) - 1 and words[at + 1 :][0] in ("a", "an", "of"):
            rest = [w for w in words[at + 1 :] if w not in ("a", "an", "of")]
            part, whole = parse_words(words[: at + 1]), parse_words(rest)
            is_scale = bool(rest) and rest[0] in (*SCALES, "hundred")
            return None if part is None or whole is None or not is_scale else simplest(Fraction(part) * whole)
    if "point" in words:
        return _decimal(words)
    part_at = next((i for i, word in enumerate(words) if word in PARTS), None)
    return _cardinal(words) if part_at is None else _fraction(words, part_at)


def _decimal(words: list[str]) -> Exact | None:
    at = words.index("point")
    end = next(
        (i for i in range(at + 1, len(words)) if words[i] in SCALES or words[i] == "hundred"), len(words)
    )
    whole = _cardinal(words[:at]) if at else 0
    digits = [UNITS.get(word, 10) for word in words[at + 1 : end]]
    scale = _cardinal(words[end:]) if end < len(words) else 1
    if whole is None or scale is None or not digits or max(digits) > 9:
        return None
    return simplest((whole + Fraction(int("".join(map(str, digits))), 10 ** len(digits))) * scale)


def _fraction(words: list[str], at: int) -> Exact | None:
    """Return ``two thirds``, ``two and a half`` and ``two and a half million``; the part is the word at ``at``."""
    before, after = words[:at], words[at + 1 :]
    scale = _cardinal(after) if after else 1
    if scale is None or (after and after[0] not in SCALES and after[0] != "hundred"):
        return None
    whole: Exact | None = 0
    if "and" in before:
        cut = len(before) - 1 - before[::-1].index("and")
        if cut == 0 or before[cut - 1] not in (*SCALES, "hundred") or before[cut + 1 :] in (["a"], ["one"]):
            whole, before = _cardinal(before[:cut]), before[cut + 1 :]
    count = 1 if before in ([], ["a"], ["an"]) else _cardinal(before)
    if whole is None or count is None:
        return None
    return simplest((whole + Fraction(count, PARTS[words[at]])) * scale)


def _cardinal(words: list[str]) -> int | None:
    """Return a whole number in words, or None if the words do not follow each other as in one number."""
    total = current = 0
    last = ""  # what came before: "unit", "ten", "hundred" or "scale"
    for at, word in enumerate(words):
        if word in ("a", "an"):
            if at or len(words) == 1:
                return None
        elif word == "and":
            if last not in ("hundred", "scale") or at == len(words) - 1:
                return None
        elif word in UNITS:
            if last == "unit" or (last == "ten" and not 0 < UNITS[word] < 10):
                return None
            current, last = current + UNITS[word], "unit"
        elif word in TENS:
            if last in ("unit", "ten"):
                return None
            current, last = current + TENS[word], "ten"
        elif word == "hundred":
            if last == "hundred" or current > 99:
                return None
            current, last = (current or 1) * 100, "hundred"
        elif word in SCALES:
            total = total * SCALES[word] if last == "scale" and not current else total
            if last != "scale" or current:
                total, current = total + (current or 1) * SCALES[word], 0
            last = "scale"
        else:
            return None
    return total + current

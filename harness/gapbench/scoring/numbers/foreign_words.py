"""Reads number words of German, French, Spanish, Italian, Portuguese and Dutch: ``zweiundvierzig``, ``vingt et un``."""

from __future__ import annotations

import re
from functools import lru_cache

from text_to_num import text2num  # type: ignore[import-untyped, unused-ignore]

LANGUAGES = ("de", "fr", "es", "it", "pt", "nl")
MINUS = {"de": "minus", "fr": "moins", "es": "menos", "it": "meno", "pt": "menos", "nl": "min"}
OR = {"de": "oder", "fr": "ou", "es": "o", "it": "o", "pt": "ou", "nl": "of"}
TO = {"de": "bis", "fr": "à", "es": "a", "it": "a", "pt": "a", "nl": "tot"}
PERCENT = re.compile(
    r"(?:prozent|pour\scent|por\scien(?:to)?|por\scento|per\scento|procent)\b", re.IGNORECASE
)
SPELLINGS = {
    "eine million": "ein million", "eine milliarde": "ein milliarde", "eine": "ein", "fuenf": "fünf", "zwoelf": "zwölf", "zwo": "zwei",
    "fuenfzehn": "fünfzehn", "fuenfzig": "fünfzig", "veintiún": "veintiuno", "veintiun": "veintiuno", "veintidos": "veintidós",
    "veintitres": "veintitrés", "veintiseis": "veintiséis",
}  # fmt: skip
"""Spellings that the library does not know."""

AMBIGUOUS = frozenset(["un", "une", "una", "uno", "um", "uma", "ein", "eine", "een", "once", "cent", "elf", "mil", "million", "sei", "due", "dos"])  # fmt: skip
"""Articles, and words that mean something else in another language: a number only if no word follows."""

NOT_NUMBERS = frozenset(["null", "set", "on", "as"])
"""Number words that as a lone word of a reply mean something else, such as JSON's null."""

MAX_WORDS = 10
WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
BEFORE = re.compile(
    r"[\s*_`\"'(:$]*(?:(?:etwa|genau|ungefähr|rund|environ|exactement|aproximadamente|exactamente|circa|esattamente|exatamente|"
    r"ongeveer|precies|de|es\s(?:sind|ist|waren)|das\s(?:sind|ist)|il\sy\sa|il\sy\sen\sa|c[’']est|ce\ssont|son|hay|sono|ci\ssono|"
    r"são|há|het\s(?:is|zijn)|er\szijn|dat\s(?:is|zijn))\s)*",
    re.IGNORECASE,
)


def foreign_words_to_digits(text: str) -> str | None:
    """Return a text that begins with a number in words as digits, or None if it does not.

    Words that two languages read differently are not read, and neither is an article before a noun. ``drei oder vier``
    becomes ``3 or 4``, so that a choice stays one.
    """
    start = BEFORE.match(text)
    at = start.end() if start else 0
    words = list(WORD.finditer(text, at, at + 300))[: MAX_WORDS + 1]
    if not words or text[at : words[0].start()].strip():
        return None
    readings = [found for found in (_read_head(text, words, language) for language in LANGUAGES) if found]
    if not readings:
        return None
    longest = max(end for _, end, _ in readings)
    best = [reading for reading in readings if reading[1] == longest]
    if len({value for value, _, _ in best}) > 1:
        return None
    value, end, language = best[0]
    rest = text[end:]
    first = WORD.match(text, words[0].start())
    is_one_word = first is not None and first.end() == end
    if is_one_word and first is not None:
        word = first[0]
        if word in NOT_NUMBERS or (word.lower() in AMBIGUOUS and WORD.search(rest)):
            return None
    return f"{text[:at]}{value}{_rest(rest, language)}"


def _read_head(text: str, words: list[re.Match[str]], language: str) -> tuple[int, int, str] | None:
    """Return the value and the end of the longest number with which the words begin, and the language."""
    is_negative = words[0][0].lower() == MINUS[language]
    words = words[1:] if is_negative else words
    for count in range(min(len(words), MAX_WORDS), 0, -1):
        span = text[words[0].start() : words[count - 1].end()]
        if not re.fullmatch(r"[^\W\d_]+(?:[\s'’-]+[^\W\d_]+)*", span):
            continue
        value = _parse(span, language)
        if value is not None:
            return (-value if is_negative else value), words[count - 1].end(), language
    return None


@lru_cache(maxsize=4096)
def _parse(span: str, language: str) -> int | None:
    words = re.sub(r"\s+", " ", span.lower().replace("’", "'"))
    words = SPELLINGS.get(words, words)
    for spelling in ("eine million", "eine milliarde"):
        words = words.replace(spelling, SPELLINGS[spelling])
    try:
        return int(text2num(words, language))
    except (ValueError, OverflowError):
        return None


def _rest(rest: str, language: str) -> str:
    """Return what follows a number, with ``or`` and ``to`` before another number in English, and that number in digits."""
    joint = re.match(rf"\s+({OR[language]}|{TO[language]})\s+(?=\w)", rest, re.IGNORECASE)
    if joint is None:
        percent = PERCENT.match(rest.lstrip())
        return f"%{rest.lstrip()[percent.end() :]}" if percent else rest
    words = list(WORD.finditer(rest, joint.end()))
    found = _read_head(rest, words, language) if words else None
    if found is None:
        return rest
    english = "or" if joint[1].lower() == OR[language] else "to"
    return f" {english} {found[0]}{rest[found[1] :]}"

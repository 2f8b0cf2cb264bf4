r"""Reads solutions that a reply names one by one: ``x = 1, y = 2``, ``x = 1 or x = 2``, ``The roots are 1 and 3``, ``no solution``."""

from __future__ import annotations

import re

from gapbench.scoring.inequalities import union_of

MAX_CHARS = 400
FORMULA_MARKS = re.compile(r"\$|\\[()\[\]](?![a-zA-Z])|\\(?:quad|qquad|,|;|!)|\*\*")
TEXT_WORD = re.compile(r"\\(?:text|mathrm|mbox)\s?\{\s*(and|or|,)\s*\}")
SEPARATOR = re.compile(r"\s*(?:[,;]\s*(?:(?:and|or|und|oder|et|ou)\b\s*)?|\b(?:and|or|und|oder|et|ou)\b\s*)")
NAME = r"(?P<name>\\?[A-Za-z]|\\(?:theta|alpha|beta|lambda|phi))(?P<index>_\{?\d\}?|[₀-₉])?"
NAMED_VALUE = re.compile(rf"(?<![\w+\-*/^\\)}}|])(?<![+\-*/^)}}|]\s){NAME}\s*=\s*(?P<value>[^=]{{1,80}}?)")
VALUE = re.compile(
    r"(?=.*(?:\d|\\pi|π|\\sqrt|√))(?:\\[a-zA-Z]+|[-+*/^(){}\d.√π\s]|\b(?:i|e|pi|sqrt)\b|(?<=\d)[ie]\b){1,80}"
)
LIST_NOUN = re.compile(
    r"\b(?:roots|solutions|zeros|zeroes|values|answers|numbers|elements|intercepts|possibilities|eigenvalues|divisors|factors|primes)\b"
    r"(?:\s(?:of|for|to)\s[^.:]{1,60}?)?(?:\s(?:are|=)|:)(?:\s(?:therefore|thus|exactly|just|only|simply))?\s+(?P<list>.*)",
    re.IGNORECASE,
)
REASON = re.compile(r",?\s\(?(?:because|since|as|where|with|when|given|if|for|from|by)\b.*", re.IGNORECASE)
NO_SOLUTION = re.compile(
    r"(?:.*[:,;.]\s|.*\b(?:so|thus|hence|therefore|that|means)\s)?(?:(?:so|thus|hence|therefore)\s)?"
    r"(?:there\s(?:is|are|exists?)\s|the\s(?:equation|system|inequality|problem)\s(?:therefore\s)?has\s|it\shas\s|we\s(?:have|get)\s)?no\s"
    r"(?:real\s)?(?:solutions?|roots?)(?:\sexists?)?(?:\s(?:to|of)\s(?:the|this)\s(?:equation|system|inequality))?"
    r"|.*\bthe\s(?:solution\s)?set\s(?:of\ssolutions\s)?is\s(?:the\s)?empty(?:\sset)?|(?:the\s)?empty\sset",
    re.IGNORECASE,
)
CONDITION = re.compile(
    r"\b(?:if|when|unless|whether|suppose|not|assume|assuming|might|may|could|case|unclear|cannot|can't|isn't)\b",
    re.IGNORECASE,
)
EMPTY_SET = re.compile(
    r"\\(?:emptyset|varnothing)|∅|\\\{\s*\\\}|\\(?:text|mathrm)\{no\s(?:real\s)?solutions?\}", re.IGNORECASE
)


def solutions_for(target: str, sentence: str) -> str | None:
    r"""Return the solutions of a sentence as an expression of the target's kind, or None if it names none.

    Values of different names in order of the names are a tuple, for a target such as ``(1,2)``. Values of one name, and those
    after a noun such as ``roots``, are a set, for a target such as ``\{1,2\}`` or ``1,2``. A sentence such as ``There is no
    solution.`` is the empty set, and inequalities joined by ``or`` are a union of intervals.
    """
    if len(sentence) > MAX_CHARS:
        return None
    wanted = _plain_target(target)
    if EMPTY_SET.fullmatch(wanted):
        return target if _has_no_solution(sentence) else None
    if r"\cup" in wanted or "∪" in wanted:
        return union_of(_plain_sentence(sentence))
    if "," not in wanted and not re.search(r"\\pm|±", wanted):
        return None
    text = _plain_sentence(sentence)
    if wanted.startswith("("):
        return _tuple_of(text) if wanted.endswith(")") and "," in wanted else None
    is_set = wanted.startswith(r"\{") and wanted.endswith(r"\}")
    is_list = re.match(r"[\[(]|\\(?:begin|in)|.*[<>≤≥=]", wanted) is None
    return _set_of(text) if is_set or is_list else None


def is_other_kind(target: str, sentence: str) -> bool:
    """Return whether a sentence names several solutions of another kind than the target: a set for a tuple or a number."""
    if len(sentence) > MAX_CHARS:
        return False
    wanted, text = _plain_target(target), _plain_sentence(sentence)
    if wanted.startswith(r"\{"):
        names = [name for name, _, _ in _named_values(text)]
        return len(names) > 1 and len(set(names)) == len(names)
    if (wanted.startswith("(") and "," in wanted) or re.fullmatch(r"-?\d+(?:\.\d+)?", wanted):
        return _set_of(text) is not None and (NAMED_VALUE.search(text) or LIST_NOUN.search(text)) is not None
    return False


def _plain_target(target: str) -> str:
    return FORMULA_MARKS.sub("", target).replace(r"\left", "").replace(r"\right", "").strip()


def _plain_sentence(sentence: str) -> str:
    text = FORMULA_MARKS.sub(" ", TEXT_WORD.sub(r"\1", sentence)).strip().rstrip(".;").strip()
    return REASON.sub("", text)


def _has_no_solution(sentence: str) -> bool:
    text = FORMULA_MARKS.sub(" ", sentence).strip().rstrip(".!").strip()
    return NO_SOLUTION.fullmatch(text) is not None and CONDITION.search(text) is None


def _named_values(text: str) -> list[tuple[str, str, str]]:
    """Return the name, the index and the value of each assignment at the end of a text; empty if other text is between."""
    first = NAMED_VALUE.search(text)
    if first is None or "=" in text[: first.start()]:
        return []
    found: list[tuple[str, str, str]] = []
    for part in SEPARATOR.split(text[first.start() :]):
        match = NAMED_VALUE.fullmatch(part.strip())
        if match is not None and _is_value(match["value"]):
            found.append((match["name"], match["index"] or "", match["value"].strip()))
        elif match is None and found and _is_value(part):
            found.append((*found[-1][:2], part.strip()))  # `x = 1 or 2`
        else:
            return []
    return found


def _is_value(text: str) -> bool:
    return VALUE.fullmatch(text.strip()) is not None


def _tuple_of(text: str) -> str | None:
    values = _named_values(text)
    names = [name + index for name, index, _ in values]
    is_one_case = len({name.islower() for name, _, _ in values}) == 1
    if len(values) < 2 or len(set(names)) < len(names) or not is_one_case:
        return None
    return f"({', '.join(value for _, _, value in sorted(values))})"


def _set_of(text: str) -> str | None:
    values = _named_values(text)
    if len(values) > 1 and len({name for name, _, _ in values}) == 1:
        return rf"\{{{', '.join(value for _, _, value in values)}\}}"
    noun = LIST_NOUN.search(text)
    parts = SEPARATOR.split(noun["list"].strip() if noun else text)
    is_choice = noun is None and re.search(r"\bor\b", text) is not None
    if len(parts) < 2 or is_choice or not all(map(_is_value, parts)):
        return None
    return rf"\{{{', '.join(part.strip() for part in parts)}\}}"

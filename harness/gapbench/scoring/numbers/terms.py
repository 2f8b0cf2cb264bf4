"""Groups the numbers of a text into terms, and says how two numbers belong together: ``2 × 3``, ``= 6``, ``6 or 7``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from gapbench.scoring.numbers.quantities import CURRENCY, ParsedNumber, Quantity, find_quantities

REASONS = (
    r"because|since|as|where|when|whereas|while|with|given|if|for|so|which|that|this|but|after|before|from|using|via|hence|"
    r"thus|therefore|due|assuming|considering|then|who|whose|and|or|weil|da|car|porque|perché|omdat"
)
"""Words that begin a reason or a remark: an equals sign after one of them does not belong to the answer."""

_BEFORE = rf"[\s(\[{{]*(?:{CURRENCY})?\s?[-+]?(?:{CURRENCY})?\s?[(\[{{]*"
_UNIT = r"[A-Za-z°%/.$€£¥^{}'²³]+(?:\s[A-Za-z°%/^{}'²³]+){0,3}"
EQUALS = re.compile(r"=|≈|→|->|≡|\b(?:is|are|was|equals?|makes?|gives|yields|leaves)\b")
STOP = re.compile(rf"[;(]|,\s|\.\s|:\s|—|\s-\s?(?=[A-Za-z])|\b(?:{REASONS})\b", re.IGNORECASE)
CALCULATION = re.compile(
    rf"(?:\s?[)\]}}]+)?\s*(?:(?!(?:{REASONS})\b){_UNIT}\s?)??[)\]}}]*\s*"
    rf"(?:[-+×*÷/^]|\*\*|\b(?:times|plus|minus|x|X|by|choose|mod|modulo|multiplied\sby|divided\sby)\b){_BEFORE}"
    rf"|\s:\s|:|\s?[)\]}}]+\s?[(\[{{]+|[(\[{{]+|\s?√\s?[({{]?"
)
PART_OF = re.compile(rf"\s?of\s{_BEFORE}")
OR = re.compile(
    rf"\s*(?P<unit>{_UNIT})?,?\s*\b(?:or|oder|ou)\b\s*(?:perhaps|maybe|possibly|even)?{_BEFORE}",
    re.IGNORECASE,
)
RANGE = re.compile(rf"\s*(?:[A-Za-z°%$€£]+\s)?\s*\b(?:to|through|until)\b{_BEFORE}")
AND = re.compile(rf"\s*(?P<unit>{_UNIT})?,?\s*(?:\band\b|&){_BEFORE}")
LIST = re.compile(rf"\s*[,;]\s*(?:and\s|or\s)?{_BEFORE}")
NAMED = re.compile(r"(?<![A-Za-z])[A-Za-z](?:_?\d)?\s?=\s?(?:[$€£])?[-+]?$")
NEXT_NAMED = re.compile(
    rf"\s*(?:{_UNIT})?\s*(?:[,;]?\s*\b(?:and|or)\b|[,;])\s*[A-Za-z](?:_?\d)?\s?=\s?{_BEFORE}"
)
"""``x = 3 or x = 7`` and ``x = 3, y = 7``: values of names, none of which is the answer alone."""
ROUNDED = re.compile(
    rf"(?:\s?{_UNIT})??,?\s\(?(?:(?:which|that|and|or|so)\s)?(?:is\s)?(?:round(?:s|ed|ing)?)\s(?:(?:up|down|off)\s)?(?:to|gives)\s(?:about\s|approximately\s)?{_BEFORE}"
)
DIGITS_KEPT = re.compile(r"\s?(?:decimal|dec\b|d\.?p\b|sig|s\.?f\b|places?|digits?|figures?)", re.IGNORECASE)
PLUS_MINUS = re.compile(r"\s*(?:±|\+/-|\+-)\s*")
TWO_UNITS = re.compile(
    r"\s?(?:hours?|hrs?|h|minutes?|mins?|days?|weeks?|months?|years?|feet|foot|ft|pounds?|lbs?|meters?|metres?|kg|km|°|degrees?),?\s(?:and\s)?"
)
SECOND_UNIT = re.compile(
    r"\s?(?:hours?|hrs?|h|minutes?|mins?|min|m|seconds?|secs?|s|days?|weeks?|months?|inch(?:es)?|in|ounces?|oz|cm|centimet(?:er|re)s?|"
    r"g|grams?|met(?:er|re)s?|'|′)(?![A-Za-z])"
)
PART_OF_TERM = re.compile(
    r"(?:\^\s?\{?\s?-?|_\s?\{?\s?|[A-Za-z]\(\s?|(?:\\[a-zA-Z]+|\b(?:sin|cos|tan|log|ln|exp|max|min|gcd|lcm|mod))(?:\s?_\s?\{?\w+\}?)?\s?[({]?\s?"
    r"|(?:π|∞|[)\]]|(?<![A-Za-z$€£'])[A-Za-z])\s?[×*/^÷+]\s?\(?|(?<![\w'])[a-zA-Z]\s?[-]\s?|\}\s?\{\s?|±\s?)$"
)
GOES_ON = re.compile(
    r"\s?(?:[+×÷]|\*(?!\*))\s?(?:[({\\√π]|[A-Za-z](?![\w']))|\s?/\s?[({\\√π]|\s?\^|-[A-Za-z](?![\w'])|\([\w\s]{0,4}[-+*/^=]|\([a-z]\)|h\d"
    r"|i\b(?!\s)|\\[a-zA-Z]|!\s?=|√|[A-Za-z]{1,2}\s?[-+]\s?\d?[A-Za-z](?![\w'])|\s?(?:choose|mod)\b|\s-\s[A-Za-z](?![\w'])|:\d"
)


class Relation(Enum):
    """How a number belongs to the number before it."""

    CALCULATION = auto()
    EQUALS = auto()
    OR = auto()
    RANGE = auto()
    AND = auto()
    LIST = auto()
    PLUS_MINUS = auto()
    APART = auto()


@dataclass(frozen=True, slots=True)
class Term:
    """One number, or a calculation of several.

    Attributes:
        number: The number; None for a calculation, a date, a time and anything else that is not a single number.
        start: Where it begins in the text.
        end: Where it ends.
        relation: How it belongs to the term before it; APART for the first.
        gap: The text between the term before it and this one; for the first, the text before it.
    """

    number: ParsedNumber | None
    start: int
    end: int
    relation: Relation
    gap: str


def find_terms(plain: str) -> list[Term]:
    """Return the terms of a text that ``plain_text`` made, in order."""
    quantities = find_quantities(plain)
    terms: list[Term] = []
    relation, place = Relation.APART, 0
    at = 0
    while at < len(quantities):
        first = last = at
        next_relation = Relation.APART
        while last + 1 < len(quantities):
            next_relation = relation_between(plain, quantities[last], quantities[last + 1])
            if next_relation is not Relation.CALCULATION:
                break
            last += 1
        start, end = quantities[first].start, quantities[last].end
        number = quantities[first].number if first == last and _is_whole_term(plain, start, end) else None
        terms.append(Term(number, start, end, relation, plain[place:start]))
        relation, place, at = next_relation, end, last + 1
    return terms


def relation_between(plain: str, first: Quantity, second: Quantity) -> Relation:
    """Return how the second of two neighbouring quantities belongs to the first, judged by the text between them."""
    gap = plain[first.end : second.start]
    if not gap.strip():
        return Relation.CALCULATION if plain[second.start] in "+-" else Relation.APART
    if len(gap) > 120:
        return Relation.APART
    equals = EQUALS.search(gap)
    if equals and not STOP.search(gap, 0, equals.start()):
        return Relation.EQUALS
    if NEXT_NAMED.fullmatch(gap) and NAMED.search(plain, max(0, first.start - 8), first.start):
        return Relation.OR
    if ROUNDED.fullmatch(gap) and not DIGITS_KEPT.match(plain, second.end):
        return Relation.EQUALS
    for relation, pattern in _PATTERNS:
        if pattern.fullmatch(gap):
            return relation
    if PART_OF.fullmatch(gap) and first.number and (first.number.per > 1 or "/" in first.number.text):
        return Relation.CALCULATION
    if TWO_UNITS.fullmatch(gap) and SECOND_UNIT.match(plain, second.end):
        return Relation.AND
    return Relation.APART


_PATTERNS = (
    (Relation.PLUS_MINUS, PLUS_MINUS),
    (Relation.CALCULATION, CALCULATION),
    (Relation.OR, OR),
    (Relation.RANGE, RANGE),
    (Relation.AND, AND),
    (Relation.LIST, LIST),
)


def _is_whole_term(plain: str, start: int, end: int) -> bool:
    """Return whether a number is not a part of a larger expression, such as an exponent or an argument."""
    if start and PART_OF_TERM.search(plain, max(0, start - 16), start):
        return False
    return end == len(plain) or not GOES_ON.match(plain, end)

"""Reads the number of a stated answer, as a person who marks an exam would."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction

from gapbench.scoring.answer_extraction import shorten
from gapbench.scoring.numbers.characters import plain_text
from gapbench.scoring.numbers.comparison import is_rounding
from gapbench.scoring.numbers.digits import PI, simplest
from gapbench.scoring.numbers.foreign_words import foreign_words_to_digits
from gapbench.scoring.numbers.quantities import CURRENCY, ParsedNumber
from gapbench.scoring.numbers.terms import SECOND_UNIT, TWO_UNITS, Relation, Term, find_terms
from gapbench.scoring.numbers.words import SPAN, has_number_words, words_to_digits

COPULA_BEFORE = re.compile(
    r"(?:=|≈|→|\b(?:is|are|was|were|equals?|equal\sto|makes?|gives|yields|totals|leaves|becomes|to\sbe))\s*"
    r"(?:(?:about|approximately|around|roughly|exactly|just|only|simply|therefore|thus|then|still|now|a\stotal\sof)\s)*"
    rf"[\s(\[{{*]*(?:{CURRENCY})?\s?[(\[{{]*$"
)
HEAD = re.compile(
    rf"""(?:[\s*_`"'(:,\[{{~≈$√]|about|approximately|approx\.?|around|roughly|nearly|almost|exactly|precisely|simply|just|only|
         equal\sto|a\stotal\sof|in\stotal|the\s(?:number|value|integer|amount|sum|total|answer)|therefore|thus|so|then|indeed|clearly|now|
         probably|likely|still|also|given\sby|to\sbe|at\s(?:least|most)|up\sto|actually|definitely|surely|ca\.?|circa|some|
         minus|negative|plus|{CURRENCY}|[-+=]|\b[A-Za-z]\s?=|no\s(?:more|less|fewer)\sthan|etwa|environ|unos|indeed)*""",
    re.VERBOSE | re.IGNORECASE,
)
INTRODUCTION = re.compile(
    r"(?:after|in|for|with|if|when|since|because|given|from|by|at|on|during|over|as)\b[^.;:]*?,\s",
    re.IGNORECASE,
)
REASON = re.compile(
    r"[,;:]?\s\(?(?:because|since|given that|as(?=\s\d)|where|instead of|rather than|not(?=\s\S?\d)|i\.e|e\.g)\b",
    re.IGNORECASE,
)
ASIDE = re.compile(rf"{REASON.pattern}|\s\(|;", re.IGNORECASE)
NEGATED = re.compile(
    r"(?:\bnot|n't|\bnever|\binstead\sof|\brather\sthan)\s(?:equal\sto\s)?[(\s$€£*]*$", re.IGNORECASE
)
BOUND = re.compile(
    r"(?<!no\s)(?<!not\s)\b(?:less|more|fewer|greater|larger|smaller|higher|lower)\sthan\s(?:[$€£]\s?)?$|(?<![-=\w\"'/])[<>≤≥]\s?$",
    re.IGNORECASE,
)
BETWEEN = re.compile(r"\bbetween\s[(\s$€£-]*$", re.IGNORECASE)
CORRECTION = re.compile(r"\b(?:no|wait|actually|sorry|correction|oops|i mean)\b", re.IGNORECASE)
CENTS_AFTER = re.compile(r"\s?(?:cents?|pence|paise)\b")
CURRENCY_SIGN = re.compile(r"[$€£¥₹]|USD|EUR|GBP")
CURRENCY_NAME = re.compile(r"\s?(?:dollars?|euros?|pounds?|rupees?)\b")
MONEY_GAP = re.compile(r"\s?(?:dollars?|euros?|pounds?|rupees?)?,?\s(?:and\s)?")
BOLD_MARKS = re.compile(r"(?<![\d\s])\*\*|^\*\*|(?<=\s)\*\*(?=\S)|\*\*(?![-({\d\s])|\*\*$|(?<=\S)\*\*(?=\s)")
UNDERSCORES = re.compile(r"(?<![\w}])_+(?=\S)|(?<=\S)_+(?![\w{])")
AND_PART = re.compile(
    r"(?<=\d)\sand\s(?:an?|one|two|three|four|five)[\s-](?:half|thirds?|quarters?|fourths?|fifths?|eighths?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reply states.

    Attributes:
        number: The number; None if the reply states none.
        place: Where it was found, or why there is none.
        text: The stated text without a number, such as ``12:30``; empty if nothing is stated, or two numbers are.
    """

    number: ParsedNumber | None
    place: str
    text: str = ""


def read_statement(text: str) -> Reading | None:
    """Return the number that a stated answer gives, or None if it holds no number at all.

    The number that follows the marker counts, not one of its reason: ``18 (since 16 - 3 - 4 = 9 eggs)`` is 18. Of a
    calculation with its result, ``3 + 4 = 7 apples``, the result counts.
    """
    plain = _statement_text(text)
    terms = find_terms(plain)
    if not terms:
        return _read_pi(plain)
    if len(terms) == 1 and terms[0].number is not None:
        return _read_single(plain, terms[0])
    at = _first_answer(plain, terms)
    members = [terms[at]]
    for term in terms[at + 1 :]:
        if term.relation is not Relation.EQUALS:
            break
        members.append(term)
    answer = next((term for term in members if term.number is not None), None) or _result_after(
        plain, terms, members
    )
    if answer is None or answer.number is None:
        shown = shorten(plain[members[0].start : members[-1].end])
        return Reading(None, f"states {shown!r}, which is not a single number", shown)
    answer = _in_one_unit(plain, terms, answer) or answer
    fault = _undecided(plain, terms, answer)
    if fault:
        return Reading(None, fault)
    number = _with_cents(plain, terms, answer) or _with_equals(plain, answer, members)
    return Reading(number, f"states {number.text}")


def _read_single(plain: str, term: Term) -> Reading:
    assert term.number is not None
    if term.start > 3:
        if NEGATED.search(plain, 0, term.start):
            return Reading(None, f"says only what the answer is not: {shorten(plain)!r}")
        if BOUND.search(plain, 0, term.start):
            return Reading(None, f"states only a bound: {shorten(plain)!r}")
    elif term.start and BOUND.search(plain, 0, term.start):
        return Reading(None, f"states only a bound: {shorten(plain)!r}")
    return Reading(term.number, f"states {term.number.text}")


def _read_pi(plain: str) -> Reading | None:
    if re.fullmatch(r"[\s=$*]*(?:π|pi)[\s.$*]*", plain):
        return Reading(ParsedNumber(PI, "π"), "states π")
    return None


def _statement_text(text: str) -> str:
    """Return a statement in plain characters, without bold, and with number words as digits where they may be the answer."""
    plain = without_markup(plain_text(text))
    if not any(map(str.isdigit, plain)):
        plain = foreign_words_to_digits(plain) or plain
    if not has_number_words(plain):
        return plain
    head = HEAD.match(plain)
    is_head = head is not None and SPAN.match(plain, head.end()) is not None
    if is_head or plain.lower().startswith("not ") or not any(map(str.isdigit, plain)):
        return words_to_digits(plain)
    return AND_PART.sub(lambda match: words_to_digits(match[0]), plain)


def without_markup(plain: str) -> str:
    """Return a text without bold, italics and struck-out parts; ``10**6`` and ``x_2`` stay as they are."""
    if "~~" in plain:
        plain = re.sub(r"~~[^~]*~~", " ", plain)
    if "**" in plain:
        plain = BOLD_MARKS.sub("", plain)
    return UNDERSCORES.sub("", plain) if "_" in plain else plain


def _first_answer(plain: str, terms: list[Term]) -> int:
    """Return the index of the term with which the answer begins."""
    at = 0
    while at < len(terms) - 1 and NEGATED.search(plain, 0, terms[at].start):
        at += 1
    head = HEAD.match(plain)
    if at == 0 and (head is None or head.end() < terms[0].start):
        at = _answer_in_sentence(plain, terms)
    for later in range(at + 1, len(terms)):
        if CORRECTION.search(plain, terms[later - 1].end, terms[later].start):
            at = later
    return at


def _answer_in_sentence(plain: str, terms: list[Term]) -> int:
    """Return the index of the answer in a statement that begins with other words than a number.

    It is the last number after ``is``, ``=`` or similar words before a reason, else the first one after an introduction
    such as ``after 3 days,``, else the first.
    """
    first = 0
    introduction = INTRODUCTION.match(plain)
    if introduction and terms[-1].start >= introduction.end():
        first = next(i for i, term in enumerate(terms) if term.start >= introduction.end())
    reason = ASIDE.search(plain, terms[first].end)
    end = reason.start() if reason else len(plain)
    after_verb = [
        i
        for i, term in enumerate(terms)
        if i >= first
        and term.start < end
        and COPULA_BEFORE.search(plain, max(0, term.start - 60), term.start)
    ]
    return after_verb[-1] if after_verb else first


def _result_after(plain: str, terms: list[Term], members: list[Term]) -> Term | None:
    """Return the result of a calculation that a clause states: ``6 times 7, which is 42``."""
    for term in terms[terms.index(members[-1]) + 1 :]:
        if term.number is not None and COPULA_BEFORE.search(plain, max(0, term.start - 60), term.start):
            return term
    return None


def _in_one_unit(plain: str, terms: list[Term], answer: Term) -> Term | None:
    """Return the result of ``1 h 30 min = 1.5 h``, or None if no such term follows."""
    second, result = [*terms[terms.index(answer) + 1 :], None, None][:2]
    if second is None or result is None or result.relation is not Relation.EQUALS or result.number is None:
        return None
    is_compound = second.relation is Relation.AND and SECOND_UNIT.match(plain, second.end)
    return result if is_compound and TWO_UNITS.fullmatch(second.gap) else None


def _undecided(plain: str, terms: list[Term], answer: Term) -> str | None:
    """Return why a statement does not decide for one number, or None if it does."""
    assert answer.number is not None
    at = terms.index(answer)
    if BOUND.search(plain, 0, answer.start):
        return f"states only a bound: {shorten(plain)!r}"
    if at + 1 == len(terms):
        return None
    following = terms[at + 1]
    both = f"states two numbers: {shorten(plain)!r}"
    if BETWEEN.search(plain, 0, answer.start) or following.relation is Relation.RANGE:
        return f"states a range: {shorten(plain)!r}"
    if following.relation is Relation.OR:
        is_equal = following.number is not None and are_equal(answer.number, following.number)
        return None if is_equal or _has_other_unit(plain, answer, following) else both
    if following.number is not None and are_equal(answer.number, following.number):
        return None
    if following.relation is Relation.AND:
        return None if _with_cents(plain, terms, answer) else both
    return both if following.relation is Relation.LIST and _is_list(plain, terms[at:]) else None


def _is_list(plain: str, terms: list[Term]) -> bool:
    """Return whether terms are a list of numbers with nothing after it: ``3, 4`` or ``(3, 4)``."""
    if any(term.relation not in (Relation.LIST, Relation.AND, Relation.OR) for term in terms[1:]):
        return False
    return re.fullmatch(r"[\s.)\]}*$!]*", plain[terms[-1].end :]) is not None


def _has_other_unit(plain: str, first: Term, second: Term) -> bool:
    """Return whether two terms have different units, as in ``90 minutes or 1.5 hours``."""
    units = []
    for term in (first, second):
        match = re.match(r"\s?([A-Za-z°%²³/]{1,20})", plain[term.end :])
        units.append("" if match is None or match[1].lower() in ("or", "and", "is") else match[1].lower())
    return all(units) and units[0] != units[1]


def _with_cents(plain: str, terms: list[Term], answer: Term) -> ParsedNumber | None:
    """Return ``5 dollars and 25 cents`` as 5.25, or None if no cents follow."""
    at = terms.index(answer)
    cents = terms[at + 1] if at + 1 < len(terms) else None
    if (
        cents is None
        or cents.number is None
        or answer.number is None
        or not CENTS_AFTER.match(plain, cents.end)
    ):
        return None
    has_currency = bool(CURRENCY_SIGN.search(answer.number.text)) or bool(CURRENCY_NAME.match(cents.gap))
    if not has_currency or not MONEY_GAP.fullmatch(cents.gap):
        return None
    value = answer.number.value + simplest(Fraction(cents.number.value) / 100)
    return ParsedNumber(value, plain[answer.start : cents.end])


def _with_equals(plain: str, answer: Term, members: list[Term]) -> ParsedNumber:
    """Return the answer's number; further members that round it or give it in another unit are accepted as well."""
    assert answer.number is not None
    number, others = answer.number, list(answer.number.other_values)
    for term in members:
        if term.number is None or term.start <= answer.start:
            continue
        decimals = len(term.number.text.partition(".")[2].rstrip("%° "))
        scaled = Fraction(number.value) / number.per
        if is_rounding(Fraction(term.number.value) / term.number.per, decimals, scaled) or _has_other_unit(
            plain, answer, term
        ):
            others.append(term.number.value)
    return replace(number, other_values=tuple(others)) if others else number


def are_equal(a: ParsedNumber, b: ParsedNumber) -> bool:
    """Return whether two numbers of a reply are the same, such as ``0.5`` and ``50%``."""
    return a.value == b.value or Fraction(a.value) / a.per == Fraction(b.value) / b.per

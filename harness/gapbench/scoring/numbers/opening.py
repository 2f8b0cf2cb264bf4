"""Reads the answer of a reply that opens with it: ``15. Reason: 45 / 3 = 15`` or ``It costs £5 including tax at 20%``."""

from __future__ import annotations

import itertools
import re

from gapbench.scoring.numbers.characters import plain_text
from gapbench.scoring.numbers.quantities import CURRENCY, ParsedNumber
from gapbench.scoring.numbers.statement import CORRECTION, are_equal, without_markup
from gapbench.scoring.numbers.terms import Relation, Term, find_terms

MAX_CHARS = 1000
PRONOUN = (
    r"(?:it(?:[\s']i|')s|that(?:[\s']i|')s|this\sis|it\swas|there\s(?:are|is|were|was)|it\scosts?|they\scost|that\smakes|(?:they|we|you|he|she|it|i)\s(?:needs?|takes?)|we\sget|i\sget|"
    r"es\s(?:sind|ist|kostet)|das\s(?:sind|ist|macht)|c'est|ce\ssont|il\sy\sa|son|hay|sono|são|há)"
)
BEFORE_NUMBER = re.compile(
    rf"\s*(?P<pronoun>{PRONOUN}\s)?(?:(?:about|approximately|exactly|around|roughly|just|only|precisely|simply)\s)*"
    rf"(?:minus\s|negative\s)?[-+]?\s?(?:{CURRENCY})?\s?-?",
    re.IGNORECASE,
)
SUBJECT = r"(?:he|she|it|they|we|you|i|the\s[a-z]+(?:\s[a-z]+)?|[A-Z][a-z]+)"
MEASURING = (
    r"(?:(?:will|can|must|should|would)\s)?(?:have|has|had|needs?|needed|takes?|took|costs?|saves?|saved|earns?|earned|pays?|paid|gets?|got|makes?|made|"
    r"spends?|spent|uses?|used|covers?|covered|weighs?|weighed|collects?|collected|receives?|received|owes?|owed|reads?|bakes?|baked|"
    r"travels?|travell?ed|drives?|drove|walks?|walked|runs?|ran|fills?|produces?|produced)"
)
SUBJECT_FIRST = re.compile(
    rf"\s*(?:so\s|thus,?\s|therefore,?\s)?{SUBJECT}\s{MEASURING}\s(?:(?:about|exactly|around|only|a\stotal\sof)\s)*(?:{CURRENCY})?\s?",
    re.IGNORECASE,
)
PURPOSE = re.compile(
    r"(?:\s[A-Za-z°%]+){0,3}\s(?:(?:is|are|was|were)\s(?:needed|required|necessary|enough|sufficient|used|left|spent|available)\s)?"
    r"(?:for|to\s[a-z]{3,})(?:\s[A-Za-z'-]+){0,3}\s"
)
"""``48 minutes are needed to fill 3 tanks``: what a number is for is no answer."""
UNIT = r"(?:\s?[°%$€£¥]?[A-Za-zµΩ°%²³/€£¥]+)"
SENTENCE_END = re.compile(rf"{UNIT}{{0,2}}\s?[.!;]\s+(?=\S)")
REASON_LABEL = re.compile(
    r"[\s(]*(?:the\s)?(?:reason(?:ing)?|explanation|because|since|here'?s?\s(?:is\s)?(?:why|how)|check|proof|justification|working|derivation|"
    r"that(?:'s|\sis)\sbecause|this\sis\sbecause|begründung|grund|denn|weil|explication|raison|car|parce\sque|razón|explicación|porque|"
    r"explicação|motivo|spiegazione|perché)\b",
    re.IGNORECASE,
)
LIST_NUMBER = re.compile(r"(?:^|\s)\d{1,2}[.)]\s(?=[A-Z])")
CONCLUSION = re.compile(
    r"\b(?:so|thus|hence|therefore|in\stotal|altogether|in\sall|finally|which|makes?|making|gives?|giving|leaves?|leaving|left|becomes?|totals?|"
    r"equals?|also|donc|dann|entonces|luego|quindi|então)\b|[=≈→]",
    re.IGNORECASE,
)
MODIFIER = re.compile(
    rf"{UNIT}{{0,2}},?\s(?:including|incl\.?|excluding|excl\.?|inclusive\sof|with|without|before|after|of|out\sof|from|at|in|on|based\son|"
    rf"compared\s(?:to|with)|instead\sof|rather\sthan|as\sof|inkl\.?|inklusive|von|bei|avec|dont|sur|de|con|di|com)"
    rf"(?:\s[A-Za-z'-]+){{0,3}}\s(?:{CURRENCY})?\s?",
    re.IGNORECASE,
)
AND_MORE = re.compile(rf"{UNIT}?\s(?:and|und|et|y|e)(?:\s[A-Za-z'-]+){{0,3}}\s(?:{CURRENCY})?\s?")
REMAINING = re.compile(r"^(?:\s[A-Za-z]+)?\s(?:left|remaining)\b")
CLOSING = re.compile(rf"{UNIT}{{0,4}}[\s.!)]*")


def read_opening(reply: str) -> ParsedNumber | None:
    """Return the number with which a reply of one line opens as its answer, or None.

    - A number with its unit, or one after words such as ``It's`` or ``There are``, is the answer if a full stop and a
      reason follow. The reason is one if it begins as one (``Reason:``) or if the last result that it works out is the
      same number. A chain of thought that ends with another number is none.
    - ``35 kg of the original 50 kg``: numbers after a preposition describe the first one.
    """
    line = reply.strip()
    if "\n" in line or len(line) > MAX_CHARS:
        return None
    plain = without_markup(plain_text(line)).replace("’", "'")
    head = BEFORE_NUMBER.match(plain)
    subject = SUBJECT_FIRST.match(plain)
    terms = find_terms(plain)
    if head is None or len(terms) < 2 or LIST_NUMBER.search(plain, terms[0].end + 1):
        return None
    first = terms[0]
    if (
        subject is not None
        and first.number is not None
        and first.start <= subject.end() <= first.end
        and _are_modifiers(plain, terms, has_price=False)
    ):
        return first.number
    if first.number is None or first.start > head.end() or head.end() > first.end:
        return None
    end = SENTENCE_END.match(plain, first.end)
    if end is not None:
        return first.number if _is_reason(plain, end.end(), first.number, bool(head["pronoun"])) else None
    return first.number if _are_modifiers(plain, terms) else None


def _is_reason(plain: str, start: int, number: ParsedNumber, has_pronoun: bool) -> bool:
    """Return whether the text from ``start`` is the reason for a number rather than the next step to another one."""
    rest = plain[start:]
    if CORRECTION.search(rest):
        return False
    if REASON_LABEL.match(rest):
        return True
    results = [term for term in find_terms(rest) if term.relation is Relation.EQUALS]
    if not results:
        return False
    last = results[-1].number
    if last is None or not are_equal(last, number):
        return False
    after = rest[results[-1].end :]
    return has_pronoun or not CONCLUSION.search(after)


def _are_modifiers(plain: str, terms: list[Term], *, has_price: bool = True) -> bool:
    """Return whether each number after the first one follows a preposition, and the sentence ends there.

    Args:
        plain: The sentence.
        terms: Its numbers.
        has_price: A price may be such a number: ``£5 including £1 tax``, but not ``she sells 16 eggs at $2``.
    """
    for before, term in itertools.pairwise(terms):
        gap = plain[before.end : term.start]
        is_first = before is terms[0]
        if is_first:
            gap = REMAINING.sub("", gap)
        if not has_price and re.search(rf"(?:{CURRENCY})\s?$", plain[: term.start + 1]):
            return False
        if PURPOSE.fullmatch(gap) and not CONCLUSION.search(gap):
            continue
        if term.relation not in (Relation.APART, Relation.AND) or CONCLUSION.search(gap):
            return False
        if not MODIFIER.fullmatch(gap) and (is_first or not AND_MORE.fullmatch(gap)):
            return False
    return CLOSING.fullmatch(plain, terms[-1].end) is not None

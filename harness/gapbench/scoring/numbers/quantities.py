"""Finds the numbers in a text: digits with their sign, power, fraction, percent sign and scale such as ``million``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from gapbench.scoring.numbers.characters import plain_text
from gapbench.scoring.numbers.digits import (
    MAX_EXPONENT,
    PI,
    Exact,
    decimal_value,
    digits_value,
    power,
    simplest,
    square_root,
)
from gapbench.scoring.numbers.scales import (
    CJK_PATTERN,
    ENGLISH_SCALES,
    PERCENT_PATTERN,
    SCALE_PATTERN,
    cjk_scale,
    scale_of,
    with_decimal_point,
)

CURRENCY = r"(?:(?:US|CA|AU|NZ|HK|[ACSR])?\$|[€£¥₹₩₽฿₫₺₦₪₱]|(?:USD|EUR|GBP|INR|CHF|JPY|CNY|RMB|SEK|NOK|DKK|AUD|CAD)|Rs\.?)"
NUMBER = re.compile(
    rf"""[\d.](?:(?<![\w.].)|(?<=USD.)|(?<=EUR.)|(?<=GBP.)|(?<=INR.)|(?<=CHF.)|(?<=Rs.)|(?<=Rs\..)|(?<=\.\.\d))
    (?P<digits>(?<=\.)\d+ | (?<=\d)(?:\d{{0,2}}(?:[ ]\d{{3}})+(?!\d|-[A-Za-z]|[ ]?/)(?:[.,]\d+(?![\d.,]))? | \d*(?:[.,'_]\d+)*))
    (?: [eE](?P<exp>[-+]?\d{{1,6}})(?!\w)
      | \s?(?:×|\*|[xX]|times)\s?10\s?(?:\^|\*\*)\s?[{{(]?\s?(?P<ten>[-+]?\s?\d{{1,6}})(?:\s?[}})])?
      | (?:\s?\^\s?|\*\*(?=[-({{\d])|\s\*\*\s(?=[-({{\d])|\s(?:raised\s)?to\s(?:the\s)?power\s(?:of\s)?)[{{(]?\s?(?P<power>[-+]?\d{{1,6}})(?:\s?[}})])?
      | \s(?:raised\s)?to\sthe\s(?P<nth>\d{{1,6}})(?:th|st|nd|rd)?(?:\spower)?\b
      | \s?/\s?(?P<under>\d+(?:,\d{{3}})*(?:\.\d+)?)(?!\s?/\s?\d|[\d^])
      | (?:[ ]|\sand\s)(?P<num>\d{{1,9}})\s?/\s?(?P<den>\d{{1,9}})(?!\s?/\s?\d|\d|\.\d|\^)
    )?
    (?:\s?(?P<per>{PERCENT_PATTERN}))?
    (?: (?P<scales>(?:[\s-]?(?i:{SCALE_PATTERN}))+)
      | (?P<space>\s?)(?P<letter>k|K|mn|mln|mm|bn|bln|tn|trn|[MmBbT])(?![\w²³^'-])
      | \s?(?P<cjk>{CJK_PATTERN})
      | \s(?P<part>half|halves|thirds|fourths|fifths|sixths|sevenths|eighths|ninths|tenths|hundredths|thousandths)\b
    )?
    (?:\s?(?P<pi>π|pi\b))?
    """,
    re.VERBOSE,
)
SIGN = re.compile(
    rf"(?:^|(?P<before>.))(?P<sign>[-+])(?P<gap>\s?)(?:{CURRENCY}\s?)?\(?(?P<inner>-?)$|{CURRENCY}\s?(?P<late>-)\s?$"
    rf"|(?P<word>\b(?:minus|negative))\s+(?:{CURRENCY}\s?)?$",
    re.IGNORECASE | re.DOTALL,
)
SIGN_HINT = re.compile(r"[-+√]|inus|egative|INUS|EGATIVE|sqrt")
OPENING = frozenset(" \t\n([{=:,;~≈<>≤≥×*/^|\"'+-→$€£¥₹")
BEFORE_SPACED_SIGN = re.compile(
    r"(?:^|[(\[{=:≈~→]|(?<!\d)(?<!\d\s)\$|\b(?:is|are|was|be|get|gives|ist|lautet|beträgt|est|es|vale|equals))\s*$"
)
ROOT = re.compile(r"(?:√|\bsqrt)\s?[({]?\s?$")
ROOT_CLOSE = re.compile(r"\s?[)}]")
CURRENCY_BEFORE = re.compile(rf"{CURRENCY}\s?-?\s?$")
CURRENCY_AFTER = re.compile(r"\s?(?:[€£¥₹$]|(?:USD|EUR|GBP|INR|CHF|dollars?|euros?|pounds|rupees)\b)")
BELOW_ZERO = re.compile(r"\s?(?:degrees?|°\s?[CF]?)?(?:\s(?:Celsius|Fahrenheit))?\sbelow\s(?:zero|0\b)")
LETTER_SCALES = {
    "k": 10**3, "m": 10**6, "mm": 10**6, "mn": 10**6, "mln": 10**6, "b": 10**9, "bn": 10**9, "bln": 10**9, "t": 10**12,
    "tn": 10**12, "trn": 10**12,
}  # fmt: skip
PARTS = {"half": 2, "halves": 2, "thirds": 3, "fourths": 4, "fifths": 5, "sixths": 6, "sevenths": 7, "eighths": 8,
         "ninths": 9, "tenths": 10, "hundredths": 100, "thousandths": 1000}  # fmt: skip
PER = {"%": 100, "‰": 1000}


@dataclass(frozen=True, slots=True)
class ParsedNumber:
    """A number found in a text.

    Attributes:
        value: Its exact value without the percent sign: 25 for ``25%``.
        text: The number as written.
        per: 100 for a number in percent, 1000 for one in per mille, else 1.
        other_values: Further readings of an ambiguous unit: ``300 K`` are 300 kelvin, or 300 thousand.
    """

    value: Exact
    text: str
    per: int = 1
    other_values: tuple[Exact, ...] = ()


@dataclass(frozen=True, slots=True)
class Quantity:
    """Digits at a place in a text.

    Attributes:
        number: The number, or None if the digits are not a single number, such as ``1.2.3``.
        start: Where it begins, its sign and root included.
        end: Where it ends.
        scale: Its scale in words, such as 1000; 1 without one.
    """

    number: ParsedNumber | None
    start: int
    end: int
    scale: int = 1


def parse_number(text: str) -> ParsedNumber | None:
    """Return the number that is the whole of ``text``, with or without a currency, or None."""
    plain = plain_text(text).strip(" \t\n$.*_`")
    if len(plain) > MAX_EXPONENT or not any(map(str.isdigit, plain)):
        return None
    found = find_quantities(plain)
    if len(found) != 1 or found[0].number is None:
        return None
    around = plain[: found[0].start] + plain[found[0].end :]
    return found[0].number if re.fullmatch(rf"[+\s$€£¥]*(?:{CURRENCY})?[\s$€£¥]*", around) else None


def find_quantities(plain: str) -> list[Quantity]:
    """Return the quantities in a text that :func:`plain_text` made, in order."""
    found: list[Quantity] = []
    for match in NUMBER.finditer(plain):
        quantity = _quantity(match, plain)
        if found and quantity.number is not None:
            merged = _merge(found[-1], quantity, plain) if found[-1].scale > 1 else None
            if plain[quantity.start] == "√" and found[-1].end == quantity.start:
                merged = _multiply(found[-1], quantity, plain)
            if merged is not None:
                found[-1] = merged
                continue
        found.append(quantity)
    return found


def _quantity(match: re.Match[str], plain: str) -> Quantity:
    start, end = match.span()
    text = plain[start] + match["digits"]
    text = with_decimal_point(text, match["scales"] or match["per"] or "")
    value = decimal_value(text) if text[0] == "." else digits_value(text)
    if match.lastindex == 1 and _is_bare(plain, start):
        return Quantity(None if value is None else ParsedNumber(value, plain[start:end]), start, end)
    return _complex_quantity(match, plain, value)


def _is_bare(plain: str, start: int) -> bool:
    """Return whether nothing before a number can be its sign or a root: the ordinary case."""
    return SIGN_HINT.search(plain, max(0, start - 14), start) is None and "below" not in plain


def _complex_quantity(match: re.Match[str], plain: str, value: Exact | None) -> Quantity:
    start, end = match.span()
    value = _with_power_or_fraction(match, value)
    others: tuple[Exact, ...] = ()
    scale = 1
    if value is not None and match["scales"]:
        scale = scale_of(match["scales"])
        value *= scale
    elif value is not None and match["letter"]:
        value, others, end = _with_letter(match, plain, value)
    elif value is not None and match["cjk"]:
        scale = cjk_scale(match["cjk"])
        value *= scale
    elif value is not None and match["part"]:
        value = simplest(Fraction(value) / PARTS[match["part"]])
    if value is not None and match["pi"]:
        value *= PI
    has_sign = SIGN_HINT.search(plain, max(0, start - 14), start) is not None
    root = ROOT.search(plain, max(0, start - 8), start) if has_sign else None
    if root is not None and value is not None:
        value, start = square_root(value), root.start()
        closing = ROOT_CLOSE.match(plain, end) if root[0].rstrip()[-1] in "({" else None
        end = closing.end() if closing else end
    is_negative, start = _sign(plain, start) if has_sign else (False, start)
    if "below" in plain and BELOW_ZERO.match(plain, end):
        is_negative = not is_negative
    if value is None:
        return Quantity(None, start, end)
    if is_negative:
        value, others = -value, tuple(-other for other in others)
    per = PER.get(match["per"], 100) if match["per"] else 1
    return Quantity(ParsedNumber(value, plain[start:end].strip(), per, others), start, end, scale)


def _with_power_or_fraction(match: re.Match[str], value: Exact | None) -> Exact | None:
    if value is None:
        return None
    exponent = match["exp"] or match["ten"]
    if exponent:
        scale = power(10, int(exponent.replace(" ", "")))
        return None if scale is None else simplest(Fraction(value * scale))
    if match["power"] or match["nth"]:
        return power(value, int(match["power"] or match["nth"]))
    if match["under"]:
        under = decimal_value(match["under"].replace(",", ""))
        return simplest(Fraction(value) / under) if under else None
    if match["den"]:
        part = Fraction(int(match["num"]), int(match["den"])) if int(match["den"]) else None
        return None if part is None else simplest(value + part)
    return value


def _with_letter(match: re.Match[str], plain: str, value: Exact) -> tuple[Exact, tuple[Exact, ...], int]:
    """Return the value, other readings and the end of a number that a letter such as ``k`` or ``M`` follows.

    With a currency each letter is a scale. Without one, a letter after a space may be a unit (``300 K``, ``2 M``),
    and ``m``, ``b`` and ``mm`` are units.
    """
    letter, scale = match["letter"], LETTER_SCALES[match["letter"].lower()]
    if CURRENCY_BEFORE.search(plain, max(0, match.start() - 6), match.start()) or CURRENCY_AFTER.match(
        plain, match.end()
    ):
        return value * scale, (), match.end()
    is_rate = plain.startswith("/", match.end()) and letter not in ("k", "K")
    if letter in ("m", "b", "mm") or is_rate:
        return value, (), match.start("letter") - len(match["space"])
    if (match["space"] and letter in ("K", "M", "B", "T")) or letter == "T":
        return value, (value * scale,), match.end()
    return value * scale, (), match.end()


def _sign(plain: str, start: int) -> tuple[bool, int]:
    """Return whether the number that begins at ``start`` is negative, and where its sign or currency begins."""
    match = SIGN.search(plain, max(0, start - 14), start)
    if match is None:
        return False, start
    if match["word"]:
        before = plain[: match.start()].rstrip()
        is_operator = match["word"].lower() == "minus" and before[-1:].isdigit()
        return (False, start) if is_operator else (True, match.start())
    if match["late"]:
        return True, match.start()
    at = match.start("sign")
    before = match["before"] or ("" if at == 0 else plain[at - 1])
    if match["gap"] and not BEFORE_SPACED_SIGN.search(plain, 0, at):
        return bool(match["inner"]), start  # a dash between words, or an operator
    if before and before not in OPENING:
        return bool(match["inner"]), start
    return (match["sign"] == "-") != bool(match["inner"]), at


def _merge(first: Quantity, second: Quantity, plain: str) -> Quantity | None:
    """Return ``2 million 500 thousand`` as one quantity, or None if the second is not a smaller part of the first."""
    if first.number is None or second.number is None or second.number.per != 1:
        return None
    if (
        not re.fullmatch(r"\s(?:and\s)?", plain[first.end : second.start])
        or first.scale == ENGLISH_SCALES["dozen"]
    ):
        return None
    if not 0 < second.number.value < first.scale:
        return None
    value = first.number.value + (second.number.value if first.number.value > 0 else -second.number.value)
    text = plain[first.start : second.end]
    return Quantity(ParsedNumber(value, text), first.start, second.end, second.scale)


def _multiply(first: Quantity, second: Quantity, plain: str) -> Quantity | None:
    """Return ``3√2`` as one quantity."""
    if first.number is None or second.number is None:
        return None
    value = simplest(Fraction(first.number.value * second.number.value))
    return Quantity(ParsedNumber(value, plain[first.start : second.end]), first.start, second.end)

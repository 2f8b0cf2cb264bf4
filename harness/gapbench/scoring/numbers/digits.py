"""The exact value of written digits, with decimal points and thousands separators of every kind."""

from __future__ import annotations

import re
from fractions import Fraction
from math import isqrt

Exact = int | Fraction
"""A value without rounding."""

MAX_DIGITS = 4000
"""Longer numbers are not read: Python itself converts at most 4,300 digits."""

MAX_EXPONENT = 4000
PI = Fraction("3.14159265358979323846264338327950288419716939937510")
ROOT_DECIMALS = 50

COMMA_GROUPS = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d?(?:,\d{2})+,\d{3}")  # 1,234,567 or 12,34,567
DOT_GROUPS = re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+")
SPACES = frozenset(" '_")
WITHOUT_SPACES = str.maketrans("", "", " '_")
SPACE_GROUPS = re.compile(r"\d{1,3}(?:([ '_])\d{3})(?:\1\d{3})*(?:[.,]\d+)?")


def digits_value(text: str) -> Exact | None:
    """Return the exact value of digits with separators, or None if the separators do not form one number.

    - ``1,234``: a comma before exactly three digits separates thousands, unless the number begins with 0 or more
      than three digits come before it. Any other single comma is a decimal comma: ``3,14``, ``0,125``, ``1234,567``.
    - ``1.234``: a single point is a decimal point. ``1.234.567`` and ``1.234,56`` have points between thousands.
    - ``12,34,567`` (lakh), ``12 500``, ``12'500`` and ``12_500`` are whole numbers.
    - ``1,2,3``, ``1.2.3`` and ``1,23,4`` are None: lists, versions and dates.
    """
    if len(text) > MAX_DIGITS:
        return None
    if text.isdigit():
        return int(text)
    if not SPACES.isdisjoint(text):
        if not SPACE_GROUPS.fullmatch(text):
            return None
        text = text.translate(WITHOUT_SPACES).replace(",", ".")
    commas, dots = text.count(","), text.count(".")
    if commas == 1 and dots == 0:
        text = text.replace(",", "" if COMMA_GROUPS.fullmatch(text) else ".")
    elif dots == 1 and (commas == 0 or COMMA_GROUPS.fullmatch(text.partition(".")[0])):
        text = text.replace(",", "")
    elif commas == 1 and DOT_GROUPS.fullmatch(text.partition(",")[0]):
        text = text.replace(".", "").replace(",", ".")
    elif commas > 1 and dots == 0 and COMMA_GROUPS.fullmatch(text):
        text = text.replace(",", "")
    elif dots > 1 and commas == 0 and DOT_GROUPS.fullmatch(text):
        text = text.replace(".", "")
    elif commas or dots:
        return None
    return decimal_value(text)


def decimal_value(text: str) -> Exact:
    """Return the exact value of digits with at most one decimal point."""
    whole, _, decimals = text.partition(".")
    if not decimals:
        return int(whole or "0")
    return simplest(Fraction(int(whole + decimals), 10 ** len(decimals)))


def simplest(value: Fraction) -> Exact:
    """Return a whole value as an int, which compares faster."""
    return value.numerator if value.denominator == 1 else value


def power(base: Exact, exponent: int) -> Exact | None:
    """Return ``base ** exponent``, or None if it is not defined or has too many digits."""
    if base == 0 and exponent < 0:
        return None
    size = max(abs(base.numerator), base.denominator)
    if abs(exponent) * size.bit_length() > 3.33 * MAX_EXPONENT:
        return None
    return simplest(Fraction(base) ** exponent)


def square_root(value: Exact) -> Exact:
    """Return the square root of a value from 0: exact if it is rational, else to 50 decimals."""
    top, bottom = isqrt(value.numerator), isqrt(value.denominator)
    if top * top == value.numerator and bottom * bottom == value.denominator:
        return simplest(Fraction(top, bottom))
    scaled = value.numerator * value.denominator * 10 ** (2 * ROOT_DECIMALS)
    return Fraction(isqrt(scaled), value.denominator * 10**ROOT_DECIMALS)

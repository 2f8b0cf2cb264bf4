"""Counts, seconds, dollars and flags as logs spell them: numbers, texts, NaN, negative values."""

from __future__ import annotations

import math
import re
from decimal import Context, Decimal, InvalidOperation
from typing import Any

MAX_COUNT = 2**53
"""Largest plausible count; JSON readers cannot hold larger integers exactly."""
MAX_SECONDS = 10_000_000.0
MAX_USD = Decimal(10) ** 12
USD_PLACES = 24
"""Decimal places of a dollar amount in the table; a float's shortest text has at most 17 digits."""

_UNKNOWN_TEXTS = frozenset({"", "null", "none", "nan", "n/a", "na", "undefined", "-", "\\n", "nat", "<na>"})
_NULL_TEXTS = frozenset({"", "null", "NULL", "None", "nan", "NaN", "undefined", "\\N", "NaT", "<NA>"})
"""How programs write that there is no value: those of Python, pandas, JavaScript and SQL clients. A route may be ``none``."""
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+")
_THOUSANDS_AND_PLACES = re.compile(rf"{_THOUSANDS.pattern}\.[0-9]+")
"""A comma alone may be a decimal point."""
_SMALLEST_USD = Decimal(1).scaleb(-USD_PLACES)
_EXACT = Context(prec=60)
"""Digits of the largest amount with all its places; the default context has 28."""


class AmountError(ValueError):
    """A value that cannot be what its column holds; the message says why, without the value."""


def is_null(value: Any) -> bool:
    """Return whether a value is none, also one that a program wrote as a text, such as ``NULL`` or ``None``."""
    if value is None:
        return True
    return isinstance(value, str) and value.strip() in _NULL_TEXTS


def read_count(value: Any) -> int | None:
    """Return a count. None: unknown.

    Raises:
        AmountError: Negative, not whole, not finite, or no number.
    """
    if type(value) is int:
        if 0 <= value <= MAX_COUNT:
            return value
        raise AmountError("negative" if value < 0 else "larger than any count")
    if value is None:
        return None
    if isinstance(value, str) and _THOUSANDS.fullmatch(value.strip()):
        value = value.replace(",", "")
    number = _read_number(value)
    if number is None:
        return None
    if number != int(number):
        raise AmountError("not a whole number")
    return read_count(int(number))


def read_seconds(value: Any) -> float | None:
    """Return a duration in seconds. None: unknown.

    Raises:
        AmountError: Negative, not finite, longer than 115 days, or no number.
    """
    if value is None:
        return None
    number = _read_number(value)
    if number is None:
        return None
    if number < 0:
        raise AmountError("negative")
    if number > MAX_SECONDS:
        raise AmountError("longer than 115 days; is the unit right?")
    return number


def read_usd(value: Any) -> Decimal | None:
    """Return an amount of dollars, exactly as its shortest text says it. None: unknown.

    Raises:
        AmountError: Negative, not finite, or no number.
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        raise AmountError("true or false in place of a number")
    text = value.strip().removeprefix("$").strip() if isinstance(value, str) else repr(value)
    if _THOUSANDS_AND_PLACES.fullmatch(text):
        text = text.replace(",", "")
    if isinstance(value, Decimal):
        amount = value
    elif text.lower() in _UNKNOWN_TEXTS and isinstance(value, str):
        return None
    else:
        try:
            amount = Decimal(text)
        except InvalidOperation as exc:
            raise AmountError("no number") from exc
    if not amount.is_finite():
        raise AmountError("not finite")
    if amount < 0:
        raise AmountError("negative")
    if amount >= MAX_USD:
        raise AmountError("larger than any cost")
    exponent = amount.as_tuple().exponent
    return (
        amount.quantize(_SMALLEST_USD, context=_EXACT)
        if isinstance(exponent, int) and exponent < -USD_PLACES
        else amount
    )


def read_cents(value: Any) -> Decimal | None:
    """Return an amount of cents in dollars. None: unknown.

    Raises:
        AmountError: As :func:`read_usd`.
    """
    amount = read_usd(value)
    return None if amount is None else read_usd(_EXACT.divide(amount, Decimal(100)))


def read_flag(value: Any) -> bool | None:
    """Return a flag that may be spelled as a text. None: unknown."""
    if value is None or isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in {"true", "1", "yes", "hit", "t"}:
        return True
    return False if text in {"false", "0", "no", "miss", "f"} else None


def _read_number(value: Any) -> float | None:
    """Return a finite number, also from a text; None: the text says unknown."""
    if isinstance(value, bool):
        raise AmountError("true or false in place of a number")
    if isinstance(value, str):
        if value.strip().lower() in _UNKNOWN_TEXTS:
            return None
        try:
            value = float(value)
        except ValueError as exc:
            raise AmountError("no number") from exc
    if not isinstance(value, (int, float, Decimal)):
        raise AmountError("no number")
    try:
        number = float(value)
    except OverflowError as exc:
        raise AmountError("not finite") from exc
    if not math.isfinite(number):
        raise AmountError("not finite")
    return number

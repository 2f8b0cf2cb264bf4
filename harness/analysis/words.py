"""Numbers, dollars and scopes in words: three significant digits, and a dash where nothing is known."""

from __future__ import annotations

import math
from typing import Any

NOTHING = "–"
OVERALL = "overall"
"""All categories together, as it is shown."""
ALL = "all"
"""The same in the cost table's rows, as they are kept."""


def known(value: Any) -> bool:
    """Return whether a cell of a table holds a number or text: not None, NA or NaN."""
    if value is None:
        return False
    try:
        return not math.isnan(value)
    except TypeError:
        # pandas.NA compares to nothing and is no float; text is no number.
        return isinstance(value, str)


def number(value: Any, digits: int = 3) -> str:
    """Return a number with ``digits`` significant digits and no exponent."""
    if not known(value):
        return NOTHING
    amount = float(value)
    if amount == 0 or not math.isfinite(amount):
        return "0" if amount == 0 else NOTHING
    # Rounded first: 0.9999 with three digits is 1.00, a digit further left.
    rounded = float(f"{amount:.{digits - 1}e}")
    places = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    return f"{amount:,.{places}f}"


def usd(value: Any, digits: int = 3) -> str:
    """Return dollars; small amounts keep ``digits`` significant digits."""
    if not known(value):
        return NOTHING
    amount = float(value)
    sign = "-" if amount < 0 else ""
    if abs(amount) >= 100 or amount == 0:
        return f"{sign}${abs(amount):,.2f}"
    return f"{sign}${number(abs(amount), digits)}"


def short_usd(value: Any) -> str:
    """Return dollars as ``$25.4K`` or ``-$3.1M``; below a thousand as :func:`usd` does."""
    if not known(value) or abs(float(value)) < 999.5:
        return usd(value)
    amount = float(value)
    size, suffix = next(
        (size, suffix)
        for size, suffix in ((1e9, "B"), (1e6, "M"), (1e3, "K"))
        if abs(amount) >= size * 0.9995
    )
    return f"{'-' if amount < 0 else ''}${number(abs(amount) / size)}{suffix}"

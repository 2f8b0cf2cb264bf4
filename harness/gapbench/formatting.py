"""Formats numbers, money, times and names for people: three significant digits, and a dash for an unknown value."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

NOTHING = "–"
OVERALL = "overall"
"""Name of all categories together, as it is shown."""
NO_RIGHT_ANSWER = "no right answer on either side"
"""The verdict when both models score zero."""
ALL = "all"
"""The same in the rows of the cost table."""


LEAST_USD = 5e-10
"""Dollars below half a billionth are a rounding error and shown as zero: the cheapest token costs more."""
TASKS = 1000
"""Dollars of tasks are shown for this many: those of one task have too many zeros to read."""
_LONG_USD = 9999.995
"""Dollars from which cents would be false precision."""
_USD_PLACES = 4
"""Most decimals of a dollar that are shown."""


def is_known(value: Any) -> bool:
    """Return whether a value is a number or text, and not None, NA or NaN."""
    if value is None or isinstance(value, str):
        return value is not None
    try:
        return not math.isnan(value)
    except TypeError:  # pandas.NA, a list
        return False


def format_number(value: Any, digits: int = 3) -> str:
    """Return a number with ``digits`` significant digits and no exponent."""
    if not is_known(value):
        return NOTHING
    amount = float(value)
    if amount == 0 or not math.isfinite(amount):
        return "0" if amount == 0 else NOTHING
    # Rounded first: 0.9999 with three digits is 1.00, a digit further left.
    rounded = float(f"{amount:.{digits - 1}e}")
    places = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    return f"{amount:,.{places}f}"


def format_usd(value: Any, digits: int = 3) -> str:
    """Return dollars with cents; below a dollar with ``digits`` significant digits and at most four decimals.

    An amount that four decimals would show as zero is ``<$0.0001``. What one task costs goes through
    :func:`format_usd_per_1000`.
    """
    if not is_known(value):
        return NOTHING
    amount = 0.0 if abs(float(value)) < LEAST_USD else float(value)
    sign = "-" if amount < 0 else ""
    if abs(amount) >= 0.9995 or amount == 0:
        return f"{sign}${abs(amount):,.2f}"
    least = 10.0**-_USD_PLACES
    if abs(amount) < least / 2:
        return f"{'>-' if sign else '<'}${least:.{_USD_PLACES}f}"
    if abs(amount) < 10.0 ** (digits - 1 - _USD_PLACES):
        return f"{sign}${abs(amount):.{_USD_PLACES}f}"
    return f"{sign}${format_number(abs(amount), digits)}"


def format_usd_per_1000(value: Any, digits: int = 3) -> str:
    """Return dollars of one task as those of 1,000 tasks: 0.0000585 is ``$0.0585``, and from 10,000 dollars on short: ``$31.2K``."""
    if not is_known(value):
        return NOTHING
    amount = float(value) * TASKS
    return format_short_usd(amount) if abs(amount) >= _LONG_USD else format_usd(amount, digits)


def format_short_usd(value: Any) -> str:
    """Return estimated dollars, such as those of a month: ``$25.4K``, ``-$3.10M`` or ``$449``; below a hundred with cents."""
    if not is_known(value) or abs(float(value)) < 99.995:
        return format_usd(value)
    amount = float(value)
    size, suffix = next(
        (size, suffix)
        for size, suffix in ((1e9, "B"), (1e6, "M"), (1e3, "K"), (1, ""))
        if abs(amount) >= size * 0.9995
    )
    return f"{'-' if amount < 0 else ''}${format_number(abs(amount) / size)}{suffix}"


_SIZES = ((1e12, " trillion"), (1e9, " billion"), (1e6, " million"))


def format_volume(value: float) -> str:
    """Return an estimated number of requests or tokens: whole below 10,000, else with three digits, in words from a million."""
    for size, word in _SIZES:
        if value >= size * 0.9995:
            return f"{value / size:.3g}{word}"
    return f"{value:,.0f}" if value < 9_999.5 else f"{float(f'{value:.3g}'):,.0f}"


SIMULATED = "SIMULATED"
CLOCK_S = 5e-7
"""A time below half a microsecond is a rounding error and shown as zero."""
METRICS: Mapping[str, str] = {
    "accuracy": "accuracy",
    "ttft_p50_s": "TTFT p50",
    "response_p50_s": "response p50",
    "response_p95_s": "response p95",
    "answer_chars_per_s_p50": "chars/s",
    "usd_per_task": "$/1k tasks",
    "usd_per_correct": "$/1k correct",
}
"""The name of each metric, the same in every output."""
_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b.|"
    # Characters without width, and those that change the direction. Joiners stay: scripts and emoji need them.
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)


def format_count(value: Any) -> str:
    """Return a whole number with separators."""
    return f"{int(value):,}" if is_known(value) else NOTHING


def count_of(count: int, noun: str) -> str:
    """Return a number with its noun: ``1 task``, ``2,000 tasks``.

    Args:
        count: The number.
        noun: The noun in the singular; its plural ends in s.
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def join_words(words: Sequence[str]) -> str:
    """Return words as a list in a sentence: ``a, b and c``."""
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def format_percent(value: Any) -> str:
    """Return a ratio as a percentage: 0.927 is ``92.7 %``."""
    return f"{float(value) * 100:.1f} %" if is_known(value) else NOTHING


def describe_unpriced(share: Any, counted: str) -> str:
    """Return which share of some tasks has no known cost, in words: ``cost of 12.0 % of pairs not known``; "" where all have one.

    Args:
        share: The share, by weight.
        counted: What is counted, such as ``pairs``.
    """
    return f"cost of {format_percent(share)} of {counted} not known" if is_known(share) and share > 0 else ""


def format_seconds(value: Any) -> str:
    """Return a time in ms below a second, else in s."""
    if not is_known(value):
        return NOTHING
    amount = float(value)
    if abs(amount) < CLOCK_S:
        return "0 s"
    return f"{format_number(amount * 1000)} ms" if abs(amount) < 0.9995 else f"{format_number(amount)} s"


def format_duration(seconds: float) -> str:
    """Return a time in s, min or h, as one says it: ``45 s``, ``12 min``, ``2 h 5 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def format_seconds_range(low: Any, high: Any) -> str:
    """Return the bounds of a time: ``180-210 ms``. An unknown bound is a question mark: ``180 ms-?``."""
    if not is_known(low) or not is_known(high):
        return f"{'?' if not is_known(low) else format_seconds(low)}-{'?' if not is_known(high) else format_seconds(high)}"
    first, last = format_seconds(low), format_seconds(high)
    if first.split(" ")[-1] == last.split(" ")[-1]:
        first = first.split(" ")[0]
    return f"{first}-{last}"


def format_metric(unit: Any, value: Any) -> str:
    """Return a metric's value in its unit.

    Accuracy is a ratio, though the unit of its gap is points. Dollars are those of one task, shown for 1,000.
    """
    writers = {"points": format_percent, "s": format_seconds, "usd": format_usd_per_1000}
    return writers.get(str(unit), format_number)(value)


def format_gap(unit: Any, value: Any) -> str:
    """Return a gap with its sign."""
    if not is_known(value):
        return NOTHING
    amount = 0.0 if abs(float(value)) < {"s": CLOCK_S, "usd": LEAST_USD}.get(str(unit), 0.0) else float(value)
    sign = "+" if amount > 0 else "-" if amount < 0 else ""
    if unit == "points":
        points = f"{amount:+.1f}"
        return points if float(points) else "0.0"
    return sign + format_metric(unit, abs(amount))


def format_interval(unit: Any, low: Any, high: Any) -> str:
    """Return an interval of a gap."""
    if not is_known(low) or not is_known(high):
        return NOTHING
    first, second = format_gap(unit, low), format_gap(unit, high)
    for ending in (" ms", " s"):
        if first.endswith(ending) and second.endswith(ending):
            first = first.removesuffix(ending)
            break
    return f"{first} to {second}"


def format_speed(row: Mapping[str, Any], name: str) -> str:
    """Return a speed; a second line says ``invalid`` if this client was the limit."""
    text = format_number(row[name])
    return f"{text}\ninvalid" if is_known(row[name]) and is_known(row["invalid"]) else text


def format_time(row: Mapping[str, Any], name: str) -> str:
    """Return a time; a second line has its 95 % interval, or says ``invalid`` if this client was the limit."""
    shown = format_seconds(row[name])
    if is_known(row[name]) and is_known(row["invalid"]):
        return f"{shown}\ninvalid"
    if not is_known(row[name]) or f"{name}_low" not in row:
        return shown
    return f"{shown}\n{format_seconds_range(row[f'{name}_low'], row[f'{name}_high'])}"


def category_name(category: Any) -> str:
    """Return a category's name; all categories together have one name in every output."""
    return OVERALL if category == ALL else strip_controls(category)


def format_accuracy(row: Mapping[str, Any], key: str = "accuracy") -> str:
    """Return a row's accuracy, or its share ``key``, with its interval: ``92.7 (89.5-95.0)``, in percent."""
    if not is_known(row[key]):
        return NOTHING
    share = f"{float(row[key]) * 100:.1f}"
    low, high = row[f"{key}_low"], row[f"{key}_high"]
    if not is_known(low) or not is_known(high):
        return share
    return f"{share} ({float(low) * 100:.1f}-{float(high) * 100:.1f})"


def format_p_value(value: Any) -> str:
    """Return a p-value with three decimals, or ``<0.001``."""
    if not is_known(value):
        return NOTHING
    return "<0.001" if float(value) < 0.001 else f"{float(value):.3f}"


def escape_invisible(text: Any) -> str:
    """Return text for a terminal with every invisible character replaced by its escape code.

    For text that a reader inspects. Names and words in a table go through :func:`strip_controls`.
    """
    return "".join(map(_visible, str(text)))


def _visible(char: str) -> str:
    if char.isprintable() or char in "\n\t" or unicodedata.category(char) == "Zs":
        return char
    return char.encode("unicode_escape").decode("ascii")


def strip_controls(text: Any) -> str:
    """Return text that cannot move the cursor, set a colour or change the text direction. An unknown value is a dash."""
    if not is_known(text):
        return NOTHING
    shown = str(text)
    # No character that is removed is printable, and most texts have none.
    return shown if shown.isprintable() else _CONTROL.sub("", shown)


def escape_csv_cell(value: Any) -> Any:
    """Return a cell that a spreadsheet does not take for a formula."""
    if not isinstance(value, str):
        return value
    cleaned = _CONTROL.sub("", value)
    return f"'{cleaned}" if cleaned.startswith(("=", "+", "-", "@", "\t", "\r")) else cleaned

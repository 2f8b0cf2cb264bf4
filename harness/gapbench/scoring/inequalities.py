r"""Reads a union of intervals that a reply writes as inequalities: ``x < -1 or x > 3`` is ``(-\infty,-1)\cup(3,\infty)``."""

from __future__ import annotations

import re

_END = r"(?:[^<>≤≥=,;$]{1,40}?)"
_LESS = r"(?:<|≤|\\leq?(?:slant)?(?![a-z])|\\lt(?![a-z]))"
_MORE = r"(?:>|≥|\\geq?(?:slant)?(?![a-z])|\\gt(?![a-z]))"
_NAME = r"(?P<name>[A-Za-z]|\\theta)"
BETWEEN = re.compile(
    rf"(?P<low>{_END})\s*(?P<first>{_LESS})\s*{_NAME}\s*(?P<second>{_LESS})\s*(?P<high>{_END})"
)
ABOVE = re.compile(rf"{_NAME}\s*(?P<sign>{_MORE})\s*(?P<value>{_END})")
BELOW = re.compile(rf"{_NAME}\s*(?P<sign>{_LESS})\s*(?P<value>{_END})")
ABOVE_REVERSED = re.compile(rf"(?P<value>{_END})\s*(?P<sign>{_LESS})\s*{_NAME}")
BELOW_REVERSED = re.compile(rf"(?P<value>{_END})\s*(?P<sign>{_MORE})\s*{_NAME}")
START = re.compile(rf"(?:[-+]?[\d./]{{1,20}}\s*(?:{_LESS}|{_MORE})\s*)?\b[A-Za-z]\s*(?:{_LESS}|{_MORE})")
OR = re.compile(r",?\s*\b(?:or|oder|ou)\b\s*|\s*(?:\\lor|\\vee|∨)\s*")
DENIED = re.compile(r"\b(?:not|no|except|unless|if|false|wrong|never)\b|n['’]t\b", re.IGNORECASE)


def union_of(text: str) -> str | None:
    """Return the union of the inequalities for one name that end a plain text, joined by "or", or None if it has no two."""
    begin = START.search(text)
    if begin is None or DENIED.search(text):
        return None
    parts = OR.split(text[begin.start() :])
    read = [_interval(part.strip().rstrip(".")) for part in parts]
    intervals = [interval for interval, _ in read]
    if len(parts) < 2 or None in intervals or len({name for _, name in read}) > 1:
        return None
    return r"\cup".join(filter(None, intervals))


def _interval(text: str) -> tuple[str | None, str]:
    """Return an inequality as an interval, and the name that it bounds."""
    if match := BETWEEN.fullmatch(text):
        opening, closing = "[("[_is_strict(match["first"])], "])"[_is_strict(match["second"])]
        return f"{opening}{match['low']},{match['high']}{closing}", match["name"]
    if match := ABOVE.fullmatch(text) or ABOVE_REVERSED.fullmatch(text):
        return rf"{'[('[_is_strict(match['sign'])]}{match['value']},\infty)", match["name"]
    if match := BELOW.fullmatch(text) or BELOW_REVERSED.fullmatch(text):
        return rf"(-\infty,{match['value']}{'])'[_is_strict(match['sign'])]}", match["name"]
    return None, ""


def _is_strict(sign: str) -> bool:
    return sign.startswith(("<", ">", r"\lt", r"\gt"))

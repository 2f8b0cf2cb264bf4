"""Find personal data in texts by its form: addresses, phone numbers, accounts, cards, national ids, and secrets.

Numbers with check digits are checked, so that few other numbers are taken for one. Names, postal addresses, dates of birth
and what a text tells about a person have no form: they are not found. Nothing is sent anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Literal

from gapbench.credentials import REDACTED
from gapbench.traffic.check_digits import fits_luhn, fits_mod_97
from gapbench.traffic.national_ids import find_national_ids
from gapbench.traffic.secrets import SECRET_MARKS, find_secrets

Kind = Literal["email", "phone", "iban", "card", "ip", "national_id", "secret"]
KINDS: dict[Kind, str] = {
    "email": "e-mail",
    "phone": "phone",
    "iban": "IBAN",
    "card": "card",
    "ip": "IP",
    "national_id": "national id",
    "secret": "secret",
}
"""What is looked for, and its name in tables."""
Spans = Iterator[tuple[int, int]]

_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+\-])[A-Za-z0-9_%+\-](?:[A-Za-z0-9._%+\-]{0,62}[A-Za-z0-9_%+\-])?+@"
    r"((?:[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24})(?![A-Za-z0-9\-])"
)
_RESERVED = re.compile(
    r"(?:^|\.)(?:example\.(?:com|org|net)|example|test|invalid|localhost|local|internal)$", re.IGNORECASE
)
"""Names that belong to no one, or are of a private network (RFC 2606, RFC 6761, RFC 6762, ICANN for ``internal``)."""
_INTERNATIONAL = re.compile(r"(?<![\w+\-.])\+[1-9](?:(?:[ .\-/(]|\) ?| \()?\d){7,14}(?!\d)", re.ASCII)
_NORTH_AMERICAN = re.compile(
    r"(?<![\w+\-.])(?:1[\-. ])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[\-.])[2-9]\d{2}[\-.]\d{4}(?![\w\-]|\.\d)",
    re.ASCII,
)
"""Of the North American Numbering Plan, with dots or hyphens: area and exchange start with 2 to 9."""
_IBAN = re.compile(r"(?<![A-Za-z0-9])([A-Z]{2})\d{2}(?=[ A-Z0-9])", re.ASCII)
_IBAN_CHARS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28,
    "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28,
    "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24,
    "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26,
    "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip
"""Characters of an account number by country, as SWIFT's IBAN registry lists them."""
_CARDS = tuple(
    re.compile(rf"(?<![\w.,\-])(?<!\d ){form}(?![\w\-]|[.,]\d)", re.ASCII)
    for form in (
        r"(?:\d{14,16}|\d{19})",
        r"\d{4}([ \-])\d{4}\1\d{4}\1\d{4}",
        r"\d{4}([ \-])\d{4}\1\d{4}\1\d{4}\1\d{3}",
        r"\d{4}([ \-])\d{6}\1\d{4,5}",
    )
)
"""Digits in one row, or in the groups that are printed on cards."""
_ISSUERS = (
    (
        re.compile(r"4|35(?:2[89]|[3-8])|62|60(?:11|4[4-9]|5)|64[4-9]|65"),
        (16, 19),
    ),  # Visa, JCB, UnionPay, Discover
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),  # Mastercard
    (re.compile(r"3[47]"), (15,)),  # American Express
    (re.compile(r"3(?:0[0-5]|095|[689])"), (14, 16, 19)),  # Diners Club
)
"""First digits and lengths of the large networks."""
_IP_V4 = re.compile(
    r"(?<![\w.\-])(?<![vV] )(?<![=<>~!]=)\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\w\-]|\.\w)", re.ASCII
)
_IP_V6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{1,4}:{1,2}){2,7}[0-9A-Fa-f]{0,4}(?![\w:])", re.ASCII)
_VERSION = re.compile(r"(?:version|release|build|ver\.?|section|§)\s*$", re.IGNORECASE)
"""What stands before four numbers with dots that are no address."""
_ESCAPES = re.compile(r"\\(?:u[0-9a-fA-F]{4}|[nrt\"\\/bf])")
_FOUR_DIGITS = r"\d(?:[ .\-/()A-Z]{0,2}\d){3}"
"""Four digits close to each other: every number that is looked for has them."""
_DIGITS = re.compile(_FOUR_DIGITS, re.ASCII)
MAY_HAVE = "|".join(
    ["@", _FOUR_DIGITS, "[0-9a-fA-F]:{1,2}[0-9a-fA-F]", *map(re.escape, (REDACTED, *SECRET_MARKS))]
)
"""A regular expression, also in RE2's syntax, that every text with personal data matches, and JSON that has it too."""


@dataclass(frozen=True, slots=True)
class PersonalData:
    """A place in a text. The text itself is not part of it.

    Attributes:
        kind: What is there.
        start: Its first character, from 0.
        end: The character after its last one.
    """

    kind: Kind
    start: int
    end: int


def find_personal_data(text: str) -> list[PersonalData]:
    """Return the personal data in a text, by place. What is part of a longer find is left out.

    A backslash and what it escapes count as spaces: texts in a log often hold JSON of their own.
    """
    plain = _ESCAPES.sub(lambda found: " " * len(found[0]), text) if "\\" in text else text
    found = [
        PersonalData(kind, start, end) for kind in _finders_for(plain) for start, end in FINDERS[kind](plain)
    ]
    found.sort(key=lambda one: (one.start, -one.end))
    kept: list[PersonalData] = []
    for one in found:
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept


def _finders_for(text: str) -> list[Kind]:
    """Return the kinds that a text can have at all, which is quick to tell."""
    kinds: list[Kind] = ["secret"]
    if "@" in text:
        kinds.append("email")
    if _DIGITS.search(text):
        kinds += ["phone", "iban", "card", "ip", "national_id"]
    elif ":" in text:
        kinds.append("ip")
    return kinds


def _find_emails(text: str) -> Spans:
    for match in _EMAIL.finditer(text):
        if ".." not in match[0] and not _RESERVED.search(match[1]):
            yield match.span()


def _find_phones(text: str) -> Spans:
    for pattern in (_INTERNATIONAL, _NORTH_AMERICAN):
        for match in pattern.finditer(text):
            yield match.span()


def _find_ibans(text: str) -> Spans:
    for match in _IBAN.finditer(text):
        size = _IBAN_CHARS.get(match[1])
        if size is None:
            continue
        start = match.start()
        for end in (start + size, start + size + (size - 1) // 4):
            found = text[start:end]
            plain = found.replace(" ", "")
            is_grouped = found == " ".join(plain[at : at + 4] for at in range(0, size, 4))
            if len(plain) != size or not (found == plain or is_grouped) or text[end : end + 1].isalnum():
                continue
            if plain.isascii() and plain.isalnum() and plain.isupper() and fits_mod_97(plain):
                yield start, end


def _find_cards(text: str) -> Spans:
    for pattern in _CARDS:
        for match in pattern.finditer(text):
            digits = match[0].replace(" ", "").replace("-", "")
            if not any(len(digits) in sizes and start.match(digits) for start, sizes in _ISSUERS):
                continue
            if len(set(digits)) > 1 and fits_luhn(digits):
                yield match.span()


def _find_ips(text: str) -> Spans:
    for match in _IP_V4.finditer(text):
        if _is_public(match[0]) and not _VERSION.search(text[max(0, match.start() - 12) : match.start()]):
            yield match.span()
    if ":" in text:
        for match in _IP_V6.finditer(text):
            if _is_public(match[0]):
                yield match.span()


def _is_public(text: str) -> bool:
    """Return whether an address is one of the public internet: others are the same in every network."""
    try:
        found = ip_address(text)
    except ValueError:
        return False
    # Of IPv6 only 2000::/3 is given out (RFC 4291, IANA).
    return (
        found.is_global
        and not found.is_multicast
        and (not isinstance(found, IPv6Address) or int(found) >> 125 == 1)
    )


def _find_secrets(text: str) -> Spans:
    """Yield secrets, and the marks of those that the import removed."""
    yield from find_secrets(text)
    at = text.find(REDACTED)
    while at >= 0:
        yield at, at + len(REDACTED)
        at = text.find(REDACTED, at + len(REDACTED))


FINDERS: dict[Kind, Callable[[str], Spans]] = {
    "email": _find_emails,
    "phone": _find_phones,
    "iban": _find_ibans,
    "card": _find_cards,
    "ip": _find_ips,
    "national_id": find_national_ids,
    "secret": _find_secrets,
}
"""Yields the start and the end of each find, by kind."""

"""National ids of people in a text, those of eight countries: each by its published form and its check digits.

Sources: the US Social Security Administration's rules for numbers that are never issued, and the Internal Revenue
Service's ranges of taxpayer numbers (ITIN); the form of the UK's National Insurance number (HMRC manual NIM39110), which
has no check digit; Spain's DNI and NIE (letter by the number modulo 23); Italy's codice fiscale (decree of 23 December
1976); France's NIR (key 97 less the number modulo 97); Brazil's CPF (two digits modulo 11); China's resident number
(GB 11643-1999, ISO 7064 MOD 11-2); Sweden's personnummer (Luhn).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date

from gapbench.traffic.check_digits import fits_luhn

_NEVER_ISSUED = frozenset({"078-05-1120", "219-09-9999", "123-45-6789"})
"""Of an advertisement, of a leaflet, and the one that everybody makes up."""
_SPANISH_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_ITALIAN_ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10,
         22, 25, 24, 23),
        strict=True,
    )
)  # fmt: skip
"""Values of the characters in odd places, from 1."""
_CHINESE_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_BEFORE = r"(?<![A-Za-z0-9\-_.])"
_AFTER = r"(?![A-Za-z0-9\-_])"


def _is_united_states(text: str) -> bool:
    return text not in _NEVER_ISSUED


def _is_spain(text: str) -> bool:
    digits = text[:-1].rstrip("-")
    number = int({"X": "0", "Y": "1", "Z": "2"}.get(digits[0], digits[0]) + digits[1:])
    return _SPANISH_LETTERS[number % 23] == text[-1]


def _is_italy(text: str) -> bool:
    total = 0
    for place, char in enumerate(text[:15], 1):
        even = int(char) if char.isdigit() else ord(char) - ord("A")
        total += _ITALIAN_ODD[char] if place % 2 else even
    return chr(ord("A") + total % 26) == text[15]


def _is_france(text: str) -> bool:
    plain = text.replace(" ", "")
    body = plain[:13].replace("2A", "19").replace("2B", "18")
    return body.isdecimal() and 97 - int(body) % 97 == int(plain[13:])


def _is_brazil(text: str) -> bool:
    digits = [int(char) for char in text if char.isdecimal()]
    if len(set(digits)) == 1:
        return False
    for size in (9, 10):
        total = sum(digit * (size + 1 - place) for place, digit in enumerate(digits[:size]))
        if total * 10 % 11 % 10 != digits[size]:
            return False
    return True


def _is_china(text: str) -> bool:
    total = sum(int(char) * weight for char, weight in zip(text, _CHINESE_WEIGHTS, strict=False))
    return _is_date(text[6:10], text[10:12], text[12:14]) and "10X98765432"[total % 11] == text[17]


def _is_sweden(text: str) -> bool:
    # The year has two digits; 2000 had a 29 February, as has every year that could be meant by 00.
    return _is_date(f"20{text[:2]}", text[2:4], text[4:6]) and fits_luhn(text[:6] + text[7:])


def _is_date(year: str, month: str, day: str) -> bool:
    try:
        date(int(year), int(month), int(day))
    except ValueError:
        return False
    return True


def _always(_: str) -> bool:
    return True


_IDS: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = tuple(
    (re.compile(f"{_BEFORE}{form}{_AFTER}", re.ASCII), check)
    for form, check in (
        (r"(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}", _is_united_states),
        (r"9\d{2}-(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9])-(?!0000)\d{4}", _always),
        (r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]", _always),
        (r"(?:\d{8}|[XYZ]\d{7})-?[A-HJ-NP-TV-Z]", _is_spain),
        (r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]", _is_italy),
        (r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}", _is_france),
        (r"\d{3}\.\d{3}\.\d{3}-\d{2}", _is_brazil),
        (r"[1-9]\d{5}(?:19|20)\d{9}[0-9X]", _is_china),
        (r"\d{6}[-+]\d{4}", _is_sweden),
    )
)


def find_national_ids(text: str) -> Iterator[tuple[int, int]]:
    """Yield the start and the end of each national id in a text; those of letters are in capitals."""
    for pattern, is_valid in _IDS:
        for match in pattern.finditer(text):
            if is_valid(match[0]):
                yield match.span()

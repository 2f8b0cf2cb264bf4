"""Check digits of numbers: what tells a card or an account from any other row of digits."""

from __future__ import annotations

_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
"""The sum of the digits of twice a digit."""


def fits_luhn(digits: str) -> bool:
    """Return whether the last digit is right by Luhn's formula (ISO/IEC 7812-1)."""
    total = 0
    for place, char in enumerate(reversed(digits)):
        total += _DOUBLED[int(char)] if place % 2 else int(char)
    return total % 10 == 0


def fits_mod_97(iban: str) -> bool:
    """Return whether the check digits of an IBAN without spaces are right (ISO 13616, ISO 7064 MOD 97-10)."""
    turned = iban[4:] + iban[:4]
    return int("".join(str(int(char, 36)) for char in turned)) % 97 == 1

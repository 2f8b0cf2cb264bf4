"""Whether two numbers are equal: exactly, within a tolerance, or as a rounding of each other."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from gapbench.scoring.numbers.digits import Exact
from gapbench.scoring.numbers.quantities import ParsedNumber

DEFAULT_TOLERANCE = Fraction(1, 1_000_000)


@dataclass(frozen=True)
class Tolerance:
    """How far an answer may be from its target.

    Attributes:
        absolute: Largest accepted difference.
        relative: Largest accepted difference as a share of the target. None: a millionth, and two whole numbers
            must be equal.
    """

    absolute: Exact = 0
    relative: Exact | None = None

    def accepts(self, found: ParsedNumber, wanted: ParsedNumber) -> bool:
        """Return whether a number, in one of its readings, is close enough to the target in one of its readings."""
        return any(self.is_close(a, b) for a, b in comparable_pairs(found, wanted))

    def is_close(self, found: Exact, wanted: Exact) -> bool:
        """Return whether two values are close enough. The comparison is exact for values of any size."""
        if found == wanted:
            return True
        difference = abs(Fraction(found - wanted))
        if difference <= self.absolute:
            return True
        if self.relative is not None:
            return difference <= self.relative * abs(Fraction(wanted))
        if found.denominator == 1 and wanted.denominator == 1:
            return False
        return difference <= DEFAULT_TOLERANCE * abs(Fraction(wanted))


def comparable_pairs(found: ParsedNumber, wanted: ParsedNumber) -> list[tuple[Exact, Exact]]:
    """Return the pairs of values to compare; one equal pair is enough.

    ``25%`` is compared with a plain number both as 25 and as 0.25, and so are the readings of an ambiguous unit.
    """
    pairs: list[tuple[Exact, Exact]] = []
    for a in (found.value, *found.other_values):
        for b in (wanted.value, *wanted.other_values):
            pairs.append((a, b))
            if found.per != wanted.per:
                pairs.append((Fraction(a) / found.per, Fraction(b) / wanted.per))
    return pairs


def is_rounding(rounded: Exact, decimals: int, exact: Exact) -> bool:
    """Return whether ``rounded``, written with some decimals, is ``exact`` rounded to them (a half either way)."""
    return bool(abs(Fraction(rounded - exact)) * 2 * 10**decimals <= 1)

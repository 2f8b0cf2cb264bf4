"""A number with its range, unit and source, and parsers for the texts that users write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np

from gapbench.errors import InputError
from gapbench.stats import Floats

Kind = Literal["measured", "published", "assumed"]
_SUFFIX = {"": 1e0, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
_COUNT = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*([kKmMbBtT]?)\s*")


@dataclass(frozen=True, slots=True)
class Quantity:
    """One input of a calculation.

    Attributes:
        value: The number.
        unit: Its unit, such as ``USD/GPU-hour``.
        low: Lower end of its range. None means that no range is known; the value then counts as exact.
        high: Upper end.
        source: Where the number comes from.
        as_of: Day of the source. None if not given.
        kind: ``measured`` by a run, ``published`` by others, or ``assumed``.
    """

    value: float
    unit: str
    low: float | None = None
    high: float | None = None
    source: str = ""
    as_of: date | None = None
    kind: Kind = "assumed"

    @property
    def has_range(self) -> bool:
        """Whether there is a range of positive width."""
        return self.low is not None and self.high is not None and self.low < self.high

    def draw(self, draws: int, rng: np.random.Generator) -> Floats:
        """Return draws of a triangular distribution from ``low`` over ``value`` to ``high``, shape (draws,)."""
        if self.low is None or self.high is None or self.low >= self.high:
            return np.full(draws, self.value)
        return rng.triangular(self.low, self.value, self.high, draws)

    def to_json(self) -> dict[str, Any]:
        """Return the documented JSON form of an input."""
        return {
            "value": self.value,
            "unit": self.unit,
            "low": self.low,
            "high": self.high,
            "kind": self.kind,
            "source": self.source,
            "as_of": None if self.as_of is None else self.as_of.isoformat(),
        }


def parse_quantity(given: Any, unit: str, default: Quantity | None = None) -> Quantity:
    """Return a quantity from a document's value: a number, or a mapping or model with value, low, high, source, as_of, kind.

    Args:
        given: The document's value. None means the default.
        unit: Its unit.
        default: Used if the document gives no value.

    Raises:
        InputError: The value is outside its range, or there is neither a value nor a default.
    """
    if given is None:
        if default is None:
            raise InputError(f"found no value in {unit}; give one")
        return default
    if hasattr(given, "model_dump"):
        given = given.model_dump()
    if not isinstance(given, Mapping):
        return Quantity(float(given), unit, source="given", kind="assumed")
    low, high = (None if given.get(end) is None else float(given[end]) for end in ("low", "high"))
    made = Quantity(
        float(given["value"]),
        unit,
        low,
        high,
        str(given.get("source") or "given"),
        given.get("as_of"),
        given.get("kind") or "assumed",
    )
    if (made.low is None) != (made.high is None):
        raise InputError(
            f"found one end of a range around {made.value:g} {unit}; give low and high, or neither"
        )
    if made.low is not None and made.high is not None and not made.low <= made.value <= made.high:
        raise InputError(
            f"found {made.value:g} {unit} outside its range {made.low:g} to {made.high:g}; low <= value <= high"
        )
    return made


def parse_setting(text: str) -> tuple[str, float, float | None, float | None]:
    """Return name, value, low and high of ``name=value`` or ``name=low..value..high``.

    Raises:
        InputError: The text has neither form, or the value is outside its range.
    """
    name, equals, value_text = text.partition("=")
    parts = value_text.split("..")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if not equals or not name.strip() or len(numbers) not in {1, 3}:
        raise InputError(f"found --set {text!r}; write name=value or name=low..value..high")
    if len(numbers) == 1:
        return name.strip(), numbers[0], None, None
    low, value, high = numbers
    if not low <= value <= high:
        raise InputError(f"found --set {text!r}; low <= value <= high")
    return name.strip(), value, low, high


def parse_token_count(text: str | float) -> float:
    """Return a count written as ``50M``, ``1.5B``, ``20k`` or a plain number.

    Raises:
        InputError: It is not a count above zero.
    """
    match = _COUNT.fullmatch(text) if isinstance(text, str) else None
    count = float(match.group(1)) * _SUFFIX[match.group(2).lower()] if match else 0.0
    if not isinstance(text, str):
        count = float(text)
    if not 0 < count < float("inf"):
        raise InputError(f"found {str(text)!r}; write a number of tokens such as 50M, 1.5B or 2000000")
    return count

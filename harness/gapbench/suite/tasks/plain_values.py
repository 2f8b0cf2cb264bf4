"""Values of a row as JSON can hold them, whatever library wrote the data.

A missing number is null: NaN, NaT and pandas' NA become None. Infinity is refused, because JSON has no such number.
Numbers of numpy become Python's, decimals keep their digits, dates and times become text. Bytes are text if they are
UTF-8 and no image; other bytes stay bytes, for the columns that hold images.
"""

from __future__ import annotations

import datetime as dt
import decimal
import math
import uuid
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from gapbench.suite.tasks.image_reader import detect_media_type

Row = dict[str, Any]


class UnstorableValueError(ValueError):
    """A value has no place in JSON.

    Attributes:
        column: Where it is: the column, and the keys and indices inside it.
    """

    def __init__(self, column: str, found: str) -> None:
        """Keep the place."""
        super().__init__(f"column {column!r} holds {found}; JSON has no such number: write null")
        self.column = column


def plain_row(row: Mapping[Any, Any]) -> Row:
    """Return a row whose values JSON can hold, images apart.

    Raises:
        UnstorableValueError: A number is infinite. It names the column.
    """
    return {str(name): _plain(value, str(name)) for name, value in row.items()}


def _plain(value: Any, place: str) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(inner, f"{place}.{key}") for key, inner in value.items()}
    if isinstance(value, AbstractSet):
        value = sorted(value, key=repr)
    if isinstance(value, (list, tuple)):
        return [_plain(inner, f"{place}[{index}]") for index, inner in enumerate(value)]
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _text_or_bytes(bytes(value))
    if isinstance(value, decimal.Decimal):
        return _plain_decimal(value, place)
    if isinstance(value, (dt.date, dt.time, dt.timedelta, uuid.UUID)):
        return None if value != value else str(value)  # noqa: PLR0124 - NaT, like NaN, does not equal itself
    return _plain_number(value, place)


def _plain_number(value: Any, place: str) -> Any:
    if type(value).__module__ == "numpy" and not isinstance(value, float):
        return _plain_numpy(value, place)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if math.isnan(value):
            return None
        if math.isinf(value):
            raise UnstorableValueError(place, "infinity")
        return float(value)
    return None if type(value).__name__ in {"NAType", "NaTType"} else value


def _plain_numpy(value: Any, place: str) -> Any:
    """Return a value of numpy, which is not imported for it, as Python's."""
    kind = value.dtype.kind
    if getattr(value, "ndim", 0):
        return [_plain(inner, f"{place}[{index}]") for index, inner in enumerate(value)]
    if kind in "mM":
        return None if str(value) == "NaT" else str(value)
    # A 32-bit float with the digits that it is written with: 0.1, not 0.10000000149011612.
    return _plain(float(str(value)) if kind == "f" else value.item(), place)


def _plain_decimal(value: decimal.Decimal, place: str) -> int | str | None:
    """Return a whole decimal as an integer and another with its digits, as text."""
    if value.is_nan():
        return None
    if value.is_infinite():
        raise UnstorableValueError(place, "infinity")
    _, _, exponent = value.as_tuple()
    return int(value) if exponent == 0 else format(value, "f")


def _text_or_bytes(data: bytes) -> str | bytes:
    if detect_media_type(data) is not None or b"\0" in data:
        return data
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data

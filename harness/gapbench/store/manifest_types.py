"""The types of values in ``run.json``: checked numbers, names and times, and the base of its JSON objects."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainValidator
from pydantic_core import PydanticCustomError

JsonObject = dict[str, Any]

_MAX_EXACT_INT = 2**53
"""Up to this magnitude a float holds every integer."""


def _expect(words: str, is_valid: Callable[[Any], bool]) -> PlainValidator:
    """Return a check that keeps a valid value as it is, and otherwise fails with ``words``."""

    def check(value: Any) -> Any:
        if not is_valid(value):
            raise PydanticCustomError("unexpected", "{words}", {"words": words})
        return value

    return PlainValidator(check)


def is_number(value: Any) -> bool:
    """Return whether a JSON value is a number that a float holds exactly enough."""
    return type(value) is float or (type(value) is int and abs(value) <= _MAX_EXACT_INT)


def is_instant(value: Any) -> bool:
    """Return whether a JSON value is a time in ISO 8601."""
    try:
        datetime.fromisoformat(value).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def _is_day(value: Any) -> bool:
    try:
        date.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return True


def _is_plain_name(value: Any) -> bool:
    return isinstance(value, str) and value not in {"", ".", ".."} and not {"/", "\0"} & set(value)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MAX_EXACT_INT


PlainName = Annotated[str, _expect("a plain name without '/'", _is_plain_name)]
UtcTime = Annotated[str, _expect("a time such as 2026-11-25T00:01:59.270Z", is_instant)]
Day = Annotated[str, _expect("a day such as 2026-11-25", _is_day)]
Count = Annotated[int, _expect("a whole number of 0 or more", _is_count)]
Number = Annotated[float, _expect("a number", is_number)]


class Entry(BaseModel):
    """A JSON object of ``run.json``: unknown keys are kept, and no value is converted to another type."""

    model_config = ConfigDict(extra="allow", strict=True)

    def as_json(self) -> JsonObject:
        """Return the object as it is stored: the keys that were read or set, without defaults."""
        return self.model_dump(exclude_unset=True, by_alias=True, warnings=False)

"""Checks of the rows of a journal against the Arrow schema."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa

from gapbench.store.manifest_types import is_instant, is_number
from gapbench.store.schema import ATTEMPT_SCHEMA, PAYLOAD_SCHEMA


def _column_check(kind: pa.DataType) -> Callable[[Any], bool]:
    """Return whether a JSON value fits into a column of this type."""
    if pa.types.is_list(kind):
        each = _column_check(kind.value_type)
        return lambda value: isinstance(value, list) and all(map(each, value))
    if pa.types.is_integer(kind):
        most: int = 2 ** (kind.bit_width - 1)
        return lambda value: type(value) is int and -most <= value < most
    if pa.types.is_floating(kind):
        return is_number
    if pa.types.is_boolean(kind):
        return lambda value: type(value) is bool
    return is_instant if pa.types.is_timestamp(kind) else lambda value: isinstance(value, str)


_COLUMN_CHECKS = tuple(
    tuple((field.name, field.nullable, _column_check(field.type)) for field in schema)
    for schema in (ATTEMPT_SCHEMA, PAYLOAD_SCHEMA)
)


def is_journal_row(value: Any) -> bool:
    """Return whether a line of a journal is an attempt with its payload; a nullable column may be missing."""
    return (
        isinstance(value, list)
        and len(value) == len(_COLUMN_CHECKS)
        and all(_is_row(row, columns) for row, columns in zip(value, _COLUMN_CHECKS, strict=True))
    )


def _is_row(row: Any, columns: Iterable[tuple[str, bool, Callable[[Any], bool]]]) -> bool:
    if not isinstance(row, dict):
        return False
    for name, nullable, holds in columns:
        value = row.get(name)
        if not (nullable if value is None else holds(value)):
            return False
    return True

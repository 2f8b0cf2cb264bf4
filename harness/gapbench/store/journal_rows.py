"""The rows of a journal, and their checks against the Arrow schema."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import pyarrow as pa

from gapbench.store.manifest_types import is_instant, is_number
from gapbench.store.schema import ROW_SCHEMAS
from gapbench.values import Attempt, Payload, Trajectory


class JournalRow(NamedTuple):
    """One line of a journal, as plain JSON values.

    Attributes:
        attempt: The attempt.
        payload: Its texts.
        trajectory: The episode that the attempt ended. None: it ended none.
    """

    attempt: dict[str, Any]
    payload: dict[str, Any]
    trajectory: dict[str, Any] | None = None

    def table(self, kind: str) -> dict[str, Any] | None:
        """Return the row of a table: ``attempts``, ``payload`` or ``trajectories``. None: it has none."""
        return {"attempts": self.attempt, "payload": self.payload, "trajectories": self.trajectory}[kind]


def journal_values(
    attempt: Attempt, payload: Payload, trajectory: Trajectory | None
) -> tuple[Attempt, Payload] | tuple[Attempt, Payload, Trajectory]:
    """Return what a line of a journal holds: two values, and a third for an attempt that ended an episode."""
    return (attempt, payload) if trajectory is None else (attempt, payload, trajectory)


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
    for schema in ROW_SCHEMAS.values()
)


def is_journal_row(value: Any) -> bool:
    """Return whether a line of a journal is an attempt with its payload, and with the episode that it ended, if any.

    A nullable column may be missing.
    """
    return (
        isinstance(value, list)
        and len(value) in {2, len(_COLUMN_CHECKS)}
        and all(_is_row(row, columns) for row, columns in zip(value, _COLUMN_CHECKS, strict=False))
    )


def _is_row(row: Any, columns: Iterable[tuple[str, bool, Callable[[Any], bool]]]) -> bool:
    if not isinstance(row, dict):
        return False
    for name, nullable, holds in columns:
        value = row.get(name)
        if not (nullable if value is None else holds(value)):
            return False
    return True

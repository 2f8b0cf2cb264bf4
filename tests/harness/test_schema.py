"""The frozen row: the Arrow schema and the dataclass are one list."""

from __future__ import annotations

import dataclasses
import typing
from types import NoneType

import pyarrow as pa
import pytest

from gapbench.store.schema import ATTEMPT_SCHEMA, PAYLOAD_SCHEMA, describe_columns
from gapbench.values import Attempt, Payload

PAIRS = [(Attempt, ATTEMPT_SCHEMA), (Payload, PAYLOAD_SCHEMA)]


@pytest.mark.parametrize(("kind", "schema"), PAIRS)
def test_columns_are_the_fields_in_order(kind: type, schema: pa.Schema) -> None:
    """A field without a column, or the other way round, would lose a fact for good."""
    assert [field.name for field in dataclasses.fields(kind)] == schema.names


@pytest.mark.parametrize(("kind", "schema"), PAIRS)
def test_a_column_is_nullable_where_the_field_may_be_none(kind: type, schema: pa.Schema) -> None:
    """Unknown is null, and only where the field says so."""
    hints = typing.get_type_hints(kind)
    optional = {name: NoneType in typing.get_args(hint) for name, hint in hints.items()}

    assert optional == {field.name: field.nullable for field in schema}


@pytest.mark.parametrize(("kind", "schema"), PAIRS)
def test_types_agree(kind: type, schema: pa.Schema) -> None:
    """Text is a string, counts are integers, seconds are doubles."""
    hints = typing.get_type_hints(kind)
    for name, hint in hints.items():
        bare = [part for part in typing.get_args(hint) or (hint,) if part is not NoneType]
        column = schema.field(name).type
        value = column.value_type if pa.types.is_dictionary(column) else column
        if bare == [int]:
            assert pa.types.is_integer(value), name
        elif bare == [float]:
            assert pa.types.is_float64(value), name
        elif bare == [bool]:
            assert pa.types.is_boolean(value), name
        elif bare == [str]:
            assert pa.types.is_string(value), name


def test_every_column_says_what_it_means() -> None:
    """`bench schema` and the README are made from these words."""
    assert all(meaning for kind in ("attempts", "payload") for _, _, _, meaning in describe_columns(kind))

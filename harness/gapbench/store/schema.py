"""The Arrow schemas of the tables of a run.

The columns of attempts, payloads and trajectories are derived from the dataclasses ``Attempt``, ``Payload`` and
``Trajectory`` of :mod:`gapbench.values`: name, type, nullability and meaning. ``bench schema`` prints them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import pyarrow as pa

from gapbench.values import Attempt, Payload, Trajectory
from gapbench.values.attempt import Packing

SCHEMA_VERSION = 1
"""Version of the row and of ``run.json``; a column may be added under the same number, never changed."""

_text = pa.string()
_label = pa.dictionary(pa.int32(), pa.string())
_float = pa.float64()
_count = pa.int64()
_instant = pa.timestamp("us", tz="UTC")
_money = pa.decimal128(38, 24)


def _column(name: str, kind: pa.DataType, doc: str, *, null: bool = False) -> pa.Field:
    return pa.field(name, kind, nullable=null, metadata={"doc": doc})


def derive_schema(row: type) -> pa.Schema:
    """Return the columns of a dataclass: one for each field, nullable where the field may be None.

    Args:
        row: A dataclass whose fields are all ``Annotated[type, meaning]``.
    """
    columns: list[pa.Field] = []
    for name, hint in get_type_hints(row, include_extras=True).items():
        # Annotated[Label, "…"] is flat: its arguments are str, Packing.LABEL and the meaning.
        kind, *packing, doc = get_args(hint)
        kinds = get_args(kind) if get_origin(kind) in {Union, UnionType} else (kind,)
        (stored,) = (part for part in kinds if part is not NoneType)
        if get_origin(stored) is Annotated:
            stored, *packing = get_args(stored)
        columns.append(_column(name, _arrow_type(stored, packing), doc, null=NoneType in kinds))
    return pa.schema(columns)


def _arrow_type(kind: Any, packing: Sequence[Packing]) -> pa.DataType:
    if packing:
        return _PACKED_TYPES[packing[0]]
    if get_origin(kind) is Literal:
        return _label
    if get_origin(kind) is tuple:
        return pa.list_(_arrow_type(get_args(kind)[0], ()))
    return _PLAIN_TYPES[kind]


_PACKED_TYPES = {Packing.LABEL: _label, Packing.INT32: pa.int32()}
_PLAIN_TYPES = {str: _text, float: _float, int: _count, bool: pa.bool_(), datetime: _instant, Decimal: _money}

ATTEMPT_SCHEMA = derive_schema(Attempt)
"""The attempt row: the fields of :class:`gapbench.values.Attempt`, in order."""

PAYLOAD_SCHEMA = derive_schema(Payload)
"""The payload row: the fields of :class:`gapbench.values.Payload`, in order."""

TRAJECTORY_SCHEMA = derive_schema(Trajectory)
"""The row of an episode: the fields of :class:`gapbench.values.Trajectory`, in order."""

ROW_SCHEMAS = {"attempts": ATTEMPT_SCHEMA, "payload": PAYLOAD_SCHEMA, "trajectories": TRAJECTORY_SCHEMA}
"""The tables that a journal's lines become, by the name of their files."""

TELEMETRY_SCHEMA = pa.schema(
    [
        _column("cell_id", _label, "the cell in progress"),
        _column("at_s", _float, "seconds since the cell's start"),
        _column("gpu", pa.int32(), "index of the GPU"),
        _column("power_w", _float, "power drawn, watts"),
        _column("memory_used_bytes", _count, "memory in use"),
        _column("utilization", _float, "share of the last period with a kernel running"),
        _column("sm_clock_mhz", _count, "clock of the multiprocessors, MHz"),
    ]
)
"""One GPU sample."""


SCORE_SCHEMA = pa.schema(
    [
        _column("run_id", _label, "as in the attempt row"),
        _column("cell_id", _label, "as in the attempt row"),
        _column("sample_id", _text, "as in the attempt row"),
        _column("repeat", pa.int32(), "as in the attempt row"),
        _column("attempt", pa.int32(), "as in the attempt row"),
        _column("scorer", _label, "the scorer's name"),
        _column("outcome", _label, "as in the attempt row"),
        _column("score", _float, "0 to 1, partial credit included", null=True),
        _column("answer", _text, "the answer as extracted", null=True),
        _column("isolation", _label, "sandbox level of a code score", null=True),
        _column("reason", _text, "why the score is what it is"),
        _column("judge_model", _label, "the model that judged", null=True),
        _column("judge_sha256", _label, "hash of the judge's instructions and rubric", null=True),
    ]
)
"""A score given after the run. Reading applies the newest one in place of the attempt's own."""


def describe_columns(kind: str) -> list[tuple[str, str, bool, str]]:
    """Return name, type, nullability and meaning of each column of ``attempts``, ``payload``, ``trajectories`` or ``scores``."""
    return describe_schema({**ROW_SCHEMAS, "scores": SCORE_SCHEMA}[kind])


def describe_schema(schema: pa.Schema) -> list[tuple[str, str, bool, str]]:
    """Return name, type, nullability and meaning of each column of a schema that :func:`derive_schema` made."""
    return [
        (field.name, _plain_type(field.type), field.nullable, field.metadata[b"doc"].decode())
        for field in schema
    ]


def value_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of a column's values, whether they are stored as a dictionary or not."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _plain_type(kind: pa.DataType) -> str:
    """Return a type without how it is packed: a dictionary of strings reads as a string."""
    return str(kind.value_type if pa.types.is_dictionary(kind) else kind).replace("list<item: ", "list<")

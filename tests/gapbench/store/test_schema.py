"""The Arrow schema of the stored rows is derived from their dataclasses, and does not change on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pyarrow as pa

from gapbench.store.schema import ROW_SCHEMAS, derive_schema, describe_columns
from gapbench.values.attempt import Int32, Label


def listing(kind: str, schema: pa.Schema) -> list[str]:
    return [
        "\t".join((kind, field.name, str(field.type), "null" if field.nullable else "not null"))
        for field in schema
    ]


def test_stored_columns_never_change() -> None:
    """Files on disk have these columns in this order. New columns may only follow them."""
    stored = (Path(__file__).parent / "columns.tsv").read_text(encoding="utf-8").splitlines()

    for kind, schema in ROW_SCHEMAS.items():
        expected = [line for line in stored if line.startswith(f"{kind}\t")]
        assert expected == listing(kind, schema)[: len(expected)]


def test_a_column_is_derived_from_a_field() -> None:
    """Name, type, nullability and meaning; texts of few values are dictionaries."""

    @dataclass
    class Row:
        text: Annotated[str, "a text"]
        label: Annotated[Label | None, "a label"]
        kind: Annotated[Literal["a", "b"], "a kind"]
        small: Annotated[Int32, "a small number"]
        times: Annotated[tuple[float, ...] | None, "times"] = None

    label = pa.dictionary(pa.int32(), pa.string())
    expected = [
        ("text", pa.string(), False),
        ("label", label, True),
        ("kind", label, False),
        ("small", pa.int32(), False),
        ("times", pa.list_(pa.float64()), True),
    ]
    schema = derive_schema(Row)
    assert expected == [(field.name, field.type, field.nullable) for field in schema]
    assert b"a label" == schema.field("label").metadata[b"doc"]


def test_every_column_says_what_it_means() -> None:
    """`bench schema` and the reference pages are made from these words."""
    assert all(
        meaning
        for kind in ("attempts", "payload", "trajectories", "scores")
        for _, _, _, meaning in describe_columns(kind)
    )

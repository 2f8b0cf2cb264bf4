"""Values of Parquet, numpy, pandas and Python code as JSON can hold them."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gapbench.errors import DocumentError
from gapbench.suite.tasks.dataset import read_rows
from gapbench.suite.tasks.loader import load_task, read_task
from gapbench.suite.tasks.plain_values import UnstorableValueError, plain_row
from gapbench.values import canonical_json

PNG = b"\x89PNG\r\n\x1a\n..."
NAN = float("nan")
MISSING = [NAN, np.float64("nan"), np.float32("nan"), np.float16("nan"), Decimal("NaN"), pd.NaT, pd.NA, np.datetime64("NaT", "s"), np.timedelta64("NaT", "s")]  # fmt: skip
INFINITE = [float("inf"), -float("inf"), np.float32("inf"), np.float64("-inf"), Decimal("Infinity"), Decimal("-Infinity")]  # fmt: skip


@pytest.mark.parametrize("value", MISSING, ids=lambda value: f"{type(value).__name__}")
def test_a_missing_number_is_null_wherever_it_is(value: Any) -> None:
    """Alone, in a list, in a mapping, in a list of mappings."""
    row = {"a": value, "b": [1, value], "c": {"d": value}, "e": [{"f": [value]}]}

    assert {"a": None, "b": [1, None], "c": {"d": None}, "e": [{"f": [None]}]} == plain_row(row)


@pytest.mark.parametrize("value", INFINITE, ids=lambda value: f"{type(value).__name__} {value}")
@pytest.mark.parametrize(
    ("wrap", "place"),
    [
        (lambda value: {"p": value}, "p"),
        (lambda value: {"p": [0, value]}, "p[1]"),
        (lambda value: {"p": {"q": value}}, "p.q"),
    ],
)
def test_infinity_is_refused_with_its_place(value: Any, wrap: Any, place: str) -> None:
    """It is a value and no missing one, and JSON has no such number."""
    with pytest.raises(
        UnstorableValueError, match="holds infinity; JSON has no such number: write null"
    ) as caught:
        plain_row(wrap(value))
    assert place == caught.value.column


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.float64(0.1), 0.1),
        (np.float32(0.1), 0.1),
        (np.float16(0.1), 0.1),
        (np.str_("x"), "x"),
        (np.array([1, 2]), [1, 2]),
        (np.array([[0.1], [NAN]], dtype="float32"), [[0.1], [None]]),
        (np.array(7), 7),
        (np.datetime64("2024-01-02"), "2024-01-02"),
        (Decimal("1.50"), "1.50"),
        (Decimal(7), 7),
        (Decimal("1E+2"), "100"),
        (Decimal("0.000001"), "0.000001"),
        (dt.date(2024, 1, 2), "2024-01-02"),
        (dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC), "2024-01-02 03:04:05+00:00"),
        (dt.time(3, 4), "03:04:00"),
        (dt.timedelta(hours=1), "1:00:00"),
        (pd.Timestamp("2024-01-02"), "2024-01-02 00:00:00"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (("a", ("b",)), ["a", ["b"]]),
        ({"b", "a"}, ["a", "b"]),
        ({1: "x"}, {"1": "x"}),
        ("é".encode(), "é"),
        (PNG, PNG),
        (b"\xff\x00", b"\xff\x00"),
        (b"a\x00b", b"a\x00b"),
        (True, True),
        (2**70, 2**70),
    ],
    ids=lambda value: f"{type(value).__name__}",
)  # fmt: skip
def test_other_types_become_those_of_json(value: Any, plain: Any) -> None:
    """Decimals keep their digits, dates are text, bytes are text if they are UTF-8 and no image."""
    found = plain_row({"x": value})["x"]

    assert (plain, type(plain)) == (found, type(found))


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.text(max_size=3), PLAIN, max_size=4))
def test_plain_values_stay_as_they_are(row: dict[str, Any]) -> None:
    """What JSON holds already is not touched."""
    assert row == plain_row(row)


@given(PLAIN, st.sampled_from([NAN, float("inf"), -float("inf")]))
def test_canonical_json_is_always_json(value: Any, odd: float) -> None:
    """The payload's target too, whoever made it: a number that JSON does not have is null."""
    text = canonical_json({"a": [value, odd], "b": {"c": odd}})

    assert {"a": [value, None], "b": {"c": None}} == json.loads(text, parse_constant=pytest.fail)


def write_parquet(folder: Path, **columns: Any) -> Path:
    file = folder / "d.parquet"
    pq.write_table(pa.table(columns), file)
    return file


def test_a_nan_of_parquet_is_null_in_prompt_target_and_payload(tmp_path: Path) -> None:
    """DuckDB, Polars and numpy write one for a missing number; it must not ask the model about "nan"."""
    write_parquet(tmp_path, id=["a", "b"], q=["one", "two"], price=pa.array([NAN, 1.5]))
    task = {"name": "t", "category": "r", "data": "d.parquet", "id": "{id}", "prompt": "{q}: {price}", "target": "price"}  # fmt: skip
    (tmp_path / "task.yaml").write_text(yaml.safe_dump({**task, "scorer": "exact"}))
    samples = load_task(*read_task(tmp_path / "task.yaml"), None).samples

    assert [("one: ", None), ("two: 1.5", 1.5)] == [(s.messages[0].text, s.target) for s in samples]
    assert [None, 1.5] == [json.loads(canonical_json(s.target)) for s in samples]
    assert [None, 1.5] == [s.columns["price"] for s in samples]


@pytest.mark.parametrize(
    ("values", "kind", "plain"),
    [
        ([NAN, 0.1], pa.float64(), [None, 0.1]),
        ([NAN, 0.1], pa.float32(), [None, 0.1]),
        ([np.float16("nan"), np.float16(0.1)], pa.float16(), [None, 0.1]),
        ([[NAN, 0.1], None], pa.list_(pa.float64()), [[None, 0.1], None]),
        ([[NAN, 0.1], []], pa.large_list(pa.float32()), [[None, 0.1], []]),
        ([{"a": NAN}, {"a": 0.1}], pa.struct([("a", pa.float32())]), [{"a": None}, {"a": 0.1}]),
        ([[{"a": [NAN]}], [{"a": [0.5]}]], pa.list_(pa.struct([("a", pa.list_(pa.float64()))])), [[{"a": [None]}], [{"a": [0.5]}]]),
        ([[("k", NAN)], [("k", 1.0)]], pa.map_(pa.string(), pa.float64()), [[["k", None]], [["k", 1.0]]]),
        ([Decimal("1.50"), None], pa.decimal128(5, 2), ["1.50", None]),
        ([Decimal(15), None], pa.decimal128(5, 0), [15, None]),
        ([dt.date(2024, 1, 2), None], pa.date32(), ["2024-01-02", None]),
        ([1_704_153_600_000_000_000, None], pa.timestamp("ns"), ["2024-01-02 00:00:00", None]),
        ([dt.time(1, 2), None], pa.time64("us"), ["01:02:00", None]),
        ([b"text", PNG], pa.binary(), ["text", PNG]),
        (["a", "b"], pa.dictionary(pa.int32(), pa.string()), ["a", "b"]),
        ([None, None], pa.null(), [None, None]),
    ],
    ids=lambda value: str(value) if isinstance(value, pa.DataType) else "",
)  # fmt: skip
def test_every_type_of_parquet_is_read_as_plain_values(
    tmp_path: Path, values: Any, kind: Any, plain: Any
) -> None:
    """NaN in lists, structs and maps too; 32-bit numbers have the digits that were written."""
    file = write_parquet(tmp_path, x=pa.array(values, type=kind))

    assert plain == [row["x"] for row in read_rows(file, None)[0]]


def test_infinity_in_parquet_names_row_and_column(tmp_path: Path) -> None:
    """The third row, in a list inside a column."""
    file = write_parquet(tmp_path, x=[[1.0], [2.0], [3.0, float("inf")]])

    with pytest.raises(DocumentError, match=r"d\.parquet: row 3: column 'x\[1\]' holds infinity"):
        read_rows(file, None)


def test_the_same_column_twice_in_parquet_is_refused(tmp_path: Path) -> None:
    """A row as a mapping would drop one of them."""
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["q", "q"])
    pq.write_table(table, tmp_path / "d.parquet")

    with pytest.raises(DocumentError, match="the header q, q has the same name twice, 'q'"):
        read_rows(tmp_path / "d.parquet", None)

"""Rows of a table as JSON values: whole columns give what their single cells would."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from gapbench.store.json_records import records, to_json_value


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pd.Series([1, 2], dtype="int32"), [1, 2]),
        (pd.Series([True, False]), [True, False]),
        (pd.Series([0.5, np.nan, np.inf]), [0.5, None, None]),
        (pd.Series([0.5, -np.inf], dtype="float32"), [0.5, None]),
        (pd.Series([1, None], dtype="Int64"), [1, None]),
        (pd.Series([True, None], dtype="boolean"), [True, None]),
        (pd.Series(["a", None], dtype="str"), ["a", None]),
        (pd.Series(["a", None], dtype="string"), ["a", None]),
        (pd.Series(["b", None, "a"], dtype="category"), ["b", None, "a"]),
        (pd.Series([1.5, None], dtype="category"), [1.5, None]),
        (pd.Series([np.int64(3), "a", pd.NA, None, ["x"]], dtype="object"), [3, "a", None, None, ["x"]]),
    ],
    ids=lambda value: str(value.dtype) if isinstance(value, pd.Series) else "",
)
def test_a_column_gives_what_its_cells_give(column: pd.Series, expected: list[object]) -> None:
    """Whatever its type; and JSON takes all of it."""
    found = [row["it"] for row in records(column.to_frame("it"))]

    assert expected == found == [to_json_value(value) for value in column]
    assert json.loads(json.dumps(found)) == expected


def test_a_table_without_columns_keeps_its_rows() -> None:
    """Each is empty."""
    assert [{}, {}] == records(pd.DataFrame(index=range(2)))

"""Parts become one table whose columns are as pandas would have made them, each held once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from gapbench.store.frame_builder import FrameBuilder

LABEL = pa.dictionary(pa.int32(), pa.string())


def filled(kind: pa.DataType, *parts: list[Any], rows: int = 4, text: bool = False) -> pd.Series[Any]:
    """Return the column that parts of values make."""
    schema = pa.schema([("one", kind)])
    columns = FrameBuilder(schema, {"one"} if text else set(), rows)
    for values in parts:
        columns.add(pa.table({"one": pa.array(values, kind)}, schema))
    return columns.build()["one"]


def test_counts_stay_counts_while_all_are_known() -> None:
    """Two parts of whole numbers: 64-bit integers, in the order of the parts."""
    found = filled(pa.int64(), [3, 1], [2])

    assert (found.dtype, found.tolist()) == (np.dtype(np.int64), [3, 1, 2])


def test_the_first_unknown_count_makes_floats() -> None:
    """Unknown is NaN, which integers lack; what came before stays."""
    found = filled(pa.int64(), [3], [None], [2])

    assert np.array_equal(found.to_numpy(), [3.0, np.nan, 2.0], equal_nan=True)


def test_labels_are_numbered_as_they_appear() -> None:
    """The second part's own dictionary begins with another label: b, a, then c."""
    found = filled(LABEL, ["b", "a"], ["c", "a"])

    assert (found.tolist(), list(found.cat.categories)) == (["b", "a", "c", "a"], ["b", "a", "c"])


def test_more_labels_than_a_byte_holds() -> None:
    """300 labels, the last 200 in a second part: none is taken for another."""
    names = [f"label {number}" for number in range(300)]

    assert filled(LABEL, names[:100], names[100:], rows=300).tolist() == names


def test_an_unknown_label_is_none_of_them() -> None:
    """Null is null, and no category."""
    found = filled(LABEL, ["a", None])

    assert (found.isna().tolist(), list(found.cat.categories)) == ([False, True], ["a"])


def test_many_texts_are_numbered_as_they_appear() -> None:
    """The same with texts kept until the end."""
    found = filled(LABEL, ["b", "a", None], ["c", "a"], text=True)

    assert (found.iloc[[0, 1, 3, 4]].tolist(), list(found.cat.categories)) == (
        ["b", "a", "c", "a"],
        ["b", "a", "c"],
    )


def test_more_rows_than_expected_are_kept() -> None:
    """A journal that is still being written was longer than its parts said: seven rows where two were expected."""
    assert filled(pa.float64(), [1, 2, 3], [4, 5, 6, 7], rows=2).tolist() == [1, 2, 3, 4, 5, 6, 7]


def test_no_part_is_an_empty_table() -> None:
    """Types are those of the schema."""
    assert (len(filled(pa.float64())), len(filled(LABEL)), len(filled(LABEL, text=True))) == (0, 0, 0)

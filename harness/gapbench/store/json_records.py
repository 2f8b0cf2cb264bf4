"""Rows of a data frame as plain JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def to_json_value(value: Any) -> Any:
    """Return a cell of a table as JSON takes it: NaN and NA are None, numpy numbers are Python's."""
    import numpy as np  # noqa: PLC0415 - half a second with pandas, which sending requests does not need
    import pandas as pd  # noqa: PLC0415 - half a second, which writing a run does not need

    if value is None or value is pd.NA:
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table as JSON rows."""
    names = [str(name) for name in frame.columns]
    if not names:
        return [{} for _ in range(len(frame))]
    columns = [_json_values(frame.iloc[:, place]) for place in range(len(names))]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _json_values(column: pd.Series) -> list[Any]:
    """Return what :func:`to_json_value` returns of each cell; a whole column of one type takes a tenth of the time."""
    import numpy as np  # noqa: PLC0415 - as pandas below
    import pandas as pd  # noqa: PLC0415 - half a second, which writing a run does not need

    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        # An unknown cell has the code -1.
        shown = [*map(to_json_value, column.cat.categories), None]
        return [shown[code] for code in column.cat.codes.tolist()]
    if isinstance(dtype, pd.StringDtype):
        texts = column.to_numpy(dtype=object, copy=True)
        texts[column.isna().to_numpy()] = None
        return list(texts.tolist())
    values: list[Any] = column.tolist()
    if isinstance(dtype, np.dtype) and dtype.kind in "biu":
        return values
    if isinstance(dtype, np.dtype) and dtype.kind == "f":
        is_finite = np.isfinite(column.to_numpy())
        return [value if known else None for value, known in zip(values, is_finite.tolist(), strict=True)]
    return list(map(to_json_value, values))

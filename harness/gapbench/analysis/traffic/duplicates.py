"""Near-duplicates: prompts that differ from an earlier one only in case, punctuation, spaces, and words with a digit."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gapbench.store.text_columns import replace_in_lower_case

_ESCAPES = r"\\(?:u[0-9a-fA-F]{4}|.)"
"""Of JSON: a line break is two characters there, and one of them is a letter."""
_WITH_DIGIT = r"[a-z\p{N}_\-]*\p{N}[a-z\p{N}_\-]*"
"""Numbers, dates, ids, order numbers: a word with a digit anywhere in it. Scripts without spaces have no such words."""
_NO_LETTERS = r"[^\p{L}]+"


def hash_templates(prompts: pd.Series[Any]) -> npt.NDArray[np.uint64]:
    """Return a hash of what is left of each prompt without case, punctuation, spaces, and words with a digit.

    Prompts with the same hash are near-duplicates. 0: no prompt was stored.
    """
    texts = replace_in_lower_case(prompts, (_ESCAPES, _WITH_DIGIT, _NO_LETTERS)).fillna("")
    hashes = pd.util.hash_array(texts.to_numpy(dtype=object))
    return np.where(prompts.isna(), 0, hashes).astype(np.uint64)


def is_near_duplicate(frame: pd.DataFrame) -> pd.Series[Any]:
    """Return for each request whether an earlier one had a near-duplicate of its prompt. NA: no prompt is stored.

    Args:
        frame: Requests in order of time, as :func:`gapbench.analysis.traffic.read_requests` gives them.
    """
    templates = frame["template_hash"]
    return templates.duplicated().astype("boolean").where(templates != 0)

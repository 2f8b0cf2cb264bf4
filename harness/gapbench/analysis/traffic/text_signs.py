"""What the texts of a request tell about its work, without the texts: tools, loops, JSON, labels, temperature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gapbench.analysis.traffic.text_shapes import TextShape
from gapbench.store.text_columns import count_chars, match_texts
from gapbench.traffic.reply_labels import LABEL_CHARS

Bools = npt.NDArray[np.bool_]

_TOOL_RESULT = (
    r'"role":\s*"(?:tool|function)"|"type":\s*"(?:tool_result|function_call_output|custom_tool_call_output)"'
    r'|"function_?[rR]esponse":'
)
"""The result of a tool in a prompt of OpenAI (both APIs), Anthropic or Google."""
_JSON_REPLY = r"(?s)^\s*(?:```(?:json)?\s*)?(?:\{.*\}|\[.*\])\s*(?:```)?\s*$"
_ASKS_FOR_JSON = r'"(?:type":\s*"json_(?:schema|object)|response_mime_type":\s*"application/json|responseMimeType":\s*"application/json)"'
_ZERO = r'"temperature":\s*0(?:\.0+)?\s*[,}]'


def read_signs(frame: pd.DataFrame, shapes: Sequence[TextShape | None]) -> pd.DataFrame:
    """Return the signs of some rows of a traffic table; NA where the log does not tell.

    Columns: ``has_tools``, ``is_tool_loop`` (the prompt has the result of a tool), ``is_json`` (a reply in JSON, or a
    request for one), ``is_zero_temperature``, ``has_reply`` (a text or a call is stored) and ``label_hash`` (of a short
    text without JSON and calls; 0: something else).

    Args:
        frame: Has ``messages``, ``tools``, ``parameters``, ``reply`` and ``reply_tool_calls``.
        shapes: Of each row; see :func:`gapbench.analysis.traffic.text_shapes.read_shape`.
    """
    index = frame.index
    has = {name: frame[name].notna().to_numpy() for name in frame.columns}
    has_shape = np.array([shape is not None for shape in shapes], dtype=bool)
    shape_tools = np.array([shape is not None and shape.has_tools for shape in shapes], dtype=bool)
    shape_loops = np.array([shape is not None and shape.is_tool_loop for shape in shapes], dtype=bool)
    is_known = has["messages"] | has_shape
    has_reply = has["reply"] | has["reply_tool_calls"]
    asks = match_texts(frame["parameters"], _ASKS_FOR_JSON)
    is_json = asks | match_texts(frame["reply"], _JSON_REPLY)
    return pd.DataFrame(
        {
            "has_tools": _known(has["tools"] | shape_tools, is_known, index),
            "is_tool_loop": _known(
                match_texts(frame["messages"], _TOOL_RESULT) | shape_loops, is_known, index
            ),
            "is_json": _known(is_json & ~has["reply_tool_calls"], has_reply | asks, index),
            "is_zero_temperature": _known(
                match_texts(frame["parameters"], _ZERO), has["messages"] | has["parameters"], index
            ),
            "has_reply": has_reply,
            "label_hash": _hash_labels(frame["reply"], ~is_json & ~has["reply_tool_calls"]),
        },
        index=index,
    )


def _hash_labels(replies: pd.Series[Any], can_be: Bools) -> npt.NDArray[np.uint64]:
    """Return a hash of each text that may be a label; 0 of others."""
    sizes = count_chars(replies)
    chosen = can_be & (sizes > 0) & (sizes <= LABEL_CHARS)
    found = np.zeros(len(chosen), dtype=np.uint64)
    if chosen.any():
        short = replies[chosen].str.strip().to_numpy(dtype=object)
        found[chosen] = np.maximum(pd.util.hash_array(short), 1)
    return found


def _known(values: Bools, is_known: Bools, index: pd.Index[Any]) -> pd.Series[Any]:
    return pd.Series(pd.arrays.BooleanArray(values, ~is_known), index=index)

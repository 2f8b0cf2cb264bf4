"""Traffic tables as one frame, without their texts: of a text only hashes, which tell what repeats, and signs of its work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.traffic.duplicates import hash_templates
from gapbench.analysis.traffic.personal_data import scan_texts
from gapbench.analysis.traffic.prefixes import hash_prompts
from gapbench.analysis.traffic.text_shapes import read_shape
from gapbench.analysis.traffic.text_signs import read_signs
from gapbench.errors import ResultsError
from gapbench.store.free_memory import release_memory
from gapbench.traffic.traffic_table import check_no_overlap, check_tables, iterate_table

_TEXTS = ("messages", "tools", "parameters", "reply", "reply_tool_calls", "text_shape", "prompt_lacks")
"""Columns that the frame leaves out: texts, and what the import says about them."""
_COLUMNS = (
    "time", "route", "provider", "model_asked", "model_served", "endpoint", "service_tier", "input_tokens",
    "cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens", "output_tokens", "reasoning_tokens", "image_count",
    "cost_usd", "response_s", "first_token_s", "error", "http_status", "from_cache", "simulated", *_TEXTS,
)  # fmt: skip
_COUNTS = tuple(name for name in _COLUMNS if name.endswith(("_tokens", "_count")))
_LABELS = ("route", "provider", "model_asked", "model_served", "endpoint", "service_tier")


def read_requests(
    tables: Sequence[Path], *, with_texts: bool = True, personal_data: bool = False
) -> pd.DataFrame:
    """Return the requests of some traffic tables in order of time, those without a time last.

    The columns are those of the table, but for its texts ``prompt_hash`` and ``template_hash`` (0: no prompt was stored),
    ``prefix_hashes`` and ``prompt_chars`` (see :mod:`gapbench.analysis.traffic.prefixes`), and those of
    :func:`gapbench.analysis.traffic.text_signs.read_signs`; and ``is_error``. Token counts are ``Int64``, where unknown is
    NA. A recording without texts has its shapes in place of prompts, and no ``template_hash``.

    Args:
        tables: The tables.
        with_texts: Whether to read the texts, which takes most of the time and memory. False leaves out the columns that
            follow from them.
        personal_data: Whether to look for personal data in the texts, for a column ``personal_data``; see
            :func:`gapbench.analysis.traffic.personal_data.scan_texts`.

    Raises:
        InputError: A table is given twice, or a request is in two tables.
        ResultsError: A file is missing, is no traffic table, or is of a newer version.
    """
    check_tables(tables)
    check_no_overlap(tables)
    names = tuple(name for name in _COLUMNS if with_texts or name not in _TEXTS)
    columns: dict[str, list[pd.Series[Any]]] = {}
    for path in tables:
        for rows in iterate_table(path, names):
            frame = _without_texts(rows, personal_data=personal_data) if with_texts else rows
            if len(frame):
                for name, column in _with_narrow_types(frame).items():
                    # A copy: the column would keep all others of its type in memory.
                    columns.setdefault(str(name), []).append(column.copy())
    if not columns:
        raise ResultsError(f"{tables[0]} has no requests; import a log with `bench traffic import`")
    found = _join_in_order(columns)
    release_memory()
    return found


def _join_in_order(columns: dict[str, list[pd.Series[Any]]]) -> pd.DataFrame:
    """Return columns in parts as one frame, in order of time, and empty them: a column is never there three times."""
    times = pd.concat(columns["time"], ignore_index=True)
    order = times.sort_values(kind="stable", na_position="last").index.to_numpy()
    joined: dict[str, pd.Series[Any]] = {}
    for name in list(columns):
        whole = pd.concat(columns.pop(name), ignore_index=True)
        joined[name] = whole.take(order).set_axis(range(len(order)))
    return pd.DataFrame(joined, copy=False)


def _without_texts(frame: pd.DataFrame, *, personal_data: bool) -> pd.DataFrame:
    """Return a frame with hashes and signs for its texts."""
    for name in ("text_shape", "prompt_lacks"):
        if name not in frame:  # a table of an earlier version
            frame[name] = None
    is_whole = frame["prompt_lacks"].isna()
    # The last messages alone, without the turns that the provider keeps, tell nothing about what repeats.
    prompts = frame["messages"].where(is_whole, None)
    shapes = [read_shape(text) for text in frame["text_shape"].where(is_whole, None)]
    frame = frame.join(hash_prompts(frame.assign(messages=prompts), shapes))
    frame["template_hash"] = hash_templates(prompts)
    hashes = pd.util.hash_pandas_object(prompts.fillna(""), index=False).where(prompts.notna(), 0)
    of_shapes = np.array([0 if shape is None else shape.prompt_hash for shape in shapes], dtype=np.uint64)
    frame["prompt_hash"] = np.where(prompts.notna(), hashes, of_shapes).astype(np.uint64)
    signs = read_signs(frame[[*_TEXTS]], shapes)
    signs["is_tool_loop"] = signs["is_tool_loop"].where(is_whole | signs["is_tool_loop"].fillna(False))
    frame = frame.join(signs)
    if personal_data:
        frame["personal_data"] = scan_texts(frame)
    return frame.drop(columns=[*_TEXTS])


def _with_narrow_types(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with ``is_error``, whole token counts and plain labels."""
    frame["is_error"] = frame.pop("error").notna() | (frame.pop("http_status").fillna(0) >= 400)
    for name in _COUNTS:
        frame[name] = frame[name].astype("Int64")
    for name in _LABELS:
        frame[name] = frame[name].astype(object)
    return frame

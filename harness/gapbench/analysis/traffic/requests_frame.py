"""Traffic tables as one frame, without their texts: of a prompt only hashes, which tell what repeats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from gapbench.analysis.traffic.duplicates import hash_templates
from gapbench.analysis.traffic.prefixes import hash_prompts
from gapbench.errors import ResultsError
from gapbench.traffic.traffic_table import iterate_table

_COLUMNS = (
    "time", "route", "provider", "model_asked", "model_served", "endpoint", "service_tier", "messages", "tools",
    "input_tokens", "cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens", "output_tokens",
    "reasoning_tokens", "image_count", "cost_usd", "response_s", "first_token_s", "error", "http_status", "from_cache",
    "simulated",
)  # fmt: skip
_TEXTS = ("messages", "tools")
_COUNTS = tuple(name for name in _COLUMNS if name.endswith(("_tokens", "_count")))


def read_requests(tables: Sequence[Path], *, with_prompts: bool = True) -> pd.DataFrame:
    """Return the requests of some traffic tables in order of time, those without a time last.

    The columns are those of the table, but for its texts ``prompt_hash`` and ``template_hash`` (0: no prompt was stored),
    ``prefix_hashes`` and ``prompt_chars`` (see :mod:`gapbench.analysis.traffic.prefixes`) and ``has_tools``; and
    ``is_error``. Token counts are ``Int64``, where unknown is NA.

    Args:
        tables: The tables.
        with_prompts: Whether to read the prompts for their hashes, which takes most of the time and memory; False leaves
            the columns about prompts and tools out.

    Raises:
        ResultsError: A file is missing, is no traffic table, or is of a newer version.
    """
    columns = tuple(name for name in _COLUMNS if with_prompts or name not in _TEXTS)
    frames = [
        _with_narrow_types(_without_texts(frame) if with_prompts else frame)
        for path in tables
        for frame in iterate_table(path, columns)
    ]
    if not any(map(len, frames)):
        raise ResultsError(f"{tables[0]} has no requests; import a log with `bench traffic import`")
    found = pd.concat(frames, ignore_index=True)
    status = found["http_status"].fillna(0)
    found["is_error"] = found["error"].notna() | (status >= 400)
    return found.sort_values("time", kind="stable", na_position="last", ignore_index=True)


def _without_texts(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with hashes for its prompts."""
    frame = frame.join(hash_prompts(frame))
    prompts = frame.pop("messages")
    frame["template_hash"] = hash_templates(prompts)
    frame["prompt_hash"] = pd.util.hash_pandas_object(prompts.fillna(""), index=False).where(
        prompts.notna(), 0
    )
    frame["has_tools"] = frame.pop("tools").notna()
    return frame


def _with_narrow_types(frame: pd.DataFrame) -> pd.DataFrame:
    for name in _COUNTS:
        frame[name] = frame[name].astype("Int64")
    for name in ("route", "provider", "model_asked", "model_served", "endpoint", "service_tier", "error"):
        frame[name] = frame[name].astype(object)
    return frame

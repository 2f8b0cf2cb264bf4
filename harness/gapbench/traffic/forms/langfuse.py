"""Langfuse: exports of traces and observations, from the page, the API or the blob storage."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from gapbench.traffic.amounts import AmountError, read_count
from gapbench.traffic.draft import (
    Draft,
    LineError,
    TokenCounts,
    as_list,
    as_mapping,
    first_of,
    parse_json_text,
)
from gapbench.traffic.forms.form import Form
from gapbench.traffic.forms.logged_reply import read_reply_body
from gapbench.traffic.replies import STORED_PARTS, looks_like_reply, read_reply
from gapbench.traffic.requests import as_messages

MAX_TRACES = 5_000_000
"""Of traces to remember, so that observations of other files get their user, session and name."""
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_MODEL_CALLS = {"GENERATION", "EMBEDDING"}
_OBSERVATION_KEYS = {"start_time", "trace_id"}
_EMPTY: tuple[Any, ...] = (None, "")
_CACHED = ("input_cached_tokens", "cache_read_input_tokens", "input_cache_read", "cached_tokens")
_WRITTEN = ("cache_creation_input_tokens", "input_cache_creation", "cache_write_tokens")
_BRIEF = ("input_ephemeral_5m_input_tokens",)
_LASTING = ("input_ephemeral_1h_input_tokens",)
_REASONING = ("output_reasoning_tokens", "output_reasoning", "reasoning_tokens")
"""Usage types with a column of their own, as the SDKs and integrations of Langfuse name them."""


class LangfuseForm(Form):
    """Observations of the kind generation or embedding are requests; spans, events and tools are not.

    Langfuse's usage types are disjoint unless the total says otherwise: ``input`` leaves out ``input_cached_tokens``.
    """

    name = "langfuse"
    about = "Langfuse exports"
    documentation = (
        "https://langfuse.com/docs/api-and-data-platform/features/blob-storage-export-fields, "
        "https://langfuse.com/docs/api-and-data-platform/features/export-from-ui and "
        "https://langfuse.com/docs/observability/features/token-and-cost-tracking (November 2026)"
    )

    def __init__(self) -> None:
        self._traces: dict[str, tuple[Any, Any, Any]] = {}
        self._trace_rows = 0

    def matches(self, item: Any) -> bool:
        """By the keys of an observation, of a trace with observations, or of a trace."""
        if not isinstance(item, dict) or "id" not in item:
            return False
        keys = {_snake(key) for key in item}
        is_observation = keys >= _OBSERVATION_KEYS and bool(
            keys
            & {
                "type",
                "usage_details",
                "completion_start_time",
                "provided_model_name",
                "calculated_total_cost",
            }
        )
        return is_observation or _is_trace(keys)

    def is_needed_first(self, item: Any) -> bool:
        """Traces name the user and the session of their observations."""
        return (
            isinstance(item, dict)
            and _is_trace({_snake(key) for key in item})
            and not item.get("observations")
        )

    def read(self, item: dict[str, Any]) -> Iterable[Draft]:
        """Return the model calls of an observation or of a trace."""
        row = snake_keys(item)
        if "start_time" in row:
            return _read_observation(row, self._traces.get(str(row.get("trace_id"))))
        if not _is_trace(row.keys()):
            raise LineError("is neither a trace nor an observation")
        self._trace_rows += 1
        trace = (row.get("user_id"), row.get("session_id") or row.get("id"), row.get("name"))
        inner = as_list(row.get("observations"))
        if len(self._traces) < MAX_TRACES:
            self._traces[str(row.get("id"))] = trace
        return [
            draft
            for found in inner
            if isinstance(found, dict)
            for draft in _read_observation(snake_keys(found), trace)
        ]


def _is_trace(keys: Any) -> bool:
    return (
        "timestamp" in keys
        and "start_time" not in keys
        and bool({"user_id", "session_id", "observations"} & set(keys))
        and (
            "id" in keys
            and bool(
                {"tags", "release", "bookmarked", "project_id", "environment", "observations", "public"}
                & set(keys)
            )
        )
    )


@lru_cache(maxsize=2_000)
def _snake(key: str) -> str:
    return _HUMP.sub("_", key).lower().strip()


def snake_keys(row: dict[str, Any]) -> dict[str, Any]:
    """Return a record with its keys in snake case: exports by API write camelCase, those of a database do not."""
    found: dict[str, Any] = {}
    for key, value in row.items():
        name = _snake(key)
        # A table made of both kinds of export has both spellings of a column, and one of them is empty.
        if name not in found or value not in _EMPTY:
            found[name] = value
    return found


def _read_observation(row: dict[str, Any], trace: tuple[Any, Any, Any] | None) -> list[Draft]:
    kind = row.get("type")
    model = first_of(row, "provided_model_name", "model", "internal_model_id", "model_id")
    if kind is not None and str(kind).upper() not in _MODEL_CALLS:
        return []
    if kind is None and model is None:
        return []
    user, session, name = trace or (None, None, None)
    parameters = as_mapping(row.get("model_parameters"))
    draft: Draft = {
        "time": row.get("start_time"),
        "ended_at": row.get("end_time"),
        "first_token_at": row.get("completion_start_time"),
        "request_id": row.get("id"),
        "route": first_of(row, "trace_name") or name or row.get("name"),
        "user": first_of(row, "user_id") or user,
        "session": first_of(row, "session_id") or session or row.get("trace_id"),
        "model_asked": model,
        "model_served": None,
        "endpoint": "embeddings" if str(kind).upper() == "EMBEDDING" else "chat",
        "messages": as_messages(row.get("input")),
        "parameters": {key: value for key, value in parameters.items() if value is not None},
        "cost_usd": _cost(row),
        "counts": _counts(row),
        "tools": parse_json_text(first_of(row, "tool_definitions")),
    }
    if first_of(row, "end_time") is None:  # seconds, as the API documents them
        draft["response_s"] = row.get("latency")
    if first_of(row, "completion_start_time") is None:
        draft["first_token_s"] = row.get("time_to_first_token")
    given = row.get("input")
    given = parse_json_text(given)
    if isinstance(given, dict) and given.get("tools"):
        draft["tools"] = given["tools"]
    _read_output(row.get("output"), draft)
    if str(row.get("level")).upper() == "ERROR":
        draft["error"] = first_of(row, "status_message") or "error"
    return [draft]


def _read_output(output: Any, draft: Draft) -> None:
    output = parse_json_text(output)
    body = read_reply_body(output)
    if looks_like_reply(body):
        found: Draft = {}
        read_reply(body, found)
        draft |= {key: found[key] for key in STORED_PARTS if found.get(key)}
        return
    if isinstance(output, dict):
        if output.get("tool_calls"):
            draft["reply_tool_calls"] = output["tool_calls"]
        draft["reply"] = output.get("content") if "role" in output or "content" in output else output
        return
    draft["reply"] = output


def _cost(row: dict[str, Any]) -> Any:
    details = as_mapping(row.get("cost_details"))
    cost = first_of(row, "total_cost", "calculated_total_cost", "calculated_total_cost_usd")
    return cost if cost is not None else details.get("total")


def _counts(row: dict[str, Any]) -> TokenCounts:
    """Return the counts of any version: usage_details, usage, or columns of their own."""
    usage = as_mapping(row.get("usage_details"))
    if not usage:
        usage = {_snake(key): value for key, value in as_mapping(row.get("usage")).items()}
        if str(usage.get("unit") or "TOKENS").upper() != "TOKENS":
            return TokenCounts()
    if not usage:
        return TokenCounts(
            first_of(row, "prompt_tokens", "usage_input", "input_usage"),
            first_of(row, "completion_tokens", "usage_output", "output_usage"),
            total=first_of(row, "total_tokens", "usage_total", "total_usage"),
        )
    prompt_details = as_mapping(first_of(usage, "prompt_tokens_details", "input_tokens_details"))
    output_details = as_mapping(first_of(usage, "completion_tokens_details", "output_tokens_details"))
    cached = first_of({**prompt_details, **usage}, *_CACHED)
    written = first_of(usage, *_WRITTEN)
    reasoning = first_of({**output_details, **usage}, *_REASONING)
    prompt = first_of(usage, "input", "prompt_tokens", "input_tokens")
    output = first_of(usage, "output", "completion_tokens", "output_tokens")
    total = first_of(usage, "total", "total_tokens")
    is_whole = total is not None and _count(total) == _count(prompt) + _count(output)
    apart = not is_whole and "prompt_tokens" not in usage and not prompt_details and not output_details
    lasting = first_of(usage, *_LASTING)
    if not _count(written):  # LangChain's counts by lifetime come with a 0 in place of their sum
        parts = [usage[name] for name in (*_BRIEF, *_LASTING) if name in usage]
        written = sum(map(_count, parts)) if parts else written
    if apart:
        prompt = _with_other_types(
            prompt, usage, "input_", {*_CACHED, *_WRITTEN, *_BRIEF, *_LASTING, "input_tokens"}
        )
        output = _with_other_types(output, usage, "output_", {*_REASONING, "output_tokens"})
    return TokenCounts(
        prompt,
        output,
        cached,
        written,
        lasting,
        reasoning,
        total,
        is_cache_apart=apart,
        is_reasoning_apart=apart,
    )


def _with_other_types(base: Any, usage: dict[str, Any], start: str, known: set[str]) -> Any:
    """Return a count with the usage types of its side that have no column of their own, such as ``input_audio_tokens``."""
    rest = sum(_count(value) for name, value in usage.items() if name.startswith(start) and name not in known)
    return _count(base) + rest if rest else base


def _count(value: Any) -> int:
    """Return a count as logged; 0 if it is unknown or none, of which the row's builder tells."""
    try:
        return read_count(value) or 0
    except AmountError:
        return 0

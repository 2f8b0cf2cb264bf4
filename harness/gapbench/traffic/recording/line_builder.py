"""Turn an exchange into the line of a recording: the columns of the traffic table that are known, and no key."""

from __future__ import annotations

import re
import secrets
from dataclasses import fields
from typing import Any

import orjson

from gapbench.credentials import MIN_KEY_CHARS, REDACTED
from gapbench.traffic.draft import Draft, LineError, as_mapping
from gapbench.traffic.identities import IdentityHasher
from gapbench.traffic.record import TrafficRecord
from gapbench.traffic.recording.exchange import Exchange
from gapbench.traffic.recording.reader import read_exchange
from gapbench.traffic.recording.stream_replies import SHAPE_ERRORS
from gapbench.traffic.recording.text_shape import describe_texts
from gapbench.traffic.row_builder import RowBuilder

FORM_VERSION = 1
"""Version of the line; a key may be added under the same number, never changed."""
FORM_KEY = "gapbench_record"
_COLUMNS = tuple(field.name for field in fields(TrafficRecord))
_LEFT_OUT = frozenset({"time", "form", "file", "line", "simulated"})
_JSON_COLUMNS = frozenset({"messages", "tools", "parameters", "reply_tool_calls", "text_shape"})
_FROM_BODIES = frozenset(
    {
        "messages",
        "tools",
        "parameters",
        "reply",
        "reply_tool_calls",
        "counts",
        "user",
        "session",
        "finish_reason",
    }
)
"""What a draft has as a body gave it."""
_NAME = re.compile(r"[A-Za-z0-9_.:/@+\-]{1,128}")
"""Names of models, tiers and ids: a text with spaces is none."""
_RESPONSE_ID = re.compile(r"[A-Za-z0-9_.:/@+=\-]{1,512}")
"""LiteLLM packs names of its own into ids of responses."""
_WORDS = frozenset(
    {
        "auto", "none", "any", "required", "minimal", "low", "medium", "high", "xhigh", "max", "default", "flex", "priority",
        "standard", "enabled", "disabled", "adaptive", "text", "json_object", "json_schema", "function", "tool",
    }
)  # fmt: skip
"""Words that parameters may have where texts are not recorded."""


class LineBuilder:
    """Builds the lines of one recording.

    Args:
        hasher: Hashes ids and prefix blocks.
        keep_texts: Whether prompts, replies, tools and their calls are written; False writes their lengths and the hashes
            of prefix blocks.
    """

    def __init__(self, hasher: IdentityHasher, *, keep_texts: bool = True) -> None:
        self._hasher = hasher
        self._keep_texts = keep_texts
        self._rows = RowBuilder(hasher, keep_texts=keep_texts)

    def build(self, exchange: Exchange) -> bytes:
        """Return the line of an exchange, with its newline.

        What a client sends is recorded whatever its shape: times, status and sizes are known in any case.
        """
        draft, problems = read_exchange(exchange)
        try:
            return self._line_of(dict(draft), problems, exchange)
        except SHAPE_ERRORS as exc:
            bare = {name: value for name, value in draft.items() if name not in _FROM_BODIES}
            shape = f"texts: have another shape than documented: {type(exc).__name__}"
            return self._line_of(bare, [*problems, shape], exchange)

    def _line_of(self, draft: Draft, problems: list[str], exchange: Exchange) -> bytes:
        _hide_keys(draft, exchange)
        if draft.get("request_id") in (None, ""):
            draft["request_id"] = f"record-{secrets.token_hex(8)}"
        is_cancelled = exchange.is_cancelled and draft.get("finish_reason") is None
        if not self._keep_texts:
            shape = describe_texts(draft, self._hasher)
            _remove_words(draft, exchange)
            draft["text_shape"] = shape
        line: dict[str, Any] = {
            FORM_KEY: FORM_VERSION,
            "time": exchange.started_at.isoformat(timespec="microseconds"),
        }
        line |= self._columns_of(draft)
        if _RESPONSE_ID.fullmatch(str(draft.get("previous_response_id") or "")):
            line["previous_response_id"] = draft["previous_response_id"]
        if draft.get("has_instructions"):
            line["has_instructions"] = True
        if is_cancelled:
            line["cancelled"] = True
        if exchange.is_simulated:
            line["simulated"] = True
        line["request_bytes"] = exchange.request.size_bytes
        line["reply_bytes"] = exchange.reply.size_bytes
        if draft.get("user") or draft.get("session") or not self._keep_texts:
            line["hash_key_id"] = self._hasher.key_id
        if problems:
            line["not_read"] = problems
        return orjson.dumps(line) + b"\n"

    def _columns_of(self, draft: Draft) -> dict[str, Any]:
        """Return the columns that are known, brought to the table's definitions."""
        try:
            row = self._rows.build(draft, "record", "", 0)
        except LineError:
            return {}  # nothing but the time, the sizes and what could not be read
        found = {}
        for name, value in zip(_COLUMNS, row, strict=True):
            if value is None or name in _LEFT_OUT:
                continue
            if name in _JSON_COLUMNS:
                found[name] = _parse(value)
            else:
                found[name] = value if isinstance(value, (str, int, float)) else str(value)
        return found


def _parse(text: str) -> Any:
    """Return the value of a JSON text; the text, if a secret that was removed leaves it broken."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _hide_keys(draft: Draft, exchange: Exchange) -> None:
    """Remove the keys of a request from its draft: a prompt or an error may repeat them."""
    keys = [key for key in exchange.keys if len(key) >= MIN_KEY_CHARS]
    for name in draft.keys() - {"time"} if keys else ():
        draft[name] = _without(draft[name], keys)


def _without(value: Any, keys: list[str]) -> Any:
    if isinstance(value, str):
        for key in keys:
            value = value.replace(key, REDACTED)
        return value
    if isinstance(value, list):
        return [_without(one, keys) for one in value]
    if isinstance(value, dict):
        return {_without(name, keys): _without(one, keys) for name, one in value.items()}
    return value


def _remove_words(draft: Draft, exchange: Exchange) -> None:
    """Leave only numbers, names and codes in a draft, whose texts are not recorded."""
    draft["parameters"] = _numbers_of(as_mapping(draft.get("parameters")))
    draft["route"] = exchange.labels.get("route")  # a word of the prompt's metadata may be anything
    for name in ("model_asked", "model_served", "service_tier", "finish_reason", "request_id", "provider"):
        value = draft.get(name)
        if value is not None and not (isinstance(value, str) and _NAME.fullmatch(value)):
            draft[name] = None
    error = draft.get("error")
    if error is not None:
        code = str(error).partition(":")[0]
        draft["error"] = code if re.fullmatch(r"[A-Za-z0-9_]{1,48}|HTTP \d{3}", code) else "error"
    if draft.get("request_id") is None:
        draft["request_id"] = f"record-{secrets.token_hex(8)}"


def _numbers_of(value: Any) -> Any:
    """Return what is no text of a parameter: numbers, flags and known words. None: nothing is left."""
    if isinstance(value, dict):
        found = {key: _numbers_of(one) for key, one in value.items() if _is_name(key)}
        return {key: one for key, one in found.items() if one is not None} or None
    if isinstance(value, (bool, int, float)) or (isinstance(value, str) and value in _WORDS):
        return value
    return None


def _is_name(key: Any) -> bool:
    """Return whether a key is the name of a parameter; a JSON schema has names of its author's."""
    return isinstance(key, str) and key in _PARAMETER_NAMES


_PARAMETER_NAMES = frozenset(
    {
        "temperature", "top_p", "top_k", "min_p", "max_tokens", "max_completion_tokens", "max_output_tokens", "n", "seed",
        "presence_penalty", "frequency_penalty", "repetition_penalty", "logprobs", "top_logprobs", "response_format",
        "text", "format", "type", "tool_choice", "parallel_tool_calls", "reasoning", "reasoning_effort", "effort",
        "thinking", "budget_tokens", "verbosity", "store", "dimensions", "output_config", "topP", "topK",
        "maxOutputTokens", "candidateCount", "presencePenalty", "frequencyPenalty", "responseLogprobs",
        "thinkingConfig", "thinkingBudget", "thinkingLevel", "includeThoughts",
    }
)  # fmt: skip

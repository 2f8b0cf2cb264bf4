"""gapbench: the lines that `bench record` writes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gapbench.formatting import count_of
from gapbench.traffic.draft import Draft, LineError, TokenCounts, as_mapping
from gapbench.traffic.forms.form import Form
from gapbench.traffic.recording.line_builder import FORM_KEY, FORM_VERSION
from gapbench.traffic.requests import as_messages

_COLUMNS = (
    "time", "request_id", "route", "user_hash", "session_hash", "provider", "model_asked", "model_served", "endpoint",
    "service_tier", "is_stream", "tools", "parameters", "reply", "reply_tool_calls", "image_count", "cost_usd",
    "response_s", "first_token_s", "finish_reason", "error", "http_status", "text_shape", "simulated",
    "previous_response_id", "has_instructions", "prompt_lacks",
)  # fmt: skip


class RecordingForm(Form):
    """One line is one request. Its ids are hashes already, and its counts have the table's definition."""

    name = "record"
    about = "a recording of `bench record`"
    documentation = "docs/reference/traffic.md of this project"

    def __init__(self) -> None:
        self._key_ids: set[str] = set()
        self._not_read = 0

    def matches(self, item: Any) -> bool:
        """By the key that each line has."""
        return isinstance(item, dict) and FORM_KEY in item

    def read(self, item: dict[str, Any]) -> Iterable[Draft]:
        """Return the request of a line."""
        version = item[FORM_KEY]
        if not isinstance(version, int):
            raise LineError(f"{FORM_KEY} is not a number; this gapbench reads {FORM_VERSION}")
        if version > FORM_VERSION:
            raise LineError(f"{FORM_KEY} is {version!r}; this gapbench reads {FORM_VERSION}. Update gapbench")
        draft: Draft = {name: item.get(name) for name in _COLUMNS}
        draft["messages"] = as_messages(item.get("messages"))
        if draft["endpoint"] == "responses":
            draft["response_id"] = draft["request_id"]
        draft["text_shape"] = as_mapping(item.get("text_shape")) or None
        draft["counts"] = TokenCounts(
            item.get("input_tokens"),
            item.get("output_tokens"),
            item.get("cached_input_tokens"),
            item.get("cache_write_tokens"),
            item.get("cache_write_1h_tokens"),
            item.get("reasoning_tokens"),
            is_cache_apart=False,
            is_reasoning_apart=False,
        )
        if item.get("cancelled") is True and draft.get("finish_reason") is None:
            draft["finish_reason"] = "cancelled"
        if isinstance(item.get("hash_key_id"), str):
            self._key_ids.add(item["hash_key_id"])
        if item.get("not_read"):
            self._not_read += 1
        return (draft,)

    def notes(self) -> Iterable[str]:
        """Which keys made the hashes."""
        if len(self._key_ids) > 1:
            yield (
                f"recordings: {len(self._key_ids)} keys made the hashes of users, sessions and prefixes, so the same id "
                "has several; record with --hash-key-env"
            )
        if self._not_read:
            lines = "its line says" if self._not_read == 1 else "their lines says"
            yield f"recordings: of {count_of(self._not_read, 'request')} a body could not be read; `not_read` of {lines} why"

"""gapbench: the attempts of a run, as its folder holds them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from gapbench.store import payloads_beside
from gapbench.store.table_file import TableError, iterate_rows
from gapbench.traffic.draft import Draft, TokenCounts, parse_json_text
from gapbench.traffic.forms.form import Form

_KEY = ("cell_id", "sample_id", "repeat", "attempt")
_TEXTS = (*_KEY, "messages", "reply", "error", "calls")


class AttemptsForm(Form):
    """One attempt is one request; its texts come from the payloads of the same numbers next to it."""

    name = "attempts"
    about = "a run of gapbench: its folder, or its attempts-*.parquet"
    documentation = "docs/reference/columns.md of this project"

    def __init__(self) -> None:
        self._texts: dict[tuple[Any, ...], dict[str, Any]] = {}

    def matches(self, item: Any) -> bool:
        """By the columns."""
        return isinstance(item, dict) and {"cell_id", "sample_id", "started_at", "sent_s"} <= item.keys()

    def open_file(self, path: Path, shown: str) -> None:  # noqa: ARG002 - the path is enough
        """Read the payloads that belong to the attempts."""
        self._texts = {}
        for payload in payloads_beside(path):
            # The attempts are complete without a damaged one; `bench runs verify` reports it.
            with suppress(TableError):
                rows = iterate_rows(payload, _TEXTS)
                self._texts |= {tuple(row[name] for name in _KEY): row for row in rows}

    def read(self, item: dict[str, Any]) -> Iterable[Draft]:
        """Return the attempt, unless it was never sent."""
        sent = item.get("sent_s")
        if sent is None:
            return ()
        texts = self._texts.get(tuple(item.get(name) for name in _KEY), {})
        turn = item.get("turn")
        draft: Draft = {
            "time": item["started_at"] + timedelta(seconds=sent),
            # A server may repeat its ids; the key of the row is of this request alone.
            "request_id": "/".join(str(item.get(name)) for name in ("run_id", *_KEY)),
            "route": item.get("route") or item.get("task"),
            "session": item.get("trajectory_id") or _replayed_session(item),
            "simulated": item.get("simulated"),
            "provider": item.get("runner"),
            "model_asked": item.get("model_asked"),
            "model_served": item.get("model_served"),
            "endpoint": "chat",
            "service_tier": item.get("service_tier"),
            # Of a later turn the payload has only what was added; a part of a prompt would look like the whole.
            "messages": _messages(texts.get("messages")) if turn in (None, 0) else None,
            "reply": texts.get("reply"),
            "reply_tool_calls": parse_json_text(texts.get("calls")),
            "parameters": parse_json_text(item.get("params_sent")),
            "image_count": item.get("image_count"),
            "response_s": _since(item.get("done_s"), sent),
            "first_token_s": _since(item.get("first_token_s"), sent),
            "finish_reason": item.get("finish_raw") or item.get("finish_reason"),
            "http_status": item.get("http_status"),
            "from_cache": item.get("from_cache"),
            "counts": TokenCounts(
                item.get("input_tokens"),
                item.get("output_tokens"),
                item.get("cached_input_tokens"),
                item.get("cache_write_tokens"),
                item.get("cache_write_1h_tokens"),
                item.get("reasoning_tokens"),
                is_cache_apart=False,
                is_reasoning_apart=False,
            ),
        }
        if item.get("failure_kind") is not None:
            draft["error"] = (
                f"{item['failure_kind']}: {texts['error']}" if texts.get("error") else item["failure_kind"]
            )
        return (draft,)


def _messages(stored: Any) -> list[Any] | None:
    """Return stored messages with role and content: a text, or the parts if there is more than text."""
    given = parse_json_text(stored)
    if not isinstance(given, list):
        return None
    found = []
    for message in given:
        parts = message.get("parts") if isinstance(message, dict) else None
        if not isinstance(parts, list):
            found.append(message)
            continue
        is_text = all(isinstance(part, dict) and part.keys() == {"text"} for part in parts)
        content = "".join(str(part["text"]) for part in parts) if is_text else parts
        found.append({"role": message.get("role"), "content": content})
    return found


def _since(instant: Any, sent: float) -> float | None:
    return None if instant is None else instant - sent


def _replayed_session(item: dict[str, Any]) -> Any:
    """Return the session of a replayed request. None: it has none, or is no replay."""
    cluster = item.get("cluster_id")
    return cluster if item.get("load_kind") == "replay" and cluster != item.get("sample_id") else None

"""A complete reply as bytes for a cache, and back. What a cache returns is not trusted: an entry that is not ours is a miss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from gapbench.values import Response, Timing, Usage, canonical_json, messages_as_json, sha256
from gapbench.values.cache_place import CACHE_TRANSPORT
from gapbench.values.stored_messages import parts_from_json

CACHE_VERSION = 4
"""Version of entry and key; an entry of another version is a miss."""

_TEXTS = ("answer", "reasoning", "disclosure")
_TEXTS_OR_NOTHING = (
    "finish_reason", "finish_raw", "model_served", "response_id", "system_fingerprint", "service_tier",
    "thinking_rule", "usage_note",
)  # fmt: skip
_STORED_FIELDS = (
    "answer", "reasoning", "finish_reason", "finish_raw", "disclosure", "model_served", "response_id",
    "system_fingerprint", "service_tier", "http_status", "thinking_rule", "usage_note",
)  # fmt: skip


def encode_reply(key: str, response: Response) -> bytes | None:
    """Return the entry of a complete response. None: it failed, was refused or was cut off, so it is asked for again.

    Args:
        key: The key that the entry belongs to.
        response: The response.
    """
    if response.failure is not None or response.finish_reason not in {"stop", "tool"}:
        return None
    kept = {name: getattr(response, name) for name in _STORED_FIELDS}
    kept["usage"] = response.usage._asdict()
    kept["parts"] = messages_as_json([response.to_message()])[0]["parts"]
    return orjson.dumps({"version": CACHE_VERSION, "sha256": _checksum(key, kept), "kept": kept})


def decode_reply(key: str, entry: bytes, now_s: float) -> Response | None:
    """Return the response that an entry holds. None: it is damaged, of another version, or belongs to another key.

    Args:
        key: The key that was looked up.
        entry: What the cache holds under it.
        now_s: Instant at which the response counts as done, on :data:`gapbench.transport.now`.
    """
    try:
        found = orjson.loads(entry)
        kept = found["kept"]
        if found["version"] != CACHE_VERSION or found["sha256"] != _checksum(key, kept):
            return None
        usage = Usage(**kept.pop("usage"))
        parts = parts_from_json(kept.pop("parts"), _no_medium)
        if kept.keys() != set(_STORED_FIELDS) or not _has_right_types(kept, usage):
            return None
        timing = Timing(None, None, None, None, None, now_s)
        return Response(timing=timing, usage=usage, transport=CACHE_TRANSPORT, parts=parts, **kept)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _has_right_types(kept: Mapping[str, Any], usage: Usage) -> bool:
    return (
        all(isinstance(kept[name], str) for name in _TEXTS)
        and all(kept[name] is None or isinstance(kept[name], str) for name in _TEXTS_OR_NOTHING)
        and kept["finish_reason"] in {"stop", "tool"}
        and (kept["http_status"] is None or type(kept["http_status"]) is int)
        and all(count is None or (type(count) is int and 0 <= count < 2**53) for count in usage)
    )


def _no_medium(_: str) -> None:
    """Return no bytes: a reply has none."""


def _checksum(key: str, kept: Mapping[str, Any]) -> str:
    """Return the hash that shows that an entry is complete and belongs to its key."""
    return sha256(canonical_json([key, kept]))

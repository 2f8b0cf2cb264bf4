"""Helicone: its export of requests as JSON, JSONL or CSV."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gapbench.traffic.draft import Draft, TokenCounts, as_mapping, first_of
from gapbench.traffic.forms.form import Form
from gapbench.traffic.forms.logged_reply import read_reply_body
from gapbench.traffic.replies import looks_like_reply, read_error, read_reply
from gapbench.traffic.requests import looks_like_request, read_body, read_request

_NO_CACHE = "00000000-0000-0000-0000-000000000000"
"""The reference of a reply that did not come from Helicone's cache."""


class HeliconeForm(Form):
    """One row is one request; ``delay_ms`` and ``time_to_first_token`` are milliseconds."""

    name = "helicone"
    about = "Helicone exports"
    documentation = (
        "https://docs.helicone.ai/tools/export and "
        "https://docs.helicone.ai/rest/request/post-v1requestquery-clickhouse (November 2026)"
    )

    def matches(self, item: Any) -> bool:
        """By the prefix of its keys."""
        return (
            isinstance(item, dict)
            and "request_created_at" in item
            and ("delay_ms" in item or "request_id" in item)
        )

    def read(self, item: dict[str, Any]) -> Iterable[Draft]:
        """Bodies are there only with --include-body."""
        draft: Draft = {}
        request = read_body(item.get("request_body"))
        if looks_like_request(request):
            read_request(request, draft)
        response = read_reply_body(item.get("response_body"))
        if looks_like_reply(response):
            read_reply(response, draft)
        status = first_of(item, "response_status", "status")
        known = str(status).isdecimal() and 100 <= int(status) <= 999
        if known:
            draft["http_status"] = status
        if response.get("error") or (known and int(status) >= 400):
            read_error(response.get("error") or f"HTTP {status}", draft)
        properties = as_mapping(first_of(item, "request_properties", "properties"))
        lower = {str(key).lower(): value for key, value in properties.items()}
        served = first_of(item, "response_model")
        draft |= {
            "time": item.get("request_created_at"),
            "latency_ms": item.get("delay_ms"),
            "first_token_ms": item.get("time_to_first_token"),
            "request_id": item.get("request_id"),
            "route": first_of(lower, "helicone-session-path", "route", "feature", "app", "appname"),
            "user": first_of(item, "request_user_id", "user_id") or draft.get("user"),
            "session": first_of(lower, "helicone-session-id") or draft.get("session"),
            "provider": item.get("provider"),
            "model_asked": first_of(item, "model_override", "request_model", "model")
            or draft.get("model_asked"),
            "model_served": served or draft.get("model_served"),
            "cost_usd": first_of(item, "costUSD", "cost_usd"),
            "from_cache": _is_cached(item),
        }
        if first_of(item, "cost") is not None and draft["cost_usd"] is None:
            draft["cost_usd"] = item["cost"]
        counts = TokenCounts(
            first_of(item, "prompt_tokens"),
            first_of(item, "completion_tokens"),
            first_of(item, "prompt_cache_read_tokens"),
            first_of(item, "prompt_cache_write_tokens"),
            reasoning=first_of(item, "reasoning_tokens"),
            total=first_of(item, "total_tokens"),
            is_cache_apart=True if str(item.get("provider")).upper() == "ANTHROPIC" else None,
        )
        # The provider's own counts, where the body is there, are closer than those of the table.
        if counts.prompt is not None or counts.output is not None or "counts" not in draft:
            draft["counts"] = counts
        return (draft,)


def _is_cached(item: dict[str, Any]) -> bool | None:
    reference = item.get("cache_reference_id")
    if reference in (None, ""):
        return None
    return str(reference) != _NO_CACHE

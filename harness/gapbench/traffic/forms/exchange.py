"""A request and its reply in one record, as teams log the calls of an SDK: the names around the two bodies."""

from __future__ import annotations

from typing import Any

from gapbench.traffic.draft import Draft, as_mapping, first_of
from gapbench.traffic.forms.logged_reply import read_reply_body
from gapbench.traffic.replies import (
    is_anthropic_reply,
    looks_like_reply,
    read_answer,
    read_error,
    read_reply,
    read_usage,
    take_answer,
)
from gapbench.traffic.requests import (
    looks_like_conversation,
    looks_like_request,
    read_body,
    read_metadata,
    read_request,
)

_REQUEST_KEYS = ("request", "request_body", "requestBody", "req", "kwargs", "params", "input")
_RESPONSE_KEYS = (
    "response", "response_body", "responseBody", "res", "completion", "result", "output", "response_chunks", "chunks",
    "events", "stream",
)  # fmt: skip
MESSAGES: Draft = {"provider": "anthropic", "endpoint": "messages"}
"""What every request of Anthropic's Messages has in the table, unless the log names another provider."""
_ANSWER_KEYS = ("response", "completion", "output", "reply", "answer", "response_text", "output_text")
"""Names of a reply that is logged as its text or its message alone. Under the other names may be anything."""
_COUNT_KEYS = (
    "prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "total_tokens", "prompt_tokens_details",
    "completion_tokens_details", "input_tokens_details", "output_tokens_details", "cache_read_input_tokens",
    "cache_creation_input_tokens", "cache_creation", "reasoning_tokens",
)  # fmt: skip
"""The vendors' names of counts, which some logs have next to the bodies."""
_NAMES = {
    "time": (
        "time", "timestamp", "ts", "@timestamp", "start_time", "startTime", "started_at", "requested_at", "request_time",
        "created_at", "createdAt", "logged_at", "date", "datetime",
    ),
    "ended_at": ("end_time", "endTime", "ended_at", "completed_at", "responded_at", "finished_at"),
    "latency_ms": (
        "latency_ms", "duration_ms", "elapsed_ms", "response_time_ms", "response_ms", "latencyMs", "durationMs",
    ),
    "response_s": ("latency_s", "duration_s", "elapsed_s", "response_s", "latency_seconds", "duration_seconds"),
    "first_token_ms": ("ttft_ms", "time_to_first_token_ms", "first_token_ms", "ttftMs"),
    "first_token_s": ("ttft_s", "first_token_s", "time_to_first_token_s"),
    "cost_usd": ("cost_usd", "total_cost_usd", "costUsd", "costUSD", "price_usd"),
    "cost_cents": ("cost_cents", "price_cents", "costCents"),
    "user": ("user", "user_id", "userId", "end_user"),
    "session": ("session", "session_id", "sessionId", "conversation_id", "thread_id", "trace_id"),
    "route": ("route", "feature", "use_case", "app", "service"),
    "provider": ("provider",),
    "http_status": ("status_code", "statusCode", "http_status"),
    "from_cache": ("cache_hit", "from_cache", "cached"),
}  # fmt: skip
"""The names that teams give to what they log around the bodies, the clearest first, by the part of the draft."""
_PARTS = {name: (part, rank) for part, names in _NAMES.items() for rank, name in enumerate(names)}
_OVER_BODY = frozenset(
    {
        "time",
        "ended_at",
        "latency_ms",
        "response_s",
        "first_token_ms",
        "first_token_s",
        "cost_usd",
        "cost_cents",
    }
)
"""Parts that the log around the bodies knows better than they."""
_WITHOUT_UNIT = {
    "latency": ("response_s", "latency_ms"),
    "duration": ("response_s", "latency_ms"),
    "elapsed": ("response_s", "latency_ms"),
    "response_time": ("response_s", "latency_ms"),
    "ttft": ("first_token_s", "first_token_ms"),
    "time_to_first_token": ("first_token_s", "first_token_ms"),
    "cost": ("cost_usd", "cost_cents"),
    "total_cost": ("cost_usd", "cost_cents"),
    "price": ("cost_usd", "cost_cents"),
}
"""Names that tell no unit. They are left out and reported: a guess would be wrong by 100 or 1000."""


def find_bodies(item: dict[str, Any]) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Return the bodies of the request and of the reply in a record; None where there is none.

    Raises:
        LineError: The events of a streamed reply have another shape than documented.
    """
    if looks_like_reply(item):
        return None, item
    request = next(
        (body for key in _REQUEST_KEYS if key in item and looks_like_request(body := read_body(item[key]))),
        None,
    )
    if request is None and (looks_like_request(item) or looks_like_conversation(item)):
        request = item
    response = next(
        (
            body
            for key in _RESPONSE_KEYS
            if key in item and looks_like_reply(body := read_reply_body(item[key]))
        ),
        None,
    )
    if response is None and request is not None and request is not item:
        response = next(
            (body for key in _RESPONSE_KEYS if (body := read_body(item.get(key))).get("error")), None
        )
    return request, response


def is_anthropic_exchange(request: dict[str, Any] | None, response: dict[str, Any] | None) -> bool | None:
    """Return whether the bodies of a request and its reply are of Anthropic's Messages. None: they do not tell."""
    if looks_like_reply(response):
        return is_anthropic_reply(response)
    if request is None:
        return None
    is_so = (
        "system" in request
        or "anthropic_version" in request
        or str(request.get("model")).startswith("claude")
    )
    return is_so or None


def read_exchange(
    item: dict[str, Any],
    request: dict[str, Any] | None,
    response: dict[str, Any] | None,
    provider: str | None,
) -> Draft:
    """Return the draft of a record with a request, a reply, or both.

    Args:
        item: The record.
        request: The request's body, as :func:`find_bodies` returns it.
        response: The reply's body.
        provider: Who served it, if the record does not name one.
    """
    draft: Draft = {}
    if request is not None:
        read_request(request, draft)
        answer = None if response is not None else first_of(item, *_ANSWER_KEYS)
        if answer is not None:
            read_answer(answer, draft)
        # A request of Anthropic's may end with the start of the answer that it asks for.
        elif response is None and ("model" not in request or draft.get("endpoint") == "chat"):
            take_answer(draft)
    if response is not None:
        read_reply(response, draft)
        _read_stored_fields(response, draft)
    if item is not response:
        _read_wrapper(item, draft)
    if response is not None and draft.get("time") in (None, ""):
        draft["time"] = first_of(response, "created", "created_at")
    draft.setdefault("provider", provider)
    return draft


def _read_stored_fields(response: dict[str, Any], draft: Draft) -> None:
    """What a stored completion and a Responses object repeat of their request."""
    if "messages" not in draft and (
        isinstance(response.get("input"), (list, str)) or isinstance(response.get("messages"), list)
    ):
        read: Draft = {}
        read_request({**response, "model": draft.get("model_asked") or response.get("model")}, read)
        for key, value in read.items():
            if draft.get(key) is None:
                draft[key] = value
    elif draft.get("messages") is None:
        for key, source in (("tools", "tools"), ("user", "input_user")):
            if draft.get(key) is None and response.get(source):
                draft[key] = response[source]
    if draft.get("model_asked") is None:
        draft["model_asked"] = response.get("model")
    metadata = as_mapping(response.get("metadata"))
    if metadata:
        read_metadata(metadata, draft)


def _read_wrapper(item: dict[str, Any], draft: Draft) -> None:
    """What is logged around the two bodies."""
    best: dict[str, tuple[int, Any]] = {}
    without_unit = []
    for name, value in item.items():
        if name in _PARTS and isinstance(value, (str, int, float)) and value != "":
            part, rank = _PARTS[name]
            if part not in best or rank < best[part][0]:
                best[part] = (rank, value)
        elif name in _WITHOUT_UNIT and isinstance(value, (str, int, float)):
            without_unit.append(name)
    for part, (_, value) in best.items():
        if part in _OVER_BODY or draft.get(part) in (None, ""):
            draft[part] = value
    problems = [
        (_WITHOUT_UNIT[name][0], f"`{name}` names no unit; give it one with --map")
        for name in without_unit
        if all(draft.get(column) is None for column in _WITHOUT_UNIT[name])
    ]
    if problems:
        draft["problems"] = problems
    given = first_of(item, "request_id", "requestId")
    if given is not None:
        draft["request_id"] = given
    elif "request_id" not in draft and isinstance(item.get("id"), (str, int)):
        draft["request_id"] = item["id"]
    status = item.get("status")
    if draft.get("http_status") is None and isinstance(status, int) and not isinstance(status, bool):
        draft["http_status"] = status
    response = item.get("response")
    if draft.get("http_status") is None and isinstance(response, dict):
        draft["http_status"] = first_of(response, "status_code", "statusCode")
    if item.get("error"):
        read_error(item["error"], draft)
    usage = item.get("usage")
    if "counts" not in draft:
        read_usage(
            usage if isinstance(usage, dict) else {key: item[key] for key in _COUNT_KEYS if key in item},
            draft,
        )
    metadata = as_mapping(item.get("metadata"))
    if metadata:
        read_metadata(metadata, draft)

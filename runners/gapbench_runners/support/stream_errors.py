"""Shared by the stream readers: find errors in events, and map them to failure kinds."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson

from gapbench import transport
from gapbench.errors import RunnerError
from gapbench.values import Chunk
from gapbench_runners.support.filtered_prompt import CODES as FILTER_CODES

# Codes and whole phrases: the word "billing" alone also appears in plain rate limits of OpenAI and Google.
# One list for all runners, because a gateway passes on the messages of other vendors. Anthropic reports an empty
# account with HTTP 400, the others with 429.
QUOTA_PHRASES = (
    "insufficient_quota",  # OpenAI
    "billing_hard_limit",  # OpenAI
    "billing_not_active",  # OpenAI
    "credit balance is too low",  # Anthropic
    "reached your specified api usage limits",  # Anthropic
    "credits are depleted",  # Google
    "perday",  # Google's ids of daily quotas
)

# vLLM 0.32, renderers/online_renderer.py: a request with tools to a server that was started without a parser.
_NEEDS_TOOL_PARSER = "--tool-call-parser"
_ADD_TOOL_PARSER = (
    "the server has no parser of tool calls; start vLLM with --enable-auto-tool-choice and --tool-call-parser hermes, "
    "or the parser of the model's family"
)

# Where servers put the words of an error: OpenAI, Anthropic and Google `message`, FastAPI `detail` (a list of `msg`),
# RFC 9457 `title`, others `error` and `error_message`.
_MESSAGE_KEYS = (
    "message",
    "msg",
    "detail",
    "error_message",
    "error_msg",
    "error",
    "errors",
    "title",
    "reason",
)
# An event with one of these and nothing of a reply is an error.
_ERROR_KEYS = (
    "detail",
    "message",
    "msg",
    "errors",
    "error_message",
    "error_msg",
    "error_code",
    "status_code",
)


def status_error(status: int, message: str, headers: Mapping[str, str], body: Any = None) -> RunnerError:
    """Return the failure for a response with an HTTP error status, with every vendor's quota phrases.

    A server that was started without what a request needs is named with what to add.
    """
    if status == HTTPStatus.BAD_REQUEST and _NEEDS_TOOL_PARSER in message:
        message = f"{_ADD_TOOL_PARSER} ({message})"
    return transport.status_failure(status, message, headers, QUOTA_PHRASES, body)


def error_text(error: Any) -> str:
    """Return the words of an error in any of the shapes that servers use: a text, a list, or an object."""
    if isinstance(error, Mapping):
        found = next((error[key] for key in _MESSAGE_KEYS if error.get(key)), None)
        return str(dict(error)) if found is None else error_text(found)
    if isinstance(error, list):
        return "; ".join(error_text(item) for item in error)
    return str(error)


def decode_event(data: bytes, name: str) -> dict[str, Any]:
    """Return an event's JSON object; empty for ``[DONE]``, which gateways end every vendor's stream with, and for a ping.

    Raises:
        RunnerError: ``server`` for an event named ``error`` whose data is plain text; the error of a list with one, as
            Google sends outside of streams; ``garbage`` for any other data.
    """
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError:
        if name == "error":
            raise error_from_event(data.decode("utf-8", "replace")) from None
        if name == "ping" or data.strip() == b"[DONE]":
            return {}
        return transport.decode_event(data)
    if isinstance(body, list):
        for item in body:
            if isinstance(item, Mapping) and item.get("error"):
                raise error_from_event(item["error"])
    return body if isinstance(body, dict) else transport.decode_event(data)


def raise_error_event(body: Mapping[str, Any], name: str) -> None:
    """Raise the failure of an event that has nothing of a reply, if it is an error.

    Raises:
        RunnerError: The event is an error.
    """
    if body.get("error"):
        raise error_from_event(body["error"])
    if name == "error" or body.get("object") == "error" or any(body.get(key) for key in _ERROR_KEYS):
        raise error_from_event(body)


def refusal_or_raise(error: Any) -> Chunk:
    """Return the end of a reply that the provider's content filter stopped with an error event, as Azure does.

    Raises:
        RunnerError: The error is another one.
    """
    codes = [error.get("code"), error.get("type")] if isinstance(error, Mapping) else [error]
    if any(str(code).lower() in FILTER_CODES for code in codes):
        return Chunk(finish_reason="refusal", finish_raw="content_filter")
    raise error_from_event(error)


def cut_stream_error(expected: str) -> RunnerError:
    """Return the failure of a stream that ended too early, with the text that the server wrote outside of events.

    Args:
        expected: What the stream had to have, such as ``a finish reason``.
    """
    message = f"the stream ended without {expected}"
    stray = transport.current_record().stray_text
    if not stray:
        return RunnerError("cut_stream", message)
    try:
        found = orjson.loads(stray)
    except orjson.JSONDecodeError:
        return RunnerError("cut_stream", f"{message}; the server wrote: {stray}")
    inner = found.get("error") or found if isinstance(found, dict) else found
    return error_from_event(inner)


def error_from_event(error: Any) -> RunnerError:
    """Return the failure for an error sent within a stream; its type, code and message decide the kind."""
    message = transport.redact_and_truncate(error_text(error))
    known = error if isinstance(error, Mapping) else {}
    codes = " ".join(str(known.get(key)) for key in ("type", "code", "status")).lower()
    wait_s = transport.retry_after_s({}, [error, message])
    if "overloaded" in codes or "unavailable" in codes:
        return RunnerError("overloaded", message, retry_after_s=wait_s)
    if "insufficient_quota" in codes or "billing_error" in codes:
        return RunnerError("quota", message)
    if "rate_limit" in codes or "429" in codes or "exhausted" in codes:
        return RunnerError("rate_limit", message, retry_after_s=wait_s)
    status = _http_status(known)
    if status is not None:
        failure = status_error(status, message, {}, error)
        return RunnerError(failure.kind, str(failure), retry_after_s=failure.retry_after_s)
    return RunnerError("server", message, retry_after_s=wait_s)


def _http_status(error: Mapping[str, Any]) -> int | None:
    """Return the HTTP error status that an error names, or None if it names none."""
    for key in ("code", "status", "status_code", "error_code"):
        value = error.get(key)
        text = str(value) if not isinstance(value, bool) else ""
        if text.isdecimal() and len(text) == 3 and "400" <= text <= "599":
            return int(text)
    return None


def duplicate_event_error(event: str) -> RunnerError:
    """Return the failure of a stream with an event repeated: its text is not the model's answer."""
    return RunnerError("garbage", f"the stream has {event} twice: a proxy repeated its chunks")

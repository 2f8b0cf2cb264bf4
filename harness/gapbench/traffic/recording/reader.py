"""Read an exchange that has passed through the proxy into a draft."""

from __future__ import annotations

from typing import Any

import orjson

from gapbench.errors import RunnerError
from gapbench.traffic.draft import Draft, LineError, as_mapping
from gapbench.traffic.google_bodies import read_google_reply, read_google_request
from gapbench.traffic.recording.exchange import Exchange
from gapbench.traffic.recording.packed_bodies import unpack, unpack_whole
from gapbench.traffic.recording.protocols import Protocol
from gapbench.traffic.recording.stream_replies import STREAMED_REPLIES, StreamedReply
from gapbench.traffic.replies import read_error, read_reply
from gapbench.traffic.requests import read_request
from gapbench.transport import EventParser

_SHAPE_ERRORS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_CUT = "cut: the stream ended before the reply did"


def read_exchange(exchange: Exchange) -> tuple[Draft, list[str]]:
    """Return the draft of an exchange, and what could not be read of it.

    Nothing in a body raises: times and status are known in any case.
    """
    draft: Draft = {
        "time": exchange.started_at,
        "http_status": exchange.status,
        "endpoint": exchange.call.protocol.value,
        "provider": exchange.provider,
        "simulated": exchange.is_simulated,
        "model_asked": exchange.call.model,
        "is_stream": exchange.call.is_stream,
    }
    problems: list[str] = []
    for name, read in (("request", _read_request), ("reply", _read_reply)):
        try:
            read(exchange, draft)
        except (LineError, RunnerError) as exc:
            problems.append(f"{name}: {exc}")
        except orjson.JSONDecodeError:
            problems.append(f"{name}: is no JSON")
        except _SHAPE_ERRORS as exc:
            problems.append(f"{name}: has another shape than documented: {type(exc).__name__}")
    draft.update({name: value for name, value in exchange.labels.items() if value})
    if exchange.ended_s is not None:
        draft["response_s"] = round(exchange.ended_s - exchange.started_s, 6)
    if exchange.error is not None:
        draft["error"] = exchange.error
    if draft.get("error") is None and (exchange.status or 0) >= 400:
        draft["error"] = f"HTTP {exchange.status}"
    return draft, problems


def _read_request(exchange: Exchange, draft: Draft) -> None:
    body = orjson.loads(unpack_whole(exchange.request))
    if not isinstance(body, dict):
        raise LineError("is no JSON object")
    if exchange.call.protocol is Protocol.GOOGLE:
        read_google_request(body, exchange.call.model or "", draft)
        return
    endpoint = draft["endpoint"]
    read_request(body, draft)
    draft["endpoint"] = endpoint
    draft["is_stream"] = body.get("stream") is True


def _read_reply(exchange: Exchange, draft: Draft) -> None:
    if not exchange.reply.size_bytes:
        return
    if exchange.content_type.startswith("text/event-stream"):
        _read_stream(exchange, draft)
        return
    data = unpack_whole(exchange.reply)
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError:
        if exchange.is_cancelled or exchange.error or (exchange.status or 0) >= 400:
            return  # cut, or a page of a gateway: there is an error already
        raise
    if isinstance(body, list):  # Google's stream without server-sent events
        reply = STREAMED_REPLIES[exchange.call.protocol]()
        for event in body:
            reply.add(event)
        body = reply.finish()
    if not isinstance(body, dict):
        raise LineError("is no JSON object")
    _read_body(exchange, body, draft)


def _read_stream(exchange: Exchange, draft: Draft) -> None:
    parser, reply = EventParser(), STREAMED_REPLIES[exchange.call.protocol]()
    first_s: float | None = None
    is_found = False
    try:
        for at_s, piece in unpack(exchange.reply):
            for event in parser.feed(piece, at_s or 0.0):
                if _add_event(reply, event.data) and not is_found:
                    first_s, is_found = at_s, True
    finally:
        last = parser.finish(0.0)
        if last is not None:
            _add_event(reply, last.data)
        _read_body(exchange, reply.finish(), draft)
        if first_s is not None:
            draft["first_token_s"] = round(first_s - exchange.started_s, 6)
    if not reply.is_complete and not exchange.is_cancelled and draft.get("error") is None:
        draft["error"] = _CUT


def _add_event(reply: StreamedReply, data: bytes) -> bool:
    if data.strip() == b"[DONE]":
        return False
    event: Any = orjson.loads(data)
    return reply.add(event) if isinstance(event, dict) else False


def _read_body(exchange: Exchange, body: dict[str, Any], draft: Draft) -> None:
    if exchange.call.protocol is Protocol.GOOGLE:
        read_google_reply(body, draft)
    else:
        endpoint = draft["endpoint"]
        read_reply(body, draft)
        draft["endpoint"] = endpoint
    if draft.get("error") is None and (exchange.status or 0) >= 400:
        # Servers that are no vendors: {"message": …}, {"detail": …}
        read_error(as_mapping(body), draft)

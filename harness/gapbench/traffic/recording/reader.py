"""Read an exchange that has passed through the proxy into a draft."""

from __future__ import annotations

from typing import Any

import orjson

from gapbench.errors import RunnerError
from gapbench.traffic.draft import Draft, LineError, as_mapping, parse_json
from gapbench.traffic.google_bodies import read_google_reply, read_google_request
from gapbench.traffic.recording.exchange import Exchange
from gapbench.traffic.recording.packed_bodies import unpack, unpack_whole
from gapbench.traffic.recording.protocols import Protocol
from gapbench.traffic.recording.stream_replies import SHAPE_ERRORS, STREAMED_REPLIES, StreamReading
from gapbench.traffic.replies import read_error, read_reply
from gapbench.traffic.requests import read_request

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
            problems.append(f"{name}: is not JSON")
        except SHAPE_ERRORS as exc:
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
    body = parse_json(unpack_whole(exchange.request))
    if not isinstance(body, dict):
        raise LineError("is not a JSON object")
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
        body = parse_json(data)
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
        raise LineError("is not a JSON object")
    _read_body(exchange, body, draft)


def _read_stream(exchange: Exchange, draft: Draft) -> None:
    reading = exchange.reading
    if reading is None:
        reading = StreamReading(exchange.call.protocol)
        for at_s, piece in unpack(exchange.reply):
            reading.feed(at_s, piece)
    if reading.first_s is not None:
        draft["first_token_s"] = round(reading.first_s - exchange.started_s, 6)
    if exchange.reply.not_kept is not None:
        raise LineError(f"{exchange.reply.size_bytes:,} bytes; {exchange.reply.not_kept}")
    _read_body(exchange, reading.finish(), draft)
    is_failed = draft.get("error") is not None or reading.problem is not None
    if not reading.reply.is_complete and not exchange.is_cancelled and not is_failed:
        draft["error"] = _CUT
    if reading.problem is not None:
        raise reading.problem


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

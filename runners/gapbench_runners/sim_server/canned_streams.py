"""The lean mode of `bench sim`: canned token streams on a known schedule, as many as one core can send.

No persona, no answer book, nothing read from a request but where it ends and the mark ``gapbench-id:N``. Every
byte is rendered once, at the start. With one gap for all streams the next tokens are due in the order in which the
last ones were: one queue in place of a heap. What was written when is logged, and lateness is reported.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import os
import random
import re
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, cast

import orjson

from gapbench_runners.sim_server.http_request import HttpRequest, RefusedRequestError, RequestParser
from gapbench_runners.sim_server.reply import Choice, SimReply, SimRequest
from gapbench_runners.sim_server.server import VERSION, plain_response, route_of
from gapbench_runners.sim_server.stream_writer import LAST_CHUNK, LATE_THRESHOLD_S, STREAM_HEAD, frame_chunk

REPORT_INTERVAL_S = 5.0
_REQUEST_ID = re.compile(rb"gapbench-id:(\d{1,15})")
MODEL_NAME = "lean"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When the tokens of a reply are due, counted from the moment its request was read.

    Attributes:
        tokens: Tokens of a reply, one chunk each.
        first_s: Median of the time to the first.
        sigma: Of that time's logarithm; 0: always the median.
        gap_s: From one token to the next; 0: all at once.
    """

    tokens: int = 64
    first_s: float = 0.2
    sigma: float = 0.0
    gap_s: float = 0.01


def render_canned_stream(path: str, tokens: int) -> list[bytes] | None:
    """Return the pieces of a streamed reply, one for each token, HTTP framing included; None: no such route."""
    route = route_of(path)
    if route is None or route.render_count is not None:
        return None
    reply = SimReply(
        "0" * 64, 0, is_known=True, is_right=True, is_answer_intact=True, shown="none", reasoning=(),
        choices=(Choice((" word",) * tokens, "stop", None),), input_tokens=8, cached_tokens=0, output_tokens=tokens, reasoning_tokens=0, hidden_tokens=0,
        fault=None,
    )  # fmt: skip
    asked = SimRequest(
        (), None, stream=True, usage_in_stream=True, model=str(route.in_path.get("model", MODEL_NAME))
    )
    head, chunks, tail = route.protocol.render_stream(reply, asked)
    pieces = [frame_chunk(chunk) for chunk in chunks]
    pieces[0] = STREAM_HEAD + frame_chunk(head) + pieces[0]
    pieces[-1] += frame_chunk(tail) + LAST_CHUNK
    return pieces


class StreamScheduler:
    """Writes every stream's tokens when they are due.

    Attributes:
        tokens_written: Tokens written.
        late_tokens: Those written more than ``LATE_THRESHOLD_S`` after they were due.
        worst_late_s: The largest lateness.
        active_streams: Streams in progress.
    """

    def __init__(self, schedule: Schedule, seed: int, log: IO[bytes] | None) -> None:
        """Start with nothing to write.

        Args:
            schedule: The same for all streams.
            seed: Of the first tokens' times.
            log: Takes one JSON line for each finished reply. None: they are not kept.
        """
        self.schedule = schedule
        self.tokens_written = self.late_tokens = self.active_streams = 0
        self.worst_late_s = 0.0
        self._draw = random.Random(seed)  # noqa: S311 - delays, not secrets
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._awaiting_first: list[tuple[float, int, CannedStream]] = []
        self._awaiting_next: deque[tuple[float, CannedStream]] = deque()
        self._sequence = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due_s = math.inf
        self._reported_s = time.perf_counter()
        self._reported_late = 0

    def add(self, stream: CannedStream) -> None:
        """Take a stream whose request has just been read."""
        schedule = self.schedule
        delay_s = schedule.first_s
        if schedule.sigma:
            delay_s *= math.exp(self._draw.gauss(0.0, schedule.sigma))
        self._sequence += 1
        self.active_streams += 1
        due_s = stream.received_s + delay_s
        heapq.heappush(self._awaiting_first, (due_s, self._sequence, stream))
        if due_s < self._timer_due_s:
            self._arm_timer(due_s)

    def _arm_timer(self, due_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due_s = due_s
        self._timer = self._loop.call_later(max(0.0, due_s - time.perf_counter()), self._write_due)

    def _write_due(self) -> None:
        """Write all that is due, a stream's tokens in one go when several are."""
        first, following, gap_s, tokens = (
            self._awaiting_first,
            self._awaiting_next,
            self.schedule.gap_s,
            self.schedule.tokens,
        )
        clock = time.perf_counter
        now_s = clock()
        until_s = now_s
        while True:
            if following and (not first or following[0][0] <= first[0][0]):
                if following[0][0] > until_s:
                    break
                due_s, stream = following.popleft()
            elif first and first[0][0] <= until_s:
                due_s, _, stream = heapq.heappop(first)
            else:
                break
            if stream.is_gone:
                self.active_streams -= 1
                continue
            count = tokens if gap_s == 0 else 1
            now_s = clock()
            late_s = now_s - due_s
            if gap_s and late_s >= gap_s:
                count = min(1 + int(late_s / gap_s), tokens - stream.tokens_written)
            if late_s > LATE_THRESHOLD_S:
                # Of those written together, the ones due longer ago than that.
                self.late_tokens += (
                    min(count, 1 + int((late_s - LATE_THRESHOLD_S) / gap_s)) if gap_s else count
                )
            self.worst_late_s = max(self.worst_late_s, late_s)
            self.tokens_written += count
            if stream.write(count, now_s):
                following.append((due_s + count * gap_s, stream))
            else:
                self.active_streams -= 1
                if self._log is not None:
                    self._record(stream)
        self._timer, self._timer_due_s = None, math.inf
        due = min(following[0][0] if following else math.inf, first[0][0] if first else math.inf)
        if due < math.inf:
            self._arm_timer(due)
        if self.late_tokens > self._reported_late and now_s - self._reported_s > REPORT_INTERVAL_S:
            self.report_lateness(now_s)

    def _record(self, stream: CannedStream) -> None:
        assert self._log is not None, "asked only with a log"
        entry = {"id": stream.number, "received_s": stream.received_s, "write_s": stream.write_s}
        self._log.write(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))

    def report_lateness(self, now_s: float) -> None:
        """Tell the terminal how late the writes were."""
        self._reported_s, self._reported_late = now_s, self.late_tokens
        sys.stderr.write(
            f"late: {self.late_tokens} of {self.tokens_written} tokens more than {LATE_THRESHOLD_S * 1e3:g} ms, worst {self.worst_late_s * 1e3:.1f} ms\n"
        )
        sys.stderr.flush()

    def metrics(self) -> str:
        """Return the counters."""
        rows = {
            "sim:chunks_total": self.tokens_written,
            "sim:late_chunks_total": self.late_tokens,
            "sim:worst_late_seconds": self.worst_late_s,
            "vllm:num_requests_running": self.active_streams,
        }
        return "".join(f"{name} {value}\n" for name, value in rows.items())


class CannedStream:
    """One reply in progress.

    Attributes:
        number: The mark in its request; None: there was none.
        received_s: When its request was complete, on ``time.perf_counter``.
        write_s: When each token was written.
        tokens_written: Tokens written.
        is_gone: The client has left.
    """

    __slots__ = ("_connection", "_pieces", "is_gone", "number", "received_s", "tokens_written", "write_s")

    def __init__(
        self, connection: LeanConnection, pieces: Sequence[bytes], number: int | None, received_s: float
    ) -> None:
        """Start before the first token."""
        self._connection = connection
        self._pieces = pieces
        self.number = number
        self.received_s = received_s
        self.write_s: list[float] = []
        self.tokens_written = 0
        self.is_gone = False

    def write(self, count: int, at_s: float) -> bool:
        """Write the next tokens, and return whether there are more."""
        at, pieces = self.tokens_written, self._pieces
        self.tokens_written = at + count
        if count == 1:
            self.write_s.append(at_s)
            self._connection.write(pieces[at])
        else:
            self.write_s += [at_s] * count
            self._connection.write(b"".join(pieces[at : at + count]))
        if self.tokens_written < len(pieces):
            return True
        self._connection.finish()
        return False


class LeanConnection(asyncio.Protocol):
    """One client connection."""

    def __init__(self, scheduler: StreamScheduler, routes: dict[str, list[bytes] | None]) -> None:
        """Wait for the first request.

        Args:
            scheduler: Writes the streams.
            routes: Rendered replies by path, filled as paths are asked for.
        """
        self._scheduler = scheduler
        self._routes = routes
        self._parser = RequestParser()
        self._transport: asyncio.Transport | None = None
        self._descriptor = -1
        self._is_buffering = False
        self._stream: CannedStream | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # uvloop's transports do not inherit from asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._descriptor = transport.get_extra_info("socket").fileno()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - a client that leaves is no error here
        """Stop the reply in progress."""
        self._transport = None
        if self._stream is not None:
            self._stream.is_gone = True

    def data_received(self, data: bytes) -> None:
        """Take what came, and answer when a request is whole."""
        self._parser.feed(data)
        self._process_requests(time.perf_counter())

    def _process_requests(self, received_s: float) -> None:
        while self._transport is not None and self._stream is None:
            try:
                request = self._parser.next_request()
            except RefusedRequestError as exc:
                self.write(plain_response(exc.status, "text/plain", str(exc).encode()))
                self._transport.close()
                return
            if request is None:
                if self._parser.needs_100_continue():
                    self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                return
            self._respond(request, received_s)

    def _respond(self, request: HttpRequest, received_s: float) -> None:
        if request.method == "POST":
            pieces = self._stream_pieces(request.path)
            if pieces is not None:
                mark = _REQUEST_ID.search(request.body)
                self._stream = CannedStream(self, pieces, int(mark[1]) if mark else None, received_s)
                self._scheduler.add(self._stream)
                return
        elif request.path in _STATIC_PAGES:
            self.write(plain_response(200, "application/json", _STATIC_PAGES[request.path]))
            return
        elif request.path == "/metrics":
            self.write(plain_response(200, "text/plain; version=0.0.4", self._scheduler.metrics().encode()))
            return
        self.write(plain_response(404, "application/json", b'{"error":{"message":"no such route"}}'))

    def _stream_pieces(self, path: str) -> list[bytes] | None:
        if path not in self._routes:
            found = render_canned_stream(path, self._scheduler.schedule.tokens)
            if found is None:
                return None
            if len(self._routes) < 64:
                self._routes[path] = found
            return found
        return self._routes[path]

    def write(self, data: bytes) -> None:
        """Write now: the transport would hold the bytes until its loop turns."""
        transport = self._transport
        if transport is None:
            return
        if self._is_buffering:
            self._is_buffering = transport.get_write_buffer_size() > 0
        if not self._is_buffering:
            try:
                written = os.write(self._descriptor, data)
            except BlockingIOError:
                written = 0
            except OSError:
                return  # the loop tells of the lost connection
            if written == len(data):
                return
            data = data[written:]
            self._is_buffering = True
        transport.write(data)

    def finish(self) -> None:
        """Turn to the next request."""
        self._stream = None
        self._process_requests(time.perf_counter())


_STATIC_PAGES: Mapping[str, bytes] = {
    "/health": b"{}",
    "/version": orjson.dumps({"version": VERSION}),
    "/v1/models": orjson.dumps({"object": "list", "data": [{"id": MODEL_NAME, "object": "model"}]}),
}

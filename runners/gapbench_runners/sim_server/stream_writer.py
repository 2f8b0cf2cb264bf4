"""One reply's way out: refused, failed or given a place, then written chunk by chunk at absolute times.

Every byte is rendered before the first is due, and each due time counts from the first, so lateness does not
add up. What was written when, and how late, is logged, so that a client can be checked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from itertools import islice
from typing import Any, Protocol

import orjson

from gapbench_runners.sim_server.protocols import WireProtocol
from gapbench_runners.sim_server.reply import SimReply, SimRequest
from gapbench_runners.sim_server.state import Simulation

LATE_THRESHOLD_S = 0.005
"""A chunk written later than this counts as late: the server, not the client, is then the limit."""

STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"server: gapbench-sim\r\ncache-control: no-store\r\ntransfer-encoding: chunked\r\n\r\n"
)
LAST_CHUNK = b"0\r\n\r\n"
GARBAGE = b"<!doctype html><html><body>Bad gateway</body></html>"


class ClientConnection(Protocol):
    """What a delivery needs of its connection."""

    def write_plain(
        self, status: int, kind: str, body: bytes, headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Write an unstreamed reply."""

    def write(self, data: bytes) -> None:
        """Write now."""

    def finish(self) -> None:
        """Turn to the next request."""

    def abort(self) -> None:
        """Close the connection in the middle of the reply."""


class ResponseWriter:
    """One reply in progress."""

    def __init__(
        self,
        client: ClientConnection,
        simulation: Simulation,
        name: str,
        protocol: WireProtocol,
        request: SimRequest,
        received_s: float,
    ) -> None:
        """Decide the reply.

        Args:
            client: Where it goes.
            simulation: Where it counts.
            name: The persona's name in the simulation.
            protocol: Its form.
            request: What was asked.
            received_s: When the request was complete, on ``time.perf_counter``.
        """
        self._client = client
        self._simulation = simulation
        self._sim_model = simulation.models[name]
        self._slots = simulation.slots[name]
        self._protocol = protocol
        self._request = request
        self._received_s = received_s
        self._number = simulation.next_number()
        self._reply: SimReply = self._sim_model.reply_to(request)
        self._started_s: float | None = None
        self._writes_s: list[float] = []
        self._late_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._scheduled: list[tuple[float, bytes]] = []
        self._next = 0

    def start(self) -> None:
        """Refuse, fail, or take a place."""
        counts, reply = self._simulation.counts, self._reply
        counts["unknown_prompts"] += not reply.is_known
        if reply.fault not in {None, "slow", "cut"}:
            self._write_fault(str(reply.fault))
        elif not self._slots.acquire(self._schedule_chunks):
            counts["refused_queue"] += 1
            self._sim_model.undo_request(reply)
            self._write_error(self._protocol.overloaded_status, "the queue is full")
            self._finish("queue_full")

    def cancel(self) -> None:
        """Stop: the client has gone."""
        if self._timer is not None:
            self._timer.cancel()
        self._slots.cancel(self._schedule_chunks)
        self._simulation.counts["abandoned"] += 1
        self._sim_model.undo_answer(self._reply)
        self._finish("abandoned", keep_alive=False)

    def _write_fault(self, fault: str) -> None:
        self._simulation.counts["faults"] += 1
        if fault == "garbage":
            self._client.write_plain(200, "text/html", GARBAGE)
        elif fault == "rate_limit":
            wait_s = self._sim_model.persona.faults.retry_after_s
            headers = [] if wait_s is None else [("retry-after", f"{wait_s:g}")]
            self._write_error(429, "simulated rate limit", headers)
        elif fault == "overloaded":
            self._write_error(self._protocol.overloaded_status, "simulated overload")
        else:
            self._write_error(500, "simulated server error")
        self._finish(fault)

    def _write_error(self, status: int, message: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        body = orjson.dumps(self._protocol.render_error(status, message))
        self._client.write_plain(status, "application/json", body, headers)

    def _schedule_chunks(self) -> None:
        """Lay out what is written when, and wait for the first."""
        begun_s = self._started_s = time.perf_counter()
        persona, reply = self._sim_model.persona, self._reply
        first_s = begun_s + persona.first_token_s(reply.prompt_sha256, reply.nth)
        if persona.capacity.prefill_tokens_per_s:
            first_s += (reply.input_tokens - reply.cached_tokens) / persona.capacity.prefill_tokens_per_s
        if reply.fault == "slow":
            first_s += persona.faults.slow_s
            self._simulation.counts["faults"] += 1
        due_s, end_s = self._due_times(first_s)
        if not self._request.stream:
            self._scheduled = [(end_s, b"" if reply.fault == "cut" else self._render_unstreamed())]
        else:
            self._scheduled = self._frame_stream(due_s, end_s)
        self._arm_timer()

    def _due_times(self, first_s: float) -> tuple[list[float], float]:
        """Return when each chunk is due, and when the last token is made; hidden tokens take their time."""
        persona, reply = self._sim_model.persona, self._reply
        gaps = iter(persona.gaps_s(reply.prompt_sha256, reply.nth, reply.output_tokens))
        at_s = first_s + sum(islice(gaps, reply.hidden_tokens))
        due_s: list[float] = []
        for wait_tokens, tokens in reply.paces():
            at_s += sum(islice(gaps, wait_tokens))
            due_s.append(at_s)
            at_s += sum(islice(gaps, tokens))
        return due_s, at_s

    def _frame_stream(self, due_s: list[float], end_s: float) -> list[tuple[float, bytes]]:
        """Return the events framed as HTTP chunks; head and tail go with the first and last."""
        head, chunks, tail = self._protocol.render_stream(self._reply, self._request)
        ending = frame_chunk(tail) + LAST_CHUNK
        if self._reply.fault == "cut":
            due_s, chunks, ending = due_s[: len(due_s) // 2 or 1], chunks[: len(chunks) // 2 or 1], b""
        events = [frame_chunk(chunk) for chunk in chunks] or [b""]
        events[0] = STREAM_HEAD + frame_chunk(head) + events[0]
        events[-1] += ending
        return list(zip(due_s or [end_s], events, strict=True))

    def _render_unstreamed(self) -> bytes:
        body = orjson.dumps(self._protocol.render_response(self._reply, self._request))
        return (
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nserver: gapbench-sim\r\n"
            b"content-length: %d\r\n\r\n" % len(body)
        ) + body

    def _arm_timer(self) -> None:
        # perf_counter and the loop's clock differ by a constant on some platforms: wait by difference.
        ahead_s = max(0.0, self._scheduled[self._next][0] - time.perf_counter())
        self._timer = asyncio.get_running_loop().call_later(ahead_s, self._write_due)

    def _write_due(self) -> None:
        """Write all that is due in one go; wait for the next, or end."""
        now_s = time.perf_counter()
        due, start = self._scheduled, self._next
        if due[start][0] > now_s:
            # Timers tick in milliseconds: this one came early.
            self._arm_timer()
            return
        stop = start + 1
        while stop < len(due) and due[stop][0] <= now_s:
            stop += 1
        late_s = now_s - due[start][0]
        self._late_s = max(self._late_s, late_s)
        counts = self._simulation.counts
        counts["chunks"] += stop - start
        if late_s > LATE_THRESHOLD_S:
            counts["late_chunks"] += sum(now_s - due_s > LATE_THRESHOLD_S for due_s, _ in due[start:stop])
        self._next = stop
        event = due[start][1] if stop == start + 1 else b"".join(event for _, event in due[start:stop])
        self._writes_s += [now_s] * (stop - start)
        self._client.write(event)
        if stop < len(due):
            self._arm_timer()
        elif self._reply.fault == "cut":
            counts["faults"] += 1
            self._finish("cut", keep_alive=False)
            self._client.abort()
        else:
            self._count_finished()
            self._finish(self._reply.fault)

    def _count_finished(self) -> None:
        counts, sums_s, reply = self._simulation.counts, self._simulation.sums_s, self._reply
        assert self._started_s is not None
        counts["finished"] += 1
        counts["prompt_tokens"] += reply.input_tokens
        counts["cached_tokens"] += reply.cached_tokens
        counts["generation_tokens"] += reply.output_tokens
        sums_s["queue"] += self._started_s - self._received_s
        sums_s["first"] += self._writes_s[0] - self._received_s
        sums_s["whole"] += self._writes_s[-1] - self._received_s

    def _finish(self, fault: str | None, *, keep_alive: bool = True) -> None:
        """Write the request down and leave the place; ``keep_alive``: the connection lives on."""
        reply, writes_s = self._reply, self._writes_s
        entry: dict[str, Any] = {
            "request": self._number,
            "prompt_sha256": reply.prompt_sha256,
            "nth": reply.nth,
            "model": self._request.model,
            "known": reply.is_known,
            "right": reply.is_right,
            "correct": reply.is_answer_intact and fault in {None, "slow"},
            "fault": fault,
            "received_s": self._received_s,
            "begun_s": self._started_s,
            "first_write_s": writes_s[0] if writes_s else None,
            "last_write_s": writes_s[-1] if writes_s else None,
            "write_s": writes_s,
            "late_s": self._late_s,
            "input_tokens": reply.input_tokens,
            "output_tokens": reply.output_tokens,
            "cached_tokens": reply.cached_tokens,
            "cache_write_tokens": reply.cache_write_tokens,
            "calls": len(reply.calls),
            **_episode_entry(reply),
        }
        self._simulation.record_request(entry)
        if self._started_s is not None:
            self._slots.release()
        if keep_alive:
            self._client.finish()


def frame_chunk(event: bytes) -> bytes:
    """Return bytes as one HTTP chunk; nothing for none, since an empty chunk would end the reply."""
    return b"%x\r\n%s\r\n" % (len(event), event) if event else b""


def _episode_entry(reply: SimReply) -> dict[str, Any]:
    """Return which episode, repeat and turn a reply belongs to."""
    mark = reply.mark
    return {} if mark is None else {"episode": mark.prompt, "repeat": mark.repeat, "turn": mark.turn}

"""One reply's way out: refused, failed or given a place, then written chunk by chunk at absolute times.

Every byte is rendered before the first is due, and each due time counts from the first, so lateness does not
add up. What was written when, and how late, is logged: a client can be held against it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from itertools import islice
from typing import Any, Protocol

import orjson

from gapbench_runners.sim_server.protocols import WireProtocol
from gapbench_runners.sim_server.reply import Asked, Reply
from gapbench_runners.sim_server.state import Simulation

LATE_S = 0.005
"""A chunk written later than this counts as late: the server, not the client, is then the limit."""

STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"cache-control: no-store\r\ntransfer-encoding: chunked\r\n\r\n"
)
LAST_CHUNK = b"0\r\n\r\n"
GARBAGE = b"<!doctype html><html><body>Bad gateway</body></html>"


class Client(Protocol):
    """What a delivery needs of its connection."""

    def plain(self, status: int, kind: str, body: bytes, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Write an unstreamed reply."""

    def write(self, data: bytes) -> None:
        """Write now."""

    def finish(self) -> None:
        """Turn to the next request."""

    def cut(self) -> None:
        """Close the connection in the middle of the reply."""


class Delivery:
    """One reply under way."""

    def __init__(
        self,
        client: Client,
        simulation: Simulation,
        name: str,
        protocol: WireProtocol,
        asked: Asked,
        received_s: float,
    ) -> None:
        """Decide what will be said.

        Args:
            client: Where it goes.
            simulation: Where it counts.
            name: The persona's name in the simulation.
            protocol: Its form.
            asked: What was asked.
            received_s: When the request was complete, on ``time.perf_counter``.
        """
        self._client = client
        self._simulation = simulation
        self._mind = simulation.minds[name]
        self._places = simulation.places[name]
        self._protocol = protocol
        self._asked = asked
        self._received_s = received_s
        self._number = simulation.next_number()
        self._reply: Reply = self._mind.reply(asked)
        self._begun_s: float | None = None
        self._writes_s: list[float] = []
        self._late_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._due: list[tuple[float, bytes]] = []
        self._next = 0

    def start(self) -> None:
        """Refuse, fail, or take a place."""
        counts, reply = self._simulation.counts, self._reply
        counts["unknown_prompts"] += not reply.known
        if reply.fault not in {None, "slow", "cut"}:
            self._fail(str(reply.fault))
        elif not self._places.enter(self._begin):
            counts["refused_queue"] += 1
            self._mind.unasked(reply)
            self._refuse(self._protocol.overloaded_status, "the queue is full")
            self._end("queue_full")

    def abandon(self) -> None:
        """Stop: the client has gone."""
        if self._timer is not None:
            self._timer.cancel()
        self._places.forget(self._begin)
        self._simulation.counts["abandoned"] += 1
        self._mind.unanswered(self._reply)
        self._end("abandoned", stays=False)

    def _fail(self, fault: str) -> None:
        self._simulation.counts["faults"] += 1
        if fault == "garbage":
            self._client.plain(200, "text/html", GARBAGE)
        elif fault == "rate_limit":
            wait_s = self._mind.persona.faults.retry_after_s
            headers = [] if wait_s is None else [("retry-after", f"{wait_s:g}")]
            self._refuse(429, "simulated rate limit", headers)
        elif fault == "overloaded":
            self._refuse(self._protocol.overloaded_status, "simulated overload")
        else:
            self._refuse(500, "simulated server error")
        self._end(fault)

    def _refuse(self, status: int, message: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        body = orjson.dumps(self._protocol.error(status, message))
        self._client.plain(status, "application/json", body, headers)

    def _begin(self) -> None:
        """Lay out what is written when, and wait for the first."""
        begun_s = self._begun_s = time.perf_counter()
        persona, reply = self._mind.persona, self._reply
        first_s = begun_s + persona.first_token_s(reply.prompt_sha256, reply.nth)
        if persona.capacity.prefill_tokens_per_s:
            first_s += (reply.input_tokens - reply.cached_tokens) / persona.capacity.prefill_tokens_per_s
        if reply.fault == "slow":
            first_s += persona.faults.slow_s
            self._simulation.counts["faults"] += 1
        due_s, end_s = self._due_times(first_s)
        if not self._asked.stream:
            self._due = [(end_s, b"" if reply.fault == "cut" else self._whole())]
        else:
            self._due = self._streamed(due_s, end_s)
        self._wait()

    def _due_times(self, first_s: float) -> tuple[list[float], float]:
        """Return when each chunk is due, and when the last token is made; hidden tokens take their time."""
        persona, reply = self._mind.persona, self._reply
        gaps = iter(persona.gaps_s(reply.prompt_sha256, reply.nth, reply.output_tokens))
        at_s = first_s + sum(islice(gaps, reply.hidden_tokens))
        due_s: list[float] = []
        for text in (*reply.reasoning, *reply.answer):
            due_s.append(at_s)
            at_s += sum(islice(gaps, -(-len(text) // persona.chars_per_token)))
        return due_s, at_s

    def _streamed(self, due_s: list[float], end_s: float) -> list[tuple[float, bytes]]:
        """Return the events framed as HTTP chunks; head and tail go with the first and last."""
        head, chunks, tail = self._protocol.stream(self._reply, self._asked)
        ending = framed(tail) + LAST_CHUNK
        if self._reply.fault == "cut":
            due_s, chunks, ending = due_s[: len(due_s) // 2 or 1], chunks[: len(chunks) // 2 or 1], b""
        events = [framed(chunk) for chunk in chunks] or [b""]
        events[0] = STREAM_HEAD + framed(head) + events[0]
        events[-1] += ending
        return list(zip(due_s or [end_s], events, strict=True))

    def _whole(self) -> bytes:
        body = orjson.dumps(self._protocol.whole(self._reply, self._asked))
        return (
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        ) + body

    def _wait(self) -> None:
        # perf_counter and the loop's clock differ by a constant on some platforms: wait by difference.
        ahead_s = max(0.0, self._due[self._next][0] - time.perf_counter())
        self._timer = asyncio.get_running_loop().call_later(ahead_s, self._write)

    def _write(self) -> None:
        """Write all that is due in one go; wait for the next, or end."""
        now_s = time.perf_counter()
        due, start = self._due, self._next
        if due[start][0] > now_s:
            # Timers tick in milliseconds: this one came early.
            self._wait()
            return
        stop = start + 1
        while stop < len(due) and due[stop][0] <= now_s:
            stop += 1
        late_s = now_s - due[start][0]
        self._late_s = max(self._late_s, late_s)
        counts = self._simulation.counts
        counts["chunks"] += stop - start
        if late_s > LATE_S:
            counts["late_chunks"] += sum(now_s - due_s > LATE_S for due_s, _ in due[start:stop])
        self._next = stop
        event = due[start][1] if stop == start + 1 else b"".join(event for _, event in due[start:stop])
        self._writes_s += [now_s] * (stop - start)
        self._client.write(event)
        if stop < len(due):
            self._wait()
        elif self._reply.fault == "cut":
            counts["faults"] += 1
            self._end("cut", stays=False)
            self._client.cut()
        else:
            self._count()
            self._end(self._reply.fault)

    def _count(self) -> None:
        counts, sums_s, reply = self._simulation.counts, self._simulation.sums_s, self._reply
        assert self._begun_s is not None
        counts["finished"] += 1
        counts["prompt_tokens"] += reply.input_tokens
        counts["cached_tokens"] += reply.cached_tokens
        counts["generation_tokens"] += reply.output_tokens
        sums_s["queue"] += self._begun_s - self._received_s
        sums_s["first"] += self._writes_s[0] - self._received_s
        sums_s["whole"] += self._writes_s[-1] - self._received_s

    def _end(self, fault: str | None, *, stays: bool = True) -> None:
        """Write the request down and leave the place; ``stays``: the connection lives on."""
        reply, writes_s = self._reply, self._writes_s
        entry: dict[str, Any] = {
            "request": self._number,
            "prompt_sha256": reply.prompt_sha256,
            "nth": reply.nth,
            "model": self._asked.model,
            "known": reply.known,
            "right": reply.is_right,
            "correct": reply.is_sent and fault in {None, "slow"},
            "fault": fault,
            "received_s": self._received_s,
            "begun_s": self._begun_s,
            "first_write_s": writes_s[0] if writes_s else None,
            "last_write_s": writes_s[-1] if writes_s else None,
            "write_s": writes_s,
            "late_s": self._late_s,
            "input_tokens": reply.input_tokens,
            "output_tokens": reply.output_tokens,
        }
        self._simulation.record(entry)
        if self._begun_s is not None:
            self._places.leave()
        if stays:
            self._client.finish()


def framed(event: bytes) -> bytes:
    """Return bytes as one HTTP chunk; nothing for none, since an empty chunk would end the reply."""
    return b"%x\r\n%s\r\n" % (len(event), event) if event else b""

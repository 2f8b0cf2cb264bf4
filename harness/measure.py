"""One call through one runner to one response, timed. The only place where a failure becomes a value."""

from __future__ import annotations

import asyncio
import bisect
import contextlib
from typing import Any

from harness import wire
from harness.errors import RunnerError
from harness.runner import Runner
from harness.values import Call, Chunk, Disclosure, Failure, Response, Timing, Usage

LAG_TICK_S = 0.02
LAG_TICKS_KEPT = 65_536


async def measure(runner: Runner, call: Call, total_s: float) -> Response:
    """Send ``call`` and return what came back, complete or not. Never raises but for cancellation.

    All instants are on :data:`harness.wire.now`. A chunk's instant is the moment its bytes left the
    socket, as the wire stamped it; where a runner has no wire it is the moment the chunk arrived here.

    Args:
        runner: An open runner.
        call: What ``runner.prepare`` returned.
        total_s: Deadline for the whole exchange.
    """
    reply = _Reply()
    failure: Failure | None = None
    with wire.exchange() as tape:
        began_s = wire.now()
        try:
            async with asyncio.timeout(total_s), contextlib.aclosing(runner.stream(call)) as chunks:  # type: ignore[type-var]  # every runner's stream is an async generator; the Protocol need not say so
                async for chunk in chunks:
                    reply.take(chunk)
        except TimeoutError:
            failure = Failure("timeout", f"no complete reply within {total_s:g} s", tape.status)
        except RunnerError as exc:
            failure = Failure(exc.kind, str(exc), exc.http_status or tape.status, exc.retry_after_s)
        except Exception as exc:  # noqa: BLE001 - a runner's bug must become a row, or the run is lost
            failure = Failure("runner", f"{type(exc).__name__}: {exc}"[: wire.ERROR_CHARS], tape.status)
        done_s = wire.now()
    return reply.response(tape, began_s, done_s, failure)


class _Reply:
    """What the chunks of one reply add up to."""

    def __init__(self) -> None:
        self.answer: list[str] = []
        self.reasoning: list[str] = []
        self.chunk_s: list[float] = []
        self.chunk_tokens: list[int | None] = []
        self.first_answer_s: float | None = None
        self.last = Chunk()
        self.seen: tuple[object, ...] = _NONE
        self.usage = Usage()

    def take(self, chunk: Chunk) -> None:
        """Fold in one chunk: text is appended, facts are replaced."""
        if chunk.text:
            received_s = wire.now() if chunk.received_s is None else chunk.received_s
            self.chunk_s.append(received_s)
            self.chunk_tokens.append(chunk.usage.output_tokens if chunk.usage else None)
            if chunk.channel == "answer":
                self.answer.append(chunk.text)
                if self.first_answer_s is None:
                    self.first_answer_s = received_s
            else:
                self.reasoning.append(chunk.text)
        facts = tuple.__getitem__(chunk, _FACTS)
        if facts not in (_NONE, self.seen):
            self.seen = facts
            if chunk.usage is not None:
                self.usage = chunk.usage
            pairs = zip(Chunk._fields[_FACTS], facts, strict=True)
            known: dict[str, Any] = {name: value for name, value in pairs if value is not None}
            self.last = self.last._replace(**known)

    def response(self, tape: wire.Tape, began_s: float, done_s: float, failure: Failure | None) -> Response:
        """Return the whole."""
        timing = Timing(
            sent_s=began_s if tape.sent_s is None and tape.transport is None else tape.sent_s,
            first_byte_s=tape.first_byte_s,
            first_token_s=self.chunk_s[0] if self.chunk_s else None,
            first_answer_s=self.first_answer_s,
            last_token_s=self.chunk_s[-1] if self.chunk_s else None,
            done_s=done_s,
            chunk_s=tuple(self.chunk_s),
            chunk_tokens=_complete(self.chunk_tokens),
        )
        return Response(
            answer="".join(self.answer),
            reasoning="".join(self.reasoning),
            timing=timing,
            usage=self.usage,
            finish_reason=self.last.finish_reason,
            finish_raw=self.last.finish_raw,
            disclosure=self._disclosure(),
            model_served=self.last.model_served,
            response_id=self.last.response_id,
            system_fingerprint=self.last.system_fingerprint,
            service_tier=self.last.service_tier,
            http_status=tape.status if failure is None else failure.http_status,
            transport=tape.transport,
            failure=failure,
        )

    def _disclosure(self) -> Disclosure:
        """Say how much of the reasoning was shown: the runner's word, else what the reply gives away."""
        if self.reasoning:
            return self.last.disclosure or "unknown"
        if self.usage.reasoning_tokens is None:
            return self.last.disclosure or "unknown"
        return "hidden" if self.usage.reasoning_tokens > 0 else "none"


# The fields after text, channel and received_s: the facts.
_FACTS = slice(3, None)
_NONE = tuple.__getitem__(Chunk(), _FACTS)


def _complete(counts: list[int | None]) -> tuple[int, ...] | None:
    known = tuple(count for count in counts if count is not None)
    return known if counts and len(known) == len(counts) else None


class LagMeter:
    """Measures how late the event loop is, since a late loop makes late stamps.

    Args:
        loop: The loop to watch; ticks stop with :meth:`stop`.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start ticking."""
        self._loop = loop
        self._at_s: list[float] = []
        self._lag_s: list[float] = []
        self._due_s = wire.now() + LAG_TICK_S
        self._handle = loop.call_later(LAG_TICK_S, self._tick)

    def _tick(self) -> None:
        at_s = wire.now()
        self._at_s.append(at_s)
        self._lag_s.append(max(0.0, at_s - self._due_s))
        if len(self._at_s) > 2 * LAG_TICKS_KEPT:
            del self._at_s[:LAG_TICKS_KEPT], self._lag_s[:LAG_TICKS_KEPT]
        self._due_s = at_s + LAG_TICK_S
        self._handle = self._loop.call_later(LAG_TICK_S, self._tick)

    def worst_s(self, since_s: float, until_s: float) -> float | None:
        """Return the largest lag of the ticks in a window; None when none fell into it."""
        low = bisect.bisect_left(self._at_s, since_s)
        high = bisect.bisect_right(self._at_s, until_s + LAG_TICK_S)
        return max(self._lag_s[low:high], default=None)

    def quantile_s(self, share: float) -> float | None:
        """Return a quantile of all ticks kept; None before the first."""
        ordered = sorted(self._lag_s)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None

    def stop(self) -> None:
        """Stop ticking."""
        self._handle.cancel()

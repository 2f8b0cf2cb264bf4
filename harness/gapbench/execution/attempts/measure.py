"""Time one call through one runner.

This is the only place where a failure becomes a value.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

from gapbench import credentials, transport
from gapbench.errors import FailureKind, RunnerError
from gapbench.execution.attempts.reply import ReplyAccumulator
from gapbench.runner import Runner
from gapbench.values import Call, Failure, Response


async def measure(
    runner: Runner,
    call: Call,
    total_s: float,
    *,
    first_token_s: float | None = None,
    gap_s: float | None = None,
    max_tokens: int | None = None,
) -> Response:
    """Send ``call`` and return what came back, complete or not. Raises nothing except on cancellation.

    All instants are on :data:`gapbench.transport.now`. A chunk's instant is the moment its bytes left the
    socket, as the transport stamped it. For a runner without our transport it is the moment the chunk arrived here.

    Args:
        runner: An open runner.
        call: What ``runner.prepare`` returned.
        total_s: Deadline for the whole exchange.
        first_token_s: Deadline for the first text of any channel. None: only ``total_s`` applies.
        gap_s: Longest time between two texts, whatever else the server sends. None: no bound.
        max_tokens: Output tokens that were asked for; a reply that reaches them was cut off, whatever the server says.
            None: no bound.
    """
    reply = ReplyAccumulator(runner.model, max_tokens)
    failure: Failure | None = None
    with transport.record_exchange() as record:
        began_s = transport.now()
        try:
            async with asyncio.timeout(None) as limit:
                deadlines = _Deadlines(limit, record, reply, began_s, total_s, first_token_s, gap_s)
                with deadlines:
                    async with contextlib.aclosing(runner.stream(call)) as chunks:  # type: ignore[type-var]  # every runner's stream is an async generator; the Protocol need not say so
                        async for chunk in chunks:
                            reply.add_chunk(chunk)
        except TimeoutError:
            failure = Failure("timeout", deadlines.message, record.status)
        except RunnerError as exc:
            failure = Failure(
                exc.kind, credentials.redact(str(exc)), exc.http_status or record.status, exc.retry_after_s
            )
        except Exception as exc:  # noqa: BLE001 - a runner's bug must become a row, or the run is lost
            # Once a reply is being read, a missing field or a number in place of a text is the server's fault.
            kind: FailureKind = (
                "garbage" if record.status == 200 and isinstance(exc, _MALFORMED_REPLY_ERRORS) else "runner"
            )
            failure = Failure(
                kind, transport.redact_and_truncate(f"{type(exc).__name__}: {exc}"), record.status
            )
        finally:
            await record.aclose()
        # A complete reply is done when its last byte arrived, not when it was read.
        done_s = transport.now() if failure is not None or record.ended_s is None else record.ended_s
    if failure is not None and record.replica is not None:
        message = f"{record.replica}: {failure.message}"
        failure = replace(failure, message=message, others_answer=record.others_answer)
    return reply.build_response(record, began_s, done_s, failure)


class _Deadlines:
    """Enforces the deadlines of one exchange with one timer, set to the next deadline that could have passed."""

    def __init__(
        self,
        limit: asyncio.Timeout,
        record: transport.ExchangeRecord,
        reply: ReplyAccumulator,
        began_s: float,
        total_s: float,
        first_token_s: float | None,
        gap_s: float | None,
    ) -> None:
        self.message = f"no complete reply within {total_s:g} s"
        self._limit = limit
        self._record = record
        self._reply = reply
        self._began_s = began_s
        self._total_s = total_s
        self._first_token_s = first_token_s
        self._gap_s = gap_s
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._check()

    def _check(self) -> None:
        is_text_due = self._first_token_s is not None or self._gap_s is not None
        if is_text_due and self._record.wake_reader():
            # Bytes have arrived and are being read: check again afterwards.
            self._timer = self._loop.call_later(0.001, self._check)
            return
        due_s, message = self._began_s + self._total_s, self.message
        arrived_s = self._reply.chunk_s
        if not arrived_s and self._first_token_s is not None:
            first_s = self._began_s + self._first_token_s
            if first_s < due_s:
                due_s, message = first_s, f"no first token within {self._first_token_s:g} s"
        elif arrived_s and self._gap_s is not None and arrived_s[-1] + self._gap_s < due_s:
            due_s, message = arrived_s[-1] + self._gap_s, f"no text for {self._gap_s:g} s"
        remaining_s = due_s - transport.now()
        if remaining_s <= 0:
            self.message = message
            self._limit.reschedule(self._loop.time())
            return
        if not arrived_s and self._gap_s is not None:
            remaining_s = min(remaining_s, self._gap_s)
        self._timer = self._loop.call_later(remaining_s + 0.001, self._check)

    def __enter__(self) -> None:
        """Go on watching."""

    def __exit__(self, *_: object) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()


_MALFORMED_REPLY_ERRORS = (KeyError, TypeError, ValueError, AttributeError, IndexError)

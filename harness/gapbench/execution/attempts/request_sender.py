"""Make the attempts of one cell from one process: prepare, admit, measure, deliver.

The parent process and the workers use the same code, so that measurements do not depend on the process.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from gapbench import transport
from gapbench.execution.attempts.attempt_row import AttemptContext
from gapbench.execution.attempts.episode_turn import EpisodeTurn
from gapbench.execution.attempts.lag_meter import LagMeter
from gapbench.execution.attempts.load_generator import AttemptRequest, AttemptResult
from gapbench.execution.attempts.loop_turns import LoopTurns
from gapbench.execution.attempts.measure import measure
from gapbench.execution.attempts.response_cache import ResponseCache, StoppedWaitError
from gapbench.execution.limits.admission import Admission
from gapbench.runner import Runner
from gapbench.suite.plan import (
    Cell,
    PlannedRequest,
    count_declaration_chars,
    count_prompt_chars,
    request_of,
)
from gapbench.values import Call, Message, Request, Response
from gapbench.values.policies import Timeouts
from gapbench.values.thinking import thinking_rules_for


@dataclass(frozen=True, slots=True)
class CompletedAttempt:
    """An attempt that has ended and is not scored yet.

    Attributes:
        planned: The request.
        call: What was sent; without its body if a worker sent it.
        response: What came back.
        context: See :class:`gapbench.execution.attempts.attempt_row.AttemptContext`.
        turn: Its place in an episode. None: it is not part of one.
    """

    planned: PlannedRequest
    call: Call
    response: Response
    context: AttemptContext
    turn: EpisodeTurn | None = None


class Exchange(NamedTuple):
    """One prompt that was sent, or answered from the cache, and its reply.

    Attributes:
        call: What was sent.
        response: What came back.
        context: See :class:`gapbench.execution.attempts.attempt_row.AttemptContext`; ``final`` says so of a failure only.
        should_retry: Whether another attempt should follow.
    """

    call: Call
    response: Response
    context: AttemptContext
    should_retry: bool


Deliver = Callable[[CompletedAttempt], Awaitable[None]]
"""Receives each attempt when it ends; makes its sender wait while the receiver is behind."""


def build_request(cell: Cell, planned: PlannedRequest, messages: tuple[Message, ...]) -> Request:
    """Return what a runner is asked to send for a prompt, as sent, of a request."""
    request = request_of(cell.model, planned.sample, cell.params_of(planned), messages)
    return replace(request, ignore_eos=True) if cell.ignores_eos(planned) else request


async def warm_up(runner: Runner, cell: Cell, planned: PlannedRequest) -> None:
    """Prepare a cell's first request and discard it, so that lazy initialization happens before the clock starts."""
    thinking_rules_for(cell.model.name, cell.model.thinking_in_text)  # the first reply would compile them
    # What fails here fails again when the request is sent, and then it becomes a row.
    with contextlib.suppress(Exception):
        await runner.warm_up(runner.prepare(build_request(cell, planned, cell.messages(planned))))


class RequestSender:
    """Makes the attempts of one cell, and counts those in flight and those made.

    Args:
        cell: The cell.
        runner: The open runner of the cell's model.
        timeouts: Deadlines of each attempt.
        meter: Lag meter of this process's event loop.
        deliver: See :data:`Deliver`.
        admission: Called before and after each request.
        cache: The response cache. None: every request is sent.
        worker: Number of this process.
    """

    def __init__(
        self,
        cell: Cell,
        runner: Runner,
        timeouts: Timeouts,
        meter: LagMeter,
        deliver: Deliver,
        admission: Admission,
        *,
        cache: ResponseCache | None = None,
        worker: int = 0,
    ) -> None:
        self.cell = cell
        self.runner = runner
        self.timeouts = timeouts
        self.meter = meter
        self.deliver = deliver
        self.admission = admission
        self.worker = worker
        self.cache = cache
        self.in_flight = 0
        self.attempts_made = 0
        self._turns = LoopTurns()

    def prepare(self, planned: PlannedRequest, messages: tuple[Message, ...]) -> Call:
        """Return the call that sends a prompt of a request."""
        return self.runner.prepare(build_request(self.cell, planned, messages))

    async def send(self, attempt: AttemptRequest) -> AttemptResult:
        """Make one attempt. If its model was given up or the run stops, nothing is sent and the request stays unfinished."""
        exchange = await self.exchange(attempt, self.cell.messages(attempt.planned))
        if exchange is None:
            return AttemptResult(None, should_retry=False)
        call, response, context, should_retry = exchange
        await self.deliver(CompletedAttempt(attempt.planned, call, response, context))
        return AttemptResult(response.failure, should_retry)

    async def exchange(self, attempt: AttemptRequest, messages: tuple[Message, ...]) -> Exchange | None:
        """Send one prompt and return its reply, without delivering it.

        Args:
            attempt: The attempt.
            messages: The prompt as sent, with its salt.

        Returns:
            The exchange. None: nothing was sent, since the model was given up or the run stops.
        """
        cache, planned = self.cache, attempt.planned
        if cache is None or not cache.is_cacheable(self.cell, planned):
            return await self._send(attempt, messages)
        call = self.prepare(planned, messages)
        cache_key = cache.make_key(self.cell, planned, call, self.runner.base_url, messages)
        try:
            known = await cache.find(cache_key)
        except StoppedWaitError:
            return None
        if known is not None:
            return Exchange(call, known, self._cached_context(attempt), should_retry=False)
        if not self.cell.load.is_open_loop:
            # In a closed loop, a request is due when the cache does not have its answer.
            attempt = replace(attempt, scheduled_s=max(attempt.scheduled_s, transport.now()))
        exchange: Exchange | None = None
        try:
            exchange = await self._send(attempt, messages)
        finally:
            await cache.settle(cache_key, None if exchange is None else exchange.response)
        return exchange

    async def _send(self, attempt: AttemptRequest, messages: tuple[Message, ...]) -> Exchange | None:
        """Send one prompt and return its reply. None: the model was given up, nothing was sent."""
        cell, planned = self.cell, attempt.planned
        asked_s = transport.now()
        permit = await self.admission.acquire(
            count_prompt_chars(messages) + count_declaration_chars(planned.sample),
            cell.params_of(planned).max_tokens,
        )
        waited_s = transport.now() - asked_s
        if permit is None:
            return None
        timeouts = self.timeouts
        try:
            await self._turns.wait()
            call = self.prepare(planned, messages)
            self.in_flight += 1
            in_flight = self.in_flight
            began_s = transport.now()
            try:
                response = await measure(
                    self.runner,
                    call,
                    timeouts.total_s,
                    first_token_s=timeouts.first_token_s,
                    gap_s=timeouts.read_s,
                    max_tokens=None if planned.sample.needs_logprobs else cell.params_of(planned).max_tokens,
                )
            finally:
                self.in_flight -= 1
            await self._turns.wait()
        except BaseException:
            self.admission.cancel_request(permit)
            raise
        final, again = await self.admission.finish_request(
            permit, response, attempt.session_attempts, attempt.quota_waited_s
        )
        due_s = attempt.scheduled_s
        if not cell.load.is_open_loop:
            # In a closed loop, a request is due when it is let pass: by a rate limiter, or by a budget that machines share.
            due_s = began_s if permit.is_rate_limited else due_s + waited_s
        context = AttemptContext(
            number=attempt.number,
            final=final,
            scheduled_s=due_s,
            loop_lag_s=self.meter.max_lag_s(began_s, response.timing.done_s),
            in_flight=in_flight,
            worker=self.worker,
        )
        self.attempts_made += 1
        return Exchange(call, response, context, again)

    def _cached_context(self, attempt: AttemptRequest) -> AttemptContext:
        return AttemptContext(
            number=attempt.number,
            final=True,
            scheduled_s=attempt.scheduled_s,
            loop_lag_s=None,
            in_flight=self.in_flight,
            worker=self.worker,
            from_cache=True,
        )

"""Ask the model that plays the users of a cell, with retries and admission of its own.

Each request is an attempt with a row, whose phase is ``user``. Nothing of it counts as the compared model's: its time is
the user's, and an episode whose user fails for good is ``infra``.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from gapbench import transport
from gapbench.agents import AbsentUserError, DeadUserError, UserReply
from gapbench.execution.attempts.episode_turn import EpisodeTurn
from gapbench.execution.attempts.load_generator import AttemptRequest
from gapbench.execution.attempts.request_sender import CompletedAttempt, RequestSender
from gapbench.execution.limits.circuit_breaker import CircuitBreaker
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.suite.plan import PlannedRequest, count_prompt_chars
from gapbench.values import Message, Model, Sample
from gapbench.values.policies import RetryPolicy


class UserSender:
    """Asks the model that plays the users of one cell.

    Args:
        model: The model.
        breaker: Its circuit breaker.
        sender: Sends its requests.
        retries: How long to wait before another attempt.
        stop_signal: No user is asked once it is set.
        seed: Seed of the back-off's jitter.
        on_given_up: Called with the reason when the model was given up: without a user no episode can go on.
    """

    def __init__(
        self,
        model: Model,
        breaker: CircuitBreaker,
        sender: RequestSender,
        retries: RetryPolicy,
        stop_signal: StopSignal,
        *,
        seed: int,
        on_given_up: Callable[[str], None],
    ) -> None:
        self._model = model
        self._breaker = breaker
        self._sender = sender
        self._retries = retries
        self._stop_signal = stop_signal
        self._random = random.Random(seed)  # noqa: S311 - jitter, not a secret
        self._on_given_up = on_given_up

    async def ask(self, planned: PlannedRequest, messages: tuple[Message, ...]) -> UserReply:
        """Return the user's reply.

        Args:
            planned: The request whose user speaks.
            messages: The prompt.

        Raises:
            DeadUserError: The model failed for good, or refused.
            AbsentUserError: The run stops, or the model was given up.
        """
        sample = Sample(planned.sample.sample_id, messages, cluster_id=planned.sample.cluster_id)
        request = PlannedRequest(sample, planned.repeat, "user", is_scored=False)
        turn = _turn_of(planned.sample, messages)
        scheduled_s, tries, quota_waited_s = transport.now(), 0, 0.0
        while self._stop_signal.reason is None:
            attempt = AttemptRequest(request, 1, scheduled_s, tries + 1, quota_waited_s)
            exchange = await self._sender.exchange(attempt, messages)
            if exchange is None:
                break
            response = exchange.response
            # A user's request is no request of the plan, so none of its rows ends one.
            context = replace(exchange.context, final=False)
            await self._sender.deliver(CompletedAttempt(request, exchange.call, response, context, turn))
            failure, timing = response.failure, response.timing
            if failure is None and response.finish_reason == "refusal":
                raise DeadUserError(f"the model {self._model.id!r} that plays the user refused to answer")
            if failure is None:
                reply_s = 0.0 if timing.sent_s is None else timing.done_s - timing.sent_s
                return UserReply(response.answer, reply_s, None if context.from_cache else response.usage)
            if not exchange.should_retry and self._breaker.state == "given_up":
                break
            if not exchange.should_retry:
                raise DeadUserError(
                    f"the model {self._model.id!r} that plays the user failed: {failure.kind}: {failure.message}"
                )
            if self._retries.is_quota_refusal(failure):
                quota_waited_s += failure.retry_after_s or 0.0
                scheduled_s = transport.now()
                continue
            tries += 1
            wait_s = self._retries.backoff_s(failure, tries, self._random)
            scheduled_s = transport.now() + wait_s
            await self._stop_signal.sleep(wait_s)
        if self._breaker.state == "given_up":
            self._on_given_up(
                f"{self._model.id!r}, which plays its user, was given up after {self._breaker.reason}"
            )
        raise AbsentUserError(f"the model {self._model.id!r} that plays the user is not asked any more")


def _turn_of(sample: Sample, prompt: tuple[Message, ...]) -> EpisodeTurn:
    """Return which line of the user is asked for, and what was added to its prompt since the line before."""
    lines = sum(message.role == "assistant" for message in prompt)
    number = lines - sum(message.role == "user" for message in sample.messages)
    return EpisodeTurn(1, number, prompt[-2:] if number else prompt, count_prompt_chars(prompt))

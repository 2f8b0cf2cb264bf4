"""What one model's requests pass before and after they are sent: circuit, provider's limits, retries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gapbench.execution.limits.circuit_breaker import HOPELESS, TRIPPING, Breaker, Pass
from gapbench.execution.limits.rate_limiter import Pacer
from gapbench.execution.limits.retry import Retries, RetryBudget
from gapbench.execution.limits.stop_signal import Halt
from gapbench.values import Failure, Model, Response, Usage
from gapbench.values.policies import BreakerPolicy


@dataclass(frozen=True, slots=True)
class Entry:
    """A request let through.

    Attributes:
        let: What the breaker said.
        tokens: Tokens taken for it from the provider's limit.
        paced: Whether limits were kept, so that it was due only now.
    """

    let: Pass
    tokens: float
    paced: bool


FREE = Entry("go", 0.0, paced=False)
"""Of a request that nothing held: the circuit is closed, and no limits are known."""


class Admission(Protocol):
    """What a sender asks before and after each request: the run's own :class:`Gate`, or a worker's way to it."""

    async def enter(self, input_chars: int, max_tokens: int | None) -> Entry | None:
        """Wait until a request may be sent; None: it must not, and is still to be done."""

    async def settle(self, entry: Entry, response: Response, tries: int) -> tuple[bool, bool]:
        """Count how a request ended; returns whether it stands for its request, and whether another follows."""

    def let_go(self, entry: Entry) -> None:
        """Count a request that was let go of before it had ended."""


class Gate:
    """One model's gate, for all its cells of a session and all processes that send to it.

    Args:
        model: The model.
        retries: When to try again.
        budget: Retries left to the run.
        breaker: When the model is given up.
        pacer: Keeps the limits of its provider's account. None: nothing is known of them.
        halt: Of the run.
        tell: Takes one line for the user.
    """

    def __init__(
        self,
        model: Model,
        retries: Retries,
        budget: RetryBudget,
        breaker: BreakerPolicy,
        pacer: Pacer | None,
        halt: Halt,
        tell: Callable[[str], None],
    ) -> None:
        """Start with a closed circuit."""
        self._model = model
        self._retries = retries
        self._budget = budget
        self._halt = halt
        self.breaker = Breaker(
            breaker, halt.sleep, lambda: halt.reason is not None, lambda line: tell(f"{model.id}: {line}")
        )
        self._pacer = pacer

    @property
    def is_free(self) -> bool:
        """Whether requests pass without being held."""
        return self._pacer is None and self.breaker.state == "closed"

    async def enter(self, input_chars: int, max_tokens: int | None) -> Entry | None:
        """Wait until a request may be sent; None: it must not, and is still to be done."""
        if self.is_free:
            return FREE
        let = await self.breaker.enter()
        if let == "no":
            return None
        if self._pacer is None:
            return Entry(let, 0.0, paced=False)
        taken = await self._pacer.enter(self._pacer.expected_tokens(input_chars, max_tokens))
        entry = Entry(let, taken, paced=True)
        if self._halt.reason is not None:
            # The halt ended the wait before the limits did.
            self.let_go(entry)
            return None
        return entry

    async def settle(self, entry: Entry, response: Response, tries: int) -> tuple[bool, bool]:
        """Count how a request ended; returns :meth:`verdict`."""
        self.count(entry, response.failure, response.usage)
        return self.verdict(response.failure, tries)

    def let_go(self, entry: Entry) -> None:
        """Count a request that was let go of before it had ended."""
        self.breaker.took("cancelled", entry.let)

    def count(self, entry: Entry, failure: Failure | None, usage: Usage) -> None:
        """Count how a request ended."""
        self.breaker.took(failure.kind if failure else None, entry.let)
        if self._pacer is None:
            return
        told = usage.input_tokens is not None and usage.output_tokens is not None
        used = (usage.input_tokens or 0) + (usage.output_tokens or 0) if told else None
        self._pacer.leave(entry.tokens, used, usage.output_tokens)
        if failure is not None and failure.kind == "rate_limit" and failure.retry_after_s:
            self._pacer.pause(min(failure.retry_after_s, self._retries.max_wait_s))

    def verdict(self, failure: Failure | None, tries: int) -> tuple[bool, bool]:
        """Return whether an attempt stands for its request, and whether another follows in this session.

        Neither holds for a failure that gave the model up, or while it is open: a dead endpoint is no
        outcome of a request, which is then still to be done.
        """
        if failure is None:
            return True, False
        if failure.kind in TRIPPING and self.breaker.state == "given_up":
            return False, False
        again = self._retries.again(failure, tries) or (
            failure.kind in TRIPPING
            # What no waiting cures is tried until it is sure: a wrong key is no outcome of the first requests.
            and (self.breaker.state == "open" or tries < HOPELESS.get(failure.kind, 0))
        )
        again = again and self._budget.take(self._model)
        return not again, again

"""What one model's requests pass before and after they are sent: circuit, provider's limits, retries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.breaker import TRIPPING, Breaker, Pass
from harness.conduct import BreakerDocument, Limits
from harness.load import Halt, Retries
from harness.pacing import Pacer
from harness.spending import RetryBudget
from harness.values import Failure, Response


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


class Gate:
    """One model's gate, for all its cells of a session.

    Args:
        retries: When to try again.
        budget: Retries left to the run.
        breaker: When the model is given up.
        limits: What its provider allows. None: nothing is known.
        halt: Of the run.
        tell: Takes one line for the user.
        model_id: The model.
    """

    def __init__(
        self,
        model_id: str,
        retries: Retries,
        budget: RetryBudget,
        breaker: BreakerDocument,
        limits: Limits | None,
        halt: Halt,
        tell: Callable[[str], None],
    ) -> None:
        """Start with a closed circuit and full buckets."""
        self._model_id = model_id
        self._retries = retries
        self._budget = budget
        self.breaker = Breaker(
            breaker, halt.sleep, lambda: halt.reason is not None, lambda line: tell(f"{model_id}: {line}")
        )
        self._pacer = Pacer(limits, halt.sleep) if limits else None

    @property
    def is_paced(self) -> bool:
        """Whether a provider's limits are kept here."""
        return self._pacer is not None

    async def enter(self, input_chars: int, max_tokens: int | None) -> Entry | None:
        """Wait until a request may be sent; None: it must not, and is still to be done."""
        let = await self.breaker.enter()
        if let == "no":
            return None
        if self._pacer is None:
            return Entry(let, 0.0, paced=False)
        taken = await self._pacer.enter(self._pacer.expected_tokens(input_chars, max_tokens))
        return Entry(let, taken, paced=True)

    def leave(self, entry: Entry, response: Response | None) -> None:
        """Count how a request ended; None: it was let go of."""
        failure = response.failure if response else Failure("cancelled", "")
        self.breaker.took(failure.kind if failure else None, entry.let)
        if self._pacer is None or response is None:
            return
        usage = response.usage
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
            failure.kind in TRIPPING and self.breaker.state == "open"
        )
        again = again and self._budget.take(self._model_id)
        return not again, again

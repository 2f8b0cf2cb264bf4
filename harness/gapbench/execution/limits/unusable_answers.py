"""Notice early that nearly all answers of a model to a task cannot be used, so that the rest need not be paid for.

The rule looks once, at the first 20 answers of a model to a task: it trips if at least 19 of them cannot be used. If the
true share of unusable answers is p, it trips with the binomial probability P(X >= 19 | 20, p):

====  ===========
p     probability
====  ===========
0.50  0.00002
0.70  0.0076
0.80  0.069
0.90  0.39
0.95  0.74
0.99  0.98
1.00  1
====  ===========

So a task of which half of the answers can be used is stopped by mistake in 2 of 100,000 cases.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable

from gapbench.values import Attempt

FIRST_ANSWERS = 20
"""Answers that the rule looks at."""
TRIPS_AT = 19
"""Unusable answers among them at which it trips."""
MIN_UNSENT = 20
"""With fewer requests left, the task continues, because stopping would save little."""
UNUSABLE_OUTCOMES = frozenset({"unparsed", "refused", "truncated"})
"""Not *unscored*: the parts of a question that lm-eval scores together, traces without text and answers for a judge have no score
of their own."""

ShouldContinue = Callable[[str], Awaitable[bool]]
"""Returns whether the rest of a task is sent although nearly all first answers cannot be used; is given why."""


async def never_continue(_: str) -> bool:
    """Send nothing more of the task: the answer without a terminal."""
    return False


async def always_continue(_: str) -> bool:
    """Send the rest of the task."""
    return True


def answer_without_asking(setting: str) -> ShouldContinue:
    """Return the answer of a suite's ``on_unparsed``; ``ask`` stops the task where there is no terminal."""
    return always_continue if setting == "continue" else never_continue


class UnusableAnswers:
    """Counts the first answers of a model to a task.

    Attributes:
        is_overruled: Whether the user wants the rest of the task all the same.
    """

    def __init__(self) -> None:
        self.is_overruled = False
        self._answers = 0
        self._held: set[tuple[str, int]] = set()
        self._unusable: Counter[str] = Counter()

    @property
    def is_tripped(self) -> bool:
        """Whether nearly all of the first answers cannot be used, and the user has not overruled that."""
        return not self.is_overruled and self._unusable.total() >= TRIPS_AT

    def record(self, row: Attempt) -> None:
        """Count a final measured answer of the first :data:`FIRST_ANSWERS`; an endpoint in trouble gives none."""
        if (row.sample_id, row.repeat) in self._held:
            self._held.discard((row.sample_id, row.repeat))
            if row.outcome in UNUSABLE_OUTCOMES:
                self._unusable[row.outcome] += 1
            return
        is_refusal = row.failure_kind == "bad_request"
        if self._answers >= FIRST_ANSWERS or not row.final or row.phase != "measure":
            return
        if row.outcome == "unscored" or (row.failure_kind is not None and not is_refusal):
            return
        self._answers += 1
        if is_refusal:
            self._unusable["refused by the server"] += 1
        elif row.outcome in UNUSABLE_OUTCOMES:
            self._unusable[row.outcome] += 1

    def record_held(self, row: Attempt) -> None:
        """Count an answer with a program, which runs after the load: until it has its row, it can be used."""
        if self._answers < FIRST_ANSWERS and row.final and row.phase == "measure":
            self._answers += 1
            self._held.add((row.sample_id, row.repeat))

    def describe(self) -> str:
        """Return the counts in words, such as ``20 of the first 20 answers cannot be used (20 unparsed)``."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in self._unusable.most_common())
        return f"{self._unusable.total()} of the first {self._answers} answers cannot be used ({kinds})"

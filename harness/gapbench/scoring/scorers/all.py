"""The scorer ``all``: several scorers, all of which must accept."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from gapbench.errors import InputError
from gapbench.scoring.answer_extraction import shorten
from gapbench.scoring.registry import make_scorer
from gapbench.scoring.sandboxed import SandboxedScorer
from gapbench.scoring.scorer import Scorer, TranscriptScorer, make_unscored
from gapbench.suite.tasks.prompted_tools import message_as_text
from gapbench.values import Sample, Score, Transcript

NOT_INSIDE = ("all", "judge", "none")


@dataclass(frozen=True)
class All(TranscriptScorer):
    """Multiplies the scores of several scorers, so that all of them must accept.

    Written as ``scorer: {all: [state, {name: trajectory, must_say: [refund]}]}``. A scorer of texts gets the last reply.
    The share is the mean of the parts' shares. One part that cannot score leaves the whole unscored.

    Attributes:
        scorers: Names of scorers, or ``{name: …, options}``.
    """

    name: ClassVar[str] = "all"
    description: ClassVar[str] = (
        "several scorers at once, {all: [state, trajectory]}: the product of their scores"
    )
    is_slow: ClassVar[bool] = True

    scorers: list  # type: ignore[type-arg] # the type is checked at run time, and isinstance takes no arguments
    parts: tuple[tuple[str, Scorer], ...] = field(init=False, repr=False, compare=False, default=())

    def __post_init__(self) -> None:
        """Make the scorers."""
        if not self.scorers:
            raise InputError("scorer 'all': scorers is empty; name at least one")
        parts = []
        for entry in self.scorers:
            options = dict(entry) if isinstance(entry, Mapping) else {"name": entry}
            name = options.pop("name", None)
            if not isinstance(name, str) or name in NOT_INSIDE:
                raise InputError(
                    f"scorer 'all': found {shorten(str(entry), 60)!r}; expected the name of a scorer, or {{name: …, options}}"
                )
            scorer = make_scorer(name, options)
            if isinstance(scorer, SandboxedScorer):
                raise InputError(
                    f"scorer 'all': {name!r} runs the reply in the sandbox, on a separate core; give it a separate task"
                )
            parts.append((name, scorer))
        object.__setattr__(self, "parts", tuple(parts))

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return the first reason of a part, or None."""
        for name, scorer in self.parts:
            reason = scorer.unscorable_reason(sample)
            if reason is not None:
                return f"{name}: {reason}"
        return None

    def score_conversation(self, transcript: Transcript, sample: Sample) -> Score:
        """Return the product; a scorer of texts gets the last reply."""
        replies = transcript.replies
        text = message_as_text(replies[-1]) if replies else ""

        def score(scorer: Scorer) -> Score:
            if isinstance(scorer, TranscriptScorer):
                return scorer.score_transcript(transcript, sample)
            return scorer(text, sample)

        return self._combine(score)

    def score_reply(self, reply: str, sample: Sample) -> Score:
        """Return the product of the scores of a text."""
        return self._combine(lambda scorer: scorer(reply, sample))

    def _combine(self, score: Callable[[Scorer], Score]) -> Score:
        scores = [(name, score(scorer)) for name, scorer in self.parts]
        unscored = next(((name, found) for name, found in scores if found.value is None), None)
        if unscored is not None:
            return make_unscored(f"{unscored[0]}: {unscored[1].reason}")
        values = [float(found.value or 0.0) for _, found in scores]
        shares: list[Any] = [
            value if found.partial is None else found.partial
            for (_, found), value in zip(scores, values, strict=True)
        ]
        value = math.prod(values)
        answer = next((found.answer for _, found in scores if found.answer is not None), None)
        worst_name, worst = min(scores, key=lambda entry: float(entry[1].value or 0.0))
        outcome = "correct" if all(found.outcome == "correct" for _, found in scores) else worst.outcome
        if outcome == "correct" and value < 1:
            outcome = "wrong"
        reason = (
            f"{worst_name}: {worst.reason}"
            if outcome != "correct"
            else f"all of {len(scores)} scorers accept"
        )
        return Score(value, outcome, answer, shorten(reason, 200), partial=sum(shares) / len(shares))

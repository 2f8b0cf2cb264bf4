"""The scorer ``judge``: a model's grade against a rubric, given after the run.

It asks no model; `bench judge` does. See :mod:`gapbench.execution.llm_judging`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from gapbench.errors import InputError
from gapbench.scoring.scorer import make_unscored
from gapbench.values import Outcome, Sample, Score


@dataclass(frozen=True)
class Judge:
    """Leaves the answer unscored until a judge model has graded it with `bench judge RUN`.

    A judge is asked at temperature 0, and never about answers of its own model. Its calls are a separate run next
    to the graded one, so its prompts, replies and costs are stored separately.

    Attributes:
        model: Id of one of the suite's ``judges``.
        rubric: Description of a good answer.
        low: Lowest grade.
        high: Highest grade.
        pass_at: Lowest grade that is correct. None: three fifths of the scale, rounded up (4 of 1 to 5).
    """

    name: ClassVar[str] = "judge"
    description: ClassVar[str] = "a judge model's grade against a rubric, given after the run"
    is_slow: ClassVar[bool] = False

    model: str
    rubric: str
    low: int = 1
    high: int = 5
    pass_at: int | None = None

    def __post_init__(self) -> None:
        """Check the options."""
        if self.low >= self.high:
            raise InputError(f"scorer 'judge': low {self.low} must be below high {self.high}")
        if self.pass_at is not None and not self.low <= self.pass_at <= self.high:
            raise InputError(
                f"scorer 'judge': pass_at {self.pass_at} is not within {self.low} to {self.high}"
            )
        if not self.rubric.strip():
            raise InputError("scorer 'judge': the rubric is empty; describe a good answer")

    @property
    def passing_rating(self) -> int:
        """The lowest grade that is correct."""
        return math.ceil(self.low + 0.6 * (self.high - self.low)) if self.pass_at is None else self.pass_at

    def __call__(self, reply: str, sample: Sample) -> Score:  # noqa: ARG002 - the judge model sees them later
        """Return an unscored score that names the judge."""
        return make_unscored(f"waits for judge {self.model}: bench judge RUN")

    def unscorable_reason(self, sample: Sample) -> str | None:  # noqa: ARG002 - a judge takes any sample
        """Return None: a judge can grade any sample, with or without a target."""
        return None

    def to_score(self, rating: int) -> Score:
        """Return the score of a grade: its place on the scale, 0 to 1; correct from :attr:`passing_rating` on."""
        value = (rating - self.low) / (self.high - self.low)
        outcome: Outcome = "correct" if rating >= self.passing_rating else "wrong"
        reason = f"grade {rating} of {self.low} to {self.high}, correct from {self.passing_rating}"
        return Score(value, outcome, answer=str(rating), reason=reason)

"""A recommendation with its reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from gapbench.analysis.economics.option_costs import OptionCost
from gapbench.analysis.economics.strategic_questions import StrategicQuestion

Choice = Literal[
    "closed API", "hosted open model", "self-hosted open model", "open tier before the closed API"
]


@dataclass(frozen=True)
class Advice:
    """A recommendation.

    Attributes:
        choice: The recommended option.
        provisional: Whether nothing was measured on the team's own tasks, or the measurement is inconclusive.
        because: The rules that led to it, with their numbers.
        would_change: What would change it, with the thresholds.
        conditions: What must be settled before it is followed.
        questions: The strategic questions, and which option each favors.
        pilot: The steps of a pilot.
        costs: What each option costs.
        simulated: Whether any number comes from a simulated provider.
        assumed: What was priced (model, host and prices of each option), the price book, and the assumed inputs.
    """

    choice: Choice
    provisional: bool
    because: list[str]
    would_change: list[str]
    conditions: list[str]
    questions: list[StrategicQuestion]
    pilot: list[str]
    costs: list[OptionCost]
    simulated: bool
    assumed: list[str]

    def to_json(self) -> dict[str, Any]:
        """Return the documented shape of ``bench advise --json``."""
        return {
            "schema": 1,
            "recommendation": self.choice,
            "provisional": self.provisional,
            "because": self.because,
            "would_change": self.would_change,
            "conditions": self.conditions,
            "questions": [question.to_json() for question in self.questions],
            "pilot": self.pilot,
            "costs": [cost.to_json() for cost in self.costs],
            "simulated": self.simulated,
            "assumed": self.assumed,
        }

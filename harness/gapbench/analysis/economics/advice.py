"""A recommendation with its reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gapbench.analysis.economics.option_costs import OptionCost
from gapbench.analysis.economics.strategic_questions import StrategicQuestion

Choice = Literal[
    "closed API", "hosted open model", "self-hosted open model", "open tier before the closed API"
]
OPTION_NAMES: Mapping[str, Choice] = {
    "closed": "closed API",
    "hosted": "hosted open model",
    "self": "self-hosted open model",
    "tier": "open tier before the closed API",
}
"""The name of each option by its leg."""


@dataclass(frozen=True)
class Advice:
    """A recommendation.

    Attributes:
        choice: The recommended option.
        provisional: Whether it rests on something that is not settled; ``settles`` then says what would settle it.
        settles: What would settle it; [] for a recommendation that is not provisional.
        because: The rules that led to it, with their numbers.
        would_change: What would change it, with the thresholds.
        conditions: What must be settled before it is followed.
        questions: The strategic questions, and which option each favors.
        pilot: The steps of a pilot.
        costs: What each option costs.
        simulated: Whether any number comes from a simulated provider.
        volume_mtok: The volume, million tokens a month. None if not known.
        requests: The same in requests a month.
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
    settles: list[str] = field(default_factory=list)
    volume_mtok: float | None = None
    requests: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the documented shape of ``bench advise --json``."""
        return {
            "schema": 1,
            "recommendation": self.choice,
            "provisional": self.provisional,
            "settles": self.settles,
            "volume_mtok": self.volume_mtok,
            "requests": self.requests,
            "because": self.because,
            "would_change": self.would_change,
            "conditions": self.conditions,
            "questions": [question.to_json() for question in self.questions],
            "pilot": self.pilot,
            "costs": [cost.to_json() for cost in self.costs],
            "simulated": self.simulated,
            "assumed": self.assumed,
        }

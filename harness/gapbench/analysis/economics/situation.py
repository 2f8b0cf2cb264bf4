"""The requirements and resources of a team, which a recommendation starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gapbench.analysis.economics.strategic_questions import Priority

Sensitivity = Literal["public", "internal", "confidential", "regulated"]
Customisation = Literal["none", "prompts", "fine-tuning"]
Latency = Literal["relaxed", "interactive", "tight"]
Scale = Literal["steady", "unpredictable"]
InUse = Literal["closed", "hosted", "self", "none"]
TTFT_S: dict[str, float] = {"relaxed": 10.0, "interactive": 2.0, "tight": 0.5}
"""Limit of the 95th percentile of the time to the first text for each latency class, in seconds."""


@dataclass(frozen=True, slots=True)
class Situation:
    """The requirements and resources of a team.

    Attributes:
        sensitivity: Sensitivity of the data. ``confidential`` and ``regulated`` data must stay in house. None: not told,
            taken as ``internal``.
        customisation: Customisation that the model must allow.
        engineers: Full-time engineers who can run GPU servers; may be a fraction. None: not told, taken as none.
        latency: Latency that users accept; see :data:`TTFT_S`.
        scale: Whether the volume is known.
        in_use: What serves the tasks today.
        priorities: What matters more than cost.
    """

    sensitivity: Sensitivity | None = None
    customisation: Customisation = "none"
    engineers: float | None = None
    latency: Latency = "interactive"
    scale: Scale = "steady"
    in_use: InUse = "closed"
    priorities: tuple[Priority, ...] = ()

    @property
    def is_confined(self) -> bool:
        """Whether data must stay in house."""
        return self.sensitivity in {"confidential", "regulated"}

    @property
    def staff(self) -> str:
        """The number of engineers in words, marked as assumed if it was not given."""
        return "none are named (--engineers)" if self.engineers is None else f"there are {self.engineers:g}"

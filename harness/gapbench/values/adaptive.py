"""When an adaptive run of a ladder ends."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AdaptiveItems:
    """When an adaptive run of a ladder ends, for each model.

    Attributes:
        width_rungs: When the 95 % interval of the threshold is at most so many rungs wide.
        most_items: After so many items.
    """

    width_rungs: float
    most_items: int

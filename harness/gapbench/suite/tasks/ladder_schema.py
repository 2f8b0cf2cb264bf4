"""The keys of a task that is a ladder: which rungs, how many items of each, and whether a run picks the next rung."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, field_validator

from gapbench.ladder import MOST_RUNGS
from gapbench.suite.documents import StrictModel
from gapbench.values import AdaptiveItems

RUNGS_PATTERN = r"^\d+(-\d+)?(, ?\d+(-\d+)?)*$"
Rungs = (
    Annotated[int, Field(ge=1, le=MOST_RUNGS)]
    | Annotated[list[Annotated[int, Field(ge=1, le=MOST_RUNGS)]], Field(min_length=1)]
    | Annotated[str, Field(pattern=RUNGS_PATTERN)]
)
"""A number of a rung, a list of numbers, or a text such as ``3-9`` or ``1,3,5-8``."""
ADAPTIVE_POOL = 40
"""Items of each rung that an adaptive run draws from, where the suite does not say."""


def _is_ascending(text: str) -> bool:
    """Return whether each range of a text begins at 1 or more and ends at its start or after it, within bounds."""
    ranges = [part.strip().partition("-") for part in text.split(",")]
    return all(1 <= int(low[:9]) <= int((high or low)[:9]) <= MOST_RUNGS for low, _, high in ranges)


class AdaptiveDocument(StrictModel):
    """When an adaptive run of a ladder ends."""

    width: float = Field(
        1.5,
        gt=0,
        le=20,
        description="stop when the 95 % interval of the threshold is at most so many rungs wide",
    )
    items: int = Field(120, ge=4, le=10_000, description="stop after so many items of a model")

    def to_values(self) -> AdaptiveItems:
        """Return the settings as they travel."""
        return AdaptiveItems(width_rungs=self.width, most_items=self.items)


class LadderKeys(StrictModel):
    """What a suite may say of a ladder; a task's own document may say it, too."""

    seed: int | None = Field(
        None,
        ge=0,
        lt=2**63,
        description="draws fresh items of the ladder with this seed; default: the items that the task comes with",
    )
    rungs: Rungs | None = Field(None, description="rungs to ask, such as 3-9 or [2, 4, 6]; default: all")
    per_rung: int | None = Field(
        None, ge=1, le=100_000, description="items of each rung; default: those that the task comes with"
    )
    adaptive: bool | AdaptiveDocument | None = Field(
        None,
        description="true: pick the next rung for each model, and report the rung at which it is right half of the time; "
        "or {width: rungs, items: N}, when to stop",
    )

    @field_validator("rungs", mode="before")
    @classmethod
    def _check_rungs(cls, value: Any) -> Any:
        is_list = (
            isinstance(value, list) and value and all(type(number) is int and number > 0 for number in value)
        )
        is_text = isinstance(value, str) and re.fullmatch(RUNGS_PATTERN, value) and _is_ascending(value)
        if value is None or is_list or is_text or (type(value) is int and value > 0):
            return value
        raise ValueError(
            f"found {str(value)[:40]!r}; expected numbers of rungs from 1, such as 3-9 or [2, 4, 6]"
        )

    def ladder_keys(self) -> Mapping[str, Any]:
        """Return the keys that are set."""
        return {name: value for name in LadderKeys.model_fields if (value := getattr(self, name)) is not None}

    @property
    def adaptive_items(self) -> AdaptiveItems | None:
        """When an adaptive run ends. None: the task is not run adaptively."""
        if self.adaptive is None or self.adaptive is False:
            return None
        return (AdaptiveDocument() if self.adaptive is True else self.adaptive).to_values()

    @property
    def rung_numbers(self) -> tuple[int, ...] | None:
        """The rungs to ask, each once, in order. None: all."""
        if self.rungs is None:
            return None
        if isinstance(self.rungs, int):
            return (self.rungs,)
        if not isinstance(self.rungs, str):
            return tuple(sorted(set(self.rungs)))
        found: set[int] = set()
        for part in self.rungs.split(","):
            low, _, high = part.strip().partition("-")
            found.update(range(int(low), int(high or low) + 1))
        return tuple(sorted(found))

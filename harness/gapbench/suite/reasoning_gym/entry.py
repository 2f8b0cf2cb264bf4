"""What a suite writes to run generators of reasoning-gym, found in it and handed on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from gapbench.suite.documents import WORD_PATTERN, Document, KeyPath, StrictModel, validate_document

MAX_COUNT = 100_000


class GeneratorDocument(StrictModel):
    """Items of one generator; each generator becomes a task."""

    levels: Annotated[
        list[Annotated[int, Field(ge=0)]] | None,
        Field(
            min_length=1, description="levels of its curriculum, from 0; default: its default configuration"
        ),
    ] = None
    range: Literal["inclusive", "upper_bound"] = Field(
        "inclusive",
        description="how a level becomes a range of sizes: inclusive (from level 0 to this one, the package's default) or "
        "upper_bound (this level alone)",
    )
    count: int = Field(50, ge=1, le=MAX_COUNT, description="items of each level")
    limit: int | None = Field(None, ge=1, description="N items of the task, taken from its levels in turn")
    seed: int = Field(
        0,
        ge=0,
        lt=2**32,
        description="seed of the package: item i is drawn with seed + i, so seeds closer than count share items",
    )
    config: dict[str, Any] = Field(
        default_factory=dict, description="fields of the generator's configuration, over those of the level"
    )


class ReasoningGymEntry(StrictModel):
    """Generators of the package reasoning-gym with their own scores; each becomes a task."""

    reasoning_gym: Annotated[
        dict[str, GeneratorDocument | None],
        Field(min_length=1, description="generators, under the package's names, with their settings"),
    ]
    limit: int | None = Field(None, ge=1, description="N items of each task, taken from its levels in turn")
    category: str = Field(
        "reasoning", pattern=WORD_PATTERN, description="row of the gap table that they belong to"
    )

    def generators(self) -> dict[str, GeneratorDocument]:
        """Return the generators with their settings, by name."""
        return {name: given or GeneratorDocument() for name, given in self.reasoning_gym.items()}


def is_reasoning_gym_entry(entry: Any) -> bool:
    """Return whether an item of a suite's ``tasks`` is for reasoning-gym."""
    return isinstance(entry, Mapping) and "reasoning_gym" in entry


def reasoning_gym_entries(document: Document) -> list[tuple[KeyPath, ReasoningGymEntry]]:
    """Return a suite's entries for reasoning-gym, each with its place.

    Raises:
        DocumentError: One has an unknown key or a wrong value.
    """
    return [
        (("tasks", index), validate_document(document, ReasoningGymEntry, entry, ("tasks", index)))
        for index, entry in enumerate(document.value.get("tasks", ()))
        if is_reasoning_gym_entry(entry)
    ]


def task_name(generator: str) -> str:
    """Return the name of a generator's task."""
    return f"reasoning_gym-{generator}"

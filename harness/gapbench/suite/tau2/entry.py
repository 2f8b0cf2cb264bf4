"""What a suite writes to run a domain of tau2, found in it and handed on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from gapbench.suite.documents import WORD_PATTERN, Document, KeyPath, StrictModel, validate_document

Domain = Literal["airline", "retail"]
WHOLE_SPLIT = "base"
"""The split with all tasks that tau2 reports."""


class Tau2Document(StrictModel):
    """A domain of tau2."""

    domain: Domain = Field(description="tau2's name of it")
    split: str = Field(WHOLE_SPLIT, min_length=1, description="tau2's name of a part of its tasks")
    limit: int | None = Field(None, ge=1, description="N tasks of it")
    turns: int = Field(100, ge=1, le=1_000, description="most replies of the model in an episode")
    user: str | None = Field(
        None,
        min_length=1,
        description="id of one of the suite's users or models, or runner:model[@url], which plays the customer; "
        "default: a script does",
    )
    category: str = Field(
        "agents", pattern=WORD_PATTERN, description="row of the gap table that it belongs to"
    )


class Tau2Entry(StrictModel):
    """A domain of tau2-bench; it becomes a task of episodes."""

    tau2: Tau2Document


def is_tau2_entry(entry: Any) -> bool:
    """Return whether an item of a suite's ``tasks`` is for tau2."""
    return isinstance(entry, Mapping) and "tau2" in entry


def tau2_entries(document: Document) -> list[tuple[KeyPath, Tau2Document]]:
    """Return a suite's entries for tau2, each with its place.

    Raises:
        DocumentError: One has an unknown key or a wrong value.
    """
    return [
        (("tasks", index), validate_document(document, Tau2Entry, entry, ("tasks", index)).tau2)
        for index, entry in enumerate(document.value.get("tasks", ()))
        if is_tau2_entry(entry)
    ]


def task_name(entry: Tau2Document) -> str:
    """Return the name of an entry's task."""
    split = "" if entry.split == WHOLE_SPLIT else f"-{entry.split}"
    return f"tau2-{entry.domain}{split}"

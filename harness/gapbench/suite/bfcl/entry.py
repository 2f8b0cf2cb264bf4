"""What a suite writes to run categories of BFCL, found in it and handed on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from gapbench.suite.documents import WORD_PATTERN, Document, KeyPath, StrictModel, validate_document

SINGLE_TURN_CATEGORIES = (
    "simple_python", "simple_java", "simple_javascript", "multiple", "parallel", "parallel_multiple", "irrelevance",
    "live_simple", "live_multiple", "live_parallel", "live_parallel_multiple", "live_irrelevance", "live_relevance",
)  # fmt: skip
"""Categories of one reply."""

BfclCategory = Literal[
    "simple_python", "simple_java", "simple_javascript", "multiple", "parallel", "parallel_multiple", "irrelevance",
    "live_simple", "live_multiple", "live_parallel", "live_parallel_multiple", "live_irrelevance", "live_relevance",
]  # fmt: skip


class BfclEntry(StrictModel):
    """Categories of the Berkeley Function Calling Leaderboard (BFCL v4); each becomes a task."""

    bfcl: Annotated[list[BfclCategory], Field(min_length=1, description="categories, under BFCL's names")]
    limit: int | None = Field(None, ge=1, description="N samples of each category")
    category: str = Field(
        "tools", pattern=WORD_PATTERN, description="row of the gap table that they belong to"
    )


def is_bfcl_entry(entry: Any) -> bool:
    """Return whether an item of a suite's ``tasks`` is for BFCL."""
    return isinstance(entry, Mapping) and "bfcl" in entry


def bfcl_entries(document: Document) -> list[tuple[KeyPath, BfclEntry]]:
    """Return a suite's entries for BFCL, each with its place.

    Raises:
        DocumentError: One has an unknown key or a wrong value.
    """
    return [
        (("tasks", index), validate_document(document, BfclEntry, entry, ("tasks", index)))
        for index, entry in enumerate(document.value["tasks"])
        if is_bfcl_entry(entry)
    ]


def task_name(category: str) -> str:
    """Return the name of a category's task."""
    return f"bfcl-{category}"

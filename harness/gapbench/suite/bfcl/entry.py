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

MULTI_TURN_CATEGORIES = (
    "multi_turn_base", "multi_turn_miss_func", "multi_turn_miss_param", "multi_turn_long_context",
)  # fmt: skip
"""Categories of conversations with tools that run."""

_NEEDS_MEMORY = "it needs a store that lasts from one item to the next"
_NEEDS_NETWORK = "it needs a network and a key for a search engine"
NOT_OFFERED = {
    "memory": _NEEDS_MEMORY,
    "memory_kv": _NEEDS_MEMORY,
    "memory_rec_sum": _NEEDS_MEMORY,
    "memory_vector": f"{_NEEDS_MEMORY}, and a model of embeddings",
    "web_search": _NEEDS_NETWORK,
    "web_search_base": _NEEDS_NETWORK,
    "web_search_no_snippet": _NEEDS_NETWORK,
    "format_sensitivity": "it asks for calls as text in several forms, and here calls are native",
}
"""Categories that cannot be run here, under BFCL's names for them and for their groups, with the reason."""

BfclCategory = Literal[
    "simple_python", "simple_java", "simple_javascript", "multiple", "parallel", "parallel_multiple", "irrelevance",
    "live_simple", "live_multiple", "live_parallel", "live_parallel_multiple", "live_irrelevance", "live_relevance",
    "multi_turn_base", "multi_turn_miss_func", "multi_turn_miss_param", "multi_turn_long_context",
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
    entries: list[tuple[KeyPath, BfclEntry]] = []
    for index, entry in enumerate(document.value.get("tasks", ())):
        if is_bfcl_entry(entry):
            at = ("tasks", index)
            _refuse_categories(document, entry["bfcl"], at)
            entries.append((at, validate_document(document, BfclEntry, entry, at)))
    return entries


def _refuse_categories(document: Document, categories: Any, at: KeyPath) -> None:
    for number, category in enumerate(categories if isinstance(categories, list) else ()):
        reason = NOT_OFFERED.get(category) if isinstance(category, str) else None
        if reason is not None:
            raise document.error((*at, "bfcl", number), f"{category!r} is not offered: {reason}; remove it")


def task_name(category: str) -> str:
    """Return the name of a category's task."""
    return f"bfcl-{category}"

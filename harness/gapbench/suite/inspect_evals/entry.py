"""What a suite writes to run an eval of inspect-evals, found in it and handed on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from gapbench.suite.documents import WORD_PATTERN, Document, KeyPath, StrictModel, validate_document


class InspectEvalsEntry(StrictModel):
    """An eval of the package inspect-evals that asks a question of several choices once."""

    inspect_evals: str = Field(
        pattern=r"^\w+$", description="name of the eval, such as commonsense_qa or arc_challenge"
    )
    limit: int | None = Field(None, ge=1, description="N samples, spread over the data set")
    category: str = Field(
        "knowledge", pattern=WORD_PATTERN, description="row of the gap table that it belongs to"
    )

    @property
    def task_name(self) -> str:
        """The name of its task."""
        return f"inspect_evals-{self.inspect_evals}"


def is_inspect_evals_entry(entry: Any) -> bool:
    """Return whether an item of a suite's ``tasks`` is for inspect-evals."""
    return isinstance(entry, Mapping) and "inspect_evals" in entry


def inspect_evals_entries(document: Document) -> list[tuple[KeyPath, InspectEvalsEntry]]:
    """Return a suite's entries for inspect-evals, each with its place.

    Raises:
        DocumentError: One has an unknown key or a wrong value.
    """
    return [
        (("tasks", index), validate_document(document, InspectEvalsEntry, entry, ("tasks", index)))
        for index, entry in enumerate(document.value.get("tasks", ()))
        if is_inspect_evals_entry(entry)
    ]

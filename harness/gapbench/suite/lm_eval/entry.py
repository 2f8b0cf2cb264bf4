"""What a suite writes to run tasks of lm-eval, found in it and handed on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from gapbench.suite.documents import WORD_PATTERN, Document, KeyPath, StrictModel, validate_document


class LmEvalEntry(StrictModel):
    """A task of lm-evaluation-harness: its prompts, few-shot examples, filters and metrics."""

    lm_eval: str = Field(
        min_length=1, description="name of an lm-eval task, group or tag, or the path of an lm-eval task YAML"
    )
    limit: int | None = Field(None, ge=1, description="first N documents of each task")
    num_fewshot: int | None = Field(
        None, ge=0, le=1_000, description="worked examples; default: the task's own"
    )
    category: str = Field(
        "lm_eval", pattern=WORD_PATTERN, description="row of the gap table that it belongs to"
    )
    metric: str | None = Field(
        None,
        min_length=1,
        description="metric to use as the score of a reply; default: the first with values from 0 to 1",
    )
    filter: str | None = Field(
        None, min_length=1, description="filter whose answer is scored; default: the task's first"
    )


def is_lm_eval_entry(entry: Any) -> bool:
    """Return whether an item of a suite's ``tasks`` is for lm-eval."""
    return isinstance(entry, Mapping) and "lm_eval" in entry


def lm_eval_entries(document: Document) -> list[tuple[KeyPath, LmEvalEntry]]:
    """Return a suite's entries for lm-eval, each with its place.

    Raises:
        DocumentError: One has an unknown key or a wrong value.
    """
    return [
        (("tasks", index), validate_document(document, LmEvalEntry, entry, ("tasks", index)))
        for index, entry in enumerate(document.value.get("tasks", ()))
        if is_lm_eval_entry(entry)
    ]

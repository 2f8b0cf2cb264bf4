"""The ``arena:`` block of a suite: how answers are compared in pairs."""

from __future__ import annotations

from pydantic import Field

from gapbench.suite.documents import StrictModel


class ArenaDocument(StrictModel):
    """How the arena compares answers."""

    judge: str | None = Field(None, description="id of one of the judges; default: the higher score wins")
    rubric: str | None = Field(None, min_length=1, description="what makes an answer better")
    tasks: list[str] = Field(default_factory=list, description="names of tasks; default: all")
    limit: int | None = Field(None, ge=1, description="first N requests of each task")

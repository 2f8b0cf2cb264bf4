"""The place of one shard among those of a plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ShardKey:
    """One cell or search of a plan that is run on its own.

    Attributes:
        number: Its number, from 0.
        cell_ids: The cell or search of each shard of the plan, in order.
        plan_sha256: Hash of everything that the shards of one run have in common: suite, tasks' data, and all cells.
    """

    number: int
    cell_ids: tuple[str, ...]
    plan_sha256: str

    @property
    def cell_id(self) -> str:
        """The cell or search that this shard runs."""
        return self.cell_ids[self.number]

    def run_id(self, suite: str) -> str:
        """Return the run's folder name: the same whenever this shard of this plan is run."""
        return f"{suite}-{self.plan_sha256[:8]}-shard-{self.number:04d}"

    def as_json(self) -> dict[str, Any]:
        """Return the form that is stored in ``run.json``."""
        return {"number": self.number, "cells": list(self.cell_ids), "plan_sha256": self.plan_sha256}

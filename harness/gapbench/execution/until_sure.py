"""The looks of a run with ``--until-sure``: after each block of whole clusters, decide whether the run is sure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gapbench import formatting
from gapbench.execution.look_blocks import LookBlock, largest_cluster, split_into_blocks
from gapbench.stats.sequential import ALPHA, StoppingRule, cluster_totals, conclude, describe
from gapbench.store import RunManifest
from gapbench.store.look_entries import SequentialEntry
from gapbench.store.provenance import format_utc
from gapbench.suite.plan import Cell, Plan
from gapbench.values import Attempt

_Item = tuple[str, str, int, str, str]


def new_entry(plan: Plan, looks: int | None) -> SequentialEntry:
    """Return the entry of ``run.json`` for a run that stops when it is sure, before its first look.

    Args:
        plan: The plan.
        looks: Number of looks. None: any number, by the always-valid e-process.
    """
    blocks = split_into_blocks(plan, looks)
    planned = blocks[-1].pairs
    information = [block.pairs / planned for block in blocks] if looks is not None else []
    largest = largest_cluster(plan)
    comparisons = len(_pairs_of_models(plan))
    rule = StoppingRule(largest, tuple(information), comparisons)
    return SequentialEntry(
        rule=rule.name,
        alpha=ALPHA,
        margin_points=plan.margin_points,
        comparisons=comparisons,
        largest_cluster=largest,
        planned_pairs=planned,
        information=information,
        looks=[],
        decision=None,
    )


def _pairs_of_models(plan: Plan) -> list[tuple[str, str]]:
    closed, opened = (
        [model.id for model in plan.models if model.weights == weights] for weights in ("closed", "open")
    )
    return [(first, second) for first in closed for second in opened]


@dataclass
class UntilSure:
    """The state of the looks of a run.

    Attributes:
        plan: The plan.
        entry: The run's entry in ``run.json``; each look is added to it.
        blocks: The parts of the plan between looks.
    """

    plan: Plan
    entry: SequentialEntry
    blocks: list[LookBlock]
    _scores: dict[str, dict[_Item, tuple[str, float | None]]] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan, manifest: RunManifest, rows: Iterable[Attempt]) -> UntilSure:
        """Return the state that a run's manifest and its earlier rows describe. The manifest must have an entry."""
        entry = manifest.sequential
        assert entry is not None, "only runs with a stopping rule take looks"
        state = cls(plan, entry, split_into_blocks(plan, len(entry.information) or None))
        for row in rows:
            state.record(row)
        return state

    @property
    def is_done(self) -> bool:
        """Whether a decision was reached or every block was looked at."""
        return self.entry.decision is not None or len(self.entry.looks) >= len(self.blocks)

    def record(self, row: Attempt) -> None:
        """Take in one row. As in the gap table, only final measured answers with a score count."""
        if not row.final or row.phase != "measure" or row.load_kind == "search":
            return
        score = None if row.outcome in {"infra", "unscored"} else row.score
        item = (row.task, row.sample_id, row.repeat, row.cell_id.rpartition("|")[2], row.prompt_sha256)
        self._scores.setdefault(row.model_id, {})[item] = (row.cluster_id, score)

    def requests_in_block(
        self, number: int, cell: Cell, remaining: Iterable[tuple[int, int]]
    ) -> list[tuple[int, int]]:
        """Return those of a cell's remaining requests that belong to a block, counted from 0."""
        block, requests = self.blocks[number], cell.requests
        return [
            (place, made)
            for place, made in remaining
            if block.includes(cell, requests[place], is_first=number == 0)
        ]

    def look(self) -> str:
        """Take a look after the next block, add it to the entry, and return it in one line."""
        number = len(self.entry.looks) + 1
        rule = StoppingRule(self.entry.largest_cluster, tuple(self.entry.information), self.entry.comparisons)
        compared = [self._compare(pair, rule, number) for pair in _pairs_of_models(self.plan)]
        pairs = self.blocks[number - 1].pairs
        self.entry.looks.append(
            {
                "at": format_utc(datetime.now(UTC)),
                "planned_pairs": pairs,
                "share": pairs / self.entry.planned_pairs,
                "alpha_spent": rule.spent(number),
                "comparisons": compared,
            }
        )
        if all(found["conclusion"] is not None for found in compared):
            self.entry.decision = "; ".join(found["words"] for found in compared)
        first = compared[0]
        more = f" and {len(compared) - 1} more pairs of models" if len(compared) > 1 else ""
        return (
            f"look {number}, {pairs} of {self.entry.planned_pairs} pairs: {first['closed']} against {first['open']}: "
            f"{first['words']}{more}"
        )

    def _compare(self, models: tuple[str, str], rule: StoppingRule, number: int) -> dict[str, Any]:
        closed, opened = (self._scores.get(model, {}) for model in models)
        codes: dict[tuple[str, str], int] = {}
        differences: list[float] = []
        clusters: list[int] = []
        is_any_right = False
        for item, (cluster, score) in closed.items():
            other = opened.get(item, (cluster, None))[1]
            if score is not None and other is not None:
                is_any_right |= score > 0 or other > 0
                differences.append(score - other)
                clusters.append(codes.setdefault((item[0], cluster), len(codes)))
        sums, sizes = cluster_totals(differences, clusters)
        low, high = rule.interval(sums, sizes, number)
        # With no right answer on either side a broken scorer looks like equal skill.
        conclusion = conclude(low, high, self.entry.margin_points / 100) if is_any_right else None
        return {
            "closed": models[0],
            "open": models[1],
            "pairs": len(differences),
            "clusters": len(codes),
            "gap_points": float(sums.sum() / sizes.sum() * 100) if differences else None,
            "ci_low": low * 100,
            "ci_high": high * 100,
            "conclusion": conclusion,
            "words": describe(conclusion, self.entry.margin_points)
            if is_any_right or not differences
            else formatting.NO_RIGHT_ANSWER,
        }

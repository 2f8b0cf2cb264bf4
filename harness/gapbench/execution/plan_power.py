"""What a plan can show before anything is sent: the gap that it detects, and what the margin would take."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gapbench import formatting
from gapbench.execution.expected_time import ReplyTime, expect_time
from gapbench.execution.run_pricing import cost_bounds
from gapbench.execution.setup import RunSetup
from gapbench.stats.power import (
    ALPHA,
    DISCORDANCE,
    ICC,
    MIN_CLUSTERS,
    POWER,
    design_effect,
    detectable_gap,
    pairs_for_equivalence,
    required_pairs,
    round_up,
)
from gapbench.store import RunManifest
from gapbench.suite.plan import Cell, Plan

OVERALL = formatting.OVERALL


@dataclass(frozen=True)
class PowerAssumptions:
    """What is assumed where nothing was measured yet.

    Attributes:
        discordance: Share of pairs in which the two models' scores differ.
        icc: Correlation of two differences of one cluster.
        reply_time: How long replies take.
    """

    discordance: float = DISCORDANCE
    icc: float = ICC
    reply_time: ReplyTime = dataclasses.field(default_factory=ReplyTime)


@dataclass(frozen=True)
class PowerRow:
    """What the pairs of one category, or of all, can show.

    Attributes:
        category: A category, or ``overall``.
        pairs: Planned pairs of two models: scored samples x repeats x loads.
        clusters: Clusters among them.
        design_effect: By how much the clusters inflate the variance.
        detectable_points: Gap that is detected with 80 % probability at 5 %, in points. None: too few clusters.
        pairs_to_detect_margin: Pairs that detect a gap as large as the margin.
        pairs_for_margin: Pairs that show two equal models to be equivalent within the margin.
        usd_for_margin: Most that the calls for ``pairs_for_margin`` can cost, over all models. None: a price is unknown.
        hours_for_margin: Hours that they take. None: how long a reply takes is unknown.
    """

    category: str
    pairs: int
    clusters: int
    design_effect: float
    detectable_points: float | None
    pairs_to_detect_margin: int | None
    pairs_for_margin: int | None
    usd_for_margin: float | None
    hours_for_margin: float | None

    def to_json(self) -> dict[str, Any]:
        """Return a row of ``bench plan --json``."""
        return dataclasses.asdict(self)


def plan_power(setup: RunSetup, assumed: PowerAssumptions) -> list[PowerRow]:
    """Return a row for each category with scored tasks, then ``overall`` if there are several.

    All models have the same samples and loads, so the pairs of two models are the requests of one.
    """
    sizes = _cluster_sizes(setup.plan)
    rows = [_power_row(setup, category, found, assumed) for category, found in sizes.items()]
    if len(sizes) > 1:
        every = [size for found in sizes.values() for size in found]
        rows.append(_power_row(setup, OVERALL, every, assumed))
    return rows


def power_json(rows: Sequence[PowerRow], assumed: PowerAssumptions, margin_points: float) -> dict[str, Any]:
    """Return the documented shape of ``power`` in ``bench plan --json``."""
    return {
        "alpha": ALPHA,
        "power": POWER,
        "discordance": assumed.discordance,
        "icc": assumed.icc,
        "margin_points": margin_points,
        "rows": [row.to_json() for row in rows],
    }


def seconds_per_request(manifest: RunManifest) -> dict[str, float]:
    """Return, by model id, how long a run took for each request, from its cells."""
    taken: dict[str, tuple[float, int]] = {}
    for cell in manifest.cells:
        if cell.wall_s is not None and cell.planned:
            seconds, requests = taken.get(cell.model_id, (0.0, 0))
            taken[cell.model_id] = (seconds + float(cell.wall_s), requests + int(cell.planned))
    return {model_id: seconds / requests for model_id, (seconds, requests) in taken.items()}


def _is_scored(cell: Cell) -> bool:
    """Return whether a cell's answers count towards a gap in percent; those of an adaptive cell count in rungs."""
    is_scored = cell.task.external_scorer is not None or cell.task.scorer_name not in {None, "none"}
    return is_scored and cell.task.adaptive is None


def _cluster_sizes(plan: Plan) -> dict[str, list[int]]:
    """Return the number of pairs in each cluster, by category."""
    counts: dict[str, dict[tuple[str, str], int]] = {}
    for cell in plan.cells:
        if cell.model.id != plan.models[0].id or not _is_scored(cell):
            continue
        of_category = counts.setdefault(cell.task.category, {})
        for request in cell.requests:
            if request.phase == "measure" and request.is_scored:
                key = (cell.task.name, request.sample.cluster_id or request.sample.sample_id)
                of_category[key] = of_category.get(key, 0) + 1
    return {category: list(found.values()) for category, found in counts.items() if found}


def _power_row(setup: RunSetup, category: str, sizes: Sequence[int], assumed: PowerAssumptions) -> PowerRow:
    pairs = sum(sizes)
    effect = design_effect(sizes, assumed.icc)
    variance = assumed.discordance * effect
    # Without correlation the clusters do not matter, and the pairs count as independent.
    per_cluster = None if effect == 1 else pairs / len(sizes)
    margin = setup.plan.margin_points / 100
    gap = (
        None if len(sizes) < MIN_CLUSTERS else detectable_gap(pairs, variance, pairs_per_cluster=per_cluster)
    )
    for_margin = pairs_for_equivalence(margin, variance, pairs_per_cluster=per_cluster)
    cells = [
        cell for cell in setup.plan.cells if _is_scored(cell) and category in {OVERALL, cell.task.category}
    ]
    scale = None if for_margin is None else for_margin / pairs
    return PowerRow(
        category=category,
        pairs=pairs,
        clusters=len(sizes),
        design_effect=effect,
        detectable_points=None if gap is None else gap * 100,
        pairs_to_detect_margin=round_up(required_pairs(margin, variance, pairs_per_cluster=per_cluster)),
        pairs_for_margin=round_up(for_margin),
        usd_for_margin=None if scale is None else _usd(setup, cells, scale),
        hours_for_margin=None if scale is None else hours_of(setup.plan, cells, assumed, scale),
    )


def _usd(setup: RunSetup, cells: Sequence[Cell], scale: float) -> float | None:
    """Return the most that ``scale`` times the cells can cost. None: a price is unknown."""
    part = dataclasses.replace(setup, plan=dataclasses.replace(setup.plan, cells=tuple(cells), searches=()))
    bounds = [bound.usd for bound in cost_bounds(part) if bound.metered]
    if any(usd is None for usd in bounds):
        return None
    return float(sum(usd for usd in bounds if usd is not None)) * scale


def hours_of(
    plan: Plan, cells: Sequence[Cell], assumed: PowerAssumptions, scale: float = 1.0
) -> float | None:
    """Return the hours of ``scale`` times the cells, as a run sends them. None: unknown for some cell, as for batches."""
    if any(cell.model.batch for cell in cells):
        return None
    part = dataclasses.replace(plan, cells=tuple(cells), searches=())
    expected_s = expect_time(part, assumed.reply_time).expected_s
    return None if expected_s is None else expected_s * scale / 3600

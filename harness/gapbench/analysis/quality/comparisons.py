"""Which models are compared in which scope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np

from gapbench.analysis.quality.gap_row import GapRow
from gapbench.analysis.quality.model_pairs import Pair
from gapbench.analysis.quality.model_requests import ModelRequests
from gapbench.analysis.quality.reference_models import choose_reference
from gapbench.errors import ResultsError

Scopes = Mapping[str, int | None]
"""The code of each category, and None for all of them together, by name."""
_LEAST_SHOWN_POINTS = 0.05
"""A smaller correction of a gap is shown as 0.0 points."""


@dataclass(frozen=True)
class Sides:
    """The two sides of the comparison.

    Attributes:
        requests: Each model's measured requests.
        closed: Closed models with measured requests, in the order of the suites.
        open: Open models with measured requests.
    """

    requests: Mapping[str, ModelRequests]
    closed: list[str]
    open: list[str]


@dataclass(frozen=True)
class PlannedComparison:
    """Two models to compare in one scope.

    Attributes:
        scope: A category, or ``overall``.
        pair: The closed and the open model.
        bias: Estimate of what choosing the best models added to the accuracy gap, 0 to 1.
        is_main: Whether it is the comparison of the headline, or one of its categories.
    """

    scope: str
    pair: Pair
    bias: float = 0.0
    is_main: bool = True


def against_references(
    sides: Sides, scopes: Scopes, pool: Executor
) -> tuple[list[PlannedComparison], list[str]]:
    """Return the comparisons of the best models, then of every other model with the best of the other side, and warnings.

    The best models are compared in every scope, the others over all requests. Where a best model has no scored request in a
    category, the best of those that have is taken.

    Args:
        sides: The models.
        scopes: The scopes.
        pool: Where the two sides are looked at side by side.
    """
    closed, other = pool.map(
        lambda names: choose_reference(sides.requests, names), (sides.closed, sides.open)
    )
    biases = [pool.submit(side.bias, code) for side in (closed, other) for code in scopes.values()]
    for bias in biases:
        bias.result()
    found: list[PlannedComparison] = []
    for scope, code in scopes.items():
        pair = tuple(
            best if _has_scores(sides, best.model, code) else choose_reference(sides.requests, left)
            for best, names in ((closed, sides.closed), (other, sides.open))
            for left in [[name for name in names if _has_scores(sides, name, code)] or names]
        )
        found.append(
            PlannedComparison(scope, (pair[0].model, pair[1].model), pair[0].bias(code) - pair[1].bias(code))
        )
    scope, code = list(scopes.items())[-1]
    main = {*found[-1].pair}
    found += [
        PlannedComparison(scope, (name, other.model), -other.bias(code), is_main=False)
        for name in sides.closed
        if name not in main
    ]
    found += [
        PlannedComparison(scope, (closed.model, name), closed.bias(code), is_main=False)
        for name in sides.open
        if name not in main
    ]
    return found, [*closed.warnings, *other.warnings]


def every_pair(sides: Sides, scopes: Scopes) -> list[PlannedComparison]:
    """Return every closed model with every open one, in every scope."""
    return [
        PlannedComparison(scope, (closed, other))
        for scope in scopes
        for closed in sides.closed
        for other in sides.open
    ]


def against_model(sides: Sides, scopes: Scopes, model: str) -> list[PlannedComparison]:
    """Return one model with every other, in every scope. A closed model comes first, an open one second.

    Raises:
        ResultsError: The model has no measured request, or there is no other.
    """
    names = [*sides.closed, *sides.open]
    if model not in names:
        raise ResultsError(
            f"no model {model!r} has a measured request here; expected one of {', '.join(names) or 'none'}"
        )
    others = [name for name in names if name != model]
    if not others:
        raise ResultsError(f"{model!r} is the only model with a measured request here; name a second run")
    is_closed = model in sides.closed
    return [
        PlannedComparison(scope, (model, name) if is_closed else (name, model))
        for scope in scopes
        for name in others
    ]


def name_winners(rows: Sequence[GapRow], sides: Sides) -> list[GapRow]:
    """Return the rows with the verdict on two models of one side naming the model that is ahead."""
    closed = set(sides.closed)

    def name_winner(row: GapRow) -> GapRow:
        if (row.closed_model in closed) != (row.open_model in closed):
            return row
        names = {
            "closed ahead": row.closed_model,
            "open ahead": row.open_model,
        }
        winner = names.get(str(row.verdict))
        return row if winner is None else replace(row, verdict=f"{winner} ahead")

    return [name_winner(row) for row in rows]


def describe_selection(sides: Sides, rows: Sequence[GapRow]) -> str:
    """Return how the choice of the best models changed the gaps of accuracy, without a full stop; "" if it did not."""
    chosen = [row for row in rows if row.is_accuracy and row.rule is None]
    if len(sides.closed) == len(sides.open) == 1 or not chosen:
        return ""
    most = max(abs(row.selection_points or 0.0) for row in chosen)
    if most < _LEAST_SHOWN_POINTS:
        return ""
    return (
        f"gaps of accuracy are up to {most:.1f} points off closed minus open: they, their intervals and p-values are corrected, "
        f"because the best of {len(sides.closed)} closed and {len(sides.open)} open models is picked on the items it is judged by"
    )


def _has_scores(sides: Sides, model: str, code: int | None) -> bool:
    side = sides.requests[model]
    known = ~np.isnan(side.columns["score"])
    return bool((known if code is None else known & (side.category == code)).any())

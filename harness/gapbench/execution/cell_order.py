"""Which models run side by side, and which cells of a model share their places in flight."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gapbench.cpus import usable_cpus
from gapbench.execution.user_models import played_user_of
from gapbench.execution.workers.pool import worker_count
from gapbench.runner import machines_of
from gapbench.suite.plan import Cell, Plan
from gapbench.values import Model


def is_timed(plan: Plan, model: Model) -> bool:
    """Return whether a model has a cell whose times are a result; then nothing else runs beside the model."""
    return bool(plan.searches_of(model)) or any(cell.load.is_timed for cell in plan.cells_of(model))


def order_models(plan: Plan, *, one_at_a_time: bool = False) -> tuple[list[list[Model]], list[Model]]:
    """Return the models that run side by side, and then those that run alone.

    Args:
        plan: The plan.
        one_at_a_time: Whether all models run alone: several machines send one cell at a time.

    Returns:
        Lists of models in the order of the suite: the lists run side by side, the models of a list one after another,
        because they or the models that play their users share a machine. And the models that run one after another
        when all lists are done, because they are timed.
    """
    lists: list[tuple[set[str], list[Model]]] = []
    alone: list[Model] = []
    for model in plan.models:
        if one_at_a_time or is_timed(plan, model):
            alone.append(model)
            continue
        machines, sharing = _machines(plan, model), [model]
        for other in [found for found in lists if found[0] & machines]:
            lists.remove(other)
            machines, sharing = machines | other[0], [*other[1], *sharing]
        lists.append((machines, sharing))
    return [sharing for _, sharing in lists], alone


def _machines(plan: Plan, model: Model) -> set[str]:
    """Return the machines that a model keeps busy: its own, and those of the models that play its users."""
    played = [found for cell in plan.cells_of(model) if (found := played_user_of(cell.task)) is not None]
    return set(machines_of(model)).union(*(machines_of(plan.users[user.model]) for user in played))


def shared_queues(cells: Sequence[Cell], *, one_at_a_time: bool = False) -> Iterator[tuple[Cell, ...]]:
    """Yield the cells of a model in groups: those of one group share their places in flight, and follow each other.

    A cell is alone in its group if its load is timed, if its next request depends on the answers, or if several processes
    send it.

    Args:
        cells: The cells.
        one_at_a_time: Whether each is alone: several machines send one cell at a time.
    """
    by_load: dict[str, list[Cell]] = {}
    for cell in cells:
        if (
            one_at_a_time
            or cell.load.is_timed
            or cell.task.adaptive is not None
            or worker_count(cell.load, usable_cpus()) > 1
        ):
            by_load[cell.cell_id] = [cell]
        else:
            by_load.setdefault(f"|{cell.load.label}", []).append(cell)
    yield from (tuple(group) for group in by_load.values())

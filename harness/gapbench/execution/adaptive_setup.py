"""What an adaptive task needs of the suite around it."""

from __future__ import annotations

from gapbench.errors import InputError
from gapbench.suite.plan import Plan
from gapbench.suite.suite import Suite


def refuse_adaptive(suite: Suite, plan: Plan) -> None:
    """Refuse an adaptive task with which its suite does not fit.

    Raises:
        InputError: The samples have no rungs, an answer is scored only later, a sample is repeated, or a load or search
            follows a schedule.
    """
    for task in plan.tasks:
        if task.adaptive is None:
            continue
        place = f"{suite.path}: task {task.name!r} is adaptive"
        if task.rungs is None:
            raise InputError(f"{place}, and its samples have no rungs; name their column under rung")
        if task.external_scorer is None and task.scorer_name in {None, "none", "judge"}:
            raise InputError(
                f"{place}, and its answers have no score during the run (scorer: {task.scorer_name or 'none'}); take out "
                "adaptive, or score them with another scorer"
            )
        cells = [cell for cell in plan.cells if cell.task.name == task.name]
        if any(cell.repeats > 1 for cell in cells):
            raise InputError(
                f"{place}, and each sample is asked {max(cell.repeats for cell in cells)} times; set repeats: 1"
            )
        scheduled = [cell.load.label for cell in cells if cell.load.is_open_loop]
        if scheduled or plan.searches:
            found = f"load {scheduled[0]!r} follows a schedule" if scheduled else "the suite has a search"
            raise InputError(
                f"{place}: the next questions depend on the answers, and {found}; use loads with a concurrency"
            )

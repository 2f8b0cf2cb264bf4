"""Who played the users of each model's episodes: two compared models should have had the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gapbench.analysis.frames import Runs
from gapbench.values.played_user import cell_of_user

_USER_COLUMNS = ["run_id", "cell_id", "phase", "task", "model_asked", "model_served"]
UsersByTask = Mapping[str, tuple[str, ...]]
"""By task, the models that played users, by the names that the provider knows."""


def users_by_model(runs: Runs) -> dict[str, UsersByTask]:
    """Return for each model under test the models that played the users of its episodes, by task; {} for scripts only."""
    tally = runs.tally[_USER_COLUMNS]
    rows = tally[(tally["phase"] == "user").to_numpy()].drop_duplicates()
    under_test = {(run_id, cell.cell_id): cell.model_id for run_id, cell in runs.cells}
    found: dict[str, dict[str, set[str]]] = {}
    for row in rows.astype(object).itertuples(index=False):
        model_id = under_test.get((str(row.run_id), cell_of_user(str(row.cell_id))))
        if model_id is None:
            continue
        served = row.model_served if isinstance(row.model_served, str) else row.model_asked
        found.setdefault(model_id, {}).setdefault(str(row.task), set()).add(str(served))
    return {
        model_id: {task: tuple(sorted(names)) for task, names in tasks.items()}
        for model_id, tasks in found.items()
    }


def different_users(one: str, other: str, first: UsersByTask, second: UsersByTask) -> Iterator[str]:
    """Yield a sentence for each pair of models that different models played the users for.

    Args:
        one: A model.
        other: Another.
        first: Who played users for ``one``.
        second: Who played users for ``other``.
    """
    tasks = [task for task in first if task in second and first[task] != second[task]]
    if tasks:
        task = tasks[0]
        yield (
            f"users were played by different models: for {one} by {' and '.join(first[task])}, for {other} by "
            f"{' and '.join(second[task])} ({', '.join(tasks)})."
        )


def describe_users(conditions: Sequence[Mapping[str, Any]]) -> str | None:
    """Return who played the users, as a line beside those on fairness. None: no model did.

    Args:
        conditions: The conditions of each compared model, with ``users``.
    """
    played = [(str(row["model"]), tuple(row["users"])) for row in conditions if row.get("users")]
    if not played:
        return None
    if len({names for _, names in played}) == 1:
        return f"Users of episodes: played by {' and '.join(played[0][1])}, the same for all models."
    listed = "; ".join(f"for {model} by {' and '.join(names)}" for model, names in played)
    return f"Users of episodes: played {listed}."

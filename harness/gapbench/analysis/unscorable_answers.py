"""A warning about answers that could not be scored.

If most answers of a model are unscorable, its accuracy measures the answer format and not the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gapbench.analysis.frames import Runs
from gapbench.store.manifest import RunManifest, TaskEntry

if TYPE_CHECKING:
    import pandas as pd

UNSCORABLE_SHARE = 0.5
"""Share of a model's answers to a task above which the headline warns."""
_UNSCORABLE = {"unparsed", "unscored"}
_SCORES_LATER = {None, "none", "judge", "verdict"}


def unscorable_warning(runs: Runs) -> str:
    """Return a sentence on the model and task with the most unscorable answers, or "" if no pair is above the limit."""
    tasks = {task.name: manifest for manifest in runs.manifests for task in _tasks_scored_in_run(manifest)}
    rows = runs.measured_tally
    rows = rows[~has_no_right_answer(rows, runs)]
    rows = rows[rows["task"].isin(list(tasks)) & ~rows["outcome"].isin(["infra", "refused", "truncated"])]
    counts = (
        rows.assign(unread=rows["n"].where(rows["outcome"].isin(_UNSCORABLE), 0))
        .groupby(["task", "model_id"], sort=False)
        .agg(sum=("unread", "sum"), size=("n", "sum"))
    )
    counts = counts[counts["sum"] > UNSCORABLE_SHARE * counts["size"]]
    if counts.empty:
        return ""
    counts = counts.sort_values("sum", ascending=False, kind="stable")
    (task, model_id), (found, answers) = counts.index[0], counts.iloc[0]
    others = len(counts) - 1
    more = f", and so for {others} more pair{'s' if others > 1 else ''} of model and task" if others else ""
    suite = tasks[task].selection.get("suite") or "SUITE"
    return (
        f"{found} of {answers} answers of {model_id} to {task} could not be judged (unparsed or unscored){more}; "
        f"look at one with `bench try {suite} --task {task} --model {model_id}`."
    )


def has_no_right_answer(frame: pd.DataFrame, runs: Runs) -> pd.Series[bool]:
    """Return for each row whether no answer to its prompt is right or wrong: it replays logged traffic, or was made up for a trace.

    A row with a prompt that was made up has no scorer although its task has one.

    Args:
        frame: Attempts with the columns ``task`` and ``scorer``.
        runs: The runs that they belong to.
    """
    scored = {
        task.name
        for manifest in runs.manifests
        for task in manifest.tasks
        if task.scorer not in {None, "none"}
    }
    replayed = {cell.task for _, cell in runs.cells if cell.replay is not None}
    return (frame["scorer"].isna() & frame["task"].isin(list(scored))) | frame["task"].isin(list(replayed))


def _tasks_scored_in_run(manifest: RunManifest) -> list[TaskEntry]:
    return [task for task in manifest.tasks if task.scorer not in _SCORES_LATER]

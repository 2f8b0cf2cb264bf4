"""Who judges a cell's replies as they come, and what a task's own judge makes of them all together."""

from __future__ import annotations

from gapbench import scoring
from gapbench.errors import InputError
from gapbench.scoring import Scorer
from gapbench.suite.tasks.grader import Grader, Reply
from gapbench.suite.tasks.task import Task
from gapbench.values import Sample, Score


def scorer_of(task: Task) -> Scorer | None:
    """Return what judges one reply to a task alone. None: nothing does.

    A judge that needs several replies to a document leaves one alone ``unscored``.

    Raises:
        InputError: No such scorer or option, or it cannot be had on this machine; names the place.
    """
    if task.grader is not None:
        return _Alone(task.grader, task.name)
    if not task.scorer_name:
        return None
    try:
        return scoring.make(task.scorer_name, task.scorer_options)
    except InputError as exc:
        raise type(exc)(f"{task.scorer_place or task.name}: {exc}") from exc


def unscorable(task: Task) -> tuple[int, str]:
    """Return to how many samples no reply could be scored, by the scorer's own rule, and a sentence on the first."""
    scorer = scorer_of(task)
    if scorer is None:
        return 0, ""
    faults = [
        (row, sample.sample_id, said)
        for row, sample in enumerate(task.samples, 1)
        if (said := scorer.fault(sample))
    ]
    if not faults:
        return 0, ""
    row, sample_id, said = faults[0]
    return len(faults), (
        f"{task.scorer_place}: scorer {task.scorer_name!r} cannot score {len(faults)} of {len(task.samples)} samples; "
        f"the first is {sample_id!r}, row {row} of {task.origin}: {said}"
    )


class _Alone:
    """A task's own judge, asked about one reply at a time."""

    def __init__(self, grader: Grader, task: str) -> None:
        """Judge a new cell for each reply."""
        self._grader = grader
        self._task = task
        self.slow = True

    def fault(self, sample: Sample) -> str | None:  # noqa: ARG002 - what it needs is its own affair
        return None

    def __call__(self, reply: str, sample: Sample) -> Score:
        return self._grader.cell(self._task, ())(Reply(sample.sample_id, 0, reply), sample)

"""Who judges a cell's replies as they come, and what a task's own judge makes of them all together."""

from __future__ import annotations

from gapbench import scoring
from gapbench.errors import InputError
from gapbench.scoring import Scorer
from gapbench.suite.tasks.grader import ExternalScorer, StoredReply
from gapbench.suite.tasks.task import Task
from gapbench.values import Sample, Score


def make_task_scorer(task: Task) -> Scorer | None:
    """Return what judges one reply to a task alone. None: nothing does.

    A judge that needs several replies to a document leaves one alone ``unscored``.

    Raises:
        InputError: No such scorer or option, or it cannot be had on this machine; names the place.
    """
    if task.external_scorer is not None:
        return _SingleReplyScorer(task.external_scorer, task.name)
    if not task.scorer_name:
        return None
    try:
        return scoring.make_scorer(task.scorer_name, task.scorer_options)
    except InputError as exc:
        raise type(exc)(f"{task.scorer_location or task.name}: {exc}") from exc


def find_unscorable_samples(task: Task) -> tuple[int, str]:
    """Return to how many samples no reply could be scored, by the scorer's own rule, and a sentence on the first."""
    scorer = make_task_scorer(task)
    if scorer is None:
        return 0, ""
    faults = [
        (row, sample.sample_id, said)
        for row, sample in enumerate(task.samples, 1)
        if (said := scorer.unscorable_reason(sample))
    ]
    if not faults:
        return 0, ""
    row, sample_id, said = faults[0]
    return len(faults), (
        f"{task.scorer_location}: scorer {task.scorer_name!r} cannot score {len(faults)} of {len(task.samples)} samples; "
        f"the first is {sample_id!r}, row {row} of {task.origin}: {said}"
    )


class _SingleReplyScorer:
    """A task's own judge, asked about one reply at a time."""

    def __init__(self, external_scorer: ExternalScorer, task: str) -> None:
        """Judge a new cell for each reply."""
        self._external_scorer = external_scorer
        self._task = task
        self.is_slow = True

    def unscorable_reason(self, sample: Sample) -> str | None:  # noqa: ARG002 - what it needs is its own affair
        return None

    def __call__(self, reply: str, sample: Sample) -> Score:
        return self._external_scorer.cell_scorer(self._task, ())(
            StoredReply(sample.sample_id, 0, reply), sample
        )

"""Makes the scorer of a task, and finds samples that it cannot score."""

from __future__ import annotations

from gapbench import scoring
from gapbench.errors import InputError
from gapbench.scoring import Scorer, TranscriptScorer
from gapbench.suite.tasks.grader import ExternalScorer, StoredReply
from gapbench.suite.tasks.task import Task
from gapbench.values import Message, Sample, Score, Transcript


def make_task_scorer(task: Task) -> Scorer | None:
    """Return the scorer of single replies to a task, or None if the task has none.

    An external scorer that needs several replies to a document leaves a single one ``unscored``.

    Raises:
        InputError: No such scorer or option, with the place in the task's file.
        SetupError: The scorer does not work on this machine.
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
    """Return the number of samples that the scorer cannot score, whatever the reply, and a sentence on the first."""
    scorer = make_task_scorer(task)
    if scorer is None:
        return 0, ""
    problems = [
        (row, sample.sample_id, reason)
        for row, sample in enumerate(task.samples, 1)
        if (reason := scorer.unscorable_reason(sample))
    ]
    if not problems:
        return 0, ""
    row, sample_id, reason = problems[0]
    return len(problems), (
        f"{task.scorer_location}: scorer {task.scorer_name!r} cannot score {len(problems)} of {len(task.samples)} samples; "
        f"the first is {sample_id!r}, row {row} of {task.origin}: {reason}"
    )


def find_failing_references(task: Task) -> tuple[int, str]:
    """Return the number of samples whose own reference turn does not score 1, and a sentence on the first.

    Only single replies with tools are scored: an episode's reference needs its tools to run.
    """
    scorer = make_task_scorer(task)
    if not isinstance(scorer, TranscriptScorer):
        return 0, ""
    problems = []
    for sample in task.samples:
        if sample.episode is None and len(sample.reference_turns) == 1:
            score = scorer.score_transcript(single_reply(sample, sample.reference_turns[0]), sample)
            if score.value != 1:
                problems.append((sample.sample_id, score.reason))
    if not problems:
        return 0, ""
    sample_id, reason = problems[0]
    return len(problems), (
        f"{task.scorer_location}: the reference of {len(problems)} of {len(task.samples)} samples does not score 1; "
        f"the first is {sample_id!r} of {task.origin}: {reason}"
    )


def single_reply(sample: Sample, reply: Message) -> Transcript:
    """Return a reply to a sample as a conversation that ended with it; its calls did not run."""
    return Transcript((*sample.messages, reply), (), None, None, "done")


class _SingleReplyScorer:
    """Calls a task's external scorer with one reply at a time."""

    def __init__(self, external_scorer: ExternalScorer, task: str) -> None:
        self._external_scorer = external_scorer
        self._task = task
        self.is_slow = True

    def unscorable_reason(self, sample: Sample) -> str | None:  # noqa: ARG002 - only the external scorer knows what it needs
        return None

    def __call__(self, reply: str, sample: Sample) -> Score:
        return self._external_scorer.cell_scorer(self._task, ())(
            StoredReply(sample.sample_id, 0, reply), sample
        )

"""What a simulated provider needs to know of a task: right and wrong replies for each first prompt."""

from __future__ import annotations

from collections.abc import Iterator

from gapbench.suite.tasks.task import Task
from gapbench.values import GroundTruth, Message, Sample, Text, prompt_sha256, vendor_neutral
from gapbench.values.played_user import first_line, user_truth

DEFAULT_DECOY = "I am not sure."
"""The wrong reply of a simulated provider for a task without one."""


def make_truths(task: Task) -> Iterator[GroundTruth]:
    """Yield the ground truth of each sample, and that of the user that a model plays in it."""
    for sample in task.samples:
        right = sample.reference if sample.reference is not None else str(sample.target)
        prompt, user_lines = _script_of(sample)
        yield GroundTruth(
            prompt_sha256(vendor_neutral(prompt)),
            task.category,
            right,
            sample.decoy or DEFAULT_DECOY,
            sample.reference_turns,
            sample.decoy_turns,
            user_lines,
            () if sample.tools is None else tuple(tool.name for tool in sample.tools.tools),
            sample.rung,
        )
        user = sample.episode and sample.episode.played_user
        if user:
            yield user_truth(user, sample.messages, task.category)


def _script_of(sample: Sample) -> tuple[tuple[Message, ...], tuple[str, ...]]:
    """Return the first prompt that a simulated provider gets, and what its user says after it.

    Where the prompt has only system messages, the user speaks first, and its line is part of the first prompt.
    """
    episode = sample.episode
    if episode is None:
        return sample.messages, ()
    played = episode.played_user
    lines = [line.text for line in episode.user] if played is None else list(played.script)
    if any(message.role != "system" for message in sample.messages):
        return sample.messages, tuple(lines)
    if played is None:
        at = next((at for at, line in enumerate(episode.user) if line.when is None), None)
        first = None if at is None else lines[at]
    else:
        at, first = 0, first_line(played)
    if at is None or first is None:
        return sample.messages, tuple(lines)
    del lines[at]
    return (*sample.messages, Message("user", (Text(first),))), tuple(lines)

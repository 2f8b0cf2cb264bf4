"""The seam for tasks that bring their own judge: another harness's filters and metrics over our replies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from gapbench.values import Sample, Score


class Reply(NamedTuple):
    """One answer as it stands in the results, to be judged with the others.

    Attributes:
        sample_id: Which sample of its task.
        repeat: Which repetition, from 0.
        text: The answer channel, whole.
    """

    sample_id: str
    repeat: int
    text: str


class CellGrader(Protocol):
    """Judges the replies of one cell as they come. May keep them: a score may need several.

    Attributes:
        slow: True when a call takes more than a few milliseconds and may run in a thread.
    """

    @property
    def slow(self) -> bool:
        """Whether a call takes more than a few milliseconds and may run in a thread."""

    def __call__(self, reply: Reply, sample: Sample) -> Score:
        """Return what one reply is worth; ``unscored`` while others of its document are missing."""


class Grader(Protocol):
    """Judges one or more tasks of a suite, which share it where their figures are made together."""

    @property
    def name(self) -> str:
        """What the suite calls it; ``--task`` takes it for all its tasks."""

    def cell(self, task: str, before: Iterable[Reply]) -> CellGrader:
        """Return the judge of a new cell.

        Args:
            task: The cell's task.
            before: Replies of an earlier session of the same cell.
        """

    def results(self, replies: Mapping[str, Sequence[Reply]]) -> list[dict[str, Any]]:
        """Return the figures made of all replies together, as plain JSON values for ``run.json``.

        Args:
            replies: By task name.
        """

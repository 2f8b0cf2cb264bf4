"""The seam for tasks that bring their own judge: another harness's filters and metrics over our replies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from gapbench.values import Sample, Score


class StoredReply(NamedTuple):
    """One answer as stored in the results, to be scored with the others.

    Attributes:
        sample_id: Which sample of its task.
        repeat: Which repetition, from 0.
        text: The answer channel, whole.
    """

    sample_id: str
    repeat: int
    text: str


class ExternalCellScorer(Protocol):
    """Judges the replies of one cell as they come. May keep them: a score may need several.

    Attributes:
        is_slow: True when a call takes more than a few milliseconds and may run in a thread.
    """

    @property
    def is_slow(self) -> bool:
        """Whether a call takes more than a few milliseconds and may run in a thread."""

    def __call__(self, reply: StoredReply, sample: Sample) -> Score:
        """Return what one reply is worth; ``unscored`` while others of its document are missing."""


class ExternalScorer(Protocol):
    """Judges one or more tasks of a suite, which share it where their figures are made together."""

    @property
    def name(self) -> str:
        """What the suite calls it; ``--task`` takes it for all its tasks."""

    def cell_scorer(self, task: str, earlier_replies: Iterable[StoredReply]) -> ExternalCellScorer:
        """Return the judge of a new cell.

        Args:
            task: The cell's task.
            earlier_replies: Replies of an earlier session of the same cell.
        """

    def aggregate_metrics(self, replies: Mapping[str, Sequence[StoredReply]]) -> list[dict[str, Any]]:
        """Return the figures made of all replies together, as plain JSON values for ``run.json``.

        Args:
            replies: By task name.
        """

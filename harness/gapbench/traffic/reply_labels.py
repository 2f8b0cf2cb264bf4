"""When the replies of a route are labels: few different short texts, each of them often."""

from __future__ import annotations

from collections import Counter

MOST_LABELS = 20
"""Different short replies of a route that are still a set of labels."""
LABEL_CHARS = 40
"""Characters of the longest label."""
REPLIES_PER_LABEL = 5
"""Replies for each different one from which on they look like labels and not like chance."""


def are_labels(different: int, replies: int) -> bool:
    """Return whether replies of at most :data:`LABEL_CHARS` characters are labels.

    Args:
        different: How many of them are different.
        replies: How many there are.
    """
    return 0 < different <= MOST_LABELS and replies >= REPLIES_PER_LABEL * different


class LabelCounts:
    """Counts the replies of a route for as long as they may be labels."""

    def __init__(self) -> None:
        self._counts: Counter[str] | None = Counter()

    def add(self, reply: str) -> None:
        """Count a reply."""
        if self._counts is None:
            return
        text = reply.strip()
        self._counts[text] += 1
        if len(self._counts) > MOST_LABELS or len(text) > LABEL_CHARS:
            self._counts = None

    @property
    def are_labels(self) -> bool:
        """Whether the replies so far are labels."""
        return self._counts is not None and are_labels(len(self._counts), self._counts.total())

"""Model calls inside model calls: two instrumentations of one program each write a span of the same request."""

from __future__ import annotations

from typing import Any

from gapbench.formatting import count_of

MAX_SPANS = 2_000_000
"""Of spans to remember."""


class NestedSpans:
    """Counts the spans of model calls whose parent is the span of a model call with token counts, too."""

    def __init__(self) -> None:
        self._calls: set[int] = set()
        self._parents: dict[int, int] = {}
        self._places: dict[int, str] = {}
        self._file = ""
        self._line = 0

    def set_place(self, file: str, line: int) -> None:
        """Tell where the next spans are."""
        self._file, self._line = file, line

    def add(self, trace_id: Any, span_id: Any, parent_id: Any) -> None:
        """Remember the span of a model call that has token counts."""
        if len(self._calls) >= MAX_SPANS:
            return
        self._calls.add(hash((trace_id, span_id)))
        if parent_id:
            parent = hash((trace_id, parent_id))
            self._parents[parent] = self._parents.get(parent, 0) + 1
            self._places.setdefault(parent, f"{self._file}:{self._line}")

    def note(self) -> str | None:
        """Return how many there are, in a sentence; None if there is none."""
        nested = [parent for parent in self._parents if parent in self._calls]
        if not nested:
            return None
        count = sum(self._parents[parent] for parent in nested)
        verb = "is" if count == 1 else "are"
        return (
            f"{count_of(count, 'model call')} {verb} inside the span of another, first {self._places[nested[0]]}: if two "
            "instrumentations log the same requests, those count twice; export the spans of one of them"
        )

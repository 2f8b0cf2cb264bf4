"""The names of a suite's tasks, each with its entry."""

from __future__ import annotations

from gapbench.suite.documents import Document, KeyPath


class TaskPlaces:
    """Refuses a second task of the same name, wherever in the suite and from whichever source it is.

    Args:
        document: The suite.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._places: dict[str, int] = {}

    def add(self, name: str, at: KeyPath) -> None:
        """Note a task.

        Args:
            name: Of the task.
            at: Its entry, ``("tasks", index)``.

        Raises:
            DocumentError: There is one of this name.
        """
        if name in self._places:
            raise self._document.error(
                at, f"task {name!r} is listed twice, also in tasks[{self._places[name]}]; list it once"
            )
        self._places[name] = int(at[1])

"""What every form of log has: a name, its public documentation, how to recognize it, and how to read one record."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from gapbench.traffic.draft import Draft, LineError


class Form:
    """A form of log. An object reads one import, so that it can join records of different files.

    Attributes:
        name: As ``--form`` takes it.
        about: What it is, in a few words.
        documentation: The public pages that it was written from, with the month they were read.
        is_text: Whether its records are lines of text.
    """

    name: ClassVar[str]
    about: ClassVar[str]
    documentation: ClassVar[str]
    is_text: ClassVar[bool] = False

    def matches(self, item: Any) -> bool:
        """Return whether a record is of this form, by its keys.

        Raises:
            LineError: It cannot be told, because a part of it is broken.
        """
        raise NotImplementedError

    def accepts(self, item: Any) -> bool:
        """Return whether a record is of this form; False where it cannot be told."""
        try:
            return self.matches(item)
        except LineError:
            return False

    def is_needed_first(self, item: Any) -> bool:  # noqa: ARG002 - most forms join nothing
        """Return whether a file that starts with this record must be read before the others."""
        return False

    def read(self, item: Any) -> Iterable[Draft]:
        """Return the requests of a record; none if it is not about a request for a model's reply.

        Raises:
            LineError: Nothing can be made of it.
        """
        raise NotImplementedError

    def finish(self) -> Iterable[tuple[Draft, str, int]]:
        """Return the requests that are known only at the end of the import, each with its file and line."""
        return ()

    def open_file(self, path: Path, shown: str) -> None:
        """Tell which file the next records are from, and how rows name it."""

    def set_line(self, line: int) -> None:
        """Tell at which line the next record is; forms that join records need it."""

    def notes(self) -> Iterable[str]:
        """Return what the user should know about how the records were joined or read."""
        return ()

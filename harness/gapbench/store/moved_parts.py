"""Parts that a writer has joined since a reader listed them, and where in the joined files their rows are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from gapbench.errors import FileGoneError
from gapbench.store.live_runs import LISTINGS
from gapbench.store.part_facts import PartFacts, unreadable_part
from gapbench.store.part_files import PartNumbers, numbered_files, part_numbers

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class MovedRows:
    """Where the rows of a part are.

    Attributes:
        file: A joined file.
        first: Number of the part's first row in it.
    """

    file: Path
    first: int


class MovedParts:
    """Where the rows of listed parts are now.

    A joined file has the rows of its parts in their order (:mod:`gapbench.store.part_files`), so every row keeps the number
    that it had when it was listed, and queries before and after a join are about the same rows.

    Args:
        parts: The parts as they were listed.
    """

    def __init__(self, parts: Iterable[PartFacts]) -> None:
        self._parts: dict[Path, list[PartFacts]] = {}
        for part in parts:
            self._parts.setdefault(part.path.parent, []).append(part)
        self._moved: dict[Path, MovedRows] = {}

    def find(self, part: PartFacts) -> MovedRows | None:
        """Return where a part's rows are; None: in the part."""
        return self._moved.get(part.path)

    def read(self, read: Callable[[], _Found]) -> _Found:
        """Return what ``read`` returns, which reads parts where they are; it is called again where a file is gone.

        Raises:
            FileGoneError: Rows cannot be found, or the run changes all the time.
        """
        for _ in range(LISTINGS - 1):
            try:
                return read()
            except FileGoneError:
                self._list_again()
        return read()

    def gone(self) -> FileGoneError | None:
        """Return the error of the first file that is gone; None: all are there."""
        found = next((self._file(part) for part in self._all() if not self._file(part).exists()), None)
        return None if found is None else _error(found)

    def _all(self) -> list[PartFacts]:
        return [part for parts in self._parts.values() for part in parts]

    def _file(self, part: PartFacts) -> Path:
        moved = self._moved.get(part.path)
        return part.path if moved is None else moved.file

    def _list_again(self) -> None:
        for run, parts in self._parts.items():
            if not all(self._file(part).exists() for part in parts):
                self._moved.update(_find_moved(run, parts))


def _find_moved(run: Path, parts: Sequence[PartFacts]) -> dict[Path, MovedRows]:
    """Return where the rows of a run's parts are that are gone.

    Raises:
        FileGoneError: No joined file has them, or it has rows before them that were not listed.
    """
    files = numbered_files(run, "attempts")
    held = PartNumbers.of(files.values())
    found: dict[Path, MovedRows] = {}
    joined: range | None = None
    following = first = 0
    for part in sorted(parts, key=lambda one: part_numbers(one.path)[0]):
        numbers = part_numbers(part.path)
        if joined is None or numbers[0] not in joined:
            joined = held.range_of(numbers[0])
            if joined is None:
                raise _error(part.path)
            following, first = joined[0], 0
        file = files[joined[0]]
        if file != part.path:
            if numbers[0] != following or numbers[-1] not in joined:
                raise _error(part.path)
            found[part.path] = MovedRows(file, first)
        following, first = numbers[-1] + 1, first + part.rows
    return found


def _error(path: Path) -> FileGoneError:
    error = unreadable_part(path, FileNotFoundError())
    assert isinstance(error, FileGoneError)
    return error

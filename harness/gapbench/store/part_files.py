"""The numbered files of a run folder, by their names: parts, parts joined into one file, and journals.

A writer closes a part every few thousand rows. When it is done it joins the small parts of attempts, which every table of
results reads: ``attempts-00001-00020.parquet`` holds the rows of the parts 1 to 20, in that order. From the moment when that
file has its name, the files of these parts do not count, so a crash before they are removed doubles nothing.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Container, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

_NAME = re.compile(r"[a-z]+-([0-9]{1,9})(?:-([0-9]{1,9}))?")


@dataclass(frozen=True)
class PartNumbers(Container[int]):
    """The numbers of parts as ranges: a stranger's file may say that it holds a billion parts.

    Attributes:
        ranges: Ranges of numbers, ascending; no number is in two of them.
    """

    ranges: tuple[range, ...]

    @classmethod
    def of(cls, paths: Iterable[Path]) -> PartNumbers:
        """Return the numbers of files, which come in their order."""
        return cls(tuple(map(part_numbers, paths)))

    def range_of(self, number: object) -> range | None:
        """Return the range that a number is in, or None."""
        at = bisect_right(self.ranges, number, key=lambda one: one[0]) - 1 if isinstance(number, int) else -1
        return self.ranges[at] if at >= 0 and number in self.ranges[at] else None

    def __contains__(self, number: object) -> bool:
        """Return whether a part has the number."""
        return self.range_of(number) is not None

    @property
    def last(self) -> int:
        """The largest number; 0 if there is none."""
        return self.ranges[-1][-1] if self.ranges else 0


class RowFiles(NamedTuple):
    """The files that hold the attempts of a run, each row in one of them.

    Attributes:
        parts: Closed files of attempts, by their first number.
        journals: Journals whose rows are in none of them, by number.
    """

    parts: dict[int, Path]
    journals: dict[int, Path]

    @property
    def closed(self) -> PartNumbers:
        """The numbers of the closed parts."""
        return PartNumbers.of(self.parts.values())


def row_files(run: Path) -> RowFiles:
    """Return the files that hold the attempts of a run, which may be written meanwhile."""
    # Journals first: one that is closed after that is among the parts. Both are compared by these listings alone: a journal
    # that is closed later must not be left out.
    journals, parts = numbered_files(run, "journal"), numbered_files(run, "attempts")
    found = RowFiles(parts, journals)
    closed = found.closed
    return found._replace(
        journals={number: path for number, path in journals.items() if number not in closed}
    )


def numbered_files(run: Path, kind: str) -> dict[int, Path]:
    """Return a run's files of one kind by their first number, oldest first.

    Files whose rows are in a joined file, and copies with other names, are left out.

    Args:
        run: The run folder.
        kind: ``attempts``, ``payload`` and so on, or ``journal`` or ``waiting``.
    """
    found: dict[int, Path] = {}
    reached = -1
    for first, last, name in _ranges(_names_in(run), kind):
        if first > reached:
            found[first] = run / name
            reached = last
    return found


def superseded_names(names: Iterable[str]) -> set[str]:
    """Return the names, of all names in a run folder, of attempts whose rows are in a joined file."""
    found: set[str] = set()
    reached = -1
    for _, last, name in _ranges(names, "attempts"):
        if last <= reached:
            found.add(name)
        reached = max(reached, last)
    return found


def superseded_files(run: Path) -> list[Path]:
    """Return the files of attempts whose rows are in a joined file: a crash left them."""
    return [run / name for name in sorted(superseded_names(_names_in(run)))]


def part_numbers(path: Path) -> range:
    """Return the numbers of the parts whose rows a file has; its name must be that of a part or of a journal."""
    found = _NAME.fullmatch(path.stem)
    assert found is not None, path
    first = int(found[1])
    return range(first, int(found[2] or first) + 1)


def payloads_beside(attempts: Path) -> list[Path]:
    """Return the payload parts with the numbers of a file of attempts; [] if its name is not one."""
    if not attempts.name.startswith("attempts-") or _NAME.fullmatch(attempts.stem) is None:
        return []
    numbers = part_numbers(attempts)
    return [path for number, path in numbered_files(attempts.parent, "payload").items() if number in numbers]


def closed_numbers(run: Path) -> PartNumbers:
    """Return the numbers of the parts whose attempts are in Parquet; the journals of others are still open."""
    return PartNumbers.of(numbered_files(run, "attempts").values())


def file_name(kind: str, first: int, last: int | None = None) -> str:
    """Return the name of a file.

    Args:
        kind: As in :func:`numbered_files`.
        first: Number of the part or journal.
        last: Number of the last part, if several are joined. None: it holds one part.
    """
    until = "" if last in (None, first) else f"-{last:05d}"
    return f"{kind}-{first:05d}{until}.{_suffix(kind)}"


def _suffix(kind: str) -> str:
    return "jsonl" if kind in {"journal", "waiting"} else "parquet"


def _names_in(run: Path) -> list[str]:
    return os.listdir(run) if run.is_dir() else []  # noqa: PTH208 - a path for each of thousands of parts takes ten times as long


def _ranges(names: Iterable[str], kind: str) -> list[tuple[int, int, str]]:
    """Return first number, last number and name of the files of one kind, of those that begin alike the longest first."""
    start, suffix = f"{kind}-", f".{_suffix(kind)}"
    found: list[tuple[int, int, str]] = []
    for name in names:
        if name.startswith(start) and name.endswith(suffix):
            match = _NAME.fullmatch(name, 0, len(name) - len(suffix))
            if match is not None:
                first, last = int(match[1]), int(match[2] or match[1])
                if first <= last:
                    found.append((first, last, name))
    return sorted(found, key=lambda one: (one[0], -one[1], one[2]))

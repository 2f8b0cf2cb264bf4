"""Joins the small parts of a run's attempts, so that reading millions of rows opens dozens of files and not thousands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from gapbench.errors import ResultsError
from gapbench.store.part_facts import PartFacts, read_part_facts
from gapbench.store.part_files import PartNumbers, file_name, numbered_files, part_numbers, superseded_files
from gapbench.store.reader import read_part
from gapbench.store.run_folder import write_tables
from gapbench.store.schema import ATTEMPT_SCHEMA

MIN_PARTS = 20
"""With fewer parts, opening them takes no time that is noticed."""
MAX_ROWS = 100_000
MAX_BYTES = 2**26
"""Compressed bytes of the parts that become one: what is moved at once when a run is copied to a bucket."""


def join_parts(run: Path, min_parts: int = MIN_PARTS) -> None:
    """Join neighbouring parts of the attempts, where that saves opening many files.

    Parts of two cells stay apart, so that the labels of a cell stay the same in all rows of a file. Payloads and trajectories
    stay in the parts that they were written in: few of them are read, and rewriting a large run's texts takes minutes.

    Args:
        run: The run folder. No one else may write to it, and no part may be damaged.
        min_parts: With fewer parts nothing is joined.

    Raises:
        ResultsError: A part cannot be read.
        OSError: The disk is full or gone. No row is lost or there twice.
    """
    paths = list(numbered_files(run, "attempts").values())
    if len(paths) < min_parts:
        return
    for parts in _neighbours(read_part_facts(paths)):
        if len(parts) > 1:
            first, last = part_numbers(parts[0].path)[0], part_numbers(parts[-1].path)[-1]
            tables = (read_part(part.path, ATTEMPT_SCHEMA).cast(ATTEMPT_SCHEMA) for part in parts)
            write_tables(run / file_name("attempts", first, last), tables)
            for part in parts:
                part.path.unlink()


def remove_superseded(run: Path) -> None:
    """Remove the files whose rows are in a joined file, which a crash left; not those of a joined file that is damaged.

    Raises:
        OSError: The disk is gone.
    """
    files = superseded_files(run)
    counted = numbered_files(run, "attempts")
    held = PartNumbers.of(counted.values())
    for path in files:
        joined = held.range_of(part_numbers(path)[0])
        with suppress(ResultsError):
            if joined is not None:
                read_part(counted[joined[0]], ATTEMPT_SCHEMA)
            path.unlink(missing_ok=True)


def _neighbours(parts: Sequence[PartFacts]) -> Iterator[list[PartFacts]]:
    """Yield parts in groups that may become one file."""
    group: list[PartFacts] = []
    rows = size = 0
    for part in parts:
        part_size = part.path.stat().st_size
        if group and (
            part_numbers(group[-1].path)[-1] + 1 != part_numbers(part.path)[0]
            or _cell(group[-1]) != _cell(part)
            or rows + part.rows > MAX_ROWS
            or size + part_size > MAX_BYTES
        ):
            yield group
            group, rows, size = [], 0, 0
        group.append(part)
        rows, size = rows + part.rows, size + part_size
    if group:
        yield group


def _cell(part: PartFacts) -> object:
    """Return the cell that all rows of a part belong to; None if they belong to several."""
    return part.constants.get("cell_id")

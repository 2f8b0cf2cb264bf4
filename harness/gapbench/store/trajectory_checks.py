"""Checks and repairs of the trajectory table: each row has the final attempt that ended it, and each such attempt its row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from gapbench.formatting import count_of
from gapbench.store.part_files import numbered_files, part_numbers
from gapbench.store.part_set import IntegrityIssue, IssueKind, PartSet
from gapbench.store.run_folder import quarantine, write_table
from gapbench.values import ATTEMPT_KEY_IN_RUN

_Key = tuple[Any, ...]


def trajectory_issues(run: Path, attempts: PartSet, trajectories: PartSet) -> Iterator[IntegrityIssue]:
    """Yield parts whose episodes and attempts do not belong together.

    Args:
        run: The run folder.
        attempts: Its attempts.
        trajectories: Its episodes.
    """
    journals = numbered_files(run, "journal")
    for number, path in trajectories.paths.items():
        if number not in attempts.numbers:
            kind: IssueKind = "leftover" if number in journals else "damage"
            repair = "its journal is closed again" if number in journals else "it is moved to damaged/"
            yield IntegrityIssue(kind, path.name, "has no attempts part", repair)
    for number, table in attempts.tables.items():
        ended = _ended_episodes(table)
        path = attempts.paths[number]
        numbers = part_numbers(path)
        beside = [one for one in trajectories.paths if one in numbers]
        if any(one not in trajectories.tables for one in beside):
            continue  # one cannot be read, which is an issue of its own
        listed = {key for one in beside for key in _keys(trajectories.tables[one])}
        if missing := len(ended - listed):
            file = (
                path.name.replace("attempts-", "trajectories-") if len(beside) < 2 else "its trajectory parts"
            )
            yield IntegrityIssue(
                "damage",
                path.name,
                f"{count_of(missing, 'episode')} without a row in {file}",
                "none; the times and sums of these episodes are lost, their attempts are kept",
            )
        if unknown := len(listed - ended):
            yield IntegrityIssue(
                "damage",
                ", ".join(trajectories.paths[one].name for one in beside),
                f"{count_of(unknown, 'episode')} without a final attempt",
                "these rows are removed",
            )


def repair_trajectories(run: Path, attempts: PartSet, trajectories: PartSet) -> None:
    """Remove the episodes that have no final attempt.

    Args:
        run: The run folder, whose journals are closed.
        attempts: Its attempts, repaired.
        trajectories: Its episodes.
    """
    ended = {first: _ended_episodes(table) for first, table in attempts.tables.items()}
    readable = attempts.readable_numbers
    for number, table in trajectories.tables.items():
        path = trajectories.paths[number]
        numbers = readable.range_of(number)
        kept = [numbers is not None and key in ended[numbers[0]] for key in _keys(table)]
        if numbers is None:
            quarantine(run, path.name)
        elif not any(kept):
            path.unlink()
        elif not all(kept):
            write_table(path, table.filter(pa.array(kept, pa.bool_())))


def _ended_episodes(attempts: pa.Table) -> set[_Key]:
    """Return the keys of the attempts that ended an episode."""
    if "trajectory_id" not in attempts.column_names:  # a part from before there were episodes
        return set()
    is_end = zip(
        attempts.column("final").to_pylist(), attempts.column("trajectory_id").to_pylist(), strict=True
    )
    return {
        key
        for key, (final, episode) in zip(_keys(attempts), is_end, strict=True)
        if final and episode is not None
    }


def _keys(table: pa.Table) -> list[_Key]:
    return list(zip(*(table.column(name).to_pylist() for name in ATTEMPT_KEY_IN_RUN), strict=True))

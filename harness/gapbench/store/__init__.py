"""Stores runs on disk: crash-safe writing, reading, and later scores. No other package reads or writes Arrow."""

from gapbench.store.follower import RunFollower
from gapbench.store.manifest import RunManifest
from gapbench.store.part_files import closed_numbers, numbered_files, part_numbers, payloads_beside
from gapbench.store.pending_scores import read_pending_answers
from gapbench.store.reader import (
    find_run,
    is_run,
    parse_journal_line,
    read_attempt_values,
    read_attempts,
    read_manifest,
    read_payload,
    read_telemetry,
    runs_in,
)
from gapbench.store.run_folder import quarantine, write_table
from gapbench.store.run_lock import check_folder_writable
from gapbench.store.trajectories import read_trajectories, read_trajectory_values
from gapbench.store.writer import PART_ROWS, RunWriter

__all__ = [
    "PART_ROWS",
    "RunFollower",
    "RunManifest",
    "RunWriter",
    "check_folder_writable",
    "closed_numbers",
    "find_run",
    "is_run",
    "numbered_files",
    "parse_journal_line",
    "part_numbers",
    "payloads_beside",
    "quarantine",
    "read_attempt_values",
    "read_attempts",
    "read_manifest",
    "read_payload",
    "read_pending_answers",
    "read_telemetry",
    "read_trajectories",
    "read_trajectory_values",
    "runs_in",
    "write_table",
]

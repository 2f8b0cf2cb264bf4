"""A run on disk: crash-safe writing, reading, and later scores. With the schema, all that knows Arrow."""

from gapbench.store.atomic_files import replacing, set_aside, write_table
from gapbench.store.chunk_reader import read_straddling
from gapbench.store.follower import RunTail
from gapbench.store.pending_scores import left_waiting
from gapbench.store.reader import (
    attempts_of,
    find_run,
    is_run,
    numbered,
    pair_of,
    read_attempts,
    read_manifest,
    read_payload,
    read_telemetry,
    runs_in,
)
from gapbench.store.writer import PART_ROWS, RunWriter, check_writable

__all__ = [
    "PART_ROWS",
    "RunTail",
    "RunWriter",
    "attempts_of",
    "check_writable",
    "find_run",
    "is_run",
    "left_waiting",
    "numbered",
    "pair_of",
    "read_attempts",
    "read_manifest",
    "read_payload",
    "read_straddling",
    "read_telemetry",
    "replacing",
    "runs_in",
    "set_aside",
    "write_table",
]

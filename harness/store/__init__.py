"""A run on disk: crash-safe writing, reading, and later scores. With the schema, all that knows Arrow."""

from harness.store.reading import (
    attempts_of,
    read_attempts,
    read_manifest,
    read_payload,
    read_telemetry,
    runs_in,
)
from harness.store.straddling import read_straddling
from harness.store.tail import RunTail
from harness.store.waiting import left_waiting
from harness.store.writing import PART_ROWS, RunWriter, check_writable

__all__ = [
    "PART_ROWS",
    "RunTail",
    "RunWriter",
    "attempts_of",
    "check_writable",
    "left_waiting",
    "read_attempts",
    "read_manifest",
    "read_payload",
    "read_straddling",
    "read_telemetry",
    "runs_in",
]

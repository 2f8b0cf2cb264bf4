"""What an import found: the rows, and everything that was changed, joined, left out or set aside."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass(slots=True)
class ImportReport:
    """The counts of one import.

    Attributes:
        table: The table's file.
        rows: Requests in it.
        files: Files read, by form.
        empty_files: Files without any record.
        first_time: Earliest time in microseconds since 1970 UTC. None: no row has a time.
        last_time: Latest time.
        without_time: Rows without a time.
        out_of_order: Rows that are earlier than the row before them in the same file.
        naive_times: Rows whose time has no zone.
        zone: The zone assumed for them.
        other_records: Records that are not requests: spans, events, traces, other lines of a server's log.
        identical: Records that repeat a request exactly; each was kept once.
        conflicting: Records whose id is that of another request with other content; all were kept.
        first_conflicts: Places of the first of them.
        set_aside: Records that could not be read.
        set_aside_file: Where they are. None: there are none.
        first_set_aside: The first few, as FILE:LINE: PROBLEM.
        value_problems: Values that were left out, as (column, problem, count, first place).
        rebuilt: Requests that follow another by ``previous_response_id``, and whose prompt has its turns now.
        not_whole: Prompts of which the provider keeps a part that the log lacks, as (reason, count, first place).
        secrets: Secrets that were removed from texts.
        notes: Other facts, such as what could not be joined.
        key_id: Tells which tables have the same hashes.
        has_own_key: Whether the user gave the key of the hashes.
    """

    table: str
    rows: int = 0
    files: dict[str, int] = field(default_factory=dict)
    empty_files: list[str] = field(default_factory=list)
    first_time: int | None = None
    last_time: int | None = None
    without_time: int = 0
    out_of_order: int = 0
    naive_times: int = 0
    zone: str = "UTC"
    other_records: int = 0
    identical: int = 0
    conflicting: int = 0
    first_conflicts: list[str] = field(default_factory=list)
    set_aside: int = 0
    set_aside_file: str | None = None
    first_set_aside: list[str] = field(default_factory=list)
    value_problems: list[tuple[str, str, int, str]] = field(default_factory=list)
    rebuilt: int = 0
    not_whole: list[tuple[str, int, str]] = field(default_factory=list)
    secrets: int = 0
    notes: list[str] = field(default_factory=list)
    key_id: str = ""
    has_own_key: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the counts for scripts; times are ISO 8601 texts."""
        return {
            "table": self.table,
            "rows": self.rows,
            "files": self.files,
            "empty_files": self.empty_files,
            "first_time": format_time(self.first_time),
            "last_time": format_time(self.last_time),
            "without_time": self.without_time,
            "out_of_order": self.out_of_order,
            "naive_times": self.naive_times,
            "zone": self.zone,
            "other_records": self.other_records,
            "identical": self.identical,
            "conflicting": self.conflicting,
            "set_aside": self.set_aside,
            "set_aside_file": self.set_aside_file,
            "first_set_aside": self.first_set_aside,
            "value_problems": [
                {"column": column, "problem": problem, "count": count, "first": first}
                for column, problem, count, first in self.value_problems
            ],
            "rebuilt": self.rebuilt,
            "not_whole": [
                {"reason": reason, "count": count, "first": first} for reason, count, first in self.not_whole
            ],
            "secrets": self.secrets,
            "notes": self.notes,
            "key_id": self.key_id,
        }


def format_time(microseconds: int | None) -> str | None:
    """Return a time as ISO 8601 in UTC. None: it is unknown."""
    if microseconds is None:
        return None
    seconds, rest = divmod(microseconds, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest).isoformat().replace("+00:00", "Z")

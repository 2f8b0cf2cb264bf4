"""The journal of a run's batches: what was submitted to a provider's batch API, and what came back.

::

    <run>/batches.jsonl   one event a line, in the order of events; every line is on the disk before the next step

The intent to submit a batch is written before the provider is asked, and the provider's id after. So a killed run knows
which batches may exist: an intent without an id is looked up at the provider by its label, and is never sent twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple, Self

import orjson

from gapbench.atomic_write import fsync_folder
from gapbench.errors import ResultsError
from gapbench.store.journal import translate_disk_errors
from gapbench.store.provenance import format_utc
from gapbench.values.batches import Batch

FILE_NAME = "batches.jsonl"
MAX_UNKNOWN_IDS = 20
"""Unknown custom ids that are kept of one batch."""


class BatchAttempt(NamedTuple):
    """One attempt that a batch makes: what :data:`gapbench.values.ATTEMPT_KEY_IN_RUN` names."""

    cell_id: str
    sample_id: str
    repeat: int
    attempt: int


@dataclass
class BatchRecord:
    """What the journal says of one batch.

    Attributes:
        label: Our name of it, unique in the run.
        model_id: The model that it asks.
        attempts: The attempts that it makes, by custom id.
        bodies_sha256: Hash of the requests' bodies.
        bound_usd: The most that it can cost. None: unknown.
        intended_at: When its intent was written.
        batch_id: The provider's id. None: the provider has not confirmed it.
        created_at: When the provider accepted it. None: unknown.
        expires_at: When the provider gives up on it. None: unknown.
        state: The provider's last known word for its state. "": none was read yet.
        succeeded: Requests answered when it was last read. None: unknown.
        failed: Requests that had failed then. None: unknown.
        is_cancel_asked: Whether the user asked for its end.
        closed_by: ``collected``: every row is in the run. ``refused``: the provider has no such batch, or answered
            no request of it. ``lost``: it may have been answered and paid for, but its results can no longer be read.
            None: it is out.
        problem: Why it was refused or is lost. None: it is neither.
        duplicates: Results that came again.
        missing: Requests without a result.
        unknown: Results of requests that are not in it.
        unknown_ids: Their custom ids, the first few.
    """

    label: str
    model_id: str
    attempts: Mapping[str, BatchAttempt]
    bodies_sha256: str
    bound_usd: Decimal | None
    intended_at: datetime
    batch_id: str | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    state: str = ""
    succeeded: int | None = None
    failed: int | None = None
    is_cancel_asked: bool = False
    closed_by: str | None = None
    problem: str | None = None
    duplicates: int = 0
    missing: int = 0
    unknown: int = 0
    unknown_ids: Sequence[str] = field(default=())

    @property
    def is_out(self) -> bool:
        """Whether its results are still to come."""
        return self.closed_by is None


class BatchJournal:
    """The journal of one run folder. Use :meth:`open`; the caller holds the run's lock.

    Args:
        folder: The run folder.
        records: What the journal holds, by label.
        sync_file: Puts the written bytes of a file descriptor on the disk.
    """

    def __init__(
        self, folder: Path, records: dict[str, BatchRecord], sync_file: Callable[[int], None] = os.fsync
    ) -> None:
        self.folder = folder
        self.records = records
        self._sync_file = sync_file

    @classmethod
    def open(cls, folder: Path, sync_file: Callable[[int], None] = os.fsync) -> Self:
        """Read the journal of a run, and cut off a last line that was not written whole.

        Raises:
            ResultsError: A line is not one of ours, or the folder cannot be written.
        """
        path = folder / FILE_NAME
        with translate_disk_errors(folder):
            if path.exists():
                data = path.read_bytes()
                whole = data[: data.rfind(b"\n") + 1]
                if len(whole) < len(data):
                    with path.open("r+b") as file:
                        file.truncate(len(whole))
                        os.fsync(file.fileno())
        return cls(folder, read_batches(folder), sync_file)

    def out_of(self, model_id: str) -> list[BatchRecord]:
        """Return the batches of a model whose results are still to come, oldest first."""
        return [record for record in self.records.values() if record.is_out and record.model_id == model_id]

    def intend(
        self,
        label: str,
        model_id: str,
        attempts: Mapping[str, BatchAttempt],
        bodies_sha256: str,
        bound_usd: Decimal | None,
    ) -> BatchRecord:
        """Write that a batch is about to be submitted, and return its record.

        Raises:
            DiskError: The disk is full or gone.
        """
        self._write(
            {
                "event": "intent",
                "label": label,
                "model_id": model_id,
                "requests": {custom_id: list(attempt) for custom_id, attempt in attempts.items()},
                "bodies_sha256": bodies_sha256,
                "bound_usd": None if bound_usd is None else str(bound_usd),
            }
        )
        return self.records[label]

    def note_created(self, record: BatchRecord, batch: Batch) -> None:
        """Write the provider's id of a batch, once the provider has said it."""
        self._write({"event": "created", "label": record.label, "batch_id": batch.batch_id, **_seen(batch)})

    def note_seen(self, record: BatchRecord, batch: Batch) -> None:
        """Write the state of a batch, if it is another one than before."""
        before = (record.state, record.succeeded, record.failed)
        if before != (batch.state_raw, batch.succeeded, batch.failed):
            self._write({"event": "seen", "label": record.label, **_seen(batch)})

    def note_cancel(self, record: BatchRecord) -> None:
        """Write that the user asked for the end of a batch."""
        self._write({"event": "cancel", "label": record.label})

    def note_cancel_refused(self, record: BatchRecord) -> None:
        """Write that the provider refused to end a batch. The batch is then read as one that was not cancelled."""
        self._write({"event": "cancel_refused", "label": record.label})

    def note_collected(
        self, record: BatchRecord, *, duplicates: int, missing: int, unknown: int, unknown_ids: Sequence[str]
    ) -> None:
        """Write that every row of a batch is on the disk."""
        self._write(
            {
                "event": "collected",
                "label": record.label,
                "duplicates": duplicates,
                "missing": missing,
                "unknown": unknown,
                "unknown_ids": list(unknown_ids)[:MAX_UNKNOWN_IDS],
            }
        )

    def note_refused(self, record: BatchRecord, problem: str) -> None:
        """Write that the provider has no such batch, or answered nothing of it and charged nothing."""
        self._write({"event": "refused", "label": record.label, "problem": problem})

    def note_lost(self, record: BatchRecord, problem: str) -> None:
        """Write that a batch is given up whose results cannot be read any more; it may have been paid for."""
        self._write({"event": "lost", "label": record.label, "problem": problem})

    def _write(self, event: dict[str, Any]) -> None:
        """Append a line and wait until it is on the disk; then take it over.

        Raises:
            DiskError: The disk is full or gone.
        """
        event = {"at": format_utc(datetime.now(UTC)), **event}
        line = orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE)
        path = self.folder / FILE_NAME
        with translate_disk_errors(self.folder):
            is_new = not path.exists()
            with path.open("ab") as file:
                file.write(line)
                file.flush()
                self._sync_file(file.fileno())
            if is_new:
                fsync_folder(self.folder)
        _apply(self.records, orjson.loads(line))


def has_batches(folder: Path) -> bool:
    """Return whether a run ever submitted a batch."""
    return (folder / FILE_NAME).is_file()


def read_batches(folder: Path) -> dict[str, BatchRecord]:
    """Return the batches of a run by label, oldest first; {} if it has none. A last line without its end is left out.

    Raises:
        ResultsError: A line is not one of ours.
    """
    path = folder / FILE_NAME
    records: dict[str, BatchRecord] = {}
    if not path.is_file():
        return records
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines[:-1], 1):
        try:
            event = orjson.loads(line)
            _apply(records, event)
        except (
            orjson.JSONDecodeError,
            KeyError,
            TypeError,
            ValueError,
            AttributeError,
            InvalidOperation,
        ) as exc:
            raise ResultsError(
                f"{path}:{number}: this line is not an event of a batch ({type(exc).__name__}); the file was changed by "
                "something else. Restore it from a copy: without it, batches that you pay for cannot be found"
            ) from exc
    return records


def copy_batches(folders: Iterable[Path], target: Path) -> None:
    """Write the journals of several runs, whose names of batches differ, as that of one run; nothing if none has any.

    Args:
        folders: The run folders.
        target: The folder of the one run.

    Raises:
        ResultsError: A journal is damaged.
        OSError: The target cannot be written.
    """
    found = b""
    for folder in folders:
        if read_batches(folder):
            data = (folder / FILE_NAME).read_bytes()
            found += data[: data.rfind(b"\n") + 1]
    if found:
        with (target / FILE_NAME).open("wb") as file:
            file.write(found)
            file.flush()
            os.fsync(file.fileno())


def batches_out(folder: Path) -> list[BatchRecord]:
    """Return the batches of a run whose results are still to come.

    Raises:
        ResultsError: The journal is damaged.
    """
    return [record for record in read_batches(folder).values() if record.is_out]


def _seen(batch: Batch) -> dict[str, Any]:
    return {
        "state": batch.state_raw,
        "succeeded": batch.succeeded,
        "failed": batch.failed,
        "created_at": None if batch.created_at is None else format_utc(batch.created_at),
        "expires_at": None if batch.expires_at is None else format_utc(batch.expires_at),
    }


def _apply(records: dict[str, BatchRecord], event: Mapping[str, Any]) -> None:
    """Take an event over into the records. Unknown events and keys of a newer version are left out."""
    kind, label = event["event"], event["label"]
    if kind == "intent":
        usd = event["bound_usd"]
        records[label] = BatchRecord(
            label,
            event["model_id"],
            {custom_id: _attempt(given) for custom_id, given in event["requests"].items()},
            event["bodies_sha256"],
            None if usd is None else Decimal(usd),
            _instant(event["at"]) or datetime.now(UTC),
        )
        return
    record = records[label]
    if kind in {"created", "seen"}:
        record.batch_id = event.get("batch_id") or record.batch_id
        record.state = str(event["state"])
        record.succeeded, record.failed = event["succeeded"], event["failed"]
        record.created_at = _instant(event["created_at"]) or record.created_at
        record.expires_at = _instant(event["expires_at"]) or record.expires_at
    elif kind == "cancel":
        record.is_cancel_asked = True
    elif kind == "cancel_refused":
        record.is_cancel_asked = False
    elif kind == "collected":
        record.closed_by = "collected"
        record.duplicates, record.missing = event["duplicates"], event["missing"]
        record.unknown, record.unknown_ids = event["unknown"], event["unknown_ids"]
    elif kind in {"refused", "lost"}:
        record.closed_by, record.problem = kind, str(event["problem"])


def _attempt(given: Iterable[Any]) -> BatchAttempt:
    cell_id, sample_id, repeat, attempt = given
    return BatchAttempt(str(cell_id), str(sample_id), int(repeat), int(attempt))


def _instant(given: str | None) -> datetime | None:
    return None if given is None else datetime.fromisoformat(given)

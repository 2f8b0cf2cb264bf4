"""Writing a run: journal, crash-safe parts, media and manifest.

::

    <run>/run.json                what was run, by what, on what (the manifest)
    <run>/journal-00003.jsonl     attempts not yet closed into a part; fsync'd while running
    <run>/attempts-00001.parquet  closed parts: the narrow table that every figure is computed from
    <run>/payload-00001.parquet   prompts, replies, reasoning, error texts, keyed alike
    <run>/media/<sha256>          images, once each
    <run>/run.lock                held by the process that writes

An attempt is first a line of the journal. A part is written beside its final name and renamed, and
only then is its journal deleted; so after any crash every finished attempt is in a part or in a
journal, and where both hold it the part wins.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from harness import credentials
from harness.errors import DiskError, ResultsError
from harness.schema import ATTEMPT_SCHEMA, PAYLOAD_SCHEMA, SCHEMA_VERSION, TELEMETRY_SCHEMA
from harness.store.reading import journal_rows, part_number, typed
from harness.values import Attempt, Payload

PART_ROWS = 5_000
SYNC_ROWS = 500
SYNC_S = 2.0


class RunWriter:
    """The one writer of a run folder. Use as a context manager; leaving it closes the last part.

    Args:
        folder: The run folder; made when missing.
        part_rows: Rows after which a part is closed.

    Raises:
        ResultsError: The folder cannot be written, or another process is writing it.
    """

    def __init__(self, folder: Path, part_rows: int = PART_ROWS) -> None:
        """Take the lock, recover what an interrupted writer left, and open a new journal."""
        self.folder = folder
        self._part_rows = part_rows
        self._rows: list[tuple[Attempt, Payload]] = []
        # One thread turns a full part into Parquet, so that the loop goes on sending and stamping meanwhile.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="parquet")
        self._closing: Future[None] | None = None
        self._unsynced = 0
        self._synced_at = time.monotonic()
        self._journal: IO[bytes] | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / "run.lock").open("w")
        except OSError as exc:
            msg = f"cannot write results to {folder}: {exc.strerror}; choose another folder with --out"
            raise ResultsError(msg) from exc
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            self._lock.close()
            msg = f"{folder} is being written by another process; wait for it or choose another --out"
            raise ResultsError(msg) from exc
        parts = [part_number(path) for path in folder.glob("attempts-*.parquet")]
        journals = [part_number(path) for path in folder.glob("journal-*.jsonl")]
        try:
            for number in sorted(journals):
                path = folder / _name("journal", number)
                recovered = [] if number in parts else journal_rows(path)
                if recovered:
                    self._write_part(number, recovered)
                path.unlink()
        except OSError as exc:
            self._lock.close()
            raise DiskError(_disk_word(folder, exc)) from exc
        self._part = max([*parts, *journals], default=0) + 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(self, attempt: Attempt, payload: Payload) -> None:
        """Append one attempt to the journal; it survives the process at once, the machine by ``SYNC_S``.

        Raises:
            ResultsError: The disk is full or gone. Everything added before it is kept.
        """
        pair = (attempt, payload)
        line = orjson.dumps(pair, option=orjson.OPT_APPEND_NEWLINE)
        try:
            self._settle(wait=False)
            if self._journal is None:
                self._journal = (self.folder / _name("journal", self._part)).open("ab", buffering=0)
            _write_whole(self._journal, line)
            self._rows.append(pair)
            self._unsynced += 1
            self.sync(force=False)
            if len(self._rows) >= self._part_rows:
                self._close_part()
        except OSError as exc:
            raise DiskError(_disk_word(self.folder, exc)) from exc

    def sync(self, *, force: bool = True) -> None:
        """Put the journal on the disk, at most every ``SYNC_S`` or ``SYNC_ROWS`` unless forced."""
        due = self._unsynced >= SYNC_ROWS or time.monotonic() - self._synced_at >= SYNC_S
        if self._journal is not None and self._unsynced and (force or due):
            os.fsync(self._journal.fileno())
            self._unsynced = 0
            self._synced_at = time.monotonic()

    def add_media(self, digest: str, data: bytes) -> None:
        """Keep one image under its hash, once."""
        path = self.folder / "media" / digest
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            _replace(path, data)

    def add_telemetry(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write GPU samples as a part of their own; [] writes nothing."""
        if rows:
            number = len(list(self.folder.glob("telemetry-*.parquet"))) + 1
            self._write_table("telemetry", number, pa.Table.from_pylist(list(rows), schema=TELEMETRY_SCHEMA))

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Write ``run.json`` by rename."""
        plain = credentials.redact_tree(manifest)
        data = orjson.dumps(plain, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS, default=str)
        try:
            _replace(self.folder / "run.json", data + b"\n")
        except OSError as exc:
            raise DiskError(_disk_word(self.folder, exc)) from exc

    def close(self) -> None:
        """Close the last part and let the folder go."""
        try:
            self._close_part()
            self._settle(wait=True)
        except OSError as exc:
            raise DiskError(_disk_word(self.folder, exc)) from exc
        finally:
            self._thread.shutdown()
            if self._journal is not None:
                self._journal.close()
                self._journal = None
            self._lock.close()

    def _close_part(self) -> None:
        """Hand the rows so far to the thread, and begin a new journal."""
        self.sync()
        self._settle(wait=True)
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        if self._rows:
            self._closing = self._thread.submit(self._close_journal, self._part, self._rows)
            self._rows = []
        self._part += 1

    def _settle(self, *, wait: bool) -> None:
        """Raise what went wrong with the part under way; wait for it, or only look."""
        if self._closing is not None and (wait or self._closing.done()):
            closing, self._closing = self._closing, None
            closing.result()

    def _close_journal(self, number: int, rows: Sequence[tuple[Attempt, Payload]]) -> None:
        self._write_part(number, rows)
        (self.folder / _name("journal", number)).unlink(missing_ok=True)

    def _write_part(self, number: int, rows: Sequence[tuple[Any, Any]]) -> None:
        """Write payload first: a part counts as closed when its attempts file has its name.

        Args:
            number: Of the part.
            rows: Attempts with their payloads, as values or as a journal's objects.
        """
        for kind, schema, index in (("payload", PAYLOAD_SCHEMA, 1), ("attempts", ATTEMPT_SCHEMA, 0)):
            if isinstance(rows[0][index], dict):
                table = pa.Table.from_pylist([typed(pair[index]) for pair in rows], schema=schema)
            else:
                values = [pair[index] for pair in rows]
                # Column by column: the interpreter's lock is free for the loop between two of them.
                columns = [
                    pa.array([getattr(value, field.name) for value in values], type=field.type)
                    for field in schema
                ]
                table = pa.Table.from_arrays(columns, schema=schema)
            self._write_table(kind, number, table)

    def _write_table(self, kind: str, number: int, table: pa.Table) -> None:
        """Write a part beside its name, sync it, and rename it."""
        final = self.folder / _name(kind, number)
        partial = final.with_suffix(".tmp")
        try:
            with partial.open("wb") as file:
                marked = table.replace_schema_metadata({"gapbench.schema": str(SCHEMA_VERSION)})
                pq.write_table(marked, file, compression="zstd")
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        partial.replace(final)


def _write_whole(file: IO[bytes], data: bytes) -> None:
    """Write all of ``data`` or raise: a disk that is nearly full takes a part of it without a word."""
    if file.write(data) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _replace(path: Path, data: bytes) -> None:
    partial = path.with_name(path.name + ".tmp")
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _name(kind: str, number: int) -> str:
    return f"{kind}-{number:05d}.{'jsonl' if kind == 'journal' else 'parquet'}"


def _disk_word(folder: Path, exc: OSError) -> str:
    return (
        f"cannot write to {folder}: {exc.strerror or exc}; what was finished before is kept, "
        f"make room and go on with --resume {folder.name}"
    )


def check_writable(folder: Path) -> None:
    """Make a results folder, so that a run does not find out after its first question.

    Raises:
        ResultsError: It cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
        reason = os.strerror(errno.EACCES)
    except OSError as exc:
        writable, reason = False, exc.strerror or str(exc)
    if not writable:
        msg = f"cannot write results to {folder}/: {reason}; choose another folder with --out"
        raise ResultsError(msg)

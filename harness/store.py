"""A run on disk: the Arrow schema, crash-safe parts, and reading.

::

    <run>/run.json                what was run, by what, on what (the manifest)
    <run>/journal-00003.jsonl     attempts not yet closed into a part; fsync'd while running
    <run>/attempts-00001.parquet  closed parts: the narrow table that every figure is computed from
    <run>/payload-00001.parquet   prompts, replies, reasoning, error texts, keyed alike
    <run>/media/<sha256>          images, once each
    <run>/run.lock                held by the process that writes

An attempt is first a line of the journal. A part is written beside its final name and renamed, and
only then is its journal deleted; so after any crash every finished attempt is in a part or in a
journal, and where both hold it the part wins. This module and the schema are all that knows Arrow.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from harness import credentials
from harness.errors import ResultsError
from harness.schema import ATTEMPT_SCHEMA, PAYLOAD_SCHEMA, SCHEMA_VERSION, TELEMETRY_SCHEMA
from harness.values import Attempt, Payload

if TYPE_CHECKING:
    import pandas as pd

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
        self._rows: list[tuple[dict[str, Any], dict[str, Any]]] = []
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
        parts = [_number(path) for path in folder.glob("attempts-*.parquet")]
        journals = [_number(path) for path in folder.glob("journal-*.jsonl")]
        for number in sorted(journals):
            path = folder / _name("journal", number)
            if number not in parts:
                self._rows = _journal_rows(path)
                if self._rows:
                    self._write_part(number)
            path.unlink()
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
        pair = (_plain(attempt), _plain(payload))
        line = orjson.dumps(pair, option=orjson.OPT_APPEND_NEWLINE)
        try:
            if self._journal is None:
                self._journal = (self.folder / _name("journal", self._part)).open("ab", buffering=0)
            self._journal.write(line)
            self._rows.append(pair)
            self._unsynced += 1
            self.sync(force=False)
            if len(self._rows) >= self._part_rows:
                self._close_part()
        except OSError as exc:
            raise ResultsError(_disk_word(self.folder, exc)) from exc

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
            raise ResultsError(_disk_word(self.folder, exc)) from exc

    def close(self) -> None:
        """Close the last part and let the folder go."""
        try:
            self._close_part()
        except OSError as exc:
            raise ResultsError(_disk_word(self.folder, exc)) from exc
        finally:
            if self._journal is not None:
                self._journal.close()
                self._journal = None
            self._lock.close()

    def _close_part(self) -> None:
        self.sync()
        if self._rows:
            self._write_part(self._part)
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        (self.folder / _name("journal", self._part)).unlink(missing_ok=True)
        self._part += 1

    def _write_part(self, number: int) -> None:
        """Write payload first: a part counts as closed when its attempts file has its name."""
        for kind, schema, index in (("payload", PAYLOAD_SCHEMA, 1), ("attempts", ATTEMPT_SCHEMA, 0)):
            table = pa.Table.from_pylist([_typed(pair[index]) for pair in self._rows], schema=schema)
            self._write_table(kind, number, table)
        self._rows = []

    def _write_table(self, kind: str, number: int, table: pa.Table) -> None:
        """Write a part beside its name, sync it, and rename it."""
        final = self.folder / _name(kind, number)
        partial = final.with_suffix(".tmp")
        with partial.open("wb") as file:
            marked = table.replace_schema_metadata({"gapbench.schema": str(SCHEMA_VERSION)})
            pq.write_table(marked, file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(final)


def read_attempts(runs: Sequence[Path], columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the attempts of ``runs``, one row each, in the columns of the attempt row.

    Args:
        runs: Run folders. One that is still being written is read as far as it has got.
        columns: Columns to read; None: all.

    Raises:
        ResultsError: A folder is no run, or was written by a newer schema.
    """
    frame: pd.DataFrame = _read(runs, "attempts", ATTEMPT_SCHEMA, columns).to_pandas()
    return frame


def read_payload(runs: Sequence[Path], columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the payloads of ``runs``, one row for each attempt. See :func:`read_attempts`."""
    frame: pd.DataFrame = _read(runs, "payload", PAYLOAD_SCHEMA, columns).to_pandas()
    return frame


def attempts_of(run: Path) -> list[Attempt]:
    """Return every attempt of a run as a value, in the order written: what a resumed run goes on from."""
    names = [field.name for field in dataclasses.fields(Attempt)]
    rows = _read([run], "attempts", ATTEMPT_SCHEMA, None).select(names).to_pylist()
    for row in rows:
        row["params_changes"] = tuple(row["params_changes"])
        row["chunk_s"] = tuple(row["chunk_s"])
        row["chunk_tokens"] = None if row["chunk_tokens"] is None else tuple(row["chunk_tokens"])
    return [Attempt(**row) for row in rows]


def read_manifest(run: Path) -> dict[str, Any]:
    """Return ``run.json``.

    Raises:
        ResultsError: The folder is no run, the file is damaged, or a newer gapbench wrote it.
    """
    path = run / "run.json"
    try:
        manifest: dict[str, Any] = json.loads(path.read_bytes())
        version = int(manifest["schema"])
    except FileNotFoundError as exc:
        msg = f"{run} is no run folder: it has no run.json; `bench run` makes one, results/ lists them"
        raise ResultsError(msg) from exc
    except (OSError, ValueError, KeyError, TypeError) as exc:
        msg = f"{path} cannot be read ({exc}); the attempts may still be whole: `bench run --resume` writes it anew"
        raise ResultsError(msg) from exc
    if version > SCHEMA_VERSION:
        msg = f"{path} has schema {version}, this gapbench reads up to {SCHEMA_VERSION}; install a newer gapbench"
        raise ResultsError(msg)
    return manifest


def _read(runs: Sequence[Path], kind: str, schema: pa.Schema, columns: Sequence[str] | None) -> pa.Table:
    wanted = schema if columns is None else pa.schema([schema.field(name) for name in columns])
    tables: list[pa.Table] = []
    for run in runs:
        read_manifest(run)
        parts = {_number(path): path for path in sorted(run.glob(f"{kind}-*.parquet"))}
        closed = {_number(path) for path in run.glob("attempts-*.parquet")}
        for number, path in parts.items():
            if number in closed:
                tables.append(_read_part(path, wanted))
        for path in sorted(run.glob("journal-*.jsonl")):
            if _number(path) not in closed:
                index = 0 if kind == "attempts" else 1
                rows = [_typed(pair[index]) for pair in _journal_rows(path)]
                tables.append(pa.Table.from_pylist(rows, schema=schema).select(wanted.names))
    if not tables:
        return wanted.empty_table()
    return pa.concat_tables([table.cast(wanted) for table in tables]).unify_dictionaries()


def _read_part(path: Path, wanted: pa.Schema) -> pa.Table:
    """Read one part; a column that an older part lacks is null."""
    try:
        file = pq.ParquetFile(path)
        metadata = file.schema_arrow.metadata or {}
        version = int(metadata.get(b"gapbench.schema", b"1"))
        if version > SCHEMA_VERSION:
            msg = f"{path} has schema {version}, this gapbench reads up to {SCHEMA_VERSION}; install a newer one"
            raise ResultsError(msg)
        there = [name for name in wanted.names if name in file.schema_arrow.names]
        table = file.read(columns=there)
    except (pa.ArrowInvalid, OSError) as exc:
        msg = f"{path} cannot be read ({exc}); move it away and `bench run --resume` repeats its requests"
        raise ResultsError(msg) from exc
    for name in wanted.names:
        if name not in there:
            table = table.append_column(wanted.field(name), pa.nulls(table.num_rows, wanted.field(name).type))
    return table.select(wanted.names)


def _journal_rows(path: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return the whole lines of a journal; a torn last line was never reported as done."""
    rows: list[tuple[dict[str, Any], dict[str, Any]]] = []
    with path.open("rb") as file:
        for line in file:
            with contextlib.suppress(orjson.JSONDecodeError, ValueError):
                attempt, payload = orjson.loads(line)
                rows.append((attempt, payload))
    return rows


def _plain(value: Attempt | Payload) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}


def _typed(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give a row read back from a journal its instant again; rows still in memory have it."""
    started = row.get("started_at")
    if isinstance(started, str):
        return {**row, "started_at": datetime.fromisoformat(started).astimezone(UTC)}
    return dict(row)


def _replace(path: Path, data: bytes) -> None:
    partial = path.with_name(path.name + ".tmp")
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _name(kind: str, number: int) -> str:
    return f"{kind}-{number:05d}.{'jsonl' if kind == 'journal' else 'parquet'}"


def _number(path: Path) -> int:
    return int(path.stem.rsplit("-", 1)[1])


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


def runs_in(folder: Path) -> Iterator[Path]:
    """Yield the run folders in a results folder, oldest first."""
    yield from sorted(path.parent for path in folder.glob("*/run.json"))

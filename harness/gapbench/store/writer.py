"""Writes a run: journal, crash-safe parts, media and manifest.

::

    <run>/run.json                what was run, by what, on what (the manifest)
    <run>/journal-00003.jsonl     attempts not yet closed into a part; fsync'd while running
    <run>/waiting-00001.jsonl     answers that wait for a slow scorer
    <run>/attempts-00001.parquet  closed parts: the narrow table that every figure is computed from
    <run>/attempts-00001-00020.parquet  20 of them joined, when the writer is done
    <run>/payload-00001.parquet   prompts, replies, reasoning, error texts, keyed alike
    <run>/trajectories-00001.parquet  the episodes that ended in this part, keyed alike; missing where none did
    <run>/media/<sha256>          images, once each
    <run>/run.lock                held by the process that writes

An attempt is first a line of the journal. A part is written under a temporary name and renamed, and only then its
journal is deleted. So after any crash every finished attempt is in a part or in a journal; if both hold it, the part
wins. Lines of a journal that are not rows go to ``damaged/``. Adding a row does not wait for the disk: threads sync the
journal and write parts, and :attr:`RunWriter.is_behind` tells when the caller must wait for them.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import orjson
import pyarrow as pa

from gapbench import credentials
from gapbench.atomic_write import write_atomically
from gapbench.errors import ResultsError
from gapbench.store.journal import (
    DEFAULT_SETTINGS,
    Journal,
    JournalSettings,
    disk_error,
    translate_disk_errors,
)
from gapbench.store.journal_rows import journal_values
from gapbench.store.manifest import RunManifest
from gapbench.store.part_files import closed_numbers, file_name, numbered_files
from gapbench.store.part_joining import join_parts, remove_superseded
from gapbench.store.pending_scores import PendingAnswers
from gapbench.store.reader import parse_journal_line, parse_started_at, read_part
from gapbench.store.run_folder import (
    ensure_folder,
    quarantine,
    write_table,
)
from gapbench.store.run_lock import lock_run_folder
from gapbench.store.schema import ATTEMPT_SCHEMA, ROW_SCHEMAS, TELEMETRY_SCHEMA, TRAJECTORY_SCHEMA
from gapbench.values import ATTEMPT_KEY_IN_RUN, Attempt, Payload, Trajectory

PART_ROWS = 5_000
MAX_CLOSING_PARTS = 2
"""Full parts that may wait to be written as Parquet; their rows are in memory."""


class RunWriter:
    """The only writer of a run folder. Use it as a context manager, or call :meth:`open` and :meth:`close`.

    Args:
        folder: The run folder; created if missing.
        part_rows: Rows after which a part is closed.
        journal_settings: When journals are synced, and how.

    Attributes:
        pending: Answers that wait for a slow scorer.
        damage_found: Damage that was found on opening, one line each.
    """

    pending: PendingAnswers
    _lock: IO[bytes]

    def __init__(
        self,
        folder: Path,
        part_rows: int = PART_ROWS,
        *,
        journal_settings: JournalSettings = DEFAULT_SETTINGS,
    ) -> None:
        self.folder = folder
        self._part_rows = part_rows
        self._journal_settings = journal_settings
        self._rows: list[tuple[Attempt, Payload, Trajectory | None]] = []
        # One thread writes full parts as Parquet, so that the event loop keeps sending and taking times.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="parquet")
        self._closing_parts: deque[Future[None]] = deque()
        self._journal: Journal | None = None
        # Cells that are sent side by side open journals in threads.
        self._opening = threading.Lock()
        self.damage_found: list[str] = []
        self._part = 1

    def open(self) -> Self:
        """Take the folder's lock and recover what an interrupted writer left.

        Raises:
            ResultsError: The folder cannot be written, or another process is writing it.
        """
        self._lock = lock_run_folder(self.folder)
        closed, journals = closed_numbers(self.folder), numbered_files(self.folder, "journal")
        try:
            with translate_disk_errors(self.folder):
                remove_superseded(self.folder)
                for number, path in journals.items():
                    if number not in closed:
                        self._recover(number, path)
                    path.unlink()
        except ResultsError:
            self._lock.close()
            raise
        self.pending = PendingAnswers(self.folder, journal_settings=self._journal_settings)
        self._part = max([closed.last, *journals]) + 1
        return self

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open_journals(self, *, for_waiting: bool) -> None:
        """Open the files that the next rows go to, each with its thread, so that adding a row does not wait for them.

        Args:
            for_waiting: Whether answers will wait for their scores.

        Raises:
            ResultsError: The disk is full or gone.
        """
        with translate_disk_errors(self.folder):
            self._open_journal()
        if for_waiting:
            self.pending.open_journal()

    def _open_journal(self) -> Journal:
        with self._opening:
            if self._journal is None:
                path = self.folder / file_name("journal", self._part)
                self._journal = Journal.open(path, self._journal_settings)
            return self._journal

    def add(self, attempt: Attempt, payload: Payload, trajectory: Trajectory | None = None) -> None:
        """Append one attempt to the journal; it survives the process at once, the machine when it is synced.

        Args:
            attempt: The attempt.
            payload: Its texts.
            trajectory: The episode that it ended, in the same line, so that none is without the other. None: it ended
                none.

        Raises:
            ResultsError: The disk is full or gone. Everything added before it is kept.
        """
        line = orjson.dumps(journal_values(attempt, payload, trajectory), option=orjson.OPT_APPEND_NEWLINE)
        try:
            self._raise_part_errors()
            self._open_journal().add(line)
            self._rows.append((attempt, payload, trajectory))
            if len(self._rows) >= self._part_rows:
                self._close_part()
        except OSError as exc:
            raise disk_error(self.folder, exc) from exc

    @property
    def is_behind(self) -> bool:
        """Whether the disk is so slow that further rows must wait for it."""
        return len(self._closing_parts) >= MAX_CLOSING_PARTS or (
            self._journal is not None and self._journal.is_behind
        )

    def catch_up(self) -> None:
        """Wait until the disk has caught up; rows may be added meanwhile by another thread.

        Raises:
            ResultsError: The disk is full or gone.
        """
        journal, closing = self._journal, list(self._closing_parts)
        if len(closing) >= MAX_CLOSING_PARTS:
            wait(closing[:1])
        if journal is not None:
            with translate_disk_errors(self.folder):
                journal.catch_up()

    def sync(self) -> None:
        """Wait until every row is on the disk.

        Raises:
            ResultsError: The disk is full or gone.
        """
        journal = self._journal  # another thread may close the part meanwhile, which syncs it
        if journal is not None:
            with translate_disk_errors(self.folder):
                journal.sync()

    def mark_not_final(self, rows: Sequence[Attempt]) -> None:
        """Mark attempts that are no longer the last of their request, because another one follows.

        This rewrites the closed parts that hold them, one by one. `final` is the only column of a written row that
        ever changes. The rows of the episodes that they ended are removed before, so that each that is left has a final
        attempt.

        Args:
            rows: Final attempts in closed parts, as after :meth:`open`.

        Raises:
            ResultsError: A part cannot be read, or the disk is full or gone.
        """
        keys = {tuple(getattr(row, name) for name in ATTEMPT_KEY_IN_RUN) for row in rows}
        names = (*ATTEMPT_KEY_IN_RUN, "final")
        narrow = pa.schema([ATTEMPT_SCHEMA.field(name) for name in names])
        self._remove_trajectories(keys)
        for path in numbered_files(self.folder, "attempts").values():
            columns = [column.to_pylist() for column in read_part(path, narrow).columns]
            final = [bool(kept) and tuple(key) not in keys for *key, kept in zip(*columns, strict=True)]
            if final == columns[-1]:
                continue
            table = read_part(path, ATTEMPT_SCHEMA)
            place = table.schema.get_field_index("final")
            table = table.set_column(place, table.schema.field(place), pa.array(final, pa.bool_()))
            with translate_disk_errors(self.folder):
                write_table(path, table)

    def _remove_trajectories(self, keys: Collection[tuple[Any, ...]]) -> None:
        for path in numbered_files(self.folder, "trajectories").values():
            table = read_part(path, TRAJECTORY_SCHEMA)
            columns = [table.column(name).to_pylist() for name in ATTEMPT_KEY_IN_RUN]
            kept = [key not in keys for key in zip(*columns, strict=True)]
            if all(kept):
                continue
            with translate_disk_errors(self.folder):
                if any(kept):
                    write_table(path, table.filter(pa.array(kept, pa.bool_())))
                else:
                    path.unlink()

    def add_media(self, digest: str, data: bytes) -> None:
        """Store an image, a document or a sound under its hash, once; it is on the disk when this returns.

        Raises:
            ResultsError: The disk is full or gone.
        """
        path = self.folder / "media" / digest
        with translate_disk_errors(self.folder):
            if not path.exists():
                ensure_folder(path.parent)
                write_atomically(path, data)

    def add_telemetry(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write GPU samples as a new part; [] writes nothing.

        Raises:
            ResultsError: The disk is full or gone.
        """
        if rows:
            path = self.folder / file_name(
                "telemetry", max(numbered_files(self.folder, "telemetry"), default=0) + 1
            )
            with translate_disk_errors(self.folder):
                write_table(path, pa.Table.from_pylist(list(rows), schema=TELEMETRY_SCHEMA))

    def write_manifest(self, manifest: RunManifest) -> None:
        """Write ``run.json`` by rename.

        Raises:
            ResultsError: The disk is full or gone.
        """
        plain = credentials.redact_tree(manifest.as_json())
        data = orjson.dumps(plain, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS, default=str)
        with translate_disk_errors(self.folder):
            write_atomically(self.folder / "run.json", data + b"\n")

    def quarantine(self, name: str) -> None:
        """Move a damaged file of the run to ``damaged/``.

        Raises:
            ResultsError: The disk is full or gone.
        """
        with translate_disk_errors(self.folder):
            quarantine(self.folder, name)

    def close(self) -> None:
        """Close the last part, join small ones and release the folder's lock."""
        try:
            with translate_disk_errors(self.folder):
                self._close_part()
                self._raise_part_errors(max_pending=0)
            # What it was for is done: a full disk or a damaged part is found by what needs them.
            with suppress(OSError, ResultsError):
                join_parts(self.folder)
        finally:
            self.pending.close()
            self._thread.shutdown()
            self._lock.close()

    def _close_part(self) -> None:
        """Hand the rows so far to the thread; the next row starts a new journal."""
        with self._opening:
            journal, self._journal = self._journal, None
        if journal is None:
            return
        rows, self._rows = self._rows, []
        self._closing_parts.append(self._thread.submit(self._close_journal, self._part, rows, journal))
        self._part += 1
        self._raise_part_errors(max_pending=MAX_CLOSING_PARTS)

    def _raise_part_errors(self, max_pending: int | None = None) -> None:
        """Raise the error of a part that could not be closed.

        Args:
            max_pending: Parts that may still be waiting afterwards. None: any number; only finished parts are checked.
        """
        while self._closing_parts and (
            self._closing_parts[0].done()
            or (max_pending is not None and len(self._closing_parts) > max_pending)
        ):
            self._closing_parts.popleft().result()

    def _close_journal(
        self, number: int, rows: Sequence[tuple[Attempt, Payload, Trajectory | None]], journal: Journal
    ) -> None:
        # If the journal could not be synced, its rows are still in memory and may fit into a part, which is smaller.
        with suppress(OSError):
            journal.close()
        if rows:
            self._write_part(number, rows)
        (self.folder / file_name("journal", number)).unlink(missing_ok=True)

    def _recover(self, number: int, path: Path) -> None:
        """Close a journal that an interrupted writer left; lines that are not rows are kept in ``damaged/``."""
        with path.open("rb") as file:
            lines = list(file)
        parsed = [parse_journal_line(line) for line in lines]
        bad = b"".join(
            line for line, row in zip(lines, parsed, strict=True) if row is None and line.endswith(b"\n")
        )
        if bad:
            kept = quarantine(self.folder, path.name, bad)
            self.damage_found.append(
                f"{path.name} has lines that are not rows: they are kept in damaged/{kept.name}, "
                "and their requests are repeated"
            )
        rows = [row for row in parsed if row is not None]
        if rows:
            self._write_part(number, rows)

    def _write_part(self, number: int, rows: Sequence[tuple[Any, Any, Any]]) -> None:
        """Write a part, its attempts last: it counts as closed once their file has its final name.

        Args:
            number: Number of the part.
            rows: Attempts with their payloads and the episodes that they ended, as values or as a journal's objects.
        """
        for kind, index in (("payload", 1), ("trajectories", 2), ("attempts", 0)):
            schema = ROW_SCHEMAS[kind]
            values = [row[index] for row in rows if row[index] is not None]
            if not values:
                continue
            if isinstance(values[0], dict):
                table = pa.Table.from_pylist(list(map(parse_started_at, values)), schema=schema)
            else:
                # Column by column, so that the event loop can take the interpreter lock in between.
                columns = [
                    pa.array(list(map(attrgetter(field.name), values)), type=field.type) for field in schema
                ]
                table = pa.Table.from_arrays(columns, schema=schema)
            write_table(self.folder / file_name(kind, number), table)

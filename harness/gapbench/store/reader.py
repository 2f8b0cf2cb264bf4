"""Reads a run: attempts and payloads from closed parts and open journals, with later scores applied."""

from __future__ import annotations

import dataclasses
import os.path
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gapbench.errors import LostManifestError, ResultsError
from gapbench.store import score_overlay
from gapbench.store.journal_rows import JournalRow, is_journal_row
from gapbench.store.live_runs import read_listed
from gapbench.store.manifest import RunManifest
from gapbench.store.part_facts import check_part_version, unreadable_part
from gapbench.store.part_files import numbered_files, row_files
from gapbench.store.schema import ATTEMPT_SCHEMA, PAYLOAD_SCHEMA, SCHEMA_VERSION, TELEMETRY_SCHEMA
from gapbench.store.score_overlay import REPLACED_IN
from gapbench.values import ATTEMPT_KEY, Attempt

if TYPE_CHECKING:
    import pandas as pd

_ATTEMPT_FIELDS = tuple(field.name for field in dataclasses.fields(Attempt))
_READER_THREADS = 2
_MAX_QUEUED_PARTS = 16


def read_attempts(
    runs: Sequence[Path],
    columns: Sequence[str] | None = None,
    categorical: Sequence[str] = (),
    sample_ids: Collection[str] | None = None,
) -> pd.DataFrame:
    """Return the attempts of ``runs``, one row each, in the columns of the attempt row.

    Args:
        runs: Run folders. One that is still being written is read as far as it has got.
        columns: Columns to read; None: all.
        categorical: Text columns to return as categories: a tenth of the memory where texts repeat. A list of
            texts becomes one text of lines.
        sample_ids: Only these samples' rows, dropped part by part, so that a long run's texts are never all held; the
            columns must have ``sample_id``. None: all.

    Raises:
        ResultsError: A folder is not a run, or was written with a newer schema.
    """
    from gapbench.store.frame_builder import FrameBuilder  # noqa: PLC0415 - pandas, which writing a run does not need

    for run in runs:
        _read_unchecked_manifest(run)
    schema = ATTEMPT_SCHEMA
    for name in categorical:
        place = schema.get_field_index(name)
        schema = schema.set(place, schema.field(place).with_type(pa.dictionary(pa.int32(), pa.string())))
    wanted = schema if columns is None else pa.schema([schema.field(name) for name in columns])

    def read() -> pd.DataFrame:
        found = FrameBuilder(wanted, _categorical_texts(schema), _max_rows(runs))
        for part in _iter_parts(runs, "attempts", schema, wanted, sample_ids):
            found.add(part)
        return found.build()

    return read_listed(read)


def read_payload(
    runs: Sequence[Path], columns: Sequence[str] | None = None, sample_ids: Collection[str] | None = None
) -> pd.DataFrame:
    """Return the payloads of ``runs``, one row for each attempt; see :func:`read_attempts`."""
    for run in runs:
        _read_unchecked_manifest(run)
    frame: pd.DataFrame = read_table(runs, "payload", PAYLOAD_SCHEMA, columns, sample_ids).to_pandas()
    return frame


def read_telemetry(run: Path) -> pd.DataFrame:
    """Return the GPU samples of a run, none where no GPU was seen. See :data:`gapbench.store.schema.TELEMETRY_SCHEMA`."""
    parts = [read_part(path, TELEMETRY_SCHEMA) for path in numbered_files(run, "telemetry").values()]
    tables = [part.cast(TELEMETRY_SCHEMA) for part in parts]
    frame: pd.DataFrame = (pa.concat_tables(tables) if tables else TELEMETRY_SCHEMA.empty_table()).to_pandas()
    return frame


def read_attempt_values(run: Path) -> list[Attempt]:
    """Return every attempt of a run as a value, in the order written; a resumed run continues from them.

    ``run.json`` is not read: a lost one is rebuilt from these rows.
    """
    return [attempt_from_row(row) for row in read_table([run], "attempts", ATTEMPT_SCHEMA, None).to_pylist()]


def attempt_from_row(row: Mapping[str, Any]) -> Attempt:
    """Return the attempt of a row from Arrow or a journal; columns that an older row lacks are None."""
    given: dict[str, Any] = {name: row.get(name) for name in _ATTEMPT_FIELDS}
    for name in ("params_changes", "chunk_s", "chunk_tokens"):
        if given[name] is not None:
            given[name] = tuple(given[name])
    return Attempt(**given)


def read_manifest(run: Path) -> RunManifest:
    """Return the content of ``run.json``.

    Raises:
        ResultsError: The folder is not a run, or a newer gapbench wrote it.
        LostManifestError: The folder holds rows, but the file is damaged or missing.
    """
    try:
        return RunManifest.from_json(_read_unchecked_manifest(run))
    except ValueError as exc:
        raise LostManifestError(_lost_message(run, f"is damaged: {exc}")) from None


def _read_unchecked_manifest(run: Path) -> dict[str, Any]:
    """Return the JSON of ``run.json``, after a check of its schema version only."""
    path = run / "run.json"
    try:
        manifest: dict[str, Any] = orjson.loads(path.read_bytes())
        version = int(manifest["schema"])
    except OSError as exc:
        if is_run(run):
            problem = "is gone" if isinstance(exc, FileNotFoundError) else f"cannot be read: {exc.strerror}"
            raise LostManifestError(_lost_message(run, problem)) from exc
        raise ResultsError(_not_a_run_message(run)) from exc
    except (ValueError, KeyError, TypeError) as exc:
        problem = "schema: is missing" if isinstance(exc, KeyError) else str(exc)
        raise LostManifestError(_lost_message(run, f"cannot be read: {problem}")) from exc
    if version > SCHEMA_VERSION:
        msg = f"{path} has schema {version}, this gapbench reads up to {SCHEMA_VERSION}; install a newer gapbench"
        raise ResultsError(msg)
    return manifest


def check_is_run(run: Path) -> None:
    """Raise ``ResultsError`` if a folder is not a run, or was written with a newer schema."""
    _read_unchecked_manifest(run)


def _lost_message(run: Path, problem: str) -> str:
    return f"{run / 'run.json'} {problem}; its rows may be whole: `bench run SUITE --resume {run}` rebuilds it from them"


def _not_a_run_message(folder: Path) -> str:
    """Return the error message for a folder that is not a run: what it is, and what to give instead."""
    if os.path.isfile(folder):  # noqa: PTH113 - Path.is_file raises on a name that is too long
        return f"{folder} is a file; give a run folder such as results/RUN (`bench runs list` shows them)"
    if not os.path.isdir(folder):  # noqa: PTH112 - as above
        return f"there is no run folder {folder}; `bench runs list` shows those in results/, and `bench run` makes one"
    inside = [path.name for path in runs_in(folder)]
    if inside:
        return f"{folder} is not a run folder, it holds {len(inside)}; give one of them, such as {folder / inside[-1]}"
    return f"{folder} is not a run folder: it has no run.json; `bench run` makes one, `bench runs list` shows those in results/"


def _filter_samples(table: pa.Table, ids: pa.Array | None) -> pa.Table:
    """Return the rows of some samples, or all if ``ids`` is None."""
    if ids is None:
        return table
    return table.filter(pc.is_in(table["sample_id"].cast(pa.string()), value_set=ids))


def read_table(
    runs: Sequence[Path],
    kind: str,
    schema: pa.Schema,
    columns: Sequence[str] | None,
    sample_ids: Collection[str] | None = None,
) -> pa.Table:
    """Return a table of ``runs``, by the name of its files; see :func:`read_attempts` for the arguments."""
    wanted = schema if columns is None else pa.schema([schema.field(name) for name in columns])
    tables = read_listed(lambda: list(_iter_parts(runs, kind, schema, wanted, sample_ids)))
    return pa.concat_tables(tables).unify_dictionaries() if tables else wanted.empty_table()


def _iter_parts(
    runs: Sequence[Path],
    kind: str,
    schema: pa.Schema,
    wanted: pa.Schema,
    sample_ids: Collection[str] | None,
) -> Iterator[pa.Table]:
    """Yield each part in the wanted columns and types, in the order written."""
    ids = None if sample_ids is None else pa.array(sorted(sample_ids), pa.string())
    # With many small parts, one thread for each part is three times as fast as Arrow's threads within a part.
    with ThreadPoolExecutor(_READER_THREADS) as pool:
        under_way: deque[Future[pa.Table]] = deque()
        for read in _part_readers(runs, kind, schema, wanted.names):
            under_way.append(pool.submit(_read_wanted, read, wanted, ids))
            # Read only a few parts ahead of the consumer, to bound the memory.
            if len(under_way) > _MAX_QUEUED_PARTS:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


def _categorical_texts(schema: pa.Schema) -> set[str]:
    """Return the plain texts that are wanted as categories; Parquet's own dictionaries save a pass over them."""
    return {
        stored.name
        for stored, field in zip(ATTEMPT_SCHEMA, schema, strict=True)
        if pa.types.is_string(stored.type) and pa.types.is_dictionary(field.type)
    }


def _read_wanted(read: Callable[[], pa.Table], wanted: pa.Schema, ids: pa.Array | None) -> pa.Table:
    return _cast(_filter_samples(read(), ids), wanted)


def _max_rows(runs: Sequence[Path]) -> int:
    """Return an upper bound of the attempts in closed parts, from the metadata of each file."""
    paths = [path for run in runs for path in numbered_files(run, "attempts").values()]
    with ThreadPoolExecutor(_READER_THREADS) as pool:
        return sum(pool.map(_rows_in, paths))


def _rows_in(path: Path) -> int:
    """Return the rows of a part; 0 if it cannot be read, which reading it reports later."""
    try:
        return int(pq.read_metadata(path.absolute()).num_rows)
    except (pa.ArrowInvalid, OSError):
        return 0


def _cast(table: pa.Table, wanted: pa.Schema) -> pa.Table:
    """Return a table in the wanted types; lists of texts that are wanted as text are joined by line ends."""
    for place, field in enumerate(wanted):
        if pa.types.is_list(table.schema.field(place).type) and pa.types.is_dictionary(field.type):
            table = table.set_column(place, field.name, pc.binary_join(table.column(place), "\n"))
    return table.cast(wanted)


def _part_readers(
    runs: Sequence[Path],
    kind: str,
    schema: pa.Schema,
    columns: Sequence[str],
) -> Iterator[Callable[[], pa.Table]]:
    """Yield a function for each part and each open journal that reads it with later scores applied.

    Args:
        runs: Run folders.
        kind: Name of the table's files, such as ``attempts``.
        schema: The table's columns and their types.
        columns: Columns to read.
    """
    texts = _categorical_texts(schema) if kind == "attempts" else set()
    for run in runs:
        later = REPLACED_IN[kind] if score_overlay.score_tables(run) else ()
        replaced = [name for name in columns if name in later]
        names = list(dict.fromkeys([*columns, *(ATTEMPT_KEY if replaced else ())]))
        stored = ATTEMPT_SCHEMA if kind == "attempts" else schema
        wanted = pa.schema([stored.field(name) for name in names])
        coded = [name for name in names if name in texts]
        files = row_files(run)
        # At once: a journal is soon closed.
        journals = [journal_table(path, kind, stored, names) for path in files.journals.values()]
        closed, parts = files.closed, files.parts if kind == "attempts" else numbered_files(run, kind)
        reads = [
            partial(read_part, path, wanted, categorical=coded)
            for number, path in parts.items()
            if number in closed
        ]
        for read in (*reads, *(partial(pa.Table.select, table, names) for table in journals)):
            yield (
                partial(score_overlay.read_with_later_scores, read, run, replaced, columns)
                if replaced
                else read
            )


def journal_table(path: Path, kind: str, schema: pa.Schema, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the rows of a journal.

    Args:
        path: The journal.
        kind: Name of the table's files, such as ``attempts``.
        schema: The table's columns and their types.
        columns: Columns to return; None: all.
    """
    found = (row.table(kind) for row in read_journal_rows(path))
    rows = [parse_started_at(row) for row in found if row is not None]
    return pa.Table.from_pylist(rows, schema=schema).select(schema.names if columns is None else columns)


def read_part(path: Path, wanted: pa.Schema, skip_rows: int = 0, categorical: Sequence[str] = ()) -> pa.Table:
    """Read one part, without its first ``skip_rows`` rows; a column that an older part lacks is null.

    Args:
        path: The part.
        wanted: Columns and their types.
        skip_rows: Rows to leave out.
        categorical: Texts to read as Parquet's own dictionaries.

    Raises:
        ResultsError: It cannot be read, or was written by a newer schema.
    """
    try:
        file = _open_parquet(path, categorical)
        check_part_version(path, file.schema_arrow.metadata)
        if skip_rows >= file.metadata.num_rows:
            return wanted.empty_table()
        names = set(file.schema_arrow.names)
        there = [name for name in wanted.names if name in names]
        table = file.read(columns=there, use_threads=False)
    except (pa.ArrowInvalid, OSError) as exc:
        raise unreadable_part(path, exc) from exc
    for name in wanted.names:
        if name not in there:
            table = table.append_column(wanted.field(name), pa.nulls(table.num_rows, wanted.field(name).type))
    return table.select(wanted.names).slice(skip_rows)


def _open_parquet(path: Path, categorical: Sequence[str]) -> pq.ParquetFile:
    whole_path = path.absolute()  # Arrow takes a relative path with a colon for an address
    try:
        return pq.ParquetFile(whole_path, read_dictionary=list(categorical), page_checksum_verification=True)
    except KeyError:  # An older part lacks one of them.
        return pq.ParquetFile(whole_path, page_checksum_verification=True)


def read_journal_rows(path: Path) -> list[JournalRow]:
    """Return the rows of a journal, without an incomplete last line: it was never reported as done.

    Raises:
        FileGoneError: It became a part.
    """
    try:
        with path.open("rb") as file:
            return list(parse_journal_lines(file))
    except FileNotFoundError as exc:
        raise unreadable_part(path, exc) from exc


def parse_journal_lines(lines: Iterable[bytes]) -> Iterator[JournalRow]:
    """Yield the rows that a journal's lines hold, without incomplete or damaged lines."""
    for line in lines:
        row = parse_journal_line(line)
        if row is not None:
            yield row


def parse_journal_line(line: bytes) -> JournalRow | None:
    """Return the row of a journal's line, or None if it is incomplete or damaged."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return JournalRow(*found) if is_journal_row(found) else None


def parse_started_at(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a journal's row with its time parsed; rows still in memory have it as a datetime."""
    started = row.get("started_at")
    if isinstance(started, str):
        return {**row, "started_at": datetime.fromisoformat(started).astimezone(UTC)}
    return dict(row)


def is_run(folder: Path) -> bool:
    """Return whether a folder holds a run, even if its ``run.json`` is damaged or missing."""
    try:
        return (folder / "run.json").exists() or any(
            numbered_files(folder, kind) for kind in ("attempts", "journal", "waiting")
        )
    except OSError:  # such as a name that is too long
        return False


def find_run(run_or_id: Path, results: Path) -> Path:
    """Return the run folder of a path, or of a run's id in a results folder.

    Raises:
        ResultsError: It is not a run, or cannot be read.
    """
    folder = next((path for path in (run_or_id, results / run_or_id) if is_run(path)), run_or_id)
    read_manifest(folder)
    return folder


def runs_in(folder: Path) -> Iterator[Path]:
    """Yield the run folders in a results folder, oldest first."""
    yield from sorted(path.parent for path in folder.glob("*/run.json"))

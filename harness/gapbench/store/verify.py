"""Whether a run folder is whole: parts, journals, manifest, keys, final rows and media; and its repair.

A run that was killed is whole: what its journal holds is read, and the next writer closes it. Damage is what
a disk, a copy or a hand has done. Repair never throws rows away: a file that cannot be read is moved to
``damaged/``, and its requests are unfinished again, so that ``bench run --resume`` makes them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from gapbench.errors import DiskError
from gapbench.store import RunWriter, numbered, pair_of, read_manifest, set_aside, write_table
from gapbench.store.provenance import utc_text
from gapbench.store.schema import ATTEMPT_SCHEMA, PAYLOAD_SCHEMA

KEY = ("cell_id", "sample_id", "repeat", "attempt")
Kind = Literal["damage", "leftover"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as a finished run has it.

    Attributes:
        kind: ``damage``: something is lost or wrong; ``leftover``: of an interrupted writer, nothing is lost.
        file: Name within the run folder.
        said: What was found.
        repair: What a repair does, or did.
    """

    kind: Kind
    file: str
    said: str
    repair: str


def verify(run: Path) -> list[Finding]:
    """Return what is not as it should be; [] for a whole run.

    Raises:
        ResultsError: The folder is no run, or its manifest is damaged.
    """
    manifest = read_manifest(run)
    attempts, payload, findings = _Parts(run, "attempts"), _Parts(run, "payload"), []
    findings += [*attempts.findings, *payload.findings]
    findings += _partners(run, attempts, payload)
    findings += _journals(run, attempts)
    findings += _waiting(run)
    findings += _finals(manifest, attempts)
    findings += [
        Finding("leftover", path.name, "a file that was being written", "it is removed")
        for path in sorted(run.glob("*.tmp"))
    ]
    findings += _media(run)
    if manifest["state"] == "running" and not is_held(run):
        findings.append(
            Finding("leftover", "run.json", "says running, and nobody writes it", "it says interrupted")
        )
    return findings


def repair(run: Path) -> list[Finding]:
    """Repair what can be, and return what was found before.

    Raises:
        ResultsError: The folder is no run, another process is writing it, or it cannot be written.
    """
    findings = verify(run)
    with _disk(run), RunWriter(run) as writer:  # takes the lock, and closes what journals hold
        attempts, payload = _Parts(run, "attempts"), _Parts(run, "payload")
        for path in [*attempts.unreadable, *payload.unreadable]:
            set_aside(run, path.name)
        for number, table in attempts.tables.items():
            texts = payload.tables.get(number)
            if texts is None:
                continue
            missing = _keys(table) - _keys(texts)
            if missing:
                attempts.tables[number] = _without(table, missing)
                write_table(attempts.paths[number], attempts.tables[number])
        for number in payload.tables.keys() - attempts.tables.keys():
            set_aside(run, payload.paths[number].name)
        _one_final_each(attempts)
        for path in run.glob("*.tmp"):
            path.unlink()
        for path in _bad_media(run):
            set_aside(run, f"media/{path.name}")
        manifest = read_manifest(run)
        planned = {cell["cell_id"]: cell["planned"] for cell in manifest["cells"]}
        done = sum(len(rows) for rows in _by_final(attempts).values())
        if manifest["state"] == "running" or (
            manifest["state"] == "complete" and done < sum(planned.values())
        ):
            ended = manifest["ended_at"] or utc_text(_newest(run))
            writer.write_manifest(
                {**manifest, "state": "interrupted", "reason": "repaired", "ended_at": ended}
            )
    return findings


@contextmanager
def _disk(run: Path) -> Iterator[None]:
    """Say what the disk said in one line."""
    try:
        yield
    except OSError as exc:
        raise DiskError(f"cannot repair {run}: {exc.strerror or exc}; make room and repair it again") from exc


def is_held(run: Path) -> bool:
    """Return whether a process is writing the run."""
    import fcntl  # noqa: PLC0415 - not on every platform, and reading a run needs none

    try:
        # What somebody else's folder has by that name may be a link, or a pipe that would be waited for.
        lock = os.open(run / "run.lock", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False


class _Parts:
    """The closed parts of one kind, read as far as they can be."""

    def __init__(self, run: Path, kind: str) -> None:
        self.paths = numbered(run, kind)
        self.tables: dict[int, pa.Table] = {}
        self.unreadable: list[Path] = []
        self.findings: list[Finding] = []
        for number, path in self.paths.items():
            try:
                self.tables[number] = _checked(path, ATTEMPT_SCHEMA if kind == "attempts" else PAYLOAD_SCHEMA)
            except (pa.ArrowException, OSError, ValueError) as exc:
                self.unreadable.append(path)
                said = (str(exc) or type(exc).__name__).splitlines()[0][:200]
                self.findings.append(
                    Finding(
                        "damage",
                        path.name,
                        f"cannot be read: {said}",
                        "it is moved to damaged/; --resume repeats its requests",
                    )
                )


def _checked(path: Path, schema: pa.Schema) -> pa.Table:
    """Read a part whose pages, columns and values are what they should be.

    Raises:
        OSError: It cannot be read, or a page is not what its checksum says.
        ArrowException: It is no Parquet.
        ValueError: A column is not as the schema has it.
    """
    table = pq.ParquetFile(path.absolute(), page_checksum_verification=True).read()
    table.validate(full=True)
    there = set(table.column_names)
    unknown = sorted(there - set(schema.names))
    if len(there) < len(table.column_names):
        raise ValueError("a column is there twice")
    for field in schema:
        if field.name not in there:
            # An older part lacks columns, and a newer one has others: one that does both has a broken name.
            if unknown or not field.nullable:
                named = f", and has {unknown[0]!r}" if unknown else ""
                raise ValueError(f"it lacks column {field.name!r}{named}")
            continue
        column = table.column(field.name)
        if not _plain(column.type).equals(_plain(field.type)):
            raise ValueError(f"column {field.name!r} is {column.type}; expected {field.type}")
        if column.null_count and not field.nullable:
            raise ValueError(f"column {field.name!r} lacks {column.null_count} values")
    return table


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _keys(table: pa.Table) -> set[tuple[Any, ...]]:
    columns = [table.column(name).to_pylist() for name in KEY]
    return set(zip(*columns, strict=True))


def _partners(run: Path, attempts: _Parts, payload: _Parts) -> Iterator[Finding]:
    """Yield parts whose rows are not the same on both sides."""
    journals = numbered(run, "journal")
    for number, table in attempts.tables.items():
        name = attempts.paths[number].name
        if number not in payload.paths:
            yield Finding(
                "damage", name, "has no payload part beside it", "none: its texts are gone, its figures stand"
            )
        elif number in payload.tables:
            rows, texts = _keys(table), _keys(payload.tables[number])
            if rows - texts:
                yield Finding(
                    "damage",
                    name,
                    f"{len(rows - texts)} rows have no payload",
                    "they are taken out; --resume repeats them",
                )
            if texts - rows:
                yield Finding(
                    "damage",
                    name,
                    f"{len(texts - rows)} payload rows have no attempt",
                    "none: they are not read",
                )
    for number in payload.paths.keys() - attempts.paths.keys():
        kind: Kind = "leftover" if number in journals else "damage"
        yield Finding(kind, payload.paths[number].name, "has no attempts part beside it",
                      "its journal is closed anew" if number in journals else "it is moved to damaged/")  # fmt: skip


def _journals(run: Path, attempts: _Parts) -> Iterator[Finding]:
    for number, path in numbered(run, "journal").items():
        lines = path.read_bytes().split(b"\n")
        torn = bool(lines.pop())
        bad = sum(pair_of(line) is None for line in lines)
        if bad:
            yield Finding(
                "damage",
                path.name,
                f"{bad} of {len(lines)} lines are no rows",
                "they are moved to damaged/; --resume repeats them",
            )
        if number in attempts.paths:
            yield Finding("leftover", path.name, "its rows are in a part already", "it is removed")
        elif not is_held(run):
            tail = ", and a torn line that was never reported as done" if torn else ""
            yield Finding(
                "leftover",
                path.name,
                f"{len(lines) - bad} rows of an interrupted writer{tail}",
                "it is closed into a part",
            )


def _waiting(run: Path) -> Iterator[Finding]:
    """Yield files of answers that a writer left before their scorer was done."""
    for path in [] if is_held(run) else numbered(run, "waiting").values():
        *lines, _ = path.read_bytes().split(b"\n")
        bad = sum(pair_of(line) is None for line in lines)
        if bad:
            yield Finding(
                "damage", path.name, f"{bad} of {len(lines)} lines are no rows", "none: --resume repeats them"
            )
        yield Finding(
            "leftover",
            path.name,
            f"up to {len(lines) - bad} answers of an interrupted writer wait for their score",
            "none: --resume scores them",
        )


def _by_final(attempts: _Parts) -> dict[str, set[tuple[Any, ...]]]:
    """Return the keys of the requests with a final row, by cell."""
    found: dict[str, set[tuple[Any, ...]]] = {}
    for _, cell, sample, repeat, _ in _final_rows(attempts):
        found.setdefault(cell, set()).add((sample, repeat))
    return found


def _final_rows(attempts: _Parts) -> Iterator[tuple[int, str, str, int, int]]:
    """Yield part, cell, sample, repeat and row number of every final row, in the order written."""
    for number, table in attempts.tables.items():
        columns = [table.column(name).to_pylist() for name in ("cell_id", "sample_id", "repeat", "final")]
        for row, (cell, sample, repeat, final) in enumerate(zip(*columns, strict=True)):
            if final:
                yield number, cell, sample, repeat, row


def _finals(manifest: dict[str, Any], attempts: _Parts) -> Iterator[Finding]:
    """Yield cells with two final rows for a request, with too many or too few requests, or unknown to the manifest."""
    planned = {cell["cell_id"]: cell["planned"] for cell in manifest["cells"]}
    count: dict[str, int] = {}
    for _, cell, _, _, _ in _final_rows(attempts):
        count[cell] = count.get(cell, 0) + 1
    requests = {cell: len(keys) for cell, keys in _by_final(attempts).items()}
    for cell, rows in count.items():
        if rows > requests[cell]:
            yield Finding(
                "damage",
                cell,
                f"{rows - requests[cell]} requests have two final rows",
                "the first stands, the others are no longer final",
            )
        if cell not in planned:
            yield Finding(
                "damage",
                cell,
                "has rows, and run.json does not know it",
                "none: they are not read into a cell",
            )
    for cell, due in planned.items():
        if manifest["state"] == "complete" and requests.get(cell, 0) < due:
            yield Finding(
                "damage", cell, f"{due - requests.get(cell, 0)} of {due} requests have no final row, and run.json says complete",
                "run.json says interrupted; --resume makes them",
            )  # fmt: skip


def _one_final_each(attempts: _Parts) -> None:
    seen: set[tuple[Any, ...]] = set()
    second: dict[int, list[int]] = {}
    for number, cell, sample, repeat, row in _final_rows(attempts):
        if (cell, sample, repeat) in seen:
            second.setdefault(number, []).append(row)
        seen.add((cell, sample, repeat))
    for number, rows in second.items():
        table = attempts.tables[number]
        final = table.column("final").to_pylist()
        for row in rows:
            final[row] = False
        index = table.schema.get_field_index("final")
        attempts.tables[number] = table.set_column(
            index, table.schema.field(index), pa.array(final, pa.bool_())
        )
        write_table(attempts.paths[number], attempts.tables[number])


def _without(table: pa.Table, keys: set[tuple[Any, ...]]) -> pa.Table:
    columns = [table.column(name).to_pylist() for name in KEY]
    kept: Sequence[bool] = [key not in keys for key in zip(*columns, strict=True)]
    return table.filter(pa.array(kept, pa.bool_()))


def _bad_media(run: Path) -> list[Path]:
    return [
        path
        for path in sorted((run / "media").glob("*"))
        if hashlib.sha256(path.read_bytes()).hexdigest() != path.name
    ]


def _media(run: Path) -> Iterator[Finding]:
    for path in _bad_media(run):
        yield Finding(
            "damage", f"media/{path.name}", "its content is not what its name says", "it is moved to damaged/"
        )


def _newest(run: Path) -> Any:
    from datetime import UTC, datetime  # noqa: PLC0415 - of one branch

    return datetime.fromtimestamp(max(path.stat().st_mtime for path in run.glob("*.*")), UTC)

"""Checks and repairs a run folder: parts, journals, manifest, keys, final rows and media.

A killed run is not damaged: its journal is read, and the next writer closes it. Damage comes from a disk, a copy or an
edit. A repair never deletes rows: a file that cannot be read is moved to ``damaged/``, what can be read of its attempts
is written again, and its other requests count as unfinished, so that ``bench run --resume`` repeats them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from gapbench.atomic_write import write_advice
from gapbench.errors import DiskError
from gapbench.store import (
    RunWriter,
    numbered_files,
    parse_journal_line,
    part_numbers,
    quarantine,
    read_manifest,
    write_table,
)
from gapbench.store.manifest import RunManifest
from gapbench.store.part_files import superseded_files
from gapbench.store.part_set import IntegrityIssue, IssueKind, PartSet, row_keys
from gapbench.store.provenance import format_utc
from gapbench.store.trajectory_checks import repair_trajectories, trajectory_issues
from gapbench.values import ATTEMPT_KEY_IN_RUN


def verify_run(run: Path) -> list[IntegrityIssue]:
    """Return the issues of a run; [] if there are none.

    Raises:
        ResultsError: The folder is not a run, or its manifest is damaged.
    """
    manifest = read_manifest(run)
    attempts, payload = PartSet(run, "attempts"), PartSet(run, "payload")
    trajectories = PartSet(run, "trajectories")
    findings = [*attempts.issues, *payload.issues, *trajectories.issues]
    findings += _payload_issues(run, attempts, payload)
    findings += trajectory_issues(run, attempts, trajectories)
    findings += _journal_issues(run, attempts)
    findings += _pending_issues(run)
    findings += _final_row_issues(manifest, attempts)
    findings += [
        IntegrityIssue("leftover", path.name, "its rows are in a joined part already", "it is removed")
        for path in superseded_files(run)
    ]
    findings += [
        IntegrityIssue("leftover", path.name, "a file that was being written", "it is removed")
        for path in sorted(run.glob("*.tmp"))
    ]
    findings += _media_issues(run)
    if manifest.state == "running" and not is_locked(run):
        findings.append(
            IntegrityIssue(
                "leftover",
                "run.json",
                "its state is running, but no process writes the run",
                "the state becomes interrupted",
            )
        )
    return findings


def repair_run(run: Path) -> list[IntegrityIssue]:
    """Repair the run as far as possible, and return the issues found before.

    Raises:
        ResultsError: The folder is not a run, another process is writing it, or it cannot be written.
    """
    findings = verify_run(run)
    with (
        _translate_disk_errors(run),
        RunWriter(run) as writer,
    ):  # takes the lock, and closes what journals hold
        attempts, payload = PartSet(run, "attempts"), PartSet(run, "payload")
        trajectories = PartSet(run, "trajectories")
        for path in [*attempts.unreadable, *payload.unreadable, *trajectories.unreadable]:
            quarantine(run, path.name)
        for number in [number for number, path in attempts.paths.items() if path in attempts.unreadable]:
            if number in attempts.tables:
                write_table(attempts.paths[number], attempts.tables[number])
                _drop_texts_of_lost_rows(run, attempts, number, payload)
        for number, table in attempts.tables.items():
            texts = payload.keys_beside(attempts.paths[number])
            if texts is None:
                continue
            missing = row_keys(table) - texts
            if missing:
                attempts.tables[number] = _drop_rows(table, missing)
                write_table(attempts.paths[number], attempts.tables[number])
        readable = attempts.readable_numbers
        for number in [number for number in payload.tables if number not in readable]:
            quarantine(run, payload.paths[number].name)
        _unmark_duplicate_finals(attempts)
        repair_trajectories(run, attempts, trajectories)
        for path in run.glob("*.tmp"):
            path.unlink()
        for path in _bad_media(run):
            quarantine(run, f"media/{path.name}")
        manifest = read_manifest(run)
        planned = {cell.cell_id: cell.planned for cell in manifest.cells}
        done = sum(len(rows) for rows in _finished_requests(attempts).values())
        if manifest.state == "running" or (manifest.state == "complete" and done < sum(planned.values())):
            manifest.state, manifest.reason = "interrupted", "repaired"
            manifest.ended_at = manifest.ended_at or format_utc(_last_modified(run))
            writer.write_manifest(manifest)
    return findings


@contextmanager
def _translate_disk_errors(run: Path) -> Iterator[None]:
    """Turn an ``OSError`` into a :class:`DiskError` of one line."""
    try:
        yield
    except OSError as exc:
        raise DiskError(
            f"cannot repair {run}: {exc.strerror or exc}; {write_advice(exc)} and repair it again"
        ) from exc


def is_locked(run: Path) -> bool:
    """Return whether a process is writing the run."""
    import fcntl  # noqa: PLC0415 - not on every platform, and reading a run needs none

    try:
        # In a stranger's folder this may be a link, or a pipe, on which opening would wait.
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


def _payload_issues(run: Path, attempts: PartSet, payload: PartSet) -> Iterator[IntegrityIssue]:
    """Yield parts whose attempts and payloads have different keys."""
    journals = numbered_files(run, "journal")
    for number, table in attempts.tables.items():
        name = attempts.paths[number].name
        if any(one not in payload.paths for one in part_numbers(attempts.paths[number])):
            yield IntegrityIssue(
                "damage", name, "has no payload part", "none; its texts are lost, its figures are kept"
            )
        elif (texts := payload.keys_beside(attempts.paths[number])) is not None:
            rows = row_keys(table)
            if rows - texts:
                yield IntegrityIssue(
                    "damage",
                    name,
                    f"{len(rows - texts)} rows have no payload",
                    "they are removed; --resume repeats them",
                )
            if texts - rows:
                yield IntegrityIssue(
                    "damage",
                    name,
                    f"{len(texts - rows)} payload rows have no attempt",
                    "none; they are not read",
                )
    held = attempts.numbers
    for number in [number for number in payload.paths if number not in held]:
        kind: IssueKind = "leftover" if number in journals else "damage"
        yield IntegrityIssue(kind, payload.paths[number].name, "has no attempts part",
                      "its journal is closed again" if number in journals else "it is moved to damaged/")  # fmt: skip


def _journal_issues(run: Path, attempts: PartSet) -> Iterator[IntegrityIssue]:
    for number, path in numbered_files(run, "journal").items():
        lines = path.read_bytes().split(b"\n")
        torn = bool(lines.pop())
        bad = sum(parse_journal_line(line) is None for line in lines)
        if bad:
            yield IntegrityIssue(
                "damage",
                path.name,
                f"{bad} of {len(lines)} lines are not rows",
                "they are moved to damaged/; --resume repeats them",
            )
        if number in attempts.numbers:
            yield IntegrityIssue("leftover", path.name, "its rows are in a part already", "it is removed")
        elif not is_locked(run):
            tail = ", and an incomplete line that was never reported as done" if torn else ""
            yield IntegrityIssue(
                "leftover",
                path.name,
                f"{len(lines) - bad} rows of an interrupted writer{tail}",
                "it is written to a Parquet part",
            )


def _pending_issues(run: Path) -> Iterator[IntegrityIssue]:
    """Yield files of answers that a writer left before their scorer was done."""
    for path in [] if is_locked(run) else numbered_files(run, "waiting").values():
        *lines, _ = path.read_bytes().split(b"\n")
        bad = sum(parse_journal_line(line) is None for line in lines)
        if bad:
            yield IntegrityIssue(
                "damage",
                path.name,
                f"{bad} of {len(lines)} lines are not rows",
                "none; --resume repeats them",
            )
        yield IntegrityIssue(
            "leftover",
            path.name,
            f"up to {len(lines) - bad} answers of an interrupted writer wait for their score",
            "none; --resume scores them",
        )


def _finished_requests(attempts: PartSet) -> dict[str, set[tuple[Any, ...]]]:
    """Return the keys of the requests with a final row, by cell."""
    found: dict[str, set[tuple[Any, ...]]] = {}
    for _, cell, sample, repeat, _ in _final_rows(attempts):
        found.setdefault(cell, set()).add((sample, repeat))
    return found


def _final_rows(attempts: PartSet) -> Iterator[tuple[int, str, str, int, int]]:
    """Yield part, cell, sample, repeat and row number of every final row, in the order written."""
    for number, table in attempts.tables.items():
        columns = [table.column(name).to_pylist() for name in ("cell_id", "sample_id", "repeat", "final")]
        for row, (cell, sample, repeat, final) in enumerate(zip(*columns, strict=True)):
            if final:
                yield number, cell, sample, repeat, row


def _final_row_issues(manifest: RunManifest, attempts: PartSet) -> Iterator[IntegrityIssue]:
    """Yield cells with two final rows for a request, with too many or too few requests, or unknown to the manifest."""
    planned = {cell.cell_id: cell.planned for cell in manifest.cells}
    count: dict[str, int] = {}
    for _, cell, _, _, _ in _final_rows(attempts):
        count[cell] = count.get(cell, 0) + 1
    requests = {cell: len(keys) for cell, keys in _finished_requests(attempts).items()}
    for cell, rows in count.items():
        if rows > requests[cell]:
            yield IntegrityIssue(
                "damage",
                cell,
                f"{rows - requests[cell]} requests have two final rows",
                "the first stays final, the others do not",
            )
        if cell not in planned:
            yield IntegrityIssue(
                "damage",
                cell,
                "has rows, but is not in run.json",
                "none; they are not read into a cell",
            )
    for cell, due in planned.items():
        if manifest.state == "complete" and requests.get(cell, 0) < due:
            yield IntegrityIssue(
                "damage", cell, f"{due - requests.get(cell, 0)} of {due} requests have no final row, and run.json says complete",
                "run.json says interrupted; --resume makes them",
            )  # fmt: skip


def _unmark_duplicate_finals(attempts: PartSet) -> None:
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


def _drop_texts_of_lost_rows(run: Path, attempts: PartSet, number: int, payload: PartSet) -> None:
    """Keep the payloads of a damaged part's lost rows in ``damaged/`` only: the repeated requests have the same keys."""
    path, held = attempts.paths[number], row_keys(attempts.tables[number])
    for one in part_numbers(path):
        lost = row_keys(payload.tables[one]) - held if one in payload.tables else set()
        if lost:
            quarantine(run, payload.paths[one].name)
            payload.tables[one] = _drop_rows(payload.tables[one], lost)
            write_table(payload.paths[one], payload.tables[one])


def _drop_rows(table: pa.Table, keys: set[tuple[Any, ...]]) -> pa.Table:
    columns = [table.column(name).to_pylist() for name in ATTEMPT_KEY_IN_RUN]
    kept: Sequence[bool] = [key not in keys for key in zip(*columns, strict=True)]
    return table.filter(pa.array(kept, pa.bool_()))


def _bad_media(run: Path) -> list[Path]:
    return [
        path
        for path in sorted((run / "media").glob("*"))
        if hashlib.sha256(path.read_bytes()).hexdigest() != path.name
    ]


def _media_issues(run: Path) -> Iterator[IntegrityIssue]:
    for path in _bad_media(run):
        yield IntegrityIssue(
            "damage", f"media/{path.name}", "its content does not match its name", "it is moved to damaged/"
        )


def _last_modified(run: Path) -> Any:
    from datetime import UTC, datetime  # noqa: PLC0415 - of one branch

    return datetime.fromtimestamp(max(path.stat().st_mtime for path in run.glob("*.*")), UTC)

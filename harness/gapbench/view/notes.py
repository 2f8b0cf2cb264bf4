"""Notes on a run, its samples and answers: ``notes.jsonl`` in the run folder, one JSON object on each line.

Keys of a note: ``id``, ``at`` (UTC, ISO 8601), ``text``, and what it is about: ``task``, ``sample_id``, ``repeat`` and
``load`` name a request, ``model_id`` one answer to it. A note without them is about the run.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from gapbench import formatting
from gapbench.atomic_write import write_atomically
from gapbench.errors import InputError, ResultsError
from gapbench.store.object_store import address_of, push_run
from gapbench.store.run_folder import refuse_symlinks

FILE_NAME = "notes.jsonl"
MAX_CHARS = 10_000
MAX_NOTES = 10_000
_PLACE: Mapping[str, type] = {"task": str, "sample_id": str, "repeat": int, "load": str, "model_id": str}


def read_notes(run: Path) -> list[dict[str, Any]]:
    """Return the notes of a run, oldest first. A line that is not a note is left out, and stays in the file."""
    try:
        lines = (run / FILE_NAME).read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError as exc:
        raise ResultsError(f"{run / FILE_NAME} cannot be read: {exc.strerror}") from exc
    return [note for line in lines if (note := _note(line)) is not None]


def count_notes(run: Path) -> int:
    """Return how many notes a run has, 0 if they cannot be read."""
    try:
        return len(read_notes(run))
    except ResultsError:
        return 0


def add_note(run: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Add a note and return it as it is stored.

    Args:
        run: The run folder.
        given: ``text``, and what the note is about.

    Raises:
        InputError: The text is empty or too long, or a key is unknown or has another type.
        ResultsError: The folder cannot be written, holds a symbolic link, or has too many notes.
    """
    text = given.get("text")
    if not isinstance(text, str) or not text.strip() or len(text) > MAX_CHARS:
        raise InputError(f"text: expected 1 to {MAX_CHARS:,} characters")
    place = {name: value for name, value in given.items() if name != "text" and value is not None}
    for name, value in place.items():
        if name not in _PLACE or type(value) is not _PLACE[name]:
            raise InputError(f"{name}: found {value!r}; a note has text, {', '.join(_PLACE)}")
    note = {
        "id": secrets.token_hex(6),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        **place,
        "text": formatting.strip_controls(text.strip()),
    }
    with _changed_lines(run) as lines:
        if len(lines) >= MAX_NOTES:
            raise ResultsError(f"{run / FILE_NAME} has {MAX_NOTES:,} notes; delete some first")
        lines.append(orjson.dumps(note))
    return note


def delete_note(run: Path, note_id: str) -> None:
    """Remove a note.

    Raises:
        ResultsError: There is no such note, or the folder cannot be written.
    """
    with _changed_lines(run) as lines:
        kept = [line for line in lines if (_note(line) or {}).get("id") != note_id]
        if len(kept) == len(lines):
            raise ResultsError(
                f"{run.name} has no note {note_id!r}; it may have been deleted in another window"
            )
        lines[:] = kept


@contextmanager
def _changed_lines(run: Path) -> Iterator[list[bytes]]:
    """Yield the lines of the file to change; afterwards the file is replaced, and a run at an address uploaded.

    Two windows or programs that write at the same time wait for each other through a lock on the folder.
    """
    refuse_symlinks(run)
    path = run / FILE_NAME
    try:
        handle = os.open(run, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            lines = path.read_bytes().splitlines() if path.exists() else []
            yield lines
            write_atomically(path, b"".join(line + b"\n" for line in lines))
        finally:
            os.close(handle)
    except OSError as exc:
        raise ResultsError(f"cannot write {path}: {exc.strerror}; the note was not kept") from exc
    if address_of(run):
        push_run(run)


def _note(line: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    is_note = isinstance(found, dict) and all(isinstance(found.get(key), str) for key in ("id", "at", "text"))
    return found if is_note else None

"""The records that could not be read, in a file next to the table: counted, and kept for the user to look at."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import orjson

from gapbench.traffic.secrets import remove_secrets

ASIDE_SUFFIX = ".set-aside.jsonl"
"""End of the name of the file, after that of the table."""
MAX_TEXT_BYTES = 64 * 2**10
MAX_SHOWN = 5


class SetAside:
    """Writes one JSON line for each record that could not be read: file, line, problem, length and the start of its text.

    Args:
        path: The file; it is there only after :meth:`keep`, and only if there was a record.
        keep_texts: Whether the text is written. The caller's problems must then have none of it either.

    Attributes:
        count: How many there are.
        first: The first few, as FILE:LINE: PROBLEM.
    """

    def __init__(self, path: Path, *, keep_texts: bool = True) -> None:
        self.path = path
        self._keep_texts = keep_texts
        self.count = 0
        self.first: list[str] = []
        self._file: IO[bytes] | None = None
        self._partial = path.with_name(path.name + ".tmp")

    def add(self, file: str, line: int, problem: str, raw: bytes) -> None:
        """Write a record. Known keys and texts of a key's shape are removed from it."""
        self.count += 1
        clean, _ = remove_secrets(problem)
        if len(self.first) < MAX_SHOWN:
            self.first.append(f"{file}:{line}: {clean}" if line else f"{file}: {clean}")
        if self._file is None:
            self._file = self._partial.open("wb")
        # Of a record inside another, or of a row of Parquet, no bytes are at hand.
        entry: dict[str, Any] = {
            "file": file, "line": line, "problem": clean, "length_bytes": len(raw) or None,
        }  # fmt: skip
        if self._keep_texts:
            entry["text"], _ = remove_secrets(raw[:MAX_TEXT_BYTES].decode("utf-8", "replace").rstrip("\r\n"))
            if len(raw) > MAX_TEXT_BYTES:
                entry["cut"] = True
        self._file.write(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))

    def keep(self) -> None:
        """Put the file in its place; without a record an older one is removed."""
        if self._file is None:
            self.path.unlink(missing_ok=True)
            return
        self._file.close()
        self._file = None
        self._partial.replace(self.path)

    def discard(self) -> None:
        """Remove the file if it was not kept: an import that failed leaves nothing."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self._partial.unlink(missing_ok=True)

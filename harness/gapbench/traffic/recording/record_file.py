"""The file of a recording: appended to, one line a request, by one process at a time."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

from gapbench.errors import ResultsError
from gapbench.traffic.recording.line_builder import FORM_KEY

_TAIL_BYTES = 256 * 2**10


class RecordFile:
    """Appends lines. A line is in the file whole or not at all, unless the machine dies.

    The end of a file whose writer was killed in the middle of a line is cut off; a last line that lacks only its newline
    gets it. Only this user can read a new file: it has prompts.

    Args:
        path: The file.
        max_bytes: Beyond this size nothing is appended. None: no limit.

    Attributes:
        cut_bytes: How many bytes of a line that was never finished were cut off.

    Raises:
        ResultsError: It cannot be opened, is not a recording, or another process records into it.
    """

    def __init__(self, path: Path, max_bytes: int | None = None) -> None:
        self._max_bytes = max_bytes
        self.path = path
        self.cut_bytes = 0
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            self._descriptor = os.open(path, flags, 0o600)
        except OSError as exc:
            raise ResultsError(
                f"cannot record into {path}: {exc.strerror}; choose another file with --to"
            ) from exc
        try:
            self._lock()
            self._size = self._repair()
        except BaseException:
            os.close(self._descriptor)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_full(self) -> bool:
        """Whether the limit is reached."""
        return self._max_bytes is not None and self._size >= self._max_bytes

    def append(self, line: bytes) -> None:
        """Append a line, with its newline.

        Raises:
            OSError: It cannot be written; the file is as it was.
        """
        left = memoryview(line)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(line)

    def close(self) -> None:
        """Put everything on disk and close the file."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):  # a pipe or a full disk; the lines that could be written are
                os.fsync(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def _lock(self) -> None:
        import fcntl  # noqa: PLC0415 - not on Windows, where nothing else of a recording works either

        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise ResultsError(
                f"another process records into {self.path}; stop it, or choose another file with --to"
            ) from exc
        except OSError as exc:  # a file system without locks
            raise ResultsError(
                f"cannot lock {self.path}: {exc.strerror}; choose a file on a local disk with --to"
            ) from exc

    def _repair(self) -> int:
        """Return the size of the file after its last whole line."""
        size = os.fstat(self._descriptor).st_size
        if size == 0:
            return 0
        head = os.pread(self._descriptor, 64, 0)
        if not head.startswith(b'{"%s":' % FORM_KEY.encode()):
            raise ResultsError(f"{self.path} exists and is not a recording; choose another file with --to")
        end = self._last_line_end(size)
        if end == size:
            return size
        tail = os.pread(self._descriptor, size - end, end)
        try:
            orjson.loads(tail)
        except orjson.JSONDecodeError:
            os.ftruncate(self._descriptor, end)
            self.cut_bytes = size - end
            return end
        os.write(self._descriptor, b"\n")
        return size + 1

    def _last_line_end(self, size: int) -> int:
        """Return the offset after the last newline; 0 if there is none."""
        end = size
        while end > 0:
            start = max(0, end - _TAIL_BYTES)
            found = os.pread(self._descriptor, end - start, start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
        return 0

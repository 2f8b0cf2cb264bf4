"""What a module of tools imports as ``gapbench_tools``: runs programs next to the tools, in the same sandbox.

A program runs as a separate process, without the channel to the harness, in a fresh folder that is removed afterwards.
It can stop the tool (the two have the same user), which makes the call an error and changes no state; it cannot read or
change the tool's memory.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import TypedDict

MAX_OUTPUT_BYTES = 1_000_000
PYTHON = sys.executable


class ToolError(ValueError):
    """A tool refuses a call; the model sees the message."""


class ProgramResult(TypedDict):
    """How a program ended.

    Attributes:
        exit_code: Its exit status; negative: a signal. None: its time was up.
        output: What it wrote to standard output, its first million bytes.
        errors: What it wrote to standard error, as ``output``.
    """

    exit_code: int | None
    output: str
    errors: str


def run_python(
    code: str, *, files: Mapping[str, str] | None = None, stdin: str = "", timeout_s: float = 10.0
) -> ProgramResult:
    """Run Python code as a program.

    Args:
        code: The program; it can import the modules among ``files``.
        files: Relative path to text; written into the folder in which it runs.
        stdin: What it reads from standard input.
        timeout_s: Seconds after which it is killed.
    """
    files = {**(files or {}), "__main__.py": code}
    return run_program([PYTHON, "__main__.py"], files=files, stdin=stdin, timeout_s=timeout_s)


def run_program(
    words: Sequence[str], *, files: Mapping[str, str] | None = None, stdin: str = "", timeout_s: float = 10.0
) -> ProgramResult:
    """Run a program in a fresh folder; its processes have ended when it returns.

    Args:
        words: The command line, such as ``[PYTHON, "-m", "unittest"]``; commands of /usr/bin can be used.
        files: As for :func:`run_python`.
        stdin: As for :func:`run_python`.
        timeout_s: As for :func:`run_python`.

    Raises:
        ToolError: A path leaves the folder, or there is no such command.
    """
    folder = tempfile.mkdtemp(prefix="run-", dir="/tmp")
    try:
        for path, text in (files or {}).items():
            write_file(folder, path, text)
        with (
            tempfile.TemporaryFile(dir=folder) as output,
            tempfile.TemporaryFile(dir=folder) as errors,
            tempfile.TemporaryFile(dir=folder) as source,
        ):
            source.write(stdin.encode("utf-8", "replace"))
            source.seek(0)
            try:
                process = subprocess.Popen(
                    list(words),
                    stdin=source,
                    stdout=output,
                    stderr=errors,
                    cwd=folder,
                    start_new_session=True,
                )
            except OSError as exc:
                raise ToolError(f"cannot start {words[0]!r}: {exc.strerror}") from None
            try:
                code: int | None = process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                _reap_group(process.pid)
            return {"exit_code": code, "output": _read_text(output), "errors": _read_text(errors)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _reap_group(leader: int) -> None:
    """Wait for the end of what a program left in its process group: until then it counts against the limit of processes.

    The tools adopt orphans, so each process of the group becomes a child of this one when its parent ends.
    """
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-leader, 0)


def write_file(folder: str, path: str, text: str) -> None:
    """Write one file of a program.

    Raises:
        ToolError: Its path leaves the folder.
    """
    full = os.path.normpath(os.path.join(folder, path))  # noqa: PTH118 - pathlib would slow each start
    if not full.startswith(f"{folder}/"):
        raise ToolError(f"path {path!r} is outside the folder")
    os.makedirs(os.path.dirname(full), exist_ok=True)  # noqa: PTH103, PTH120
    with open(full, "w", encoding="utf-8", errors="replace") as stream:  # noqa: PTH123
        stream.write(text)


def _read_text(stream: object) -> str:
    stream.seek(0)  # type: ignore[attr-defined]
    data: bytes = stream.read(MAX_OUTPUT_BYTES)  # type: ignore[attr-defined]
    return data.decode("utf-8", "replace")

"""A second process that makes the report after a run.

It imports pandas, scipy and the report while this process plans the run and sends requests, so that neither the first request
nor the report waits for these imports. On Linux it takes only CPU time that nobody else wants, so that requests in flight are not
disturbed.
Run as ``python -P -m gapbench.commands.report_process FD``, where FD is one end of a socket.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self


class ReportProcess:
    """The parent's side: start it early, ask it for the report once, and leave the context to end it."""

    def __init__(self) -> None:
        from multiprocessing.connection import Pipe
        from subprocess import DEVNULL, Popen

        self._connection, theirs = Pipe()
        # The child runs this very code, wherever it was imported from, and nothing from the current folder.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        # In its own process group, Ctrl-C does not reach it: the report is still made after an interruption. A session of its
        # own would do the same, but Linux shares the CPU between sessions before it looks at priorities.
        with theirs:
            self._process = Popen(
                [sys.executable, "-P", "-m", __name__, str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=DEVNULL,
                env=environment,
                process_group=0,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        self._process.kill()
        self._process.wait()

    def report_run(self, folder: Path, *, quiet: bool) -> Mapping[str, str]:
        """Have the page written and the tables printed; see :func:`gapbench.commands.run_results.report_run`.

        Raises:
            BenchError: A file cannot be read or written.
            RuntimeError: The process failed or was killed.
        """
        sys.stdout.flush()
        try:
            self._connection.send((folder, quiet))
            unanswered: Mapping[str, str] | Exception = self._connection.recv()
        except (EOFError, OSError) as exc:
            raise RuntimeError("the process that makes the report was killed; see `bench report`") from exc
        if isinstance(unanswered, Exception):
            raise unanswered
        return unanswered


def start_report_process() -> ReportProcess | None:
    """Start the process, or return None if this process must make the report or can make it as fast.

    It must if the output does not go to this process's own standard output, which the child inherits. It can if there is a
    single core, or if pandas is imported already.
    """
    is_redirected = sys.stdout is not sys.__stdout__
    if is_redirected or "pandas" in sys.modules or (os.cpu_count() or 1) < 2:
        return None
    return ReportProcess()


def main(descriptor: int) -> None:
    """Import the report's modules, wait for the parent's request, and answer it. Ends when the parent ends."""
    from multiprocessing.connection import Connection
    from threading import Thread

    imports = Thread(target=_import_report, daemon=True)
    imports.start()
    connection: Connection[Mapping[str, str] | Exception, tuple[Path, bool]] = Connection(descriptor)
    try:
        folder, quiet = connection.recv()
    except EOFError:
        return
    imports.join()
    from rich.console import Console

    from gapbench.commands.run_results import report_run

    try:
        connection.send(report_run(folder, None if quiet else Console()))
    except Exception as exc:  # noqa: BLE001 - raised in the parent
        connection.send(_picklable(exc))


def _import_report() -> None:
    """Import what a report needs, in a thread of the lowest priority, which Linux has per thread."""
    if sys.platform == "linux":
        from threading import get_native_id

        os.setpriority(os.PRIO_PROCESS, get_native_id(), 19)
    import gapbench.report.html
    import gapbench.report.terminal  # noqa: F401 - only to have it imported


def _picklable(error: Exception) -> Exception:
    """Return an exception that arrives in the parent: the same, or one with its traceback as text."""
    from pickle import dumps, loads

    try:
        loads(dumps(error))  # noqa: S301 - made in the line itself
    except Exception:  # noqa: BLE001 - of any class
        return RuntimeError("".join(traceback.format_exception(error)))
    return error


if __name__ == "__main__":
    main(int(sys.argv[1]))

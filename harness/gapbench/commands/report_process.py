"""A second process that makes the report after a run.

It imports pandas, scipy and the report on another core while this process plans the run and opens models, so that neither the
first request nor the report waits for these imports. It is paused while requests are in flight: on two cores its imports took a
tenth of the rate.
Run as ``python -P -m gapbench.commands.report_process FD``, where FD is one end of a socket.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from gapbench.cpus import usable_cpus
from gapbench.execution.attempts import gc_tuning


class ReportProcess:
    """The parent's side: start it early, ask it for the report once, and leave the context to end it."""

    def __init__(self) -> None:
        from multiprocessing.connection import Pipe
        from subprocess import DEVNULL, Popen

        self._connection, theirs = Pipe()
        self._ready, ready = os.pipe()
        # The child runs this very code, wherever it was imported from, and nothing from the current folder.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        # Its matrices are small: the threads of OpenBLAS only spin, for a quarter of a second of CPU time.
        environment.setdefault("OPENBLAS_NUM_THREADS", "1")
        # In its own process group, Ctrl-C does not reach it: the report is still made after an interruption.
        with theirs:
            self._process = Popen(
                [sys.executable, "-P", "-m", __name__, str(theirs.fileno()), str(ready)],
                pass_fds=(theirs.fileno(), ready),
                stdin=DEVNULL,
                env=environment,
                process_group=0,
            )
        os.close(ready)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        os.close(self._ready)
        self._process.kill()
        self._process.wait()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the process for the duration of the block, so that it takes no CPU time from what is measured; more than once."""
        # Stopped before it has asked to end with its parent, it would outlive it. An empty read says that it has ended.
        os.read(self._ready, 1)
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

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
    single CPU, or if pandas is imported already.
    """
    is_redirected = sys.stdout is not sys.__stdout__
    if is_redirected or "pandas" in sys.modules or usable_cpus() < 2:
        return None
    return ReportProcess()


def main(descriptor: int, ready: int) -> None:
    """Import the report's modules, wait for the parent's request, and answer it. Ends when the parent ends."""
    import ctypes
    from multiprocessing.connection import Connection

    # It shares the terminal without owning it: after `stty tostop` its output would stop it, and the run would wait forever.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    if sys.platform == "linux":
        # While it is paused it cannot notice that its parent was killed: PR_SET_PDEATHSIG.
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    os.close(ready)
    gc.set_threshold(*gc_tuning.GC_THRESHOLDS)  # as in `cli.main`: imports leave little garbage
    from rich.console import Console

    import gapbench.report.html
    import gapbench.report.terminal  # noqa: F401 - only to have it imported
    from gapbench.commands.run_results import report_run

    connection: Connection[Mapping[str, str] | Exception, tuple[Path, bool]] = Connection(descriptor)
    try:
        folder, quiet = connection.recv()
    except EOFError:
        return
    try:
        connection.send(report_run(folder, None if quiet else Console()))
    except Exception as exc:  # noqa: BLE001 - raised in the parent
        connection.send(_picklable(exc))


def _picklable(error: Exception) -> Exception:
    """Return an exception that arrives in the parent: the same, or one with its traceback as text."""
    from pickle import dumps, loads

    try:
        loads(dumps(error))  # noqa: S301 - made in the line itself
    except Exception:  # noqa: BLE001 - of any class
        return RuntimeError("".join(traceback.format_exception(error)))
    return error


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

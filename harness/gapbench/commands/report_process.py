"""A second process that makes the report after a run.

It imports pandas, scipy and the report on another core while this process opens models, so that neither the first request nor
the report waits for these imports; and the memory that sending leaves behind is not added to the report's. What both processes
need is imported once, before the fork. It is paused while requests are in flight: on two cores its imports took a tenth of the
rate.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self

from gapbench.cpus import usable_cpus

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_SHARED_MODULES = (
    "gapbench.commands.run_results",
    "gapbench.pricing",
    "gapbench.store",
    "gapbench.suite.loads.load",
    "gapbench.values.stored_messages",
    "rich.table",
)
"""What a run and its report both import, with numpy, pyarrow and pydantic below: half of the run's modules."""


class ReportProcess:
    """The parent's side: start it early, ask it for the report once, and leave the context to end it.

    Attributes:
        pid: The process.
    """

    def __init__(self) -> None:
        from multiprocessing.connection import Pipe

        _import_shared_modules()
        self._connection, theirs = Pipe()
        self._ready, ready = os.pipe()
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            self._connection.close()
            os.close(self._ready)
            _run_child(theirs, ready, parent)
        theirs.close()
        os.close(ready)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        os.close(self._ready)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the process for the duration of the block, so that it takes no CPU time from what is measured; more than once."""
        # Stopped before it has asked to end with its parent, it would outlive it. An empty read says that it has ended.
        os.read(self._ready, 1)
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

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
    """Start the process, or return None if this process must make the report.

    It must if the output does not go to this process's own standard output, which the child inherits; if it has threads,
    which a fork does not copy; and on macOS, whose libraries may not be used after a fork.
    """
    is_redirected = sys.stdout is not sys.__stdout__
    if is_redirected or threading.active_count() > 1 or sys.platform == "darwin":
        return None
    return ReportProcess()


def _import_shared_modules() -> None:
    """Import what both processes need. The matrices of both are small: OpenBLAS's threads would only spin, and not survive the fork."""
    # OpenBLAS reads it while numpy is imported. Programs that this process starts must not inherit it.
    setting = "OPENBLAS_NUM_THREADS"
    is_given = setting in os.environ
    os.environ.setdefault(setting, "1")
    for module in _SHARED_MODULES:
        importlib.import_module(module)
    if not is_given:
        del os.environ[setting]


def _run_child(
    connection: Connection[Mapping[str, str] | Exception, tuple[Path, bool]], ready: int, parent: int
) -> NoReturn:
    """Answer the parent's request and end without what the parent does at its own exit."""
    try:
        _serve(connection, ready, parent)
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 - the frames below are the parent's
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _serve(
    connection: Connection[Mapping[str, str] | Exception, tuple[Path, bool]], ready: int, parent: int
) -> None:
    """Import the report's modules, wait for the parent's request, and answer it. Ends when the parent ends."""
    import ctypes

    # In its own process group, Ctrl-C does not reach it: the report is still made after an interruption.
    os.setpgid(0, 0)
    # It shares the terminal without owning it: after `stty tostop` its output would stop it, and the run would wait forever.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if sys.platform == "linux":
        # While it is paused it cannot notice that its parent was killed: PR_SET_PDEATHSIG.
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        if os.getppid() != parent:
            return
    os.close(ready)
    from rich.console import Console

    from gapbench import heap
    from gapbench.commands.run_results import prepare_report, report_run
    from gapbench.execution.attempts import gc_tuning
    from gapbench.store import query_engine

    heap.share_one_heap()
    if usable_cpus() > 1:
        prepare_report()
    # What the parent had, and what was imported, is no garbage of this process.
    gc.freeze()
    gc.set_threshold(*gc_tuning.GC_THRESHOLDS)

    try:
        folder, quiet = connection.recv()
    except EOFError:
        return
    answer: Mapping[str, str] | Exception
    try:
        answer = report_run(folder, None if quiet else Console())
        sys.stdout.flush()
    except Exception as exc:  # noqa: BLE001 - raised in the parent
        answer = _picklable(exc)
    # It is killed once it has answered.
    query_engine.shut_down()
    connection.send(answer)


def _picklable(error: Exception) -> Exception:
    """Return an exception that arrives in the parent: the same, or one with its traceback as text."""
    from pickle import dumps, loads

    try:
        loads(dumps(error))  # noqa: S301 - made in the line itself
    except Exception:  # noqa: BLE001 - of any class
        return RuntimeError("".join(traceback.format_exception(error)))
    return error

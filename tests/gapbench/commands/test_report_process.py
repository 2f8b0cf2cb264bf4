"""The process that makes the report after a run: it is forked early, and does what this process would.

Each test forks a fresh process: pytest's own has threads, which a fork does not copy.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.two_models import write_suite

START = """
import os, signal, sys, threading
from contextlib import nullcontext
from pathlib import Path
from gapbench.commands.report_process import ReportProcess, start_report_process
"""


def run_program(code: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh process, to the end of it and of the process that it forks: the pipe ends with both."""
    command = [sys.executable, "-c", START + code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_it_writes_the_page_and_prints_the_answer(finished: Path) -> None:
    """The caveats of the answer and the title of the table, once each."""
    done = run_program(
        "with ReportProcess() as reporter:\n"
        "    print(reporter.report_run(Path(sys.argv[1]), quiet=False), file=sys.stderr)",
        finished,
    )

    assert (0, "{}\n") == (done.returncode, done.stderr)
    assert 2 == done.stdout.count("SIMULATED")
    assert (finished / "report.html").stat().st_size > 10_000


def test_it_leaves_no_temporary_folder(finished: Path, tmp_path: Path) -> None:
    """It ends without its exit handlers, and DuckDB has a folder for what does not fit into memory."""
    done = run_program(
        "os.environ['TMPDIR'] = sys.argv[2]\n"
        "with ReportProcess() as reporter:\n"
        "    reporter.report_run(Path(sys.argv[1]), quiet=True)",
        finished,
        tmp_path,
    )

    assert (0, []) == (done.returncode, list(tmp_path.glob("gapbench-*")))


def test_its_errors_are_raised_here(finished: Path, tmp_path: Path) -> None:
    """With their class, so that the exit code is right."""
    blocked = tmp_path / finished.name
    shutil.copytree(finished, blocked)
    (blocked / "report.html").unlink(missing_ok=True)
    (blocked / "report.html").mkdir()

    done = run_program(
        "from gapbench.errors import DiskError\n"
        "with ReportProcess() as reporter:\n"
        "    try: reporter.report_run(Path(sys.argv[1]), quiet=True)\n"
        "    except DiskError as exc: print(exc)",
        blocked,
    )

    assert "report.html" in done.stdout, done.stderr


@pytest.mark.parametrize("pause", ["nullcontext", "reporter.paused"])
def test_it_ends_with_its_parent(pause: str) -> None:
    """Also if that is killed, and while it is paused."""
    done = run_program(
        f"reporter = ReportProcess()\nwith {pause}(): os.kill(os.getpid(), signal.SIGKILL)",
    )

    assert (-signal.SIGKILL, "", "") == (done.returncode, done.stdout, done.stderr)


def test_it_makes_the_report_after_a_pause(finished: Path) -> None:
    """The pause may begin while it still imports."""
    done = run_program(
        "with ReportProcess() as reporter:\n"
        "    with reporter.paused(): pass\n"
        "    print(reporter.report_run(Path(sys.argv[1]), quiet=True))",
        finished,
    )

    assert (0, "{}\n") == (done.returncode, done.stdout), done.stderr
    assert (finished / "report.html").stat().st_size > 10_000


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc here")
def test_it_is_stopped_during_a_pause() -> None:
    """The kernel's own word for it: the third field of /proc/PID/stat is T."""
    done = run_program(
        "with ReportProcess() as reporter, reporter.paused():\n"
        "    os.waitid(os.P_PID, reporter.pid, os.WSTOPPED | os.WNOWAIT)\n"
        "    print(Path(f'/proc/{reporter.pid}/stat').read_text().rpartition(')')[2].split()[0])"
    )

    assert done.stdout == "T\n", done.stderr


def test_it_is_killed_where_no_report_is_needed() -> None:
    """A run that is refused does not wait for the imports, and leaves nothing behind."""
    done = run_program(
        "with ReportProcess() as reporter: pass\n"
        "try: os.kill(reporter.pid, 0)\n"
        "except ProcessLookupError: print('none')"
    )

    assert done.stdout == "none\n", done.stderr


@pytest.mark.parametrize(
    ("code", "is_started"),
    [
        ("pass", True),
        ("threading.Thread(target=threading.Event().wait, daemon=True).start()", False),
        ("import io; sys.stdout = io.StringIO()", False),
    ],
    ids=["fresh", "threads", "redirected"],
)
def test_it_is_started_where_a_fork_is_safe(code: str, *, is_started: bool) -> None:
    """Not where this process has threads, nor where the output is not the one that a child inherits."""
    done = run_program(f"{code}\nprint(start_report_process() is not None, file=sys.__stdout__)")

    assert f"{is_started and sys.platform != 'darwin'}\n" == done.stdout, done.stderr


def test_programs_started_later_have_the_threads_of_openblas() -> None:
    """Only this process and its report do without: a server that bench starts inherits the environment."""
    done = run_program(
        "os.environ.pop('OPENBLAS_NUM_THREADS', None)\n"
        "with ReportProcess(): print(os.environ.get('OPENBLAS_NUM_THREADS'))"
    )

    assert done.stdout == "None\n", done.stderr


def test_a_killed_process_is_reported(finished: Path) -> None:
    """Such as by the kernel, where memory is short."""
    done = run_program(
        "with ReportProcess() as reporter:\n"
        "    os.kill(reporter.pid, signal.SIGKILL)\n"
        "    try: reporter.report_run(Path(sys.argv[1]), quiet=True)\n"
        "    except RuntimeError as exc: print(exc)",
        finished,
    )

    assert "bench report" in done.stdout, done.stderr


def test_a_run_from_a_shell_prints_its_tables_once(tmp_path: Path) -> None:
    """Before the lines that say where things are, although another process prints them."""
    write_suite(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "gapbench.cli", "run", "suite.yaml", "--yes"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert 0 == done.returncode, done.stderr
    assert 2 == done.stdout.count("SIMULATED")
    assert done.stdout.index("SIMULATED") < done.stdout.index("Parquet  ")

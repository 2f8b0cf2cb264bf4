"""The process that makes the report after a run: it is started early, and does what this process would."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gapbench.commands.report_process import ReportProcess
from gapbench.errors import DiskError
from tests.two_models import write_suite


def test_it_writes_the_page_and_prints_the_answer(finished: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The caveats of the answer and the title of the table, once each."""
    with ReportProcess() as reporter:
        unanswered = reporter.report_run(finished, quiet=False)

    assert {} == unanswered
    assert 2 == capfd.readouterr().out.count("SIMULATED")
    assert (finished / "report.html").stat().st_size > 10_000


def test_its_errors_are_raised_here(finished: Path, tmp_path: Path) -> None:
    """With their class, so that the exit code is right."""
    blocked = tmp_path / finished.name
    shutil.copytree(finished, blocked)
    (blocked / "report.html").unlink(missing_ok=True)
    (blocked / "report.html").mkdir()

    with ReportProcess() as reporter, pytest.raises(DiskError, match=r"report\.html"):
        reporter.report_run(blocked, quiet=True)


@pytest.mark.parametrize("pause", ["nullcontext", "reporter.paused"])
def test_it_ends_with_its_parent(pause: str) -> None:
    """Also if that is killed, and while it is paused."""
    code = (
        "from gapbench.commands.report_process import ReportProcess; import os, signal\n"
        "from contextlib import nullcontext\n"
        f"reporter = ReportProcess()\nwith {pause}(): os.kill(os.getpid(), signal.SIGKILL)"
    )
    # The pipe ends when both have ended.
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=120)

    assert (-signal.SIGKILL, b"", b"") == (done.returncode, done.stdout, done.stderr)


def test_it_makes_the_report_after_a_pause(finished: Path) -> None:
    """The pause may begin while it still imports."""
    with ReportProcess() as reporter:
        with reporter.paused():
            pass
        reporter.report_run(finished, quiet=True)

    assert (finished / "report.html").stat().st_size > 10_000


def test_it_is_stopped_during_a_pause() -> None:
    """The kernel's own word for it: the third field of /proc/PID/stat is T."""
    with ReportProcess() as reporter, reporter.paused():
        status = Path(f"/proc/{reporter._process.pid}/stat")
        if not status.exists():
            pytest.skip("no /proc here")
        os.waitid(os.P_PID, reporter._process.pid, os.WSTOPPED | os.WNOWAIT)

        assert "T" == status.read_text().rpartition(")")[2].split()[0]


def test_it_is_killed_where_no_report_is_needed() -> None:
    """A run that is refused does not wait for the imports."""
    with ReportProcess() as reporter:
        process = reporter._process

    assert -signal.SIGKILL == process.returncode


@pytest.mark.parametrize(
    ("code", "is_started"),
    [("pass", True), ("import pandas", False), ("import io; sys.stdout = io.StringIO()", False)],
    ids=["fresh", "pandas", "redirected"],
)
def test_it_is_started_where_it_helps(code: str, *, is_started: bool) -> None:
    """Not where this process has pandas, nor where the output is not the one that a child inherits."""
    program = (
        f"import sys; {code}\nfrom gapbench.commands.report_process import start_report_process\n"
        "reporter = start_report_process()\nprint(reporter is not None, file=sys.__stdout__)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert f"{is_started and len(os.sched_getaffinity(0)) > 1}\n" == done.stdout


def test_a_killed_process_is_reported(finished: Path) -> None:
    """Such as by the kernel, where memory is short."""
    with ReportProcess() as reporter:
        reporter._process.kill()
        with pytest.raises(RuntimeError, match="bench report"):
            reporter.report_run(finished, quiet=True)


def test_a_run_from_a_shell_prints_its_tables_once(tmp_path: Path) -> None:
    """Before the lines that say where things are, although another process prints them."""
    write_suite(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "gapbench.cli", "run", "suite.yaml", "--yes"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert 0 == done.returncode, done.stderr
    assert 3 == done.stdout.count("SIMULATED")
    assert done.stdout.index("SIMULATED") < done.stdout.index("Parquet  ")

"""Isolation levels: which one is taken, what is refused, and which limits hold at each."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from gapbench.errors import InputError, SetupError
from gapbench.sandbox import (
    ISOLATION_LEVELS,
    IsolationLevel,
    Sandbox,
    SandboxJob,
    SandboxLimits,
    SandboxResult,
    make_probe_job,
)
from gapbench.sandbox.command_line import sandbox_command, supervisor_command
from gapbench.sandbox.guest.seccomp import MACHINES, build_filter
from gapbench.sandbox.sandbox import FIRST_UID, find_working_sandbox

SQUARE = SandboxJob(("def f(x):\n    return x * x",), "assert f(2) == 4", "f")
# Starts what bubblewrap would start, without isolation.
NO_ISOLATION = f"""#!{sys.executable}
import os, sys
words = sys.argv[sys.argv.index("--") + 1:]
os.execv(words[0], words)
"""


def fake_bubblewrap(folder: Path, text: str) -> str:
    program = folder / "bwrap"
    program.write_text(text)
    program.chmod(0o755)
    return str(program)


@pytest.fixture(params=ISOLATION_LEVELS)
def level(request: pytest.FixtureRequest) -> IsolationLevel:
    """Each level that can be tested here."""
    if request.param == "bubblewrap" and shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    found: IsolationLevel = request.param
    return found


def test_a_level_passes_its_check_and_runs_a_program(level: IsolationLevel) -> None:
    """The host is hidden and a program runs."""
    sandbox = find_working_sandbox(level)
    assert (level, SandboxResult("passed", 1, 1, "")) == (sandbox.level, sandbox.run(SQUARE))


def test_bubblewrap_is_preferred() -> None:
    """Without a selected level, the first is bubblewrap where it is installed."""
    assert ("bubblewrap", "unshare") == ISOLATION_LEVELS
    if shutil.which("bwrap") is not None:
        assert find_working_sandbox().level == "bubblewrap"


def test_a_sandbox_that_shows_the_host_is_refused(tmp_path: Path) -> None:
    """A bubblewrap that isolates nothing runs a program, but does not pass the check: the planted file is visible."""
    sandbox = Sandbox("bubblewrap", fake_bubblewrap(tmp_path, NO_ISOLATION))
    planted = tmp_path / "planted"
    planted.write_text("x")
    limits = SandboxLimits(tmp_files=10**12)  # the host's own /tmp
    assert sandbox.run(SQUARE, limits) == SandboxResult("passed", 1, 1, "")
    assert sandbox.run(make_probe_job(str(planted)), limits).state == "failed"


def test_a_bubblewrap_that_does_not_work_gives_way_to_our_own_namespaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If no level is selected, the next is tried; a selected level is refused with its reason and a remedy."""
    fake_bubblewrap(tmp_path, "#!/bin/sh\necho 'setting up uid map: Permission denied' >&2\nexit 1\n")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert find_working_sandbox().level == "unshare"
    with pytest.raises(
        SetupError, match=r"works here \(bubblewrap: .*uid map: Permission denied\); install bubblewrap, or"
    ):
        find_working_sandbox("bubblewrap")


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A level whose program is missing reports it."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SetupError, match="bubblewrap: bwrap is not installed"):
        find_working_sandbox("bubblewrap")


def test_an_unknown_level_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message lists the levels; the environment variable is checked as the suite is."""
    with pytest.raises(InputError, match="'docker'; expected auto, bubblewrap, unshare"):
        Sandbox.find("docker")
    monkeypatch.setenv("BENCH_SANDBOX", "nsjail")
    with pytest.raises(InputError, match="'nsjail'"):
        Sandbox.find()


def test_the_command_line_does_not_contain_the_job(level: IsolationLevel) -> None:
    """Tests are sent through a pipe, because every process of the machine can read a command line."""
    words = sandbox_command(level, SandboxLimits(), program="bwrap", uid=7, proc_fd=3)
    assert not [word for word in words if "assert" in word]
    assert supervisor_command("python3", "/x", {"a": 1})[-2:] == ["/x", '{"a": 1}']


@pytest.mark.parametrize("machine", sorted(MACHINES))
def test_the_filter_jumps_inside_itself(machine: str) -> None:
    """Every jump ends on an instruction, and every way ends in a return."""
    lines = build_filter(machine)
    for at, (_, if_true, if_false, _) in enumerate(lines):
        assert at + 1 + max(if_true, if_false) < len(lines) or lines[at][0] == 6
    assert lines[-1] == (6, 0, 0, 0x7FFF0000)
    assert len(lines) < 4096


def test_the_memory_of_all_processes_is_limited(level: IsolationLevel) -> None:
    """A program within the limit of each process but over the total is killed, and the reason says so."""
    program = "import os, time\ndef f(x):\n    a = bytearray(b'x' * 60 * 2**20)\n    os.fork(); os.fork()\n    b = bytearray(b'x' * 60 * 2**20)\n    time.sleep(99999)"
    result = find_working_sandbox(level).run(
        SandboxJob((program,), "f(1)", "f"), SandboxLimits(wall_s=120.0, total_bytes=200 * 2**20)
    )
    assert result == SandboxResult("crashed", 0, 0, "its processes took more than 209715200 bytes together")


def test_the_number_of_files_is_limited(level: IsolationLevel) -> None:
    """The file system refuses more (unshare), or the supervisor ends the program (bubblewrap)."""
    program = "def f(x):\n    for n in range(10 ** 9):\n        open(f'/tmp/{n}', 'w').close()"
    result = find_working_sandbox(level).run(
        SandboxJob((program,), "f(1)", "f"), SandboxLimits(wall_s=120.0, tmp_files=1000)
    )
    expected = {"unshare": "No space left on device", "bubblewrap": "it made more than 1000 files in /tmp"}
    assert expected[level] in result.reason


def test_the_program_cannot_start_more_processes_than_allowed(level: IsolationLevel) -> None:
    """Nor does the limit depend on whether the harness runs as root."""
    program = "import os, time\ndef f(x):\n    for n in range(100):\n        try:\n            if os.fork() == 0: time.sleep(60)\n        except OSError: return n"
    result = find_working_sandbox(level).run(
        SandboxJob((program,), "assert f(0) <= 16", "f"), SandboxLimits(wall_s=120.0, processes=16)
    )
    assert result.state == "passed"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become other users")
def test_under_root_the_program_is_another_user(level: IsolationLevel) -> None:
    """It has a random user id of its own, so that the limit on processes applies and root's rights do not."""
    result = find_working_sandbox(level).run(
        SandboxJob(("import os\ndef f(x):\n    return os.getuid()",), f"assert f(0) >= {FIRST_UID}", "f")
    )
    assert result.state == "passed"


def test_what_held_before_the_clock_ran_out_is_kept() -> None:
    """Two of three assertions spelled out held; the third never ended."""
    program = "def f(x):\n    while x > 2: pass\n    return x"
    tests = "assert f(1) == 1\nassert f(2) == 2\nassert f(3) == 3"
    verdict = Sandbox.find().run(SandboxJob((program,), tests, "f", partial=True), SandboxLimits(wall_s=5.0))
    assert verdict == SandboxResult("timeout", 2, 3, "timed out after 5 s")

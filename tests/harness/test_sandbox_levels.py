"""The ways to build walls: which is taken, what is refused, and what a container's client is told."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from gapbench.errors import InputError, SetupError
from gapbench.sandbox import Sandbox, SandboxJob, SandboxLimits, SandboxResult, make_probe_job
from gapbench.sandbox import sandbox as box
from gapbench.sandbox.command_line import sandbox_command, supervisor_command
from gapbench.sandbox.guest.seccomp import MACHINES, build_filter

SQUARE = SandboxJob(("def f(x):\n    return x * x",), "assert f(2) == 4", "f")
# Does what `docker run … IMAGE python3 …` does, without any wall: the image's files are this machine's.
NO_CONTAINER = f"""#!{sys.executable}
import os, sys
words = sys.argv[sys.argv.index("python3") + 1:]
words[words.index("/bench")] = {str(Path(__file__).parents[2] / "harness")!r}
os.execv(sys.executable, [sys.executable, *words])
"""


def fake_client(folder: Path, text: str) -> str:
    client = folder / "docker"
    client.write_text(text)
    client.chmod(0o755)
    return str(client)


def test_without_walls_nothing_runs(tmp_path: Path) -> None:
    """A client that runs the program on the host passes no probe: the planted file is seen."""
    sandbox = Sandbox("docker", fake_client(tmp_path, NO_CONTAINER))
    planted = tmp_path / "planted"
    planted.write_text("x")
    assert sandbox.run(SQUARE) == SandboxResult("passed", 1, 1, "")
    assert sandbox.run(make_probe_job("docker", str(planted))).state == "failed"


def test_a_level_that_does_not_work_is_refused_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon that does not answer is said in one line, with what would do, and no other level is taken."""
    fake_client(tmp_path, "#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(
        SetupError, match=r"works here \(docker: .*Cannot connect.*no code is run without walls"
    ):
        box._find_working_sandbox.__wrapped__("docker")


def test_a_client_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A level whose program is missing says so."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SetupError, match="podman: podman is not installed"):
        box._find_working_sandbox.__wrapped__("podman")


def test_no_level_of_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The levels are listed; the environment's word is checked as the suite's is."""
    with pytest.raises(InputError, match="'chroot'; it takes auto, unshare, bubblewrap, docker, podman"):
        Sandbox.find("chroot")
    monkeypatch.setenv("BENCH_SANDBOX", "nsjail")
    with pytest.raises(InputError, match="'nsjail'"):
        Sandbox.find()


@pytest.mark.parametrize("client", ["docker", "podman"])
def test_containers_get_every_wall(client: str) -> None:
    """No network, no capabilities, read-only, bounded, and no file of the host but the jail."""
    words = sandbox_command(client, SandboxLimits(), program=client, name="bench-1", uid=7)  # type: ignore[arg-type]
    joined = " ".join(words)
    for wall in (
        "--network none", "--read-only", "--cap-drop ALL", "--user 65534:65534", "no-new-privileges",
        "--pids-limit 18", "--memory 1073741824", "--memory-swap 1073741824", "--pull never", "--ipc private",
    ):  # fmt: skip
        assert wall in joined
    assert [word for word in words if "source=" in word] == [
        f"type=bind,source={Path(box.__file__).parent / 'guest'},target=/bench/gapbench/sandbox/guest,readonly"
    ]


def test_bubblewrap_holds_the_same_program() -> None:
    """Where bubblewrap is installed, its walls pass the probe and a program runs in them."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        pytest.skip("bubblewrap is not installed")
    sandbox = Sandbox("bubblewrap", bwrap)
    assert sandbox.run(make_probe_job()).state == "passed"
    assert sandbox.run(SQUARE) == SandboxResult("passed", 1, 1, "")


def test_the_job_is_no_word_of_the_command() -> None:
    """Tests travel by a pipe: a command line can be read by every process of the machine."""
    words = sandbox_command("unshare", SandboxLimits(), program="", name="n", uid=7)
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


def test_memory_of_all_processes_is_weighed() -> None:
    """A program within each process's limit and over the sum is killed, and the word says so."""
    sandbox = Sandbox.find("unshare")
    program = "import os, time\ndef f(x):\n    a = bytearray(b'x' * 60 * 2**20)\n    os.fork(); os.fork()\n    b = bytearray(b'x' * 60 * 2**20)\n    time.sleep(5)"
    verdict = sandbox.run(
        SandboxJob((program,), "f(1)", "f"), SandboxLimits(wall_s=4.0, total_bytes=200 * 2**20)
    )
    assert verdict == SandboxResult("crashed", 0, 0, "its processes took more than 209715200 bytes together")


def test_what_held_before_the_clock_ran_out_is_kept() -> None:
    """Two of three assertions spelled out held; the third never ended."""
    program = "def f(x):\n    while x > 2: pass\n    return x"
    tests = "assert f(1) == 1\nassert f(2) == 2\nassert f(3) == 3"
    verdict = Sandbox.find().run(SandboxJob((program,), tests, "f", partial=True), SandboxLimits(wall_s=0.5))
    assert verdict == SandboxResult("timeout", 2, 3, "not done after 0.5 s")

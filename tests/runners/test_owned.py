"""A vLLM that bench starts is its own: it ends with bench, however bench ends, and nobody else answers for it."""

from __future__ import annotations

import asyncio
import http.server
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gapbench.errors import InputError, SetupError
from gapbench.values import Model, Session
from gapbench_runners.vllm import runner as vllm
from gapbench_runners.vllm.ports import find_free_port, is_free, is_owned_by_group
from gapbench_runners.vllm.runner import VllmRunner
from tests.runners.fake_vllm import Handler

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
ROOT = Path(__file__).parents[2]
END_S = 30.0
OWNER = """\
import asyncio, sys
from pathlib import Path
from gapbench.values import Model, Session
from gapbench_runners.vllm.runner import VllmRunner

async def main():
    model = Model("m", "vllm", "m", "open", options={"serve": {"python": sys.argv[1]}})
    await VllmRunner(model).open(Session(Path(sys.argv[2])))
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program that stands in for the python of vLLM."""
    monkeypatch.setenv("FAKE_VLLM_PIDS", str(tmp_path / "pids"))
    path = tmp_path / "python"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name("fake_vllm.py")} "$@"\n')
    path.chmod(0o755)
    return path


@pytest.fixture
def another() -> Iterator[int]:
    """The port of a server that is not ours to measure."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def owned(program: Path, **serve: object) -> VllmRunner:
    return VllmRunner(Model("m", "vllm", "m", "open", options={"serve": {"python": str(program), **serve}}))


def pids(folder: Path) -> list[int]:
    """Return the process ids of the server and of its worker."""
    return [int(word) for word in (folder / "pids").read_text().split()]


def watched(folder: Path) -> list[int]:
    """Return a descriptor for each of them that turns readable when the process ends."""
    return [os.pidfd_open(pid) for pid in pids(folder)]


def ended(descriptors: list[int]) -> bool:
    """Wait for processes to end and say whether they did."""
    try:
        return all(select.select([descriptor], [], [], END_S)[0] for descriptor in descriptors)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP, signal.SIGTERM])
def test_it_ends_with_bench_however_bench_ends(tmp_path: Path, program: Path, number: int) -> None:
    """Server and worker, also where bench had no time to stop them."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(program), str(tmp_path)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    ) as owner:  # fmt: skip
        assert owner.stdout is not None
        assert "ready\n" == owner.stdout.readline()
        descriptors = watched(tmp_path)
        owner.send_signal(number)

    assert ended(descriptors)


def test_closing_ends_its_workers_too(tmp_path: Path, program: Path) -> None:
    """The whole group is asked, and waited for."""

    async def main() -> list[int]:
        runner = owned(program)
        await runner.open(Session(tmp_path))
        descriptors = watched(tmp_path)
        await runner.close()
        return descriptors

    assert ended(asyncio.run(main()))


def test_a_server_that_ends_is_told_with_its_own_code_and_words(tmp_path: Path, program: Path) -> None:
    """The keeper between passes both on."""
    program.write_text("#!/bin/sh\necho no such model >&2\nexit 3\n")

    with pytest.raises(SetupError, match=r"python ended with code 3; .*\n  no such model"):
        asyncio.run(owned(program).open(Session(tmp_path)))


def test_a_server_that_is_killed_is_told_with_its_signal(tmp_path: Path, program: Path) -> None:
    """As if nothing stood between."""
    program.write_text("#!/bin/sh\nkill -9 $$\n")

    with pytest.raises(SetupError, match="python ended with code -9"):
        asyncio.run(owned(program).open(Session(tmp_path)))


def test_a_program_that_cannot_be_started_is_told(tmp_path: Path, program: Path) -> None:
    """In the log's end."""
    program.chmod(0o644)

    with pytest.raises(SetupError, match=r"cannot start .*Permission denied"):
        asyncio.run(owned(program).open(Session(tmp_path)))


def test_a_port_that_is_taken_is_told_before_anything_starts(
    tmp_path: Path, program: Path, another: int
) -> None:
    """An orphan of an earlier run, say: it would answer and be measured."""
    with pytest.raises(SetupError, match=rf"serve.port: another process already listens on 127.0.0.1:{another}"):
        asyncio.run(owned(program, port=another).open(Session(tmp_path)))
    assert not (tmp_path / "vllm.log").exists()


def test_an_answer_of_another_process_does_not_make_it_ready(
    tmp_path: Path, program: Path, another: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runs with one fixed port see it free while both are starting."""
    monkeypatch.setattr(vllm, "is_free", lambda _: True)
    monkeypatch.setenv("FAKE_VLLM", "deaf")

    with pytest.raises(SetupError, match=f"127.0.0.1:{another} is answered by another process"):
        asyncio.run(owned(program, port=another).open(Session(tmp_path)))


@pytest.mark.parametrize("port", ["8000", 0, 65_536, 1.5])
def test_a_port_is_a_port(program: Path, port: object) -> None:
    """Said before the plan."""
    with pytest.raises(InputError, match=r"serve\.port: found"):
        owned(program, port=port)


def test_whose_a_port_is(another: int) -> None:
    """Free, this group's, or another's."""
    assert (True, False) == (is_free(find_free_port()), is_free(another))
    assert is_owned_by_group(another, os.getpgid(0))
    assert not is_owned_by_group(another, os.getpgid(0) + 1)

"""One `vllm run-batch` at a time runs on a machine."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gapbench.errors import RunnerError
from gapbench.runner import BatchClient
from gapbench_runners.vllm import batch_supervisor
from gapbench_runners.vllm.machine_lock import machine_lock_path
from gapbench_runners.vllm.runner import VllmRunner
from tests.gapbench_runners.vllm.test_run_batch import at_work, submit, wait_for_end

pytestmark = pytest.mark.usefixtures("own_machine")


def test_one_batch_at_a_time_runs_on_a_machine(tmp_path: Path, program: str) -> None:
    """The second is refused for now and leaves its label free; when the first has ended it is taken."""

    async def work(runner: VllmRunner, client: BatchClient) -> Any:
        await submit(runner, client, "hello", label="run-1")
        busy = client.busy()
        with pytest.raises(RunnerError, match="another `vllm run-batch` runs on this machine") as caught:
            await submit(runner, client, "hello", label="run-2")
        await client.cancel("run-1")
        wait_for_end(tmp_path / "batches" / "run-1")
        return busy, caught.value, client.busy(), (await submit(runner, client, "hello", label="run-2")).state

    busy, refused, free, state = at_work(tmp_path, work, python=program, env={"FAKE_VLLM": "wait"})
    asyncio.run(cancel_and_wait(tmp_path))

    assert busy is not None
    assert ("rate_limit", True) == (refused.kind, refused.is_refusal)
    assert (None, "running") == (free, state)


async def cancel_and_wait(folder: Path) -> None:
    os.killpg(
        json.loads((folder / "batches" / "run-2" / "process.json").read_text())["group"], signal.SIGKILL
    )
    wait_for_end(folder / "batches" / "run-2")


def test_a_supervisor_that_finds_the_machine_locked_starts_nothing(tmp_path: Path) -> None:
    """Two submits at the same moment: the lock decides, not the look at it before."""
    lock = machine_lock_path()
    lock.touch()
    command = [
        sys.executable,
        batch_supervisor.__file__,
        str(tmp_path),
        str(lock),
        "touch",
        str(tmp_path / "x"),
    ]
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        code = subprocess.run(command, check=False).returncode

    assert code == batch_supervisor.BUSY_CODE
    assert not (tmp_path / "x").exists()


def test_a_file_alone_needs_no_machine(tmp_path: Path) -> None:
    """With start: false nothing runs here, whatever else does."""

    async def work(runner: VllmRunner, client: BatchClient) -> Any:
        return client.runs_here, client.busy(), (await submit(runner, client, "a")).state

    lock = machine_lock_path()
    lock.touch()
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert at_work(tmp_path, work, start=False) == (False, None, "waiting")

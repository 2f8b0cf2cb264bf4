"""A module of tools for callers that are not asynchronous: one session that is kept, replaced when it ends, and closed at exit."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from gapbench.sandbox import Sandbox
from gapbench.sandbox.job import SandboxLimits
from gapbench.sandbox.tool_worker import ToolWorker, ToolWorkerError
from tests.tool_sessions import LONG_S

SOURCE = """
import os
CALLS = []

def count(state, n):
    CALLS.append(n)
    return len(CALLS)

def end(state):
    os._exit(3)


def fail(state):
    raise ValueError("no such order")
"""
AT_EXIT = f"""
from gapbench.sandbox import Sandbox
from gapbench.sandbox.job import SandboxLimits
from gapbench.sandbox.tool_worker import ToolWorker
worker = ToolWorker(Sandbox.find(), {SOURCE!r}, (), SandboxLimits())
print(worker.call("count", {{"n": 1}}, timeout_s={LONG_S}))
"""


@pytest.fixture
def worker() -> Iterator[ToolWorker]:
    """A worker with the module above."""
    worker = ToolWorker(Sandbox.find(), SOURCE, (), SandboxLimits())
    yield worker
    worker.close()


def test_calls_of_several_threads_share_one_session(worker: ToolWorker) -> None:
    """Eight calls from four threads are counted by one module."""
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda n: worker.call("count", {"n": n}, timeout_s=LONG_S), range(8))

    assert list(range(1, 9)) == sorted(found)


def test_what_a_function_raises_is_the_reason(worker: ToolWorker) -> None:
    """The session goes on."""
    with pytest.raises(ToolWorkerError, match="ValueError: no such order"):
        worker.call("fail", {}, timeout_s=LONG_S)

    assert 1 == worker.call("count", {"n": 1}, timeout_s=LONG_S)


def test_a_session_that_ends_twice_is_the_reason_and_the_next_call_starts_another(worker: ToolWorker) -> None:
    """The module counts from 1 again."""
    worker.call("count", {"n": 1}, timeout_s=LONG_S)
    with pytest.raises(ToolWorkerError):
        worker.call("end", {}, timeout_s=LONG_S)

    assert 1 == worker.call("count", {"n": 1}, timeout_s=LONG_S)


def test_a_closed_worker_starts_again(worker: ToolWorker) -> None:
    """Its module is new."""
    worker.call("count", {"n": 1}, timeout_s=LONG_S)
    worker.close()

    assert 1 == worker.call("count", {"n": 1}, timeout_s=LONG_S)


def test_the_end_of_the_process_ends_the_session_in_silence() -> None:
    """Each pipe and process that is left is a warning; at exit, no thread takes work any more."""
    done = subprocess.run(
        [sys.executable, "-W", "always::ResourceWarning", "-c", AT_EXIT],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "1\n", "") == (done.returncode, done.stdout, done.stderr)

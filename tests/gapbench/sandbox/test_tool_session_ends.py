"""What ends a session of tools: deadlines, limits, messages of a tool's own, and a harness that is gone."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from gapbench.sandbox import IsolationLevel, Sandbox
from gapbench.sandbox.tool_session import NOT_A_RESULT, TOOL_LIMITS, EndedSessionError, ToolSession
from tests.processes import child_pids, left_running
from tests.tool_sessions import COUNTER, LONG_S, in_session

SHORT_S = 1.0


def end_of(source: str, level: str = "", *, timeout_s: float = LONG_S, **options: Any) -> str:
    """Return why a session ended during a call of ``t``."""

    async def body(session: ToolSession) -> None:
        await session.call("t", {}, timeout_s=timeout_s)

    with pytest.raises(EndedSessionError) as raised:
        in_session(source, body, level=level, **options)
    return str(raised.value)


def test_a_tool_that_never_returns_is_ended(level: IsolationLevel) -> None:
    """With its deadline in the reason."""
    for line in ("while True: pass", "import time; time.sleep(99999)"):
        source = f"def t(state):\n    {line}"
        assert end_of(source, level, timeout_s=SHORT_S) == "the tool took longer than 1 s and was ended"


def test_a_process_that_ends_says_how(level: IsolationLevel) -> None:
    """By its exit status or its signal."""
    assert end_of("import os\ndef t(state):\n    os._exit(3)", level) == "its process ended with 3"
    segfault = "import ctypes\ndef t(state):\n    ctypes.string_at(0)"
    assert end_of(segfault, level) == "its process was killed by signal 11"


def test_the_memory_of_all_processes_is_limited(level: IsolationLevel) -> None:
    """Of tool and programs together, while a call runs."""
    source = "import os, time\ndef t(state):\n    a = bytearray(b'x' * 60 * 2**20)\n    os.fork(); os.fork()\n    b = bytearray(b'x' * 60 * 2**20)\n    time.sleep(99999)"
    limits = replace(TOOL_LIMITS, total_bytes=200 * 2**20)
    assert end_of(source, level, limits=limits) == "its processes took more than 209715200 bytes together"


def test_a_message_of_a_tool_s_own_ends_the_session() -> None:
    """It cannot be taken for the result of the next call."""
    frame = "json.dumps(m).encode()"
    for message in ("['result', 1, 'x', False, None]", "['result', 9, 'x', False, None]", "{}", "[1]"):
        source = f"import json, os, struct\ndef t(state):\n    m = {message}\n    d = {frame}\n    os.write(3, struct.pack('>I', len(d)) + d)\n    os.write(3, struct.pack('>I', len(d)) + d)"

        async def body(session: ToolSession) -> None:
            for _ in range(2):
                await session.call("t", {}, timeout_s=LONG_S)

        with pytest.raises(EndedSessionError, match=NOT_A_RESULT):
            in_session(source, body)


@pytest.mark.parametrize("data", ["struct.pack('>I', 2**32 - 1)", "struct.pack('>I', 4) + b'\\xff{{['"])
def test_garbage_on_the_channel_ends_the_session(data: str) -> None:
    """Nothing of its size is reserved."""
    source = f"import os, struct, time\ndef t(state):\n    os.write(3, {data})\n    time.sleep(99999)"
    assert end_of(source) == NOT_A_RESULT


def test_processes_that_a_tool_leaves_end_with_its_call(level: IsolationLevel) -> None:
    """Sixteen and more in a row can be started, since none is left."""
    source = "import os, time\ndef t(state):\n    for _ in range(8):\n        if os.fork() == 0:\n            os.setsid()\n            time.sleep(99999)\n    return 'ok'"

    async def body(session: ToolSession) -> list[str]:
        return [(await session.call("t", {}, timeout_s=LONG_S)).content for _ in range(5)]

    assert in_session(source, body, level=level) == ["ok"] * 5


def test_a_closed_session_leaves_no_process(level: IsolationLevel) -> None:
    """Apart from the template, which the first session starts."""

    async def body(session: ToolSession) -> set[int]:
        await session.call("add", {"n": 1}, timeout_s=LONG_S)
        return child_pids()

    in_session(COUNTER, body, level=level)
    before = child_pids()
    during = in_session(COUNTER, body, level=level)
    assert len(during - before) >= 2
    assert set() == left_running(before)


def test_a_template_that_was_killed_is_started_again() -> None:
    """Its sessions end, and the next one works."""

    async def kill(session: ToolSession) -> None:
        (template,) = [
            process
            for process in psutil.Process().children()
            if "run_template" in " ".join(process.cmdline())
        ]
        processes = [template, *template.children(recursive=True)]
        template.kill()
        psutil.wait_procs(processes, timeout=LONG_S)
        await session.call("add", {"n": 1}, timeout_s=LONG_S)

    async def add(session: ToolSession) -> str:
        return (await session.call("add", {"n": 1}, timeout_s=LONG_S)).content

    with pytest.raises(EndedSessionError):
        in_session(COUNTER, kill, level="unshare")
    assert in_session(COUNTER, add, level="unshare") == "2"


def test_a_call_that_is_cancelled_ends_the_session() -> None:
    """The tool does not run on, and the session can be closed."""

    async def run() -> None:
        session = await ToolSession.start(
            Sandbox.find(), "def t(state):\n    while True: pass", "{}", result_chars=10
        )
        waiting = asyncio.create_task(session.call("t", {}, timeout_s=LONG_S))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await session.close()

    before = child_pids()
    asyncio.run(run())
    assert set() == left_running(before)


HARNESS = """
import asyncio, sys
from gapbench.sandbox import Sandbox
from tests.processes import child_pids, left_running
from gapbench.sandbox.tool_session import ToolSession
async def run():
    session = await ToolSession.start(Sandbox.find(sys.argv[1]), "def t(state):\\n    while True: pass", "{}", result_chars=9)
    waiting = asyncio.create_task(session.call("t", {}, timeout_s=9999))
    await asyncio.sleep(0)
    print("running", flush=True)
    await waiting
asyncio.run(run())
"""


def test_a_killed_harness_leaves_no_process(level: IsolationLevel) -> None:
    """Tools in the middle of a call, their supervisor and the template end with it."""
    harness = str(Path(__file__).parents[3] / "harness")
    with subprocess.Popen(
        [sys.executable, "-c", HARNESS, level],
        env={**os.environ, "PYTHONPATH": harness},
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"running\n"
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 2
        process.kill()
    _, alive = psutil.wait_procs(children, timeout=LONG_S)
    assert alive == []

"""What do the sandboxes of many episodes cost: CPU time to start and per call, and memory while they are open?

``python benchmarks/tool_sessions.py`` opens 200 sessions at once at each isolation level of this machine, runs 10 calls in
each over a state of about 4 kB, and writes benchmarks/results/tool_sessions.json. CPU time is that of all processes
together, so a busy machine hardly changes it; it is also given as a multiple of starting Python with nothing to do. Memory
is the proportional set size: shared pages are divided among those that share them. To hold at level ``unshare``: a start
takes at most 1.5 times the CPU time of a plain Python, 200 sessions take less than 2 GiB. ``--sessions 5`` checks that it
works.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import subprocess
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from gapbench.errors import SetupError
from gapbench.sandbox import ISOLATION_LEVELS, Sandbox
from gapbench.sandbox.command_line import base_interpreter
from gapbench.sandbox.sandbox import find_working_sandbox
from gapbench.sandbox.tool_session import ToolSession

HERE = Path(__file__).parent
TOOLS = """
import json, re
from datetime import datetime
def look(state, *, order: str):
    return state["orders"][order]
def cancel(state, *, order: str):
    state["orders"][order]["status"] = "cancelled"
    return "ok"
"""
STATE = {"orders": {str(n): {"status": "open", "items": ["a", "b"], "total": n * 1.5} for n in range(64)}}
TIMEOUT_S = 300.0
CALLS_ALONE = 1000


def cpu_s(processes: Iterable[psutil.Process]) -> float:
    """Return the CPU seconds of processes so far, without those of children that ended; exact, unlike /proc/*/stat."""
    total = 0
    for process in processes:
        for task in Path(f"/proc/{process.pid}/task").iterdir():
            total += int((task / "schedstat").read_text(encoding="utf-8").split()[0])
    return total / 1e9


def own_processes() -> list[psutil.Process]:
    """Return this process and all below it."""
    here = psutil.Process()
    return [here, *here.children(recursive=True)]


def plain_start_ms(count: int = 40) -> float:
    """Return the CPU milliseconds of a Python that does nothing."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(count):
        subprocess.run([base_interpreter(), "-s", "-S", "-P", "-c", ""], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / count * 1000


async def measure(sandbox: Sandbox, sessions: int, calls: int) -> dict[str, Any]:
    """Return what some sessions at once cost at one level."""
    state = json.dumps(STATE)

    async def start() -> ToolSession:
        return await ToolSession.start(sandbox, TOOLS, state, result_chars=20_000)

    async def use(session: ToolSession, count: int) -> None:
        for number in range(count):
            name = "cancel" if number % 2 else "look"
            reply = await session.call(name, {"order": str(number)}, timeout_s=TIMEOUT_S)
            assert not reply.is_error, reply.content

    alone = await start()  # the template, if there is one, is started once
    alone_s = cpu_s(own_processes())
    for _ in range(CALLS_ALONE // 10):
        await use(alone, 10)
    alone_s = cpu_s(own_processes()) - alone_s
    await alone.close()
    before_s, before = cpu_s(own_processes()), {process.pid for process in own_processes()}
    began = time.perf_counter()
    opened = await asyncio.gather(*(start() for _ in range(sessions)))
    start_wall_s = time.perf_counter() - began
    started_s = cpu_s(own_processes())
    idle = [process for process in own_processes() if process.pid not in before]
    pss = sum(process.memory_full_info().pss for process in idle)
    measured_s = cpu_s(own_processes())
    began = time.perf_counter()
    await asyncio.gather(*(use(session, calls) for session in opened))
    calls_wall_s = time.perf_counter() - began
    called_s = cpu_s(own_processes())
    began = time.perf_counter()
    await asyncio.gather(*(session.close() for session in opened))
    return {
        "sessions": sessions,
        "processes_per_session": round(len(idle) / sessions, 1),
        "start_cpu_ms_per_session": round((started_s - before_s) / sessions * 1000, 2),
        "start_wall_s_all": round(start_wall_s, 2),
        "pss_mib_per_session": round(pss / sessions / 2**20, 2),
        "pss_mib_all": round(pss / 2**20),
        "cpu_ms_per_call_one_session": round(alone_s / CALLS_ALONE * 1000, 3),
        "cpu_ms_per_call_all_sessions": round((called_s - measured_s) / sessions / calls * 1000, 3),
        "calls_wall_s_all": round(calls_wall_s, 2),
        "close_wall_s_all": round(time.perf_counter() - began, 2),
    }


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--calls", type=int, default=10)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "tool_sessions.json")
    given = parser.parse_args()
    plain_ms = plain_start_ms()
    levels: dict[str, Any] = {}
    for level in ISOLATION_LEVELS:
        try:
            sandbox = find_working_sandbox(level)
        except SetupError as exc:
            print(exc)
            continue
        found = asyncio.run(measure(sandbox, given.sessions, given.calls))
        found["start_cpu_over_plain_python"] = round(found["start_cpu_ms_per_session"] / plain_ms, 2)
        levels[level] = found
        print(level, json.dumps(found))
    result = {
        "measured_at": datetime.now(UTC).date().isoformat(),
        "machine": {"platform": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version()},
        "load_average_1min_at_end": round(os.getloadavg()[0], 2),
        "plain_python_start_cpu_ms": round(plain_ms, 2),
        "levels": levels,
    }  # fmt: skip
    given.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(given.out.name)


if __name__ == "__main__":
    main()

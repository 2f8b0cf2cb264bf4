"""Which tests hang on the speed of the machine? A pytest plugin that makes it seem busy, and keeps what failed.

    .venv/bin/python -m pytest -p benchmarks.busy_machine --busy late-loop -n 2 -q -m "not vllm and not servers and not chromium and not machines"
    .venv/bin/python -m pytest -p benchmarks.busy_machine --busy stalls -n 4 …

``late-loop``: each event loop seems to be one second late, so that this client limits every cell. The tests of the meter itself
fail, and no other may. ``stalls``: a thread holds the interpreter for 20 to 600 ms about every 0.4 s, as a busy machine does.
Without paths it writes benchmarks/results/busy_machine_FAULT.json; a quarter of an hour on two free cores.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import threading
import time
from pathlib import Path
from typing import Any

import pytest

RESULTS = Path(__file__).parent / "results"
STALLS_US = (20_000, 100_000, 300_000, 600_000)
MEAN_PAUSE_S = 0.4
LATE_S = 1.0


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names the fault."""
    parser.addoption("--busy", choices=("late-loop", "stalls"), default="stalls", help="fault to inject")


def pytest_configure(config: pytest.Config) -> None:
    """Inject the fault into this process: pytest's own, or that of a worker."""
    if config.getoption("busy") == "late-loop":
        from gapbench.execution.attempts.lag_meter import LagMeter  # noqa: PLC0415 - after pytest has set the path

        patch = pytest.MonkeyPatch()
        patch.setattr(LagMeter, "delay_quantile_s", lambda *_: LATE_S)
        patch.setattr(LagMeter, "max_lag_s", lambda *_: LATE_S)
        return
    # Foreign functions of a PyDLL keep the lock of the interpreter.
    threading.Thread(target=_stall_forever, args=(ctypes.PyDLL(None),), daemon=True).start()


def _stall_forever(library: Any) -> None:
    rng = random.Random(os.getpid())
    while True:
        time.sleep(rng.expovariate(1 / MEAN_PAUSE_S))
        library.usleep(rng.choice(STALLS_US))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Write how many tests passed, and which failed, unless only some paths were asked for."""
    if hasattr(config, "workerinput") or config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    stats = terminalreporter.stats
    fault = config.getoption("busy")
    result = {
        "fault": fault,
        "passed": len(stats.get("passed", [])),
        "failed": sorted(report.nodeid for name in ("failed", "error") for report in stats.get(name, [])),
    }
    path = RESULTS / f"busy_machine_{fault.replace('-', '_')}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")

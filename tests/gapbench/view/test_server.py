"""The server as a process: it prints its address, and ends with everything that it started."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.run_folders import make_answers, write_run


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_stays_behind(tmp_path: Path, number: signal.Signals) -> None:
    """After Ctrl-C, a service manager's stop, and a kill: no process is left; the first two exit with 0 and no message."""
    write_run(tmp_path / "results" / "run-1", make_answers("closed-a", 1, 3))
    command = [
        sys.executable,
        "-m",
        "gapbench.cli",
        "view",
        str(tmp_path / "results"),
        "--no-browser",
        "--port",
        "0",
    ]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    served = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert served.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+/[\w-]{20,}/", served.stdout.readline())
        assert found is not None
        with urllib.request.urlopen(f"{found[0]}api/runs", timeout=60) as reply:
            assert reply.status == 200
        children = psutil.Process(served.pid).children(recursive=True)
        served.send_signal(number)
        said = served.communicate(timeout=60)[1]
    finally:
        served.kill()
        served.communicate()
    gone, alive = psutil.wait_procs(children, timeout=60)

    assert [] == alive
    if number != signal.SIGKILL:
        assert (0, "") == (served.returncode, said)
    assert len(gone) == len(children)

"""A server that is started: what its log tells, and when."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gapbench.errors import SetupError
from gapbench_runners.support.server_process import ServerProcess


def wait(log: Path) -> str:
    """Return the line of a server whose time is up when it is first asked for."""
    return asyncio.run(ServerProcess(["server"], log).wait_for_log_line("listening ", timeout_s=0))


def test_a_line_that_is_there_counts_after_the_time_limit(tmp_path: Path) -> None:
    """On a busy machine this process may get its turn only when the limit has passed; the server is ready all the same."""
    log = tmp_path / "server.log"
    log.write_text("listening http://127.0.0.1:8000\n")

    assert "http://127.0.0.1:8000" == wait(log)


def test_without_the_line_the_error_has_the_end_of_the_log(tmp_path: Path) -> None:
    """What the server wrote tells why it is not ready."""
    log = tmp_path / "server.log"
    log.write_text("loading weights\n")

    with pytest.raises(SetupError, match="did not log") as told:
        wait(log)
    assert "loading weights" in str(told.value)

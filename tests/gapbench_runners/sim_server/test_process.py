"""`bench sim` is one process: whatever ends it, nothing is left behind."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from tests.gapbench_runners.sim_server.conftest import start_sim


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.parametrize("kind", [(), ("--lean",)], ids=["personas", "lean"])
def test_a_signal_ends_the_server_itself(
    tmp_path: Path, kind: tuple[str, ...], number: signal.Signals
) -> None:
    """The process that was started is the one that listens: it ends, and its port is free."""
    with start_sim(tmp_path, *kind) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().decode().rsplit(":", 1)[1])
        process.send_signal(number)
        code = process.wait()
        rest = process.stdout.read()

    assert code in {0, -number}
    # A child that lived on would hold the pipe open and the port.
    assert b"" == rest
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        pass

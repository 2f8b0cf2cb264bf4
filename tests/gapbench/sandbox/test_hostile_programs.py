"""Programs that try to harm the machine, read its secrets, get out, or forge their verdict: all score 0."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from gapbench.sandbox import Sandbox
from gapbench.scoring.scorers.code import Code
from gapbench.values import Sample
from tests.hostile_programs import HOSTILE, PLANTED_OUTSIDE, SECRET
from tests.processes import child_pids, left_running

WALL_S = 2.0
TESTS = "assert f(2) == 4\nassert f(-3) == 9"


class Host(NamedTuple):
    """What a hostile program is after.

    Attributes:
        file: Holds the secret.
        server: Listens on the host's loopback.
    """

    file: Path
    server: socket.socket


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """Plant a secret in a file and in the environment, and listen on loopback."""
    file = tmp_path / "bench-secret.txt"
    file.write_text(SECRET)
    file.chmod(0o644)
    monkeypatch.setenv("PLANTED_KEY", SECRET)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield Host(file, server)


@pytest.mark.parametrize(
    "level",
    [
        pytest.param(
            "bubblewrap",
            marks=pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed"),
        ),
        "unshare",
    ],
)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_program_scores_0_and_harms_nothing(name: str, level: str, host: Host) -> None:
    """It scores 0, ends in time, leaves no process, no file and no part of the secret, and reaches no server."""
    program = HOSTILE[name].replace("@FILE@", str(host.file))
    program = program.replace("@PORT@", str(host.server.getsockname()[1]))
    sample = Sample("s", (), columns={"test": TESTS, "entry_point": "f"})
    before = child_pids()

    score = Code(timeout_s=WALL_S, sandbox=level)(f"```python\n{program}\n```", sample)

    assert (score.value, score.outcome, score.isolation) == (0.0, "wrong", level)
    assert set() == left_running(before)
    assert SECRET not in str(asdict(score))
    assert score.reason.isprintable()
    assert len(score.reason) <= 400
    assert [path for path in PLANTED_OUTSIDE if Path(path).exists()] == []
    with pytest.raises(BlockingIOError):
        host.server.accept()


def test_there_are_forty_and_more() -> None:
    """The number that was asked for."""
    assert len(HOSTILE) >= 40


def test_the_next_program_runs_after_a_bomb() -> None:
    """What one program used up is there again for the next."""
    sample = Sample("s", (), columns={"test": TESTS, "entry_point": "f"})
    bomb = Code(timeout_s=WALL_S)(f"```python\n{HOSTILE['fork bomb']}\n```", sample)
    good = Code(timeout_s=120)("```python\ndef f(x): return x * x\n```", sample)
    assert (bomb.value, good.value) == (0.0, 1.0)
    assert Sandbox.find().level == bomb.isolation
    assert os.getpid() == psutil.Process().pid

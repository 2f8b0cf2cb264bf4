"""A machine for tests of batches through a local vLLM: a lock of its own, and a program in place of vLLM."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


@pytest.fixture
def own_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test a lock of the machine of its own: other tests run beside it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


@pytest.fixture
def program(tmp_path: Path) -> str:
    """The program that stands in for the python of vLLM."""
    path = tmp_path / "python"
    path.write_text(
        f'#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name("fake_run_batch.py")} "$@"\n'
    )
    path.chmod(0o755)
    return str(path)

"""Runs commands, and draws samples of made-up logs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gapbench.cli import invoke
from tests.sampled_traffic import Said, Sample


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Return a function that runs a command."""

    def run(*arguments: str) -> Said:
        code = invoke([*arguments])
        found = capsys.readouterr()
        return Said(code, found.out + found.err)

    return run


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: Callable[..., Said]) -> Sample:
    """Return a function that imports a log and samples it with some arguments."""
    monkeypatch.chdir(tmp_path)

    def run(log: list[dict[str, Any]], *arguments: str, import_with: tuple[str, ...] = ()) -> Said:
        Path("log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in log))
        imported = said("traffic", "import", "log.jsonl", "--force", *import_with)
        assert imported.exit_code == 0, imported.output
        return said("traffic", "sample", "traffic.parquet", "--out", "suite.yaml", *arguments)

    return run

"""Runs made row by row, as fixtures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from gapbench.values import Attempt
from tests.run_folders import make_answers, make_attempt, write_run

MakeRun = Callable[..., Path]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Return a function that writes rows as the run folder ``run-1``, or one named."""

    def make(rows: Iterable[Attempt], /, name: str = "run-1", **models: dict[str, Any]) -> Path:
        return write_run(tmp_path / name, rows, **models)

    return make


@pytest.fixture(name="attempt")
def _attempt() -> Callable[..., Attempt]:
    """Return :func:`make_attempt`."""
    return make_attempt


@pytest.fixture(name="answers")
def _answers() -> Callable[..., list[Attempt]]:
    """Return :func:`make_answers`."""
    return make_answers

"""The factory of the analysis tests, and a run of two sides over two categories."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from harness.values import Attempt


def _factory() -> ModuleType:
    """Return the analysis tests' conftest: importlib mode gives it no importable name of its own."""
    name = "gapbench_test_factory"
    if name not in sys.modules:
        path = Path(__file__).parent.parent / "analysis" / "conftest.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(name="make_run")
def _make_run(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes rows as the run folder ``run-1``, or one named."""

    def make(rows: list[Attempt], /, name: str = "run-1", **models: object) -> Path:
        written: Path = _factory().write_run(tmp_path / name, rows, **models)
        return written

    return make


@pytest.fixture(name="attempt")
def _attempt() -> Callable[..., Attempt]:
    """Return the factory of one attempt."""
    made: Callable[..., Attempt] = _factory().an_attempt
    return made


@pytest.fixture(name="answers")
def _answers() -> Callable[..., list[Attempt]]:
    """Return the factory of a model's answers."""
    made: Callable[..., list[Attempt]] = _factory().some_answers
    return made


@pytest.fixture(name="run")
def _run(make_run: Callable[..., Path], answers: Callable[..., list[Attempt]]) -> Path:
    """Return a simulated run: closed at list price, open on a GPU, two categories of 60 items."""
    rows = [
        row
        for model, right in (("closed-a", (55, 50)), ("open-b", (50, 30)))
        for task, count in zip(("coding/f", "reasoning/sums"), right, strict=True)
        for row in answers(model, count, 60, task=task, simulated=True)
    ]
    gpu = {"cost": {"gpu": "H100-80GB", "gpus": 1, "usd_per_gpu_hour": 3.6}}
    return make_run(rows, closed_a={"cost": {"provider": "openai", "model": "gpt-5.2"}}, open_b=gpu)

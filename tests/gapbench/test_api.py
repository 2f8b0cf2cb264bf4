"""The Python API: a suite run from a script and from a notebook's event loop, and its results as frames."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import gapbench as gb
from gapbench.errors import InputError, SetupError
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.store import read_manifest
from tests.two_models import write_suite


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A suite of two simulated models over 30 samples."""
    write_suite(tmp_path)
    return tmp_path / "suite.yaml"


def test_a_suite_is_run_and_read(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The example of the documentation: run, then the gap, the cost and the summary. Nothing is printed."""
    results = gb.run(suite, out=suite.parent / "results", max_usd=5)

    assert "complete" == results.state
    assert {} == results.failures
    assert suite.parent / "results" == results.folders[0].parent
    assert 60 == len(results.attempts())
    assert "closed (closed) against open (open)" in results.gap().headline()
    assert {"open", "closed"} == set(results.cost().frame["model_id"])
    assert {"open", "closed"} == set(results.summary().level("model")["model_id"])
    assert ("", "") == tuple(capsys.readouterr())


def test_a_part_of_a_suite_is_run(suite: Path) -> None:
    """Models, tasks and a limit, as on the command line; `bench run --resume` finds them in run.json."""
    results = gb.run(suite, models=["open"], tasks=["sums"], limit=3, out=suite.parent / "results")

    assert 3 == len(results.attempts())
    assert ["open"] == read_manifest(results.folders[0]).selection["models"]


def test_a_suite_is_run_where_an_event_loop_runs(suite: Path) -> None:
    """As in a notebook."""

    async def cell() -> gb.Results:
        return gb.run(suite, limit=3, out=suite.parent / "results")

    assert "complete" == asyncio.run(cell()).state


def test_a_run_that_cannot_work_is_refused(suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first request, with the errors of the command line."""
    out = suite.parent / "results"
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    with pytest.raises(InputError, match="did you mean 'sums'"):
        gb.run(suite, tasks=["sum"], out=out)
    with pytest.raises(SetupError, match="OPENAI_API_KEY is not set"):
        gb.run(suite, models=["openai:gpt-5.2"], out=out)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    with pytest.raises(InputError, match="price of model 'gpt-unheard-of' is unknown"):
        gb.run(suite, models=["openai:gpt-unheard-of"], max_usd=1, out=out)

    assert not out.exists()


def test_a_stop_from_another_thread_wakes_the_run() -> None:
    """Ctrl-C in a notebook arrives in the thread that waits for the run."""

    async def main() -> str | None:
        stop_signal = StopSignal()
        stop_signal.attach()
        threading.Timer(0.01, stop_signal.set_from_thread, ["interrupted"]).start()
        await asyncio.wait_for(stop_signal.wait(), 120)
        return stop_signal.reason

    assert "interrupted" == asyncio.run(main())


def test_a_stop_before_the_run_starts_is_kept() -> None:
    """The event loop of the run may not exist yet."""
    stop_signal = StopSignal()
    stop_signal.set_from_thread("interrupted")

    async def main() -> None:
        stop_signal.attach()
        await asyncio.wait_for(stop_signal.wait(), 120)

    asyncio.run(main())


def test_notices_are_logged(suite: Path, caplog: pytest.LogCaptureFixture) -> None:
    """On the logger ``gapbench``."""
    caplog.set_level(logging.INFO, "gapbench")
    gb.run(suite, models=["open"], limit=1, out=suite.parent / "results")

    assert any("1 requests" in record.getMessage() for record in caplog.records)


def test_the_package_imports_nothing() -> None:
    """`import gapbench` is free; its names are found all the same, and a wrong one is an AttributeError."""
    code = (
        "import sys, gapbench; assert 'gapbench.api' not in sys.modules;"
        "assert set(gapbench.__all__) <= set(dir(gapbench)); assert callable(gapbench.run);"
        "assert not hasattr(gapbench, 'nothing'); assert 'pandas' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", code], check=True)

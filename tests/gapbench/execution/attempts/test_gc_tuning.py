"""The garbage collector while requests are in flight."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from gapbench.cli import invoke
from gapbench.execution.attempts import gc_tuning
from tests.two_models import write_suite


def test_what_is_alive_is_out_of_the_collectors_walks_until_left() -> None:
    with gc_tuning.freeze_gc():
        assert gc.get_freeze_count() > 10_000
    assert gc.get_freeze_count() == 0


def test_the_thresholds_come_back_after_an_error() -> None:
    before = gc.get_threshold()
    with pytest.raises(ZeroDivisionError), gc_tuning.freeze_gc():
        assert gc.get_threshold() == gc_tuning.GC_THRESHOLDS
        _ = 1 / 0
    assert gc.get_threshold() == before


def test_a_run_in_this_process_leaves_the_thresholds_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after a run that fails: a notebook continues in the same process."""
    write_suite(tmp_path)
    monkeypatch.chdir(tmp_path)
    before = gc.get_threshold()

    assert 0 == invoke(["run", "suite.yaml", "--yes", "--quiet", "--limit", "2"])
    assert before == gc.get_threshold()
    assert 2 == invoke(["run", "nothing.yaml", "--yes"])
    assert before == gc.get_threshold()

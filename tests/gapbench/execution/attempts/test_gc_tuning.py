"""The garbage collector while requests are in flight."""

from __future__ import annotations

import gc

import pytest

from gapbench.execution.attempts import gc_tuning


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

"""The processes that compute figures: what is left of them when the app ends."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gapbench.errors import ResultsError
from gapbench.view.background import ENDED, Background
from gapbench.view.cache import ViewCache
from gapbench.view.catalog import Catalog
from tests.run_folders import make_attempt, write_run


@contextmanager
def nothing_left() -> Iterator[None]:
    """Hold that the block ends every thread and process that it starts."""
    threads, processes = set(threading.enumerate()), set(multiprocessing.active_children())
    yield
    assert set() == set(threading.enumerate()) - threads
    assert set() == set(multiprocessing.active_children()) - processes


def test_nothing_runs_after_close(tmp_path: Path) -> None:
    """Neither the threads of the queues nor those of the pools: at the end of Python they printed a traceback."""
    run = write_run(tmp_path / "run-1", [make_attempt()])
    with nothing_left():
        background = Background(ViewCache(tmp_path / "cache"))
        background.call("render_report", run)
        background.close()


def test_nothing_runs_after_close_during_work(tmp_path: Path) -> None:
    """A process that is being started, or that computes, ends too, and its caller gets an error."""
    run = write_run(tmp_path / "run-1", [make_attempt()])
    (entry,) = Catalog([run]).entries()
    with nothing_left():
        background = Background(ViewCache(tmp_path / "cache"))
        background.prepare(entry)
        asked = background.start("describe_trend", {run: "run-1"}, "unit", 3)
        background.close()

        assert asked.done()


def test_a_closed_background_starts_nothing(tmp_path: Path) -> None:
    """A late request is told so."""
    background = Background(ViewCache(tmp_path / "cache"))
    background.close()

    with nothing_left(), pytest.raises(ResultsError, match=ENDED):
        background.call("render_report", tmp_path)

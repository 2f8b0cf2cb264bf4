"""What the other processes of the app do. Only they import this module: it brings pandas, scipy and the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gapbench.report import html, sample_browser
from gapbench.view import run_changes, trend_figures
from gapbench.view.cache import ViewCache
from gapbench.view.figures import write_figures
from gapbench.view.samples_table import samples_table
from gapbench.view.text_search import write_texts


def prepare_run(run: Path, cache_folder: Path) -> None:
    """Fill the cache for a run: the table of requests, the figures, and the texts for the search."""
    cache = ViewCache(cache_folder)
    samples_table(run, cache)
    write_figures(run, cache)
    write_texts(run, cache)


def prepare_figures(run: Path, cache_folder: Path) -> None:
    """Fill the cache with the figures of a run."""
    write_figures(run, ViewCache(cache_folder))


def describe_changes(first: Path, second: Path) -> dict[str, Any]:
    """Return what changed from one run to another."""
    return run_changes.describe_changes(first, second)


def describe_trend(runs: dict[Path, str], suite: str, last: int) -> dict[str, Any]:
    """Return the trend of a suite."""
    return trend_figures.describe_trend(runs, suite, last)


def render_report(run: Path) -> tuple[str, str]:
    """Return the report page of a run, and the hash of its one script."""
    return html.html_report([run]), sample_browser.page_script_hash()

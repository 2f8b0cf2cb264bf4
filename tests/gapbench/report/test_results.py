"""The results that the outputs of a report share."""

from __future__ import annotations

from pathlib import Path

from gapbench.report.results import load_results


def test_what_was_computed_is_kept(run: Path) -> None:
    """A page, Markdown and JSON of one call compare the models once."""
    results = load_results([run]).compute()
    gap, summary = results.gap, results.shown_summary

    results.compute()
    results.to_json()

    assert results.gap is gap
    assert results.shown_summary is summary

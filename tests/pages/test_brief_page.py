"""The one-page brief printed by a real browser."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from gapbench.commands.brief import build_brief
from gapbench.commands.price_options import PriceOptions
from gapbench.report.brief import MAX_LINES, brief_html
from gapbench.report.results import load_results

pytestmark = pytest.mark.chromium

REFERENCE = [
    found.parent for found in (Path(__file__).parents[2] / "results" / "reference").glob("*/run.json")
]


LINE = "a sentence of many words that goes on and on " * 6


def test_the_page_prints_on_one_sheet_and_asks_nobody(tmp_path: Path) -> None:
    """The reference run of five models, and the longest texts that there can be: one page of A4, no request, no message."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert found, "no Chromium; run `make test-pages`, which looks for one"
    path, said = tmp_path / "lead.html", []
    brief = build_brief(load_results(REFERENCE), "200k-requests", PriceOptions())
    longest = replace(
        brief, how_sure=(LINE,) * MAX_LINES, conditions=(LINE,) * MAX_LINES, would_change=(LINE,) * MAX_LINES
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("request", lambda request: said.append(request.url) if "file:" not in request.url else None)
        printed = []
        for one in (brief, longest):
            path.write_text(brief_html(one), encoding="utf-8")
            page.goto(path.as_uri())
            printed.append(page.pdf(format="A4", prefer_css_page_size=True))
        browser.close()

    assert [1, 1] == [len(re.findall(rb"/Type\s*/Page\b", pdf)) for pdf in printed]
    assert [] == said

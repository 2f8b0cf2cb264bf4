"""Draws the README's pictures from the reference run: the gap table as the terminal shows it, and the page.

Run with ``make pictures``. The page needs Chromium; without one only the table is drawn.
"""

from __future__ import annotations

import io
import re
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI

from gapbench.analysis.quality.gap import gap
from gapbench.report import html
from gapbench.report.tables.gap import gap_table
from gapbench.report.terminal import render_table

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"


def runs() -> list[Path]:
    """Return the reference run's folder."""
    return sorted(path.parent for path in (ROOT / "results" / "reference").glob("*/run.json"))


def table() -> Path:
    """Write the gap table as SVG, its font the reader's own: nothing is loaded from elsewhere."""
    console = Console(record=True, width=92, file=io.StringIO(), force_terminal=True)
    console.print(render_table(gap_table(gap(runs()))))
    drawn = console.export_svg(title="bench gap", theme=DIMMED_MONOKAI)
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)
    path = PICTURES / "gap-table.svg"
    path.write_text(drawn.replace("Fira Code", "monospace"), encoding="utf-8")
    return path


def pages() -> list[Path]:
    """Write the page's pictures: wide and light, on a phone and dark, and the sample browser. [] without Chromium."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        return []
    wide, phone, browser = (PICTURES / f"page-{name}.png" for name in ("wide", "phone", "samples"))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        source = Path(folder) / "page.html"
        source.write_text(html.html_report(runs()), encoding="utf-8")
        launched = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = launched.new_page(viewport={"width": 1280, "height": 1060}, color_scheme="light")
        page.goto(source.as_uri())
        page.wait_for_selector("#sample h3")
        page.screenshot(path=wide)
        page.select_option("#by-category", label="multimodal")
        page.select_option("#model-one", label="sim-closed-b")
        page.select_option("#model-other", label="sim-open-large")
        page.check("#flipped")
        page.wait_for_selector("#sample img")
        page.locator("#samples").screenshot(path=browser)
        page = launched.new_page(viewport={"width": 390, "height": 1180}, color_scheme="dark")
        page.goto(source.as_uri())
        page.wait_for_selector("#sample h3")
        page.screenshot(path=phone)
        launched.close()
    return [wide, phone, browser]


def main() -> None:
    """Draw all."""
    if not runs():
        sys.exit("no reference run in results/reference")
    PICTURES.mkdir(parents=True, exist_ok=True)
    for path in [table(), *pages()]:
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()

"""Draws the README's pictures from the reference run: what `bench gap` prints, the page, the brief, `bench view` and its trend.

The nights of the trend are made up, and marked as simulated like the reference run. Run with ``make pictures``. All but the
terminal need Chromium; without one only that is drawn.
"""

from __future__ import annotations

import dataclasses
import io
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

from gapbench.commands.brief import build_brief
from gapbench.commands.price_options import PriceOptions
from gapbench.report import html
from gapbench.report.brief import brief_html
from gapbench.report.results import load_results
from gapbench.store.baselines import set_baseline

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from tests.nights import edit_manifest  # noqa: E402 - after the path
from tests.run_folders import make_answers, write_run  # noqa: E402 - after the path
from tests.view_server import serve_view  # noqa: E402 - after the path

PICTURES = ROOT / "docs" / "pictures"
COLUMNS = 92
MAX_BYTES = 300_000
NIGHTS, CHANGED = 20, 13
"""Nights of the trend, and the one on which the open model's server is replaced."""
PRICES = {
    "closed": {"input_usd_per_mtok": 3, "output_usd_per_mtok": 15},
    "open": {"gpu": "H100-80GB", "gpus": 1, "usd_per_gpu_hour": 2.95},
}
"""Prices of the two models of the nights, as in ``run.json``."""


def runs() -> list[Path]:
    """Return the reference run's folder."""
    return sorted(path.parent for path in (ROOT / "results" / "reference").glob("*/run.json"))


def terminal() -> Path:
    """Write what `bench gap` prints as SVG, its font the reader's own: nothing is loaded from elsewhere."""
    command = [str(Path(sys.executable).parent / "bench"), "gap", str(runs()[0].relative_to(ROOT))]
    environment = {**os.environ, "COLUMNS": str(COLUMNS), "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    printed = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(first_part(printed.stdout)))
    drawn = console.export_svg(title="bench gap", theme=DIMMED_MONOKAI)
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)
    path = PICTURES / "gap-table.svg"
    path.write_text(drawn.replace("Fira Code", "monospace"), encoding="utf-8")
    return path


def first_part(printed: str) -> str:
    """Return the answer and the table up to its first overall block, which is what a reader looks for."""
    blocks = printed.split("\n\n")
    last = next(number for number, block in enumerate(blocks) if "overall" in block.splitlines()[0])
    return "\n\n".join([*blocks[: last + 1], "\x1b[2m…\x1b[0m"])


def write_nights(results: Path) -> None:
    """Write nights of a closed and an open model; the open one falls by 9 points when its server changes, and gets faster."""
    draw = random.Random(15)  # noqa: S311 - noise of a picture
    for night in range(NIGHTS):
        changed = night >= CHANGED
        rows = []
        for model, right, slower in (
            ("closed-a", 176, 1.0),
            ("open-a", 146 if changed else 164, 0.8 if changed else 1.0),
        ):
            factor = slower * draw.uniform(0.97, 1.03)
            for row in make_answers(model, right + draw.randint(-3, 3), 200, simulated=True, suite="nightly"):
                assert row.done_s is not None
                assert row.scheduled_s is not None
                waited_s = (row.done_s - row.scheduled_s) * factor
                rows.append(dataclasses.replace(row, done_s=row.scheduled_s + waited_s))
        run = write_run(results / f"nightly-{night:02}", rows)
        began = datetime(2026, 11, 1, 2, 17, tzinfo=UTC) + timedelta(days=night)

        def dated(stored: dict[str, Any], began: datetime = began, changed: bool = changed) -> None:
            ended = began + timedelta(minutes=10)
            stored.update(
                suite="nightly",
                started_at=f"{began:%Y-%m-%dT%H:%M:%S.000Z}",
                ended_at=f"{ended:%Y-%m-%dT%H:%M:%S.000Z}",
            )
            for model in stored["models"]:
                model["cost"] = PRICES[model["weights"]]
            stored["versions"] = {**stored["versions"], "vllm": "0.21.0" if changed else "0.20.0"}

        edit_manifest(run, dated)
    set_baseline(results, "main", results / "nightly-03", "nightly")


def draw_page(browser: Browser, folder: Path) -> list[Path]:
    """Write the report page wide and light, on a phone and dark, and its sample browser."""
    wide, phone, samples = (PICTURES / f"page-{name}.png" for name in ("wide", "phone", "samples"))
    source = folder / "page.html"
    source.write_text(html.html_report(runs()), encoding="utf-8")
    page = browser.new_page(viewport={"width": 1280, "height": 1060}, color_scheme="light")
    page.goto(source.as_uri())
    page.wait_for_selector("#sample h3")
    page.screenshot(path=wide)
    page.select_option("#by-category", label="multimodal")
    page.select_option("#model-one", label="sim-closed-b")
    page.select_option("#model-other", label="sim-open-large")
    page.check("#flipped")
    page.wait_for_selector("#sample img")
    page.locator("#samples").screenshot(path=samples)
    page = browser.new_page(viewport={"width": 390, "height": 1180}, color_scheme="dark")
    page.goto(source.as_uri())
    page.wait_for_selector("#sample h3")
    page.screenshot(path=phone)
    return [wide, phone, samples]


def draw_brief(browser: Browser, folder: Path) -> list[Path]:
    """Write the brief as its sheet of A4."""
    path, source = PICTURES / "brief.png", folder / "brief.html"
    source.write_text(brief_html(build_brief(load_results(runs()), None, PriceOptions())), encoding="utf-8")
    page = browser.new_page(viewport={"width": 794, "height": 1123}, color_scheme="light")
    page.goto(source.as_uri())
    page.screenshot(path=path)
    return [path]


def draw_view(browser: Browser, folder: Path) -> list[Path]:
    """Write the samples of the reference run in `bench view`, and the trend of made-up nights."""
    results = folder / "results"
    results.mkdir()
    shutil.copytree(runs()[0], results / runs()[0].name)
    write_nights(results)
    samples, trend = PICTURES / "view-samples.png", PICTURES / "view-trend.png"
    with serve_view([results], folder / "cache", prepared=[results / runs()[0].name], title="results") as app:
        while app.get("api/trend?suite=nightly&last=30")["status"] == "pending":
            pass
        page = browser.new_page(viewport={"width": 1280, "height": 1060}, color_scheme="light")
        page.goto(f"{app.url}#/run/{runs()[0].name}/samples?differs=1&diff=1&task=coding/functions")
        page.wait_for_selector("#sample ins")
        page.screenshot(path=samples)
        page = browser.new_page(viewport={"width": 1280, "height": 1180}, color_scheme="light")
        page.goto(f"{app.url}#/trend?suite=nightly")
        page.wait_for_selector("svg.trend")
        show_simulated(page)
        page.screenshot(path=trend)
    return [samples, trend]


def show_simulated(page: Page) -> None:
    """Make sure that a picture of made-up figures says so."""
    assert page.locator(".tag.sim").count() > 0, "the nights are marked as simulated"


def pages() -> list[Path]:
    """Write the pictures of pages. [] without Chromium."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        return []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        drawn = [path for draw in (draw_page, draw_brief, draw_view) for path in draw(browser, Path(folder))]
        browser.close()
    return drawn


def main() -> None:
    """Draw all."""
    if not runs():
        sys.exit("no reference run in results/reference")
    PICTURES.mkdir(parents=True, exist_ok=True)
    for path in [terminal(), *pages()]:
        size = path.stat().st_size
        print(f"{path.relative_to(ROOT)}  {size:,} bytes")
        if size > MAX_BYTES:
            sys.exit(f"{path.name} is larger than {MAX_BYTES:,} bytes")


if __name__ == "__main__":
    main()

"""How long the page of a run with many requests takes to open in a headless Chromium, and to make.

Must-show of the gap issue: under a second with 20,000 samples. Run: ``.venv/bin/python benchmarks/page_open.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import sync_playwright

from gapbench.report import html
from gapbench.store import RunWriter
from gapbench.values import Attempt, Payload
from tests.run_folders import make_attempt, manifest

WORDS = ("charge", "order", "ticket", "refund", "window", "seven", "because", "total", "shipment", "answer")


def rows(samples: int) -> Iterator[tuple[Attempt, Payload]]:
    """Yield two models' answers to each request: prompts of 60 words, replies of 80."""
    draw = random.Random(7)
    for number in range(samples):
        prompt = json.dumps([{"role": "user", "parts": [{"text": " ".join(draw.choices(WORDS, k=60))}]}])
        for model in ("closed-a", "open-b"):
            right = draw.random() < 0.8
            row = make_attempt(
                model_id=model,
                sample_id=f"q-{number:05d}",
                outcome="correct" if right else "wrong",
                simulated=True,
            )
            reply = " ".join(draw.choices(WORDS, k=80))
            texts = Payload(
                row.run_id, row.cell_id, row.sample_id, 0, 1, prompt, reply, None, '"4"', "states 4", None
            )
            yield row, texts


def main() -> None:
    """Make the run and the page, open it several times, and keep the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "page_open.json")
    given = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder:
        run, page_file = Path(folder) / "run-1", Path(folder) / "page.html"
        with RunWriter(run) as writer:
            kept = list(rows(given.samples))
            writer.write_manifest(manifest(row for row, _ in kept))
            for row, texts in kept:
                writer.add(row, texts)
        began_s = time.perf_counter()
        page_file.write_text(html.html_report([run]), encoding="utf-8")
        made_s = time.perf_counter() - began_s
        opened_s: list[float] = []
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            version = browser.version
            for _ in range(given.times):
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                began_s = time.perf_counter()
                page.goto(page_file.as_uri())
                page.wait_for_selector("#sample h3")
                opened_s.append(time.perf_counter() - began_s)
                page.close()
            browser.close()
        result = {
            "samples": given.samples,
            "models": 2,
            "page_bytes": page_file.stat().st_size,
            "made_s": round(made_s, 2),
            "opened_s": round(statistics.median(opened_s), 3),
            "opened_s_each": [round(value, 3) for value in opened_s],
            "chromium": version,
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "date": datetime.now(UTC).date().isoformat(),
        }
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()

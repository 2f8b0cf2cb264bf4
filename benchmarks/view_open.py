"""How fast `bench view` answers in a headless Chromium with 200 runs and one of a million rows.

Must-show of the decision issue: the list within 1 s, a run within 1.5 s, a text search within 2 s. The time of a search is
that to its first answer: the matches so far with the share that was searched; the time to the end of the search is kept
next to it. Steps are measured once every run is in the cache; those without a cache are kept next to them.
Run: ``.venv/bin/python benchmarks/view_open.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from playwright.sync_api import Page, sync_playwright

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
import analysis_scale  # noqa: E402 - after the path; another benchmark makes the large run

from gapbench.store.schema import PAYLOAD_SCHEMA  # noqa: E402 - after the path
from tests.run_folders import make_answers, write_run  # noqa: E402 - after the path

BENCH = Path(sys.executable).parent / "bench"
TARGETS_S = {"list": 1.0, "open": 1.5, "search_first": 2.0}
TIMEOUT_MS = 600_000
VOCABULARY = 20_000
PROMPT_WORDS, REPLY_WORDS = 60, 80
RARE_WORD = "zzqqxx"
"""In no text: a search for it reads everything."""


def make_words() -> tuple[Any, Any]:
    """Return made-up words and how likely each is, by Zipf's law."""
    draw = np.random.default_rng(5)
    letters = list("abcdefghijklmnopqrstuvwxyz")
    words = np.array(["".join(draw.choice(letters, draw.integers(3, 9))) for _ in range(VOCABULARY)])
    share = 1 / np.arange(1, VOCABULARY + 1)
    return words, share / share.sum()


def payload_maker() -> Callable[[pa.Table], pa.Table]:
    """Return a function that makes the payload part of an attempts part, with a different text in every row."""
    words, share = make_words()

    def texts(seed: tuple[int, ...], rows: int, count: int) -> list[str]:
        draw = np.random.default_rng(seed)
        return [" ".join(row) for row in words[draw.choice(VOCABULARY, (rows, count), p=share)]]

    def payload(table: pa.Table) -> pa.Table:
        size, task = table.num_rows, str(table["task"][0])
        first = int(str(table["sample_id"][0])[1:])
        place = analysis_scale.TASKS.index(task)
        model = list(analysis_scale.MODELS).index(str(table["model_id"][0]))
        prompts = texts((place, first), size, PROMPT_WORDS)
        given = {
            "messages": [json.dumps([{"role": "user", "parts": [{"text": text}]}]) for text in prompts],
            "reply": texts((place, first, model), size, REPLY_WORDS),
            "target": ['"4"'] * size,
            "reason": ["states 4"] * size,
        }
        columns = [
            pa.array(given[field.name]).cast(field.type)
            if field.name in given
            else table[field.name].combine_chunks().cast(field.type)
            if field.name in table.column_names
            else pa.nulls(size, field.type)
            for field in PAYLOAD_SCHEMA
        ]
        return pa.table(columns, schema=PAYLOAD_SCHEMA.with_metadata({"gapbench.schema": "1"}))

    return payload


def make_results(folder: Path, runs: int, rows: int) -> None:
    """Write small runs of 2 models and 100 samples each, and a large one."""
    for number in range(runs):
        answers = [
            *make_answers("closed-a", 80 + number % 7, 100),
            *make_answers("open-b", 75 - number % 9, 100),
        ]
        run = write_run(folder / f"nightly-{number:03d}", answers)
        stored = json.loads((run / "run.json").read_bytes())
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number)
        stored.update(
            suite=f"suite-{number % 3}",
            started_at=at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        )
        (run / "run.json").write_text(json.dumps(stored))
    analysis_scale.payload = payload_maker()
    analysis_scale.make_run(folder / "large", rows)


def timed(step: Callable[[], object]) -> float:
    """Return how many seconds a step took."""
    began_s = time.perf_counter()
    step()
    return time.perf_counter() - began_s


def open_route(page: Page, base: str, route: str, ready: str) -> None:
    """Load a view from nothing and wait until it shows what it is for."""
    page.goto("about:blank")
    page.goto(base + route)
    page.wait_for_selector(ready)


def search(page: Page, word: str, *, to_the_end: bool) -> None:
    """Type a word into the search of the samples view and wait for its first answer, or for its end."""
    page.locator("main input[type=search]").fill(word)
    deadline_s = time.perf_counter() + 120
    seen_busy = False
    while time.perf_counter() < deadline_s:
        busy, found = page.evaluate(
            "[document.querySelector('#sample-list').hasAttribute('aria-busy'), document.querySelector('#found').textContent]"
        )
        seen_busy = seen_busy or busy
        if seen_busy and not busy and (not to_the_end or "searched" not in found):
            return
        page.wait_for_timeout(5)
    sys.exit("the search has no end")


def wait_until_prepared(page: Page, base: str) -> tuple[float, float, int]:
    """Return after how many seconds the large run is in the cache, and every run; and how many runs have figures then."""

    def get(path: str) -> Any:
        return page.request.get(f"{base}api/{path}", timeout=600_000).json()

    began_s = time.perf_counter()
    while (
        get("runs/large")["status"] != "ready" or get("runs/large/samples?q=prepared")["searched_share"] < 1
    ):
        time.sleep(1)
    large_s = time.perf_counter() - began_s
    while any(run["status"] == "pending" for run in get("runs")["runs"]):
        time.sleep(1)
    ready = sum(run["status"] == "ready" for run in get("runs")["runs"])
    return large_s, time.perf_counter() - began_s, ready


def measure(page: Page, base: str, times: int) -> dict[str, Any]:
    """Return the seconds of every step, several times each."""
    large = "#/run/large/samples"
    rows = "table.runs tbody tr:nth-child(150)"
    found: dict[str, list[float]] = {
        "list": [timed(lambda: open_route(page, base, "#/", rows)) for _ in range(times)],
        "open": [timed(lambda: open_route(page, base, "#/run/large", ".verdict")) for _ in range(times)],
        "open_samples": [
            timed(lambda: open_route(page, base, large, "#sample .answer")) for _ in range(times)
        ],
    }
    for name, to_the_end in (("search_first", False), ("search_whole", True)):
        found[name] = []
        for number in range(times):
            open_route(page, base, large, "#sample .answer")
            # A new word each time: the app keeps the results of a search.
            word = f"{RARE_WORD}{name[-1]}{number}"
            found[name].append(timed(lambda word=word, end=to_the_end: search(page, word, to_the_end=end)))
    open_route(page, base, large + "?differs=1&sort=hardest", "#sample .answer")
    found["next_page"] = [timed(lambda: next_page(page)) for _ in range(times)]
    return found


def next_page(page: Page) -> None:
    """Turn one page of the samples and wait for its first sample."""
    before = page.locator("#found").text_content()
    page.get_by_role("button", name="next page").click()
    while page.locator("#found").text_content() == before:
        page.wait_for_timeout(5)


def main() -> None:
    """Make the runs, serve them, measure, keep the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument(
        "--folder", type=Path, help="where the runs are made and kept  [default: a temporary folder]"
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "view_open.json")
    given = parser.parse_args()
    place = given.folder or Path(tempfile.mkdtemp(prefix="gapbench-view-"))
    if not (place / "results" / "large" / "run.json").exists():
        make_results(place / "results", given.runs, given.rows)
    environment = {**os.environ, "XDG_CACHE_HOME": str(place / "cache")}
    command = [str(BENCH), "view", str(place / "results"), "--no-browser", "--port", "0"]
    served = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert served.stdout is not None
        address = re.search(r"http://\S+", served.stdout.readline())
        assert address is not None
        base = address[0]
        with sync_playwright() as playwright:
            chromium = shutil.which("chromium") or shutil.which("google-chrome")
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox"], timeout=TIMEOUT_MS
            )
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.set_default_timeout(TIMEOUT_MS)
            cold_list_s = timed(lambda: open_route(page, base, "#/", "table.runs tbody tr:nth-child(150)"))
            cold_samples_s = timed(lambda: open_route(page, base, "#/run/large/samples", "#sample .answer"))
            large_s, prepared_s, with_figures = wait_until_prepared(page, base)
            load_before = os.getloadavg()[0]
            found = measure(page, base, given.times)
            version = browser.version
            browser.close()
    finally:
        served.terminate()
        served.wait()
        if given.folder is None:
            shutil.rmtree(place)
    medians = {name: round(statistics.median(taken), 3) for name, taken in found.items()}
    result = {
        "benchmark": "view_open",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "runs": given.runs,
        "rows_of_the_large_run": given.rows,
        "runs_with_figures": with_figures,
        "chromium": version,
        "machine": {
            "platform": platform.platform(),
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
            "load_average_1_min": [round(load_before, 1), round(os.getloadavg()[0], 1)],
        },
        "median_s": medians,
        "all_s": {name: [round(one, 3) for one in taken] for name, taken in found.items()},
        "without_cache_s": {
            "list": round(cold_list_s, 2),
            "samples_of_the_large_run": round(cold_samples_s, 2),
            "large_run_in_cache": round(large_s, 1),
            "all_runs_in_cache": round(prepared_s, 1),
        },
        "target_s": TARGETS_S,
        "met": {name: medians[name] <= target for name, target in TARGETS_S.items()},
    }
    print(json.dumps(result, indent=2))
    given.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()

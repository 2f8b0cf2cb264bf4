"""Memory and disk of a long run: the largest resident set of any process, and how old an ended row is when it is on disk.

Must-show 5 of the issue on truth: 200,000 requests under 600 MB in every process; rows on disk within 5 s of ending.
Run: ``.venv/bin/python benchmarks/memory.py`` (three to four minutes).
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from pathlib import Path

import pyarrow.parquet as pq
from truth import ran, served, suite, write

from gapbench.store import read_attempts


def watched(results: Path, sizes: list[tuple[float, int]], stop: threading.Event) -> None:
    """Note how many rows the journals and parts hold, twice a second."""
    closed: dict[str, int] = {}
    while not stop.wait(0.5):
        journalled: dict[str, int] = {}
        at_s = time.perf_counter()
        # Journals first: one that becomes a part meanwhile is then counted once all the same.
        for path in results.glob("*/*/journal-*.jsonl"):
            try:
                journalled[path.stem.rpartition("-")[2]] = path.read_bytes().count(b"\n")
            except FileNotFoundError:
                continue
        for path in results.glob("*/*/attempts-*.parquet"):
            number = path.stem.rpartition("-")[2]
            if number not in closed:
                closed[number] = pq.ParquetFile(path).metadata.num_rows
        sizes.append((at_s, sum((journalled | closed).values())))


def main() -> None:
    """Run once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--tokens", type=int, default=16)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--name", default="memory")
    given = parser.parse_args()
    sizes: list[tuple[float, int]] = []
    stop = threading.Event()
    with tempfile.TemporaryDirectory() as folder, served("openai", given.tokens, log=False) as server:
        path = suite(Path(folder), server.url, "openai", given.requests, {"concurrency": given.concurrency})
        watcher = threading.Thread(target=watched, args=(Path(folder), sizes, stop))
        watcher.start()
        done = ran(path)
        stop.set()
        watcher.join()
        rows = read_attempts([done.run], ["sent_s", "done_s", "outcome"])
        started_at = read_attempts([done.run], ["started_at"])["started_at"].iloc[0].timestamp()
        zero_s = started_at - (time.time() - time.perf_counter())
    assert len(rows) == given.requests
    assert (rows["outcome"] != "infra").all()
    ended_s = (rows["done_s"] + zero_s).sort_values().to_numpy()
    # At each look: how long ago the oldest row ended that is not on disk yet.
    ages = [at_s - ended_s[on_disk] for at_s, on_disk in sizes if 0 < on_disk < len(ended_s)]
    write(
        given.name,
        {
            "requests": given.requests,
            "largest_rss_mb": round(done.rss_mb),
            "worst_age_of_a_row_not_on_disk_s": round(max(0.0, *ages), 2),
            "wall_s": round(done.wall_s, 1),
            "requests_per_s": round(given.requests / float(rows["done_s"].max() - rows["sent_s"].min())),
            "cpu_s": round(done.cpu_s, 1),
        },
    )


if __name__ == "__main__":
    main()

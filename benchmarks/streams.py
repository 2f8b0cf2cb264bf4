"""How far `bench run`'s figures are from what the server knows: first token and inter-chunk, at rising numbers of streams.

Must-show 2 of the issue on truth: 400 streams: mean first-token error at most 1 %, p99 at most 2 %, inter-chunk p50 and
p99 within 2 %; 1,000 streams at most 2 % and 4 %. Run: ``.venv/bin/python benchmarks/streams.py`` (three minutes).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from truth import median, ran, served, suite, write

from gapbench.store import read_attempts


def once(streams: int, requests: int, protocol: str, workers: str | int, seed: int) -> dict[str, Any]:
    """Return the errors of one run, each as a share of the truth."""
    load: dict[str, Any] = {"concurrency": streams, "workers": workers}
    with tempfile.TemporaryDirectory() as folder:
        with served(protocol, 64, 200, 0.3, 10, seed) as server:
            path = suite(Path(folder), server.url, protocol, requests, load)
            done = ran(path)
        rows = read_attempts([done.run])
    rows = rows[rows["outcome"] != "infra"]
    ours_first, true_first, ours_gap, true_gap, ours_all, true_all = [], [], [], [], [], []
    for row in rows.itertuples():
        arrived_s, write_s = server.replies[int(row.sample_id)]
        ours_first.append(row.first_token_s - row.sent_s)
        true_first.append(write_s[0] - arrived_s)
        ours_all.append(row.done_s - row.sent_s)
        true_all.append(write_s[-1] - arrived_s)
        ours_gap.append(np.diff(row.chunk_s))
        true_gap.append(np.diff(write_s))
    gaps, truth = np.concatenate(ours_gap), np.concatenate(true_gap)

    def error(ours: Any, true: Any, figure: Any) -> float:
        return float(figure(ours) / figure(true) - 1)

    def p(quantile: float) -> Any:
        return lambda values: np.quantile(values, quantile)

    return {
        "rows": len(rows),
        "first_mean": error(ours_first, true_first, np.mean),
        "first_p50": error(ours_first, true_first, p(0.5)),
        "first_p99": error(ours_first, true_first, p(0.99)),
        "gap_p50": error(gaps, truth, p(0.5)),
        "gap_p99": error(gaps, truth, p(0.99)),
        "whole_mean": error(ours_all, true_all, np.mean),
        "whole_p99": error(ours_all, true_all, p(0.99)),
        "client_cpu_s": round(done.cpu_s, 2),
        "server": server.said,
    }


def main() -> None:
    """Measure each level several times and keep the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, nargs="+", default=[100, 400, 1000])
    parser.add_argument("--rounds", type=float, default=5.0, help="requests of each stream")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--protocol", default="openai")
    parser.add_argument("--workers", default="auto")
    parser.add_argument("--name", default="streams")
    given = parser.parse_args()
    workers = int(given.workers) if given.workers.isdigit() else given.workers
    levels = {}
    for streams in given.streams:
        runs = [
            once(streams, int(streams * given.rounds), given.protocol, workers, seed)
            for seed in range(given.times)
        ]
        levels[streams] = {
            name: median([run[name] for run in runs])
            for name in runs[0]
            if not isinstance(runs[0][name], str)
        } | {"server": [run["server"] for run in runs]}
    write(
        given.name,
        {"protocol": given.protocol, "workers": given.workers, "times": given.times, "errors": levels},
    )


if __name__ == "__main__":
    main()

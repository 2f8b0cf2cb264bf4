"""Tokens per second of two checkouts, taking turns every few seconds against one server that never waits.

`saturated.py` measures one checkout for minutes; on a shared machine whose speed changes by the minute, two of its results cannot be
compared. Here each pair runs within a few seconds, in the order A B B A, and the ratio of each pair counts. Each checkout has its own
``.venv``; both run their own ``benchmarks/saturated.py --child``.

    .venv/bin/python benchmarks/saturated_pairs.py BEFORE AFTER              about ten minutes

Kept: for each client the median of the pairs' ratios of tokens per second with a 95 % interval (order statistics), and the median
ratio of CPU seconds. Above 1, AFTER is faster. ``run openai`` is a whole `bench run`, its rate taken from the rows.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from first_run import Checkout
from saturated import RUNNERS, STREAMS, TOKENS
from truth import served, suite, write

from gapbench.stats import quantile_interval

Measure = Callable[[Checkout], dict[str, float]]


def hot_path(protocol: str, requests: int) -> Measure:
    """Return what measures the hot path of a checkout's runner: rate and CPU."""

    def measure(checkout: Checkout) -> dict[str, float]:
        with served(protocol, TOKENS, log=False) as server:
            command = [str(checkout.folder / ".venv/bin/python"), "benchmarks/saturated.py", "--child"]
            command += [protocol, server.url, str(requests), "lean"]
            ended = subprocess.run(command, cwd=checkout.folder, check=True, capture_output=True, text=True)
        found: dict[str, float] = json.loads(ended.stdout)
        return found

    return measure


def whole_run(requests: int) -> Measure:
    """Return what measures a whole `bench run` over the openai runner."""

    def measure(checkout: Checkout) -> dict[str, float]:
        with tempfile.TemporaryDirectory() as folder, served("openai", TOKENS, log=False) as server:
            path = suite(Path(folder), server.url, "openai", requests, {"concurrency": STREAMS})
            _, cpu_s = checkout.run(path)
            files = list(Path(folder).glob("results-*/*/attempts/*.parquet")) or list(
                Path(folder).glob("results-*/*/**/*.parquet")
            )
            frames = [pd.read_parquet(file) for file in files]
        rows = pd.concat([frame[["sent_s", "done_s"]] for frame in frames if "sent_s" in frame])
        assert len(rows) == requests, f"{len(rows)} rows in {files}"
        span_s = rows["done_s"].max() - rows["sent_s"].min()
        return {"tokens_per_s": requests * TOKENS / span_s, "cpu_s_per_1000": cpu_s / requests * 1e3}

    return measure


def compare(measure: Measure, before: Checkout, after: Checkout, pairs: int) -> dict[str, Any]:
    """Return the ratios of so many pairs of neighboring measurements."""
    sides: tuple[list[dict[str, float]], list[dict[str, float]]] = ([], [])
    for number in range(pairs):
        order = (0, 1) if number % 2 == 0 else (1, 0)
        for side in order:
            sides[side].append(measure((before, after)[side]))
    rate, cpu = (
        np.array([new[name] / old[name] for old, new in zip(*sides, strict=True)])
        for name in ("tokens_per_s", "cpu_s_per_1000")
    )
    low, high = quantile_interval(rate, 0.5)
    return {
        "rate_ratio": round(float(np.median(rate)), 3),
        "interval": [None if bound is None else round(bound, 3) for bound in (low, high)],
        "cpu_ratio": round(float(np.median(cpu)), 3),
        "best_tokens_per_s": [round(max(run["tokens_per_s"] for run in side)) for side in sides],
    }


def main() -> None:
    """Compare each client, and keep the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Checkout.of)
    parser.add_argument("after", type=Checkout.of)
    parser.add_argument("--requests", type=int, default=2_000)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--only", nargs="+", default=[*(f"call {name}" for name in RUNNERS), "run openai"])
    parser.add_argument("--name", default="saturated_pairs")
    given = parser.parse_args()
    kinds = {f"call {name}": hot_path(name, given.requests) for name in RUNNERS}
    kinds["run openai"] = whole_run(given.requests)
    ratios = {name: compare(kinds[name], given.before, given.after, given.pairs) for name in given.only}
    commits = {"before": given.before.commit(), "after": given.after.commit()}
    write(
        given.name,
        {"requests": given.requests, "pairs": given.pairs, "commits": commits, "after_to_before": ratios},
    )


if __name__ == "__main__":
    main()

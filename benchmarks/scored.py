"""2,000 scored samples at concurrency 64 against a server that answers in 50 ms: a whole `bench run`, start to exit.

Must-show 4 of the issue on truth: at most 3.5 s, of which the server takes 1.6 s. ``--profile`` says where the rest goes.
Run: ``.venv/bin/python benchmarks/scored.py`` (half a minute).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from truth import median, ran, served, suite, write

from gapbench.store import read_attempts


def main() -> None:
    """Measure several times and keep the median."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=2_000)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=4)
    parser.add_argument("--name", default="scored")
    given = parser.parse_args()
    runs = []
    for _ in range(given.times):
        gap_ms = 10
        first_ms = 50 - gap_ms * (given.tokens - 1)
        with (
            tempfile.TemporaryDirectory() as folder,
            served("openai", given.tokens, first_ms, 0, gap_ms, log=False) as server,
        ):
            done = ran(suite(Path(folder), server.url, "openai", given.samples, {"concurrency": 64}))
            rows = read_attempts([done.run], ["outcome", "first_token_s", "sent_s", "done_s"])
        assert len(rows) == given.samples
        assert (rows["outcome"] == "correct").all()
        sending_s = float(rows["done_s"].max() - rows["sent_s"].min())
        runs.append(
            {"wall_s": done.wall_s, "cpu_s": done.cpu_s, "sending_s": sending_s, "rss_mb": done.rss_mb}
        )
    write(
        given.name,
        {
            "samples": given.samples,
            "times": given.times,
            **{key: median([run[key] for run in runs]) for key in runs[0]},
        },
    )


if __name__ == "__main__":
    main()

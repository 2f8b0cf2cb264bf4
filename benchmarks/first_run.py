"""How long a short `bench run` takes from its start to its exit: two checkouts, taking turns on one machine.

2,000 scored samples against a server whose first token comes 50 ms after the request. The whole process counts: imports, plan,
requests, scores, Parquet, page and tables. Each side has its own checkout and its own ``.venv``; both get the same suite and the same
server. A short run of each comes first, so that no compile of bytecode is measured.

    .venv/bin/python benchmarks/first_run.py BEFORE AFTER                      about three minutes
    .venv/bin/python benchmarks/first_run.py BEFORE AFTER --concurrency 16 --times 9
    .venv/bin/python benchmarks/first_run.py BEFORE=harness.cli AFTER=gapbench.cli     modules to start, where they cannot be guessed

Kept: medians of wall-clock and CPU seconds, and the ratio of the medians. Below 1, AFTER is faster. On a busy machine the ratio is the
figure to look at, and ``ratio_of_pairs`` (the median of the ratios of neighboring runs) is the more robust of the two.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from truth import median, served, suite, write

MODULES = {"harness/gapbench/cli.py": "gapbench.cli", "harness/cli.py": "harness.cli"}


@dataclass(frozen=True)
class Checkout:
    """A source tree and how its command line is started.

    Attributes:
        folder: The checkout, with its own ``.venv``.
        module: The module of its command line.
    """

    folder: Path
    module: str

    @classmethod
    def of(cls, text: str) -> Checkout:
        """Read FOLDER or FOLDER=MODULE.

        Raises:
            argparse.ArgumentTypeError: It has no environment, or its command line is not found.
        """
        name, _, module = text.partition("=")
        folder = Path(name).resolve()
        module = module or next((made for path, made in MODULES.items() if (folder / path).exists()), "")
        if not module or not (folder / ".venv/bin/python").exists():
            raise argparse.ArgumentTypeError(
                f"{folder}: no .venv/bin/python, or no command line that is known"
            )
        return cls(folder, module)

    def run(self, path: Path) -> tuple[float, float]:
        """Run a suite to its end and return wall-clock and CPU seconds, children included.

        Raises:
            SystemExit: The run failed; its output is shown.
        """
        # A module on the path of an editable install starts what the console script starts, whatever that is called.
        command = [str(self.folder / ".venv/bin/python"), "-m", self.module, "run", str(path), "--yes"]
        command += ["--out", str(path.parent / f"results-{time.monotonic_ns()}")]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        began_s = time.perf_counter()
        with tempfile.TemporaryFile("w+") as said:
            process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )
            _, status, usage = os.wait4(process.pid, 0)
            wall_s = time.perf_counter() - began_s
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                said.seek(0)
                sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{said.read()}")
        return wall_s, usage.ru_utime + usage.ru_stime

    def commit(self) -> str:
        """Return the commit that is checked out, or "" where git knows none."""
        done = subprocess.run(
            ["git", "-C", str(self.folder), "rev-parse", "--short", "HEAD"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stdout.strip()


def main() -> None:
    """Let both run in turn and keep the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Checkout.of)
    parser.add_argument("after", type=Checkout.of)
    parser.add_argument("--samples", type=int, default=2_000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--times", type=int, default=7)
    parser.add_argument("--name", default="first_run")
    given = parser.parse_args()
    sides: dict[str, Checkout] = {"before": given.before, "after": given.after}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    with (
        tempfile.TemporaryDirectory() as folder,
        served("openai", tokens=16, first_ms=50, log=False) as server,
    ):
        load = {"concurrency": given.concurrency}
        for checkout in sides.values():
            checkout.run(suite(Path(folder), server.url, "openai", 10, load))
        path = suite(Path(folder), server.url, "openai", given.samples, load)
        for turn in range(given.times):
            # Who begins changes, so that neither has the quieter half of each turn.
            for name in list(sides)[:: 1 if turn % 2 == 0 else -1]:
                found[name].append(sides[name].run(path))
                print(f"{name} {found[name][-1][0]:.2f} s, CPU {found[name][-1][1]:.2f} s", file=sys.stderr)
    wall_s = {name: [wall for wall, _ in runs] for name, runs in found.items()}
    cpu_s = {name: [cpu for _, cpu in runs] for name, runs in found.items()}
    pairs = [after / before for before, after in zip(wall_s["before"], wall_s["after"], strict=True)]
    write(
        given.name,
        {
            "samples": given.samples, "first_token_ms": 50, "concurrency": given.concurrency, "times": given.times,
            "commits": {name: checkout.commit() for name, checkout in sides.items()},
            "wall_s": {name: median(values) for name, values in wall_s.items()},
            "cpu_s": {name: median(values) for name, values in cpu_s.items()},
            "ratio": round(statistics.median(wall_s["after"]) / statistics.median(wall_s["before"]), 3),
            "ratio_of_pairs": round(statistics.median(pairs), 3),
            "cpu_ratio": round(statistics.median(cpu_s["after"]) / statistics.median(cpu_s["before"]), 3),
        },
    )  # fmt: skip


if __name__ == "__main__":
    main()

"""A table of a million requests with text: time and memory of a sample, of the plan of its replay, and of a fleet plan.

    .venv/bin/python benchmarks/traffic_scale.py                  makes the table (a minute or two), then runs each command once
    .venv/bin/python benchmarks/traffic_scale.py --table t.parquet --lines 0 --name -

The logs are those of benchmarks/traffic_import.py: half without texts, half with. ``--all-text`` makes every request one
with its text. Each command runs in a process of its own, whose processor time and largest memory are read when it ends.

Wanted: at most 120 s and 1 GiB for each.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from traffic_import import make_logs
from truth import BENCH, write

MODEL = {"id": "own", "runner": "vllm", "model": "m", "weights": "open", "base_url": "http://127.0.0.1:1/v1"}


def measure(folder: Path, *arguments: str) -> dict[str, Any]:
    """Run a command of gapbench; return its seconds, processor seconds, peak memory, exit code and last line."""
    start = time.perf_counter()
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen([*BENCH, *arguments], cwd=folder, stdout=output, stderr=output)
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    said = (folder / "output.txt").read_text().splitlines()
    return {
        "command": "bench " + " ".join(arguments),
        "exit_code": process.returncode,
        "elapsed_s": round(time.perf_counter() - start, 1),
        "processor_s": round(used.ru_utime + used.ru_stime, 1),
        "peak_memory_mib": round(used.ru_maxrss / 1024),
        "said": said[:2] if process.returncode == 0 else said[-3:],
    }


def make_table(folder: Path, lines: int, *, all_text: bool) -> None:
    """Write ``t.parquet``."""
    make_logs(folder, lines * (2 if all_text else 1), seed=7)
    logs = ["openai.jsonl"] if all_text else ["litellm.jsonl", "openai.jsonl"]
    subprocess.run([*BENCH, "traffic", "import", *logs, "--out", "t.parquet"], cwd=folder, check=True)


def main() -> None:
    """Make the table, run the commands, write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--table", type=Path, help="a table that exists")
    parser.add_argument("--all-text", action="store_true")
    parser.add_argument("--keep", type=Path, help="also write the table here")
    parser.add_argument("--name", default="traffic_scale", help="name of the result; - writes none")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.table is None:
            make_table(folder, options.lines, all_text=options.all_text)
            if options.keep is not None:
                options.keep.write_bytes((folder / "t.parquet").read_bytes())
        else:
            (folder / "t.parquet").symlink_to(options.table.resolve())
        suite = {"name": "replay", "models": [MODEL], "loads": [{"replay": {"traffic": "t.parquet"}}]}
        (folder / "replay.yaml").write_text(json.dumps(suite))
        commands = {
            "sample": ("traffic", "sample", "t.parquet", "-n", "400", "--out", "sample.yaml"),
            "replay_plan": ("plan", "replay.yaml"),
            "fleet": (
                "fleet", "t.parquet", "--closed", "openai/gpt-5.2",
                "--set", "replica_requests_per_s=4", "--set", "usd_per_gpu_hour=2.5", "--set", "gpus_per_replica=1",
            ),
        }  # fmt: skip
        result: dict[str, Any] = {
            "rows": pq.ParquetFile(folder / "t.parquet").metadata.num_rows,
            "rows_with_text": "all" if options.all_text else "half",
            "table_bytes": (folder / "t.parquet").stat().st_size,
            "load_average_before": round(os.getloadavg()[0], 2),
        }
        for key, arguments in commands.items():
            result[key] = measure(folder, *arguments)
            print(key, json.dumps(result[key], indent=1), file=sys.stderr)
    if options.name != "-":
        write(options.name, result)


if __name__ == "__main__":
    main()

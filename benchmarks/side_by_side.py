"""Five simulated vendors, four tasks, one answer in 50 twenty times as long: the whole run against the slowest vendor's own.

Acceptance 1 of the issue on scale. Each vendor is run alone, then all in one suite; times are those of the whole process, and
those between the first and the last request. Run: ``.venv/bin/python -m benchmarks.side_by_side`` (five minutes).
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

import yaml

from gapbench.store import read_attempts

PROTOCOLS = ("vllm", "openai", "anthropic", "google", "responses")
TASKS = ("reasoning/arithmetic", "reasoning/algebra", "structured/json_schema", "reasoning/instructions")
TTFT_S, SLOW_TIMES, SLOW_SHARE = 0.5, 20, 0.02
RESULT = Path(__file__).parent / "results" / "side_by_side.json"


def suite(folder: Path, tasks: list[str], samples: int, concurrency: int) -> Path:
    """Write the suite and return its file. The vendors differ in speed; the last is the slowest."""
    models = []
    for number, protocol in enumerate(PROTOCOLS):
        ttft_s = TTFT_S * (1 + number / 4)
        models.append(
            {
                "id": f"v{number}",
                "runner": "sim",
                "weights": "open" if number < 2 else "closed",
                "sim": {
                    "protocol": protocol,
                    "seed": number,
                    "skill": 0.7,
                    "ttft_s": ttft_s,
                    "gap_s": 0.001,
                    "faults": {"slow": SLOW_SHARE, "slow_s": ttft_s * (SLOW_TIMES - 1)},
                },
            }
        )
    file = folder / "side.yaml"
    content = {
        "name": "side",
        "seed": 3,
        "models": models,
        "tasks": [{"task": task, "limit": samples} for task in tasks],
        "params": {"max_tokens": 256},
        "loads": [{"concurrency": concurrency}],
    }
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


def run(file: Path, models: tuple[str, ...]) -> dict[str, Any]:
    """Run a suite, and return its times."""
    out = file.parent / ("-".join(models) or "all")
    chosen = [word for model in models for word in ("--model", model)]
    began_s = time.perf_counter()
    subprocess.run(
        [
            str(Path(sys.executable).parent / "bench"),
            "run",
            str(file),
            "--yes",
            "--quiet",
            "--out",
            str(out),
            *chosen,
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    wall_s = time.perf_counter() - began_s
    folder = next(path.parent for path in out.rglob("run.json"))
    rows = read_attempts([folder], ["started_at", "sent_s", "done_s", "outcome", "model_id"])
    at_s = rows["started_at"].astype("datetime64[ns, UTC]").astype("int64") / 1e9
    first, last = (at_s + rows["sent_s"]).min(), (at_s + rows["done_s"]).max()
    cells = json.loads((folder / "run.json").read_text())["cells"]
    return {
        "wall_s": round(wall_s, 2),
        "sending_s": round(float(last - first), 2),
        "requests": len(rows),
        "infra": int((rows["outcome"] == "infra").sum()),
        "cells_beside": sum(bool(cell["beside"]) for cell in cells),
    }


def main() -> None:
    """Run all vendors and each one, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=150, help="of each task")
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        file = suite(Path(name), asked.tasks, asked.samples, asked.concurrency)
        alone = {f"v{number}": run(file, (f"v{number}",)) for number in range(len(PROTOCOLS))}
        every = run(file, ())
    slowest_s = max(found["wall_s"] for found in alone.values())
    result = {
        "samples": asked.samples,
        "concurrency": asked.concurrency,
        "tasks": asked.tasks,
        "alone": alone,
        "together": every,
        "together_over_slowest": round(every["wall_s"] / slowest_s, 3),
        "together_over_sum": round(every["wall_s"] / sum(found["wall_s"] for found in alone.values()), 3),
        "sending_over_slowest": round(every["sending_s"] / max(f["sending_s"] for f in alone.values()), 3),
        "load_average": [round(value, 2) for value in os.getloadavg()],
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

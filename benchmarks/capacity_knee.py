"""Whether a sweep finds a server's known knee, and what a total cost makes of it.

    python benchmarks/capacity_knee.py                         five rates of 15 s each, about two minutes
    python benchmarks/capacity_knee.py --duration-s 6 --out -  a quick look

The simulated server writes 20 replies at once, each of which takes one second: 20 requests a second are its knee, and
below it nobody waits. Rates on both sides of it are sent at constant spacing; the highest rate at which 95 % of the
answers come within 1.2 s must lie within 5 % of the knee. The total cost with that capacity, one replica and no
spares, must break even within 2 % of F / p.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from gapbench.analysis.economics.break_even import break_even
from gapbench.analysis.economics.measured_inputs import measured_throughput
from gapbench.analysis.economics.scenario import self_usd_per_month
from gapbench.analysis.economics.scenario_inputs import build_scenario
from gapbench.analysis.frames import load_runs
from gapbench.suite.tco_fields import DemandDocument, LegDocument, TcoDocument
from gapbench.values.slo import Slo

KNEE_RPS = 20.0
RATES = (16.0, 18.0, 19.5, 20.5, 22.0)
PRICE_USD_PER_MTOK = 100.0


def suite(duration_s: float) -> dict[str, Any]:
    """Return a suite of one simulated server and a sweep of rates."""
    persona = {
        "protocol": "openai", "skill": 0.9, "ttft_s": 1.0, "ttft_sigma": 0.0, "gap_s": 0.0, "capacity": {"streams": 20},
    }  # fmt: skip
    loads = [
        {
            "rate_rps": rate,
            "arrivals": "constant",
            "duration_s": duration_s,
            "warmup_s": min(2.0, duration_s / 4),
        }
        for rate in RATES
    ]
    return {
        "name": "knee",
        "models": [
            {"id": "open", "runner": "sim", "weights": "open", "sim": persona,
             "cost": {"gpu": "H100-80GB", "gpus": 2, "usd_per_gpu_hour": 2.95}},
        ],
        "tasks": [{"name": "sums", "category": "reasoning", "data": "q.jsonl", "id": "{id}",
                   "prompt": "{question}", "target": "{answer}", "scorer": "numeric"}],
        "loads": loads,
        "params": {"max_tokens": 64},
    }  # fmt: skip


def swept(folder: Path, duration_s: float) -> Path:
    """Run the sweep in a folder and return the run."""
    rows = [{"id": f"q{n}", "question": f"What is {n} + 1?", "answer": n + 1} for n in range(600)]
    (folder / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    # JSON is YAML.
    (folder / "suite.yaml").write_text(json.dumps(suite(duration_s)))
    command = [sys.executable, "-m", "gapbench.cli", "run", "suite.yaml", "--yes", "--quiet"]
    path = os.pathsep.join([str(Path(__file__).parents[1] / "harness"), os.environ.get("PYTHONPATH", "")])
    subprocess.run(
        command, cwd=folder, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": path}
    )
    return next((folder / "results").iterdir())


def main() -> None:
    """Sweep, find the knee, break even, and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--duration-s", type=float, default=15.0)
    parser.add_argument("--out", default="benchmarks/results/capacity_knee.json", help="-: print only")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = load_runs([swept(Path(folder), options.duration_s)])
        found = measured_throughput(runs, Slo(response_s=1.2, attainment=0.95))
    block = TcoDocument(
        closed=LegDocument(input_usd_per_mtok=PRICE_USD_PER_MTOK, output_usd_per_mtok=PRICE_USD_PER_MTOK),
        demand=DemandDocument(shape="flat"), availability_target=0, gpus=2, usd_per_gpu_hour=2.95,
    )  # fmt: skip
    asked = build_scenario(block, at=date(2026, 11, 24), throughput=found)
    crossing = break_even(asked, "closed", 1e5)
    fixed_usd = float(self_usd_per_month(asked, asked.point_values, np.array([1.0]))[0][0])
    closed_form_mtok = fixed_usd / PRICE_USD_PER_MTOK
    first = None if crossing is None else crossing.first_mtok
    knee_error = found.requests_per_s / KNEE_RPS - 1
    crossing_error = None if first is None else first / closed_form_mtok - 1
    result = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "platform": platform.platform(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
        },
        "simulated": found.simulated,
        "knee_rps": KNEE_RPS,
        "found_rps": found.requests_per_s,
        "low_rps": found.low,
        "knee_error": knee_error,
        "said": found.source,
        "break_even_mtok": first,
        "closed_form_mtok": closed_form_mtok,
        "crossing_error": crossing_error,
        "met": abs(knee_error) <= 0.05 and crossing_error is not None and abs(crossing_error) <= 0.02,
    }
    text = json.dumps(result, indent=2)
    print(text)
    if options.out != "-":
        Path(options.out).write_text(text + "\n", encoding="utf-8")
    sys.exit(0 if result["met"] else 1)


if __name__ == "__main__":
    main()

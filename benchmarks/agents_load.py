"""200 agents at once: what does the harness add to the time of a task?

One `bench run` of a built-in environment with simulated models, client, servers and the sandboxes of the tools on the same
machine. The server writes down when each request arrived and when it wrote the last byte of each reply. What is left of an
episode's wall time after the server's time and the tools' time was added by the harness: building requests, sending,
reading, checking calls, writing rows, waiting for the event loop.

    .venv/bin/python benchmarks/agents_load.py                      200 agents, 400 episodes, about two minutes
    .venv/bin/python benchmarks/agents_load.py --agents 8 --repeats 1 --name -

Must-show of the agents issue: the harness adds at most 2 % to the task's time, and the parts of each episode's time add up
to the whole within 1 ms.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from first_run import Checkout
from truth import write

from gapbench.store import read_manifest

TIMES = {
    "ttft_s": 1.0,
    "gap_s": 1 / 60,
    "tokens_per_chunk": 4,
    "reasoning": {"tokens": 80, "shown": "summary"},
}
"""A hosted model of 2026: a second to the first token, 60 tokens a second, some thinking before each call."""
PERSONAS = {
    "openai": {"protocol": "openai", "skill": 0.8, **TIMES},
    "anthropic": {"protocol": "anthropic", "skill": 0.8, **TIMES},
}


def make_suite(folder: Path, task: str, protocol: str, agents: int, repeats: int) -> Path:
    """Write a suite of one model, one environment and one load."""
    model = {
        "id": "sim",
        "runner": "sim",
        "weights": "open",
        "sim": {**PERSONAS[protocol], "seed": 1, "cache": True},
    }
    suite = {
        "name": "agents-load", "seed": 7, "repeats": repeats, "models": [model], "tasks": [task],
        "loads": [{"concurrency": agents}],
    }  # fmt: skip
    path = folder / "suite.yaml"
    path.write_text(yaml.safe_dump(suite))
    return path


def read_figures(run: Path) -> dict[str, Any]:
    """Return where the time of a run's episodes went."""
    episodes = pd.concat([pd.read_parquet(file) for file in run.glob("trajectories-*.parquet")])
    logged = [json.loads(line) for file in run.glob("logs/*/times.jsonl") for line in file.open()]
    answered = [
        entry for entry in logged if entry["episode"] is not None and entry["last_write_s"] is not None
    ]
    assert len(answered) == episodes["turns"].sum(), (
        f"{len(answered)} replies, {episodes['turns'].sum()} turns"
    )
    server_s = sum(entry["last_write_s"] - entry["received_s"] for entry in answered)
    wall_s = float(episodes["wall_s"].sum())
    parts = episodes[["model_s", "tool_s", "user_s", "queue_s"]]
    added_s = wall_s - server_s - float(episodes["tool_s"].sum()) - float(episodes["user_s"].sum())
    (cell,) = read_manifest(run).cells
    return {
        "episodes": len(episodes),
        "turns": int(episodes["turns"].sum()),
        "calls": int(episodes["calls"].sum()),
        "success": round(float(episodes["success"].mean()), 3),
        "median_task_s": round(float(episodes["wall_s"].median()), 2),
        "run_wall_s": round(cell.wall_s or 0.0, 1),
        "harness_share": round(added_s / wall_s, 4),
        "harness_share_in_model_time": round((float(episodes["model_s"].sum()) - server_s) / wall_s, 4),
        "harness_share_in_queue_time": round(float(episodes["queue_s"].sum()) / wall_s, 4),
        "tool_share": round(float(episodes["tool_s"].sum()) / wall_s, 4),
        "tool_ms_per_call": round(1e3 * float(episodes["tool_s"].sum()) / float(episodes["calls"].sum()), 2),
        "largest_error_of_the_sum_ms": round(
            1e3 * float((episodes["wall_s"] - parts.sum(axis=1)).abs().max()), 4
        ),
        "lag_p99_ms": None if cell.lag_p99_s is None else round(1e3 * cell.lag_p99_s, 2),
        "client_cpu_share": [round(worker.cpu_share, 2) for worker in cell.workers or ()],
    }


def main() -> None:
    """Run each protocol and keep the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=12)
    parser.add_argument("--task", default="agents/support")
    parser.add_argument("--name", default="agents_load", help="of the result file; - keeps none")
    given = parser.parse_args()
    checkout = Checkout.of(str(Path(__file__).parents[1]))
    found = {}
    for protocol in PERSONAS:
        with tempfile.TemporaryDirectory() as folder:
            checkout.run(make_suite(Path(folder), given.task, protocol, given.agents, given.repeats))
            (run,) = Path(folder).glob("results-*/*/")
            found[protocol] = read_figures(run)
    figures = {"agents": given.agents, "task": given.task, "protocols": found}
    if given.name == "-":
        print(json.dumps(figures, indent=2))
    else:
        write(given.name, figures)


if __name__ == "__main__":
    main()

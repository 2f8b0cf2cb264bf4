"""A run in batches killed at each of its steps, over every batch protocol: one final row each, nothing paid twice.

    python benchmarks/batch_faults.py

The simulated vendors reorder, fail, forget and repeat results. Each run is killed at one step (a request that leaves, an
answer that arrives, a line of results that is read, a line of the journal that is written) and started again from disk. Then
as many runs of the command are killed with SIGKILL at random moments. Checks that each planned request has exactly one final
row, that no attempt was answered twice, and that the dollars of the rows equal the vendor's ledger, to the last digit. The
result goes to benchmarks/results/batch_faults.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from gapbench.analysis.cost.attempt_costs import bill  # noqa: E402 - after the path
from gapbench.analysis.frames import load_runs  # noqa: E402 - after the path
from gapbench.execution.setup import Selection, build_run_setup  # noqa: E402 - after the path
from gapbench.store import read_attempt_values, runs_in  # noqa: E402 - after the path
from gapbench_runners.sim_server.answer_book import dump_answer_book  # noqa: E402 - after the path
from tests.batch_sim import TROUBLE, VENDORS, SimThread, SimulatedRun  # noqa: E402 - after the path

SUITE = """\
name: killed
models:
{models}
tasks:
  - {{name: sums, category: reasoning, data: q.jsonl, id: "{{id}}", prompt: "{{question}}", target: "{{answer}}", scorer: numeric}}
params: {{max_tokens: 32}}
retries: {{attempts: 8, max_wait_s: 0.1}}
"""
MODEL = """\
  - {{id: {id}, runner: {runner}, model: {id}, weights: closed, base_url: "{url}", key_env: SIM_KEY, batch: true, {options}
     cost: {{input_usd_per_mtok: 1, output_usd_per_mtok: 4, batch: {{input_usd_per_mtok: 0.5, output_usd_per_mtok: 2}}}}}}
"""


def sweep(protocol: str, count: int, seeds: int) -> dict[str, Any]:
    """Kill runs of a protocol at each step; return the counts, and the problems found."""
    problems: list[str] = []
    kills: Counter[str] = Counter()
    thread = SimThread()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(seeds):
            step: int | None = None
            names: list[str] = []
            while step is None or step <= len(names):
                made = SimulatedRun.make(
                    Path(folder) / f"{seed}-{step}", thread, protocol, count=count, seed=seed
                )
                found = made.run_with_kill(step)
                if step is None:
                    names, step = found, 0
                else:
                    kills[names[step - 1]] += 1
                problems += [f"{protocol}, seed {seed}, step {step}: {text}" for text in made.problems()]
                step += 1
    thread.close()
    return {"runs": kills.total() + seeds, "kills": dict(kills), "problems": problems}


def kill_processes(kills: int, count: int) -> dict[str, Any]:
    """Kill `bench run` with SIGKILL at random moments until the run is complete; return what was found."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [{"id": f"q{n}", "question": f"What is {n} + 1?", "answer": n + 1} for n in range(count)]
        (folder / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        persona = {**TROUBLE, "batches": {**TROUBLE["batches"], "polls": 1, "delay_s": 1.0}}
        (folder / "persona.json").write_text(json.dumps(dict.fromkeys(VENDORS, persona)))
        suite = folder / "suite.yaml"
        write_suite(suite, "http://127.0.0.1:9")
        setup = build_run_setup(Selection(str(suite)))
        (folder / "truth.jsonl").write_bytes(dump_answer_book(setup.plan.truths()))
        server = subprocess.Popen(
            [sys.executable, "-m", "gapbench_runners.sim_server", "--port", "0", "--persona",
             str(folder / "persona.json"), "--truth", str(folder / "truth.jsonl")],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        write_suite(suite, url)
        try:
            return _kill_until_done(folder, url, kills, count)
        finally:
            server.terminate()
            server.wait()


def _kill_until_done(folder: Path, url: str, kills: int, count: int) -> dict[str, Any]:
    draw = random.Random(7)
    made = 0
    for _ in range(kills + 20):
        runs = list(runs_in(folder / "results"))
        arguments = ["run", "--resume", runs[0].name] if runs else ["run", "suite.yaml"]
        process = subprocess.Popen(
            [sys.executable, "-m", "gapbench.cli", *arguments, "--yes", "--quiet", "--no-preflight"],
            cwd=folder, env={**os.environ, "SIM_KEY": "none"}, stdout=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        if made < kills:
            # A session takes two seconds to start; what matters happens after.
            time.sleep(draw.uniform(1.5, 9.0))
        if made < kills and process.poll() is None:
            process.send_signal(signal.SIGKILL)
            made += 1
        if process.wait() == 0:
            break
    run = next(iter(runs_in(folder / "results")))
    rows = read_attempt_values(run)
    finals = Counter((row.model_id, row.sample_id) for row in rows if row.final)
    keys = Counter((row.model_id, row.sample_id, row.attempt) for row in rows)
    with urllib.request.urlopen(f"{url}/sim/ledger") as answer:
        ledger = json.load(answer)
    lines = bill(load_runs([run])).lines
    usd = sum(lines["usd"], Decimal(0))
    charged = sum(batch["charged"] for batch in ledger["batches"])
    answered = sum(row.input_tokens is not None for row in rows)
    problems = []
    if len(finals) != count * len(VENDORS) or set(finals.values()) != {1}:
        problems.append(f"{len(finals)} requests have a final row, at most {max(finals.values())} each")
    if set(keys.values()) != {1}:
        problems.append("an attempt has two rows")
    if usd != Decimal(ledger["usd"]) or charged != answered:
        problems.append(
            f"rows: {answered} for {usd} dollars; the vendor: {charged} for {ledger['usd']} dollars"
        )
    return {
        "kills": made,
        "requests": count * len(VENDORS),
        "attempts": len(rows),
        "batches": len(ledger["batches"]),
        "usd_rows": str(usd),
        "usd_ledger": ledger["usd"],
        "problems": problems,
    }


def write_suite(path: Path, url: str) -> None:
    """Write a suite with one model for each protocol."""
    models = "".join(
        MODEL.format(
            id=name, runner=runner, url=url + at, options="".join(f"{k}: {v}," for k, v in options.items())
        )
        for name, (runner, at, options) in VENDORS.items()
    )
    path.write_text(SUITE.format(models=models))


def main() -> None:
    """Sweep, kill and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=12, help="requests of a run")
    parser.add_argument(
        "--seeds", type=int, default=1, help="runs of each protocol whose every step is killed"
    )
    parser.add_argument("--kills", type=int, default=8, help="processes to kill")
    parser.add_argument(
        "--protocol",
        choices=[*VENDORS, "none"],
        action="append",
        help="default: all; none: only kill processes",
    )
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "batch_faults.json")
    asked = parser.parse_args()
    # Parts that are not asked for stay as they are.
    result: dict[str, Any] = json.loads(asked.out.read_text()) if asked.out.exists() else {}
    result |= {"python": platform.python_version(), "cpus": os.cpu_count()}
    protocols = result.setdefault("protocols", {})
    for protocol in asked.protocol or VENDORS:
        if protocol != "none":
            began = time.process_time()
            protocols[protocol] = {"at": _now(), **sweep(protocol, asked.count, asked.seeds)}
            protocols[protocol]["cpu_s"] = round(time.process_time() - began, 1)
            print(protocol, json.dumps(protocols[protocol]), flush=True)
    if asked.kills:
        result["sigkill"] = {"at": _now(), **kill_processes(asked.kills, 40)}
        print("sigkill", json.dumps(result["sigkill"]), flush=True)
    problems = [text for part in protocols.values() for text in part["problems"]]
    problems += result.get("sigkill", {}).get("problems", [])
    result["problems"] = len(problems)
    asked.out.write_text(json.dumps(result, indent=2) + "\n")
    print(f"{len(problems)} problems; {asked.out}")
    raise SystemExit(bool(problems))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


if __name__ == "__main__":
    main()

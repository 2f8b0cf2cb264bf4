"""A long run killed with SIGKILL at random moments and resumed, again and again.

    python benchmarks/kill.py --requests 20000 --kills 100

Checks that each planned request has one final row, that no finished one was sent again, and that no part is unreadable.
Sent again: after each kill, what is final on disk is looked up in the provider's own log; at the end the log must show
no further request for it. With `--scorer math`, which is slow, answers that wait for their score on disk count as finished too:
they are paid for. The result goes to benchmarks/results/kill.json.

    python benchmarks/kill.py --requests 4000 --kills 40 --scorer math --out benchmarks/results/kill_slow_scorer.json
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from gapbench.store import read_attempt_values, read_attempts, read_manifest, read_pending_answers, runs_in  # noqa: E402 - after the path
from gapbench.store.verify import verify_run  # noqa: E402 - after the path

ROW_BYTES = 2_200
"""Of a journal, about."""
SUITE = """\
name: killed
models:
  - {{id: a, runner: sim, weights: open, sim: {{protocol: openai, skill: 0.6, ttft_s: {ttft}, gap_s: 0, faults: {{server_error: 0.02}}}}}}
tasks:
  - {{name: sums, category: reasoning, data: q.jsonl, id: "{{id}}", prompt: "{{question}}", target: "{{answer}}", scorer: {scorer}}}
loads: [{{concurrency: 32}}]
params: {{max_tokens: 32}}
retries: {{attempts: 5, max_wait_s: 0.1}}
"""


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start `bench run` in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "gapbench.cli", "run", *arguments, "--yes", "--quiet"],
        cwd=folder,
        env=dict(os.environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def ended_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait so long; return whether the process has ended by itself."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def ended_before(process: subprocess.Popen[bytes], results: Path, journal_bytes: int) -> bool:
    """Wait until this session has written so much of its journal; return whether it ended before."""
    known = {path.name for path in results.glob("*/journal-*.jsonl")}
    while process.poll() is None:
        for path in results.glob("*/journal-*.jsonl"):
            # A session closes the journal it finds and begins one of its own.
            if path.name not in known or not known:
                with contextlib.suppress(FileNotFoundError):
                    if path.stat().st_size >= journal_bytes:
                        return False
        time.sleep(0.01)
    return True


def asked(run: Path) -> dict[str, int]:
    """Return how often each prompt was asked, by the simulated provider's own log."""
    counts: dict[str, int] = {}
    for log in run.glob("logs/*/times.jsonl"):
        for line in log.read_text().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:  # the server was killed in the middle of a line
                continue
            counts[entry["prompt_sha256"]] = counts.get(entry["prompt_sha256"], 0) + 1
    return counts


def main(requests: int, kills: int, seed: int, scorer: str) -> dict[str, Any]:
    """Run, kill, resume, check; return what was found."""
    draw = random.Random(seed)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / "q.jsonl").open("w") as file:
            for n in range(requests):
                file.write(
                    json.dumps({"id": f"q{n}", "question": f"What is {n} + 1?", "answer": n + 1}) + "\n"
                )
        (folder / "suite.yaml").write_text(SUITE.format(ttft=0.002, scorer=scorer))
        made, unreadable, waited = 0, 0, 0
        finished: dict[str, int] = {}
        arguments: tuple[str, ...] = ("suite.yaml",)
        process = start(folder, *arguments)
        while made < kills:
            done = False
            if draw.random() < 0.1:
                done = ended_within(process, draw.uniform(0.0, 3.0))  # a kill during start-up or recovery
            else:
                # A tenth of the kills come by time; the rest spread over a little less than the run, so that none is left over.
                due = int(draw.uniform(0.0, 1.6 * requests / kills) * ROW_BYTES)
                done = ended_before(process, folder / "results", due)
            if not done:
                process.send_signal(signal.SIGKILL)
                process.wait()
                made += 1
            runs = list(runs_in(folder / "results")) if (folder / "results").exists() else []
            if done:
                break
            if runs:
                unreadable += sum(row.kind == "damage" for row in verify_run(runs[0]))
                counts = asked(runs[0])
                rows = read_attempts(runs, ["prompt_sha256", "final"])
                left = read_pending_answers(runs[0], read_attempt_values(runs[0]))
                waited = max(waited, len(left))
                for prompt in (
                    *rows.loc[rows["final"], "prompt_sha256"],
                    *(row.prompt_sha256 for row, _ in left if row.final),
                ):
                    finished.setdefault(prompt, counts.get(prompt, 0))
            process = start(folder, *(("--resume", runs[0].name) if runs else ("suite.yaml",)))
            print(f"kill {made}: {len(finished)} of {requests} finished", flush=True)
        error = process.communicate()[1].decode()[-2_000:]
        run = next(runs_in(folder / "results"))
        rows = read_attempts([run])
        finals = rows[rows["final"]]
        counts = asked(run)
        again = sorted(prompt for prompt, count in finished.items() if counts.get(prompt, 0) > count)
        return {
            "benchmark": "kill",
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
            "requests": requests,
            "scorer": scorer,
            "kills": made,
            "exit_code": process.returncode,
            "stderr": error,
            "state": read_manifest(run).state,
            "final_rows": len(finals),
            "requests_with_two_final_rows": int(finals.duplicated(["cell_id", "sample_id", "repeat"]).sum()),
            "finished_before_the_last_kill": len(finished),
            "finished_sent_again": len(again),
            "asked_in_all": sum(counts.values()),
            "most_answers_that_waited_at_a_kill": waited,
            "unreadable_parts": unreadable,
            "findings_at_the_end": [f"{row.file}: {row.said}" for row in verify_run(run)],
            "wall_s": round(time.monotonic() - began, 1),
        }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--scorer", default="numeric", choices=["numeric", "math"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "kill.json")
    given = parser.parse_args()
    found = main(given.requests, given.kills, given.seed, given.scorer)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))
    good = (
        found["final_rows"] == given.requests
        and not found["requests_with_two_final_rows"]
        and not found["finished_sent_again"]
        and not found["unreadable_parts"]
        and not found["findings_at_the_end"]
    )
    sys.exit(0 if good else 1)

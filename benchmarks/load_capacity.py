"""Whether the search finds a known knee: a simulated server of so many streams takes so many requests a second.

    python benchmarks/load_capacity.py                    two searches, about six minutes
    python benchmarks/load_capacity.py --searches 1 --duration 8 --out -      a quick look

Each reply of the server takes exactly ``REPLY_S`` and it writes ``STREAMS`` at once, so above STREAMS / REPLY_S
requests a second its queue grows without end and first tokens fall behind without end. With constant arrivals the
knee is exactly there; a try of finite length sees it a little later, because the queue needs time to outgrow the
limit: at a rate of r over a knee of k, the wait after t seconds is t (1 - k / r). The expected rate is the one at
which the share of requests with a wait within the limit falls to the target. On a busy machine the server itself takes
longer than REPLY_S; its own log says how long, and ``expected_rps`` goes by that (``nominal_rps`` by REPLY_S). The
target: within 5 % of it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from gapbench import runner as runners
from gapbench.analysis.performance.capacity import capacity
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.run import RunSettings, run
from gapbench.store import RunWriter
from gapbench.store.provenance import machine_info
from gapbench.suite.loads.load import Load, RateSearch
from gapbench.suite.plan import Cell, build_plan
from gapbench.suite.tasks.task import Task
from gapbench.values import Attempt, Message, Model, Params, Sample, Text
from gapbench.values.policies import RetryPolicy, RunPolicies
from gapbench.values.slo import Slo

STREAMS, FIRST_S, TOKENS, GAP_S = 24, 0.8, 21, 0.02
REPLY_S = FIRST_S + (TOKENS - 1) * GAP_S
LIMIT_S, ATTAINMENT = 1.4, 0.95
TOLERANCE = 0.05
MODEL = Model(
    "knee", "sim", "knee", "open",
    options={
        "sim": {
            "protocol": "openai", "skill": 1.0, "ttft_s": FIRST_S, "ttft_sigma": 0.0, "gap_s": GAP_S,
            "capacity": {"streams": STREAMS},
        }
    },
)  # fmt: skip


class Silent:
    """Watches a run and says nothing but what it must."""

    def model_opening(self, model: Model) -> None:
        """Nothing."""

    def cell_started(self, cell: Cell, total: int, already_done: int) -> None:
        """Nothing."""

    def attempt_done(self, cell: Cell, row: Attempt, usd: Decimal | None) -> None:
        """Nothing."""

    def cell_ended(self, cell: Cell) -> None:
        """Nothing."""

    def notify(self, line: str) -> None:
        """Print one line."""
        print(line, flush=True)


def expected_rps(duration_s: float, warmup_s: float, reply_s: float) -> float:
    """Return the rate at which just ``ATTAINMENT`` of the requests between warm-up and end wait within the limit."""
    knee_rps = STREAMS / reply_s
    allowed_s = LIMIT_S - FIRST_S
    # Requests until this second keep it; the wait grows by (1 - k / r) a second.
    until_s = warmup_s + ATTAINMENT * (duration_s - warmup_s)
    return knee_rps / (1 - allowed_s / until_s)


def search_once(seed: int, duration_s: float, warmup_s: float) -> dict[str, Any]:
    """Search one server of our own and return what was found."""
    load = Load("search", 1.0, "constant", duration_s=duration_s, warmup_s=warmup_s, salt="cell")
    search = RateSearch(Slo(ttft_s=LIMIT_S, attainment=ATTAINMENT), 6.0, 60.0, TOLERANCE, 3, load)
    reply = ("abc " * TOKENS)[: 4 * TOKENS]
    samples = tuple(
        Sample(str(k), (Message("user", (Text(f"Question {k}."),)),), target="abc", reference=reply)
        for k in range(200)
    )
    plan = build_plan(
        suite="knee", suite_sha256="knee", seed=seed, repeats=1, margin_points=1.7,
        defaults=Params(max_tokens=TOKENS), models=[MODEL],
        tasks=[Task("knee", "load", 1, "knee", samples, None)], loads=[], searches=[search],
    )  # fmt: skip

    async def main(folder: Path) -> dict[str, Any]:
        with RunWriter(folder) as writer:
            opened = {MODEL.id: runners.load_runner_class(MODEL.runner)(MODEL)}
            settings = RunSettings(RunPolicies(retries=RetryPolicy(max_attempts=1)))
            return await run(plan, opened, writer, settings, Silent(), StopSignal())

    with tempfile.TemporaryDirectory(prefix="gapbench-knee-") as name:
        manifest = asyncio.run(main(Path(name)))
        found = dict(manifest.searches[0])
        log = [json.loads(line) for line in (Path(name) / "logs/knee/times.jsonl").read_bytes().splitlines()]
        took_s = [entry["last_write_s"] - entry["begun_s"] for entry in log if entry["fault"] is None]
        found["reply_s"] = statistics.fmean(took_s)
        again = capacity([Path(name)], search.slo).rates[0]
    found["same_from_rows"] = (again.rate_rps, again.low_rps) == (found["rate_rps"], found["low_rps"])
    return found


def main() -> None:
    """Search, compare, and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--searches", type=int, default=2)
    parser.add_argument("--duration", type=float, default=15.0, help="seconds of each try")
    parser.add_argument("--warmup", type=float, default=1.0)
    parser.add_argument("--out", default=str(Path(__file__).parent / "results" / "load_capacity.json"))
    options = parser.parse_args()
    found = [search_once(seed, options.duration, options.warmup) for seed in range(options.searches)]
    rates = [one["rate_rps"] for one in found]
    expected = [expected_rps(options.duration, options.warmup, one["reply_s"]) for one in found]
    errors = [
        None if rate is None else rate / wanted - 1 for rate, wanted in zip(rates, expected, strict=True)
    ]
    result = {
        "nominal_rps": expected_rps(options.duration, options.warmup, REPLY_S),
        "expected_rps": expected,
        "server_reply_s": [one["reply_s"] for one in found],
        "found_rps": rates,
        "low_rps": [one["low_rps"] for one in found],
        "errors": errors,
        "worst_error": max((abs(error) for error in errors if error is not None), default=None),
        "median_rps": statistics.median(rate for rate in rates if rate is not None) if any(rates) else None,
        "tries": [sum(level["tries"] for level in one["levels"]) for one in found],
        "same_from_rows": all(one["same_from_rows"] for one in found),
        "within_5_percent": all(error is not None and abs(error) <= 0.05 for error in errors),
        "duration_s": options.duration,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine_info(),
    }
    text = json.dumps(result, indent=1) + "\n"
    print(text, end="")
    if options.out != "-":
        Path(options.out).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

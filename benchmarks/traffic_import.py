"""A million lines of logs into one table, and its audit: how long does it take, and how much memory?

    .venv/bin/python benchmarks/traffic_import.py                     a million lines: half LiteLLM, half OpenAI with texts
    .venv/bin/python benchmarks/traffic_import.py --lines 20000 --name -

The lines are made by seed. The import runs in a process of its own, whose processor time and largest memory are read when
it ends. Other work on the machine makes the elapsed time longer and leaves the processor time nearly as it is; both are
written down, with the load of the machine. The tokens and dollars of the table are compared with those of the generator.

Must-show of the traffic issue: at most 60 s and 1 GiB; tokens and cents equal to the last.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

import orjson
import pyarrow.compute as pc
import pyarrow.parquet as pq
from truth import write

START_S = 1_767_225_600
ROUTES = ("support", "search", "summary", "code", "mail", "triage")
WORDS = [
    "the",
    "order",
    "was",
    "sent",
    "on",
    "monday",
    "and",
    "the",
    "customer",
    "asks",
    "for",
    "a",
    "new",
    "address",
    "because",
    "of",
    "a",
    "strike",
    "in",
    "the",
    "harbour",
]


def make_logs(folder: Path, lines: int, seed: int) -> tuple[dict[str, int], Decimal, int]:
    """Write the logs; return the sums of the token columns, the dollars of LiteLLM's half, and the bytes."""
    draw = random.Random(seed)
    sums = dict.fromkeys(("input_tokens", "cached_input_tokens", "output_tokens"), 0)
    dollars = Decimal(0)
    half = lines // 2
    with (folder / "litellm.jsonl").open("wb") as file:
        for number in range(half):
            start = START_S + number * 2.5
            prompt, output = draw.randrange(50, 9000), draw.randrange(1, 900)
            cached = draw.choice((0, prompt // 2))
            spend = round(prompt * 1.25e-6 + output * 1e-5, 9)
            sums["input_tokens"] += prompt
            sums["cached_input_tokens"] += cached
            sums["output_tokens"] += output
            dollars += Decimal(repr(spend))
            file.write(
                orjson.dumps(
                    {
                        "request_id": f"chatcmpl-{number:08d}", "call_type": "acompletion", "api_key": "0" * 64,
                        "spend": spend, "total_tokens": prompt + output, "prompt_tokens": prompt,
                        "completion_tokens": output, "startTime": iso(start), "endTime": iso(start + 2.25),
                        "completionStartTime": iso(start + 0.5), "model": "gpt-5.2", "model_group": "house",
                        "custom_llm_provider": "openai", "user": f"user-{draw.randrange(2000)}", "end_user": "",
                        "metadata": {"status": "success", "additional_usage_values": {"cache_read_input_tokens": cached}},
                        "cache_hit": "False", "request_tags": [draw.choice(ROUTES)], "session_id": f"s-{number // 5}",
                        "messages": {}, "response": {}, "team_id": None,
                    },
                    option=orjson.OPT_APPEND_NEWLINE,
                )
            )  # fmt: skip
    with (folder / "openai.jsonl").open("wb") as file:
        for number in range(lines - half):
            prompt, output = draw.randrange(50, 900), draw.randrange(1, 300)
            sums["input_tokens"] += prompt
            sums["output_tokens"] += output
            question = " ".join(draw.choices(WORDS, k=60))
            file.write(
                orjson.dumps(
                    {
                        "timestamp": START_S + number * 3, "latency_ms": draw.randrange(200, 9000),
                        "request": {
                            "model": "gpt-5.2", "temperature": 0, "user": f"user-{draw.randrange(2000)}",
                            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": question}],
                        },
                        "response": {
                            "id": f"resp-{number:08d}", "object": "chat.completion", "created": START_S + number * 3,
                            "model": "gpt-5.2-2025-12-11",
                            "choices": [{"message": {"role": "assistant", "content": question[:120]}, "finish_reason": "stop"}],
                            "usage": {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output},
                        },
                    },
                    option=orjson.OPT_APPEND_NEWLINE,
                )
            )  # fmt: skip
    return sums, dollars, sum(path.stat().st_size for path in folder.glob("*.jsonl"))


def iso(seconds: float) -> str:
    """Return a time as LiteLLM writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds % 1 * 1000):03d}Z"


def main() -> None:
    """Make, import, compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--name", default="traffic_import", help="name of the result; - writes none")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as given:
        folder = Path(given)
        sums, dollars, size = make_logs(folder, options.lines, options.seed)
        load = os.getloadavg()[0]
        start = time.perf_counter()
        bench = [sys.executable, "-m", "gapbench.cli", "traffic", "import"]
        subprocess.run(
            [
                *bench,
                str(folder / "litellm.jsonl"),
                str(folder / "openai.jsonl"),
                "--out",
                str(folder / "t.parquet"),
            ],
            check=True,
        )
        elapsed = time.perf_counter() - start
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        audited = subprocess.run(
            [*bench[:-1], "audit", str(folder / "t.parquet"), "--json"], check=True, capture_output=True
        )
        audit_elapsed = time.perf_counter() - start
        audit_used = resource.getrusage(resource.RUSAGE_CHILDREN)
        total = orjson.loads(audited.stdout)["total"]
        table = pq.read_table(folder / "t.parquet", columns=[*sums, "cost_usd"])
        found = {name: pc.sum(table[name]).as_py() or 0 for name in sums}
        result = {
            "lines": options.lines,
            "log_bytes": size,
            "table_bytes": (folder / "t.parquet").stat().st_size,
            "elapsed_s": round(elapsed, 1),
            "processor_s": round(used.ru_utime + used.ru_stime, 1),
            "peak_memory_mib": round(used.ru_maxrss / 1024),
            "load_of_the_machine": round(load, 1),
            "cores": os.cpu_count(),
            "tokens_equal": found == sums,
            "dollars_equal": pc.sum(table["cost_usd"]).as_py() == dollars,
            "rows": table.num_rows,
            "audit_elapsed_s": round(audit_elapsed, 1),
            "audit_processor_s": round(
                audit_used.ru_utime + audit_used.ru_stime - used.ru_utime - used.ru_stime, 1
            ),
            "peak_memory_with_audit_mib": round(audit_used.ru_maxrss / 1024),
            "audit_tokens_equal": {name: total[name] for name in sums} == sums,
            "audit_dollars_equal_to_the_cent": round(total["usd_reported"], 2) == float(round(dollars, 2)),
        }
    print(result)
    if options.name != "-":
        write(options.name, result)


if __name__ == "__main__":
    main()

"""A replay of a million logged requests: seconds and memory until it can be planned, and what a prompt costs when it is sent.

A fifth of the requests have their text, 4,000 characters each (0.8 GB), which memory must not hold; the others are made
up. Run: ``.venv/bin/python benchmarks/replay_scale.py`` (five minutes).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from truth import write

from gapbench.store.table_file import TableWriter
from gapbench.suite.loads.schema import LoadDocument
from gapbench.suite.plan import Cell
from gapbench.suite.replay import open_replay
from gapbench.traffic.record import TRAFFIC_SCHEMA_VERSION, TrafficRecord
from gapbench.values import Model, Params

TEXT_CHARS = 4_000
SENT = 2_000


def write_table(file: Path, rows: int) -> None:
    """Write a day of sessions of five requests over six routes."""
    draw = random.Random(1)
    start = datetime(2026, 1, 5, tzinfo=UTC)
    pool = "".join(draw.choices("abcdefghijklmnopqrstuvwxyz     ", k=1_000_000))
    names = [field.name for field in fields(TrafficRecord)]
    with (
        file.open("wb") as stream,
        TableWriter(stream, TrafficRecord, {"traffic_schema": str(TRAFFIC_SCHEMA_VERSION)}) as table,
    ):
        for number in range(rows):
            session, turn = divmod(number, 5)
            at = draw.randrange(len(pool) - TEXT_CHARS)
            text = pool[at : at + TEXT_CHARS] if session % 5 == 0 else None
            row = dict.fromkeys(names) | {
                "time": start + timedelta(seconds=number * 86_400 / rows),
                "route": f"route-{session % 6}",
                "session_hash": f"{session:032x}",
                "input_tokens": 500 + 300 * turn,
                "cached_input_tokens": 400 if turn else 256,
                "output_tokens": 200,
                "response_s": 2.0,
                "messages": None if text is None else json.dumps([{"role": "user", "content": text}]),
                "form": "map",
                "file": "log.jsonl",
                "line": number + 1,
                "simulated": False,
            }
            table.append([row[name] for name in names])
        table.close({"rows": str(rows)})


def peak_mb() -> float:
    """Return the most memory that this process had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        child = os.fork()  # the writing's memory is not the replay's
        if child == 0:
            write_table(folder / "traffic.parquet", given.rows)
            os._exit(0)
        os.waitpid(child, 0)
        before_mb, start_s, start_cpu_s = peak_mb(), time.perf_counter(), time.process_time()
        document = LoadDocument.model_validate({"replay": {"traffic": "traffic.parquet", "speed": 24}})
        replay = open_replay(document, folder, 0)
        opened_s, opened_cpu_s, opened_mb = (
            time.perf_counter() - start_s,
            time.process_time() - start_cpu_s,
            peak_mb(),
        )
        cell = Cell(Model("m", "sim", "m", "open"), replay.task, replay.loads[0], Params(), 1, 0)
        start_s = time.perf_counter()
        requests = cell.requests
        planned_s, planned_mb = time.perf_counter() - start_s, peak_mb()
        start_s = time.process_time()
        chars = sum(len(cell.messages(request)[0].text) for request in requests[:SENT])
        prompt_us = (time.process_time() - start_s) / SENT * 1e6
    write(
        "replay_scale",
        {
            "rows": given.rows, "text_gb": round(given.rows / 5 * TEXT_CHARS / 1e9, 2), "requests": len(requests),
            "open_s": round(opened_s, 1), "open_cpu_s": round(opened_cpu_s, 1), "expand_s": round(planned_s, 1),
            "memory_before_mb": round(before_mb), "memory_open_mb": round(opened_mb),
            "memory_planned_mb": round(planned_mb), "prompt_us": round(prompt_us, 1), "chars_of_prompts": chars,
        },
    )  # fmt: skip


if __name__ == "__main__":
    main()

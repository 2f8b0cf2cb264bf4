"""How long `bench report`, `bench gap` and `gb.read` take on large runs, and how much memory: wall seconds and peak RSS.

    python benchmarks/analysis_scale.py                       one million attempt rows
    python benchmarks/analysis_scale.py --rows 10000000       ten million
    python benchmarks/analysis_scale.py --only read attempts  from Python alone, with a result file of its own
    python benchmarks/analysis_scale.py --rows 20000 --keep 0 --out -     a quick look

Makes a synthetic run folder (four models, three tasks, parts of 5,000 rows, a list of chunk times in every
row and a payload part beside each, so that reading either would show), then runs the commands and the Python as a
user does, each in a process of its own, the start of Python and the imports included. The targets are 5 s and 2 GiB for a million rows, 60 s and 6 GiB for ten.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gapbench.store.schema import ATTEMPT_SCHEMA, PAYLOAD_SCHEMA

PART_ROWS = 5_000
CHUNKS = 16
MODELS = {"closed-a": 0.86, "closed-b": 0.83, "open-a": 0.84, "open-b": 0.78}
TASKS = ("coding/functions", "reasoning/sums", "multimodal/charts")
MEASURED = {
    "gap": ["-m", "gapbench.cli", "gap"],
    "report": ["-m", "gapbench.cli", "report"],
    "read": ["-c", "import sys, gapbench as gb; gb.read(sys.argv[1]).gap()"],
    "attempts": ["-c", "import sys, gapbench as gb; gb.read(sys.argv[1]).attempts()"],
}
"""Arguments of Python, before the run. ``attempts`` is the frame of all rows with the columns that tables use."""
TARGETS = {1_000_000: (5.0, 2.0), 10_000_000: (60.0, 6.0)}
STARTED = datetime(2026, 11, 1, 12, tzinfo=UTC)


def make_run(folder: Path, rows: int) -> None:
    """Write a run of ``rows`` attempts: each item asked of each model once, 2 % retried."""
    folder.mkdir(parents=True)
    cells = [(model, task) for model in MODELS for task in TASKS]
    items = rows // len(cells)
    rng = np.random.default_rng(1)
    number = 0
    for model, task in cells:
        ease = np.random.default_rng(TASKS.index(task)).random(items)
        for start in range(0, items, PART_ROWS):
            number += 1
            size = min(PART_ROWS, items - start)
            table = part(rng, folder.name, model, task, start, size, ease[start : start + size])
            pq.write_table(table, folder / f"attempts-{number:05d}.parquet", compression="zstd")
            pq.write_table(payload(table), folder / f"payload-{number:05d}.parquet", compression="zstd")
    (folder / "run.json").write_text(json.dumps(manifest(folder.name, cells, items)))


def part(
    rng: np.random.Generator, run_id: str, model: str, task: str, start: int, size: int, ease: Any
) -> pa.Table:
    """Return one part of a cell."""
    skill = MODELS[model]
    right = (0.6 * ease + 0.4 * rng.random(size)) < skill * 0.75
    failed = rng.random(size) < 0.01
    outcome = np.where(failed, "infra", np.where(right, "correct", "wrong"))
    ids = np.arange(start, start + size)
    scheduled = ids * 0.05
    ttft, long = rng.lognormal(-1.2, 0.4, size), rng.lognormal(0.5, 0.3, size)
    sent = scheduled + rng.random(size) * 0.01
    chunks = (sent + ttft)[:, None] + np.linspace(0, 1, CHUNKS)[None, :] * long[:, None]
    out_tokens = rng.integers(20, 400, size)
    constant = {
        "run_id": run_id, "cell_id": f"{model}|{task}|c16", "suite": "scale", "suite_sha256": "s",
        "task": task, "task_sha256": "t", "category": task.split("/", maxsplit=1)[0], "repeat": 0, "attempt": 1,
        "final": True, "phase": "measure", "model_id": model, "runner": "openai", "model_asked": model,
        "model_served": model, "weights": model.split("-", maxsplit=1)[0], "simulated": False,
        "params_asked": '{"max_tokens":256}', "params_sent": '{"max_tokens":256}', "image_count": 0,
        "image_bytes": 0, "load_kind": "concurrency", "load_value": 16.0, "worker": 0, "transport": "lean",
        "started_at": STARTED, "loop_lag_s": 0.001, "in_flight": 16, "usage_source": "provider",
        "reasoning_disclosure": "none", "input_chars": 4000, "reasoning_chars": 0, "http_status": 200,
        "finish_reason": "stop", "finish_raw": "stop", "from_cache": False, "scorer": "exact",
        "params_changes": [],
    }  # fmt: skip
    varying = {
        "sample_id": named("s", ids),
        "cluster_id": named("d", ids // 2),
        "prompt_sha256": pc.utf8_lpad(named(f"{task}-", ids), 64, "0"),
        "scheduled_s": scheduled,
        "sent_s": sent,
        "first_byte_s": sent + ttft,
        "first_token_s": sent + ttft,
        "first_answer_s": sent + ttft,
        "last_token_s": sent + ttft + long,
        "done_s": sent + ttft + long,
        "chunk_s": pa.ListArray.from_arrays(
            pa.array(np.arange(size + 1, dtype=np.int32) * CHUNKS), pa.array(chunks.ravel())
        ),
        "input_tokens": rng.integers(200, 2000, size),
        "output_tokens": out_tokens,
        "output_chars": out_tokens * 4,
        "outcome": outcome.tolist(),
        "failure_kind": np.where(failed, "server", None).tolist(),
        "score": pa.array(right.astype(float), mask=failed),
        "answer": np.where(right, "4", "5").tolist(),
    }
    columns = []
    for field in ATTEMPT_SCHEMA:
        if field.name in varying:
            value = varying[field.name]
            array = value if isinstance(value, pa.Array) else pa.array(value)
            columns.append(array.cast(field.type) if array.type != field.type else array)
        elif field.name in constant:
            columns.append(pa.array([constant[field.name]] * size, field.type))
        else:
            columns.append(pa.nulls(size, field.type))
    return pa.table(columns, schema=ATTEMPT_SCHEMA.with_metadata({"gapbench.schema": "1"}))


def named(prefix: str, numbers: Any) -> pa.Array:
    """Return ``prefix`` and number as text."""
    return pc.binary_join_element_wise(prefix, pa.array(numbers).cast(pa.string()), "")


def payload(table: pa.Table) -> pa.Table:
    """Return the payload part beside an attempts part."""
    size = table.num_rows
    text = pa.array(["What is the sum? " * 20] * size)
    columns = [
        table[field.name].combine_chunks()
        if field.name in table.column_names and field.name != "error"
        else (text if field.name in {"messages", "reply"} else pa.array([""] * size)).cast(field.type)
        for field in PAYLOAD_SCHEMA
    ]
    return pa.table(columns, schema=PAYLOAD_SCHEMA.with_metadata({"gapbench.schema": "1"}))


def manifest(run_id: str, cells: list[tuple[str, str]], items: int) -> dict[str, Any]:
    """Return the ``run.json`` of a finished run."""
    at = "2026-11-01T12:00:00.000Z"
    return {
        "schema": 1, "run_id": run_id, "suite": "scale", "suite_sha256": "s", "seed": 0, "repeats": 1,
        "margin_points": 1.7, "started_at": at, "ended_at": at, "state": "complete", "reason": None,
        "versions": {"gapbench": "0"}, "machine": {}, "failures": [],
        "models": [
            {
                "id": model, "runner": "openai", "name": model, "weights": model.split("-")[0],
                "released": None, "base_url": None, "simulated": False, "params": {}, "options": {},
                "cost": {"gpu": "H100-80GB", "gpus": 1, "usd_per_gpu_hour": 2.95}
                if model.startswith("open")
                else {"input_usd_per_mtok": 3, "output_usd_per_mtok": 15},
                "facts": {},
            }
            for model in MODELS
        ],
        "tasks": [
            {"name": task, "category": task.split("/")[0], "version": 1, "sha256": "t", "samples": items}
            for task in TASKS
        ],
        "cells": [
            {
                "cell_id": f"{model}|{task}|c16", "model_id": model, "task": task,
                "category": task.split("/")[0], "load_kind": "concurrency", "load_value": 16.0,
                "planned": items, "started_at": at, "wall_s": items * 0.05, "counters_before": None,
                "counters_after": None, "lag_p99_s": None,
            }
            for model, task in cells
        ],
    }  # fmt: skip


def timed(arguments: list[str]) -> dict[str, Any]:
    """Run Python with arguments in a process of its own and return its wall time and peak memory."""
    began = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.execv(sys.executable, [sys.executable, *arguments])
    _, status, usage = os.wait4(pid, 0)
    if status:
        sys.exit(f"python {' '.join(arguments)} ended with {os.waitstatus_to_exitcode(status)}")
    scale = 1024 if sys.platform != "darwin" else 1
    return {
        "wall_s": round(time.perf_counter() - began, 2),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_rss_gib": round(usage.ru_maxrss * scale / 2**30, 2),
    }


def main() -> None:
    """Make the run, time the commands, keep the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3, help="the median is kept")
    parser.add_argument("--folder", type=Path, help="where the run is made  [default: a temporary folder]")
    parser.add_argument("--keep", type=int, default=0, help="1: leave the run there for another go")
    parser.add_argument(
        "--only", nargs="+", choices=MEASURED, help="measure only these, with a result file of their own"
    )
    parser.add_argument("--out", default="", help="a JSON file; -: print only")
    options = parser.parse_args()
    place = options.folder or Path(tempfile.mkdtemp(prefix="gapbench-scale-"))
    run = place / f"scale-{options.rows}"
    if not (run / "run.json").exists():
        print(f"making {options.rows:,} rows in {run}")
        make_run(run, options.rows)
    found: dict[str, Any] = {}
    load_before = os.getloadavg()[0]
    for name in options.only or MEASURED:
        taken = [timed([*MEASURED[name], str(run)]) for _ in range(options.repeats)]
        found[name] = sorted(taken, key=lambda one: one["wall_s"])[len(taken) // 2]
        print(f"{name}: {found[name]}")
    result = {
        "benchmark": "analysis_scale",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "rows": options.rows,
        "chunks_per_row": CHUNKS,
        "repeats": options.repeats,
        "machine": {
            "platform": platform.platform(),
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
            "load_average_1_min": [round(load_before, 1), round(os.getloadavg()[0], 1)],
        },
        "target": dict(zip(("wall_s", "peak_rss_gib"), TARGETS.get(options.rows, (None, None)), strict=True)),
        "commands": found,
    }
    if not options.keep:
        shutil.rmtree(run)
        if options.folder is None:
            place.rmdir()
    if options.out != "-":
        name = "_".join(["analysis_scale", str(options.rows), *(options.only or ())])
        path = Path(options.out or Path(__file__).parent / "results" / f"{name}.json")
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(result, indent=2) + "\n")
        print(path)


if __name__ == "__main__":
    main()

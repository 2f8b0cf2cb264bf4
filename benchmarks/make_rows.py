"""Makes runs of many attempt rows that look like real ones, for benchmarks of reading results. Nothing is sent.

    python benchmarks/make_rows.py FOLDER --rows 10000000          one run of ten million rows
    python benchmarks/make_rows.py FOLDER --rows 100000000 --runs 4

Six models (two closed and four open, two of these on GPUs by the hour), ten tasks in three categories, two loads (16 in
flight, and 20 a second), two repeats of each sample in each run. Every column of the attempt row is there:

- 2 % of the requests were sent twice: the first attempt got HTTP 429, has no tokens, and is not final;
- 1 % of the requests got no answer (`infra`), 2 % of the answers could not be parsed, 1 % ran into the token budget;
- two to three samples share a source (`cluster_id`); one task gives partial credit;
- prompts are read from the provider's cache in part, one model reports reasoning tokens;
- each reply has the arrival of 16 chunks with the tokens so far;
- the rows of a cell are in the order in which the answers came, not in that of the samples.

Rows are written in parts of 5,000, zstd-compressed, about 230 bytes each on disk; each cell begins a new part. Then small parts
are joined, as by a run that is done. There are no journals and no payload parts. The same seed gives the same rows.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gapbench.store.part_joining import join_parts
from gapbench.store.schema import ATTEMPT_SCHEMA

PART_ROWS = 5_000
CHUNKS = 16
REPEATS = 2
SKILL = {"closed-a": 0.86, "closed-b": 0.83, "open-a": 0.84, "open-b": 0.78, "open-c": 0.81, "open-d": 0.70}
ON_GPUS = ("open-a", "open-b")
TASKS = (
    "coding/functions", "coding/queries", "coding/patches", "reasoning/sums", "reasoning/logic", "reasoning/dates",
    "reasoning/units", "multimodal/charts", "multimodal/forms", "multimodal/maps",
)  # fmt: skip
PARTIAL_TASK = "coding/patches"
LOADS = (("c16", "concurrency", 16.0), ("r20", "rate", 20.0))
DICTIONARIES = [field.name for field in ATTEMPT_SCHEMA if pa.types.is_dictionary(field.type)]
STARTED = datetime(2026, 11, 1, 12, tzinfo=UTC)


def samples_per_task(rows: int, runs: int) -> int:
    """Return how many samples each task has, so that the runs have about ``rows`` rows."""
    return max(2, round(rows / (1.02 * runs * len(SKILL) * len(TASKS) * len(LOADS) * REPEATS)))


def make_runs(folder: Path, rows: int, runs: int = 1, processes: int = 2) -> list[Path]:
    """Write the runs and return their folders. Those that are there already are left as they are."""
    samples = samples_per_task(rows, runs)
    found = []
    with ProcessPoolExecutor(processes) as pool:
        for number in range(runs):
            run = folder / f"night-{number + 1}"
            found.append(run)
            if (run / "run.json").exists():
                continue
            run.mkdir(parents=True, exist_ok=True)
            cells = [(model, task, load) for model in SKILL for task in TASKS for load in LOADS]
            parts = 2 + int(samples * REPEATS * 1.05) // PART_ROWS
            jobs = [(run, number, samples, place * parts, *cell) for place, cell in enumerate(cells)]
            planned = list(pool.map(make_cell, jobs, chunksize=4))
            (run / "run.json").write_text(json.dumps(manifest(run.name, number, samples, cells, planned)))
        list(pool.map(join_parts, found))
    return found


def make_cell(job: tuple[Any, ...]) -> float:
    """Write the parts of one cell and return its seconds."""
    run, number, samples, first_part, model, task, (load, kind, value) = job
    seed = [number, list(SKILL).index(model), TASKS.index(task), int(value)]
    rng = np.random.default_rng(seed)
    # The same questions are hard for every model, in every run.
    ease = np.random.default_rng([7, TASKS.index(task)]).random(samples)
    request = rng.permutation(samples * REPEATS) if kind == "rate" else np.arange(samples * REPEATS)
    scheduled = np.arange(len(request)) * 0.05
    took = rng.lognormal(0.7, 0.4, len(request))
    # Answers are written in the order in which they came.
    order = np.argsort(scheduled + took)
    request, scheduled, took = request[order], scheduled[order], took[order]
    part = first_part
    for start in range(0, len(request), PART_ROWS):
        stop = start + PART_ROWS
        part += 1
        table = make_part(
            rng, run.name, number, (model, task, load, kind, value), request[start:stop], scheduled[start:stop],
            took[start:stop], ease,
        )  # fmt: skip
        path = run / f"attempts-{part:06d}.parquet"
        pq.write_table(table, path, compression="zstd", compression_level=1, use_dictionary=DICTIONARIES)
    return float((scheduled + took).max())


def make_part(
    rng: np.random.Generator,
    run_id: str,
    number: int,
    cell: tuple[str, str, str, str, float],
    request: Any,
    scheduled: Any,
    took: Any,
    ease: Any,
) -> pa.Table:
    """Return one part: a row for each request, and one more for each that was sent twice."""
    model, task, load, kind, value = cell
    again = np.flatnonzero(rng.random(len(request)) < 0.02)
    rows = np.sort(np.concatenate([np.arange(len(request)), again]), kind="stable")
    retried = np.zeros(len(rows), dtype=bool)
    retried[:-1] = rows[:-1] == rows[1:]
    attempt = 1 + np.concatenate([[False], retried[:-1]]).astype(np.int32)
    size = len(rows)
    sample, repeat = request[rows] // REPEATS, request[rows] % REPEATS
    right = (0.6 * ease[sample] + 0.4 * rng.random(size)) < SKILL[model] * 0.75
    fate = rng.random(size)
    infra = retried | (fate < 0.01)
    unparsed, truncated = ~infra & (fate > 0.98) & (fate <= 0.99), ~infra & (fate > 0.99)
    outcome = np.where(right, 0, 1)
    outcome[unparsed], outcome[truncated], outcome[infra] = 2, 3, 4
    score = (outcome == 0).astype(float)
    if task == PARTIAL_TASK:
        score = np.where(outcome == 1, rng.integers(0, 5, size) / 8, score)
    sent = scheduled[rows] + rng.random(size) * 0.002
    done = np.where(infra, sent + 0.05, scheduled[rows] + took[rows] + 0.002)
    ttft = 0.3 * (done - sent)
    shares = np.linspace(0, 1, CHUNKS)
    chunks = (sent + ttft)[:, None] + shares[None, :] * (done - sent - ttft)[:, None]
    input_tokens, output_tokens = rng.integers(200, 2000, size), rng.integers(20, 400, size)
    made = np.maximum(1, (shares[None, :] * output_tokens[:, None])).astype(np.int64)
    heard = np.flatnonzero(~infra)
    offsets = np.concatenate([[0], np.cumsum(np.where(infra, 0, CHUNKS))]).astype(np.int32)
    cached = (input_tokens * rng.integers(0, 3, size)) // 4
    names = {
        "run_id": run_id, "cell_id": f"{model}|{task}|{load}", "suite": "scale", "suite_sha256": "5" * 64, "task": task,
        "task_sha256": "7" * 64, "category": task.split("/", maxsplit=1)[0], "phase": "measure", "model_id": model,
        "runner": "openai", "model_asked": model, "model_served": f"{model}-2026-10", "weights": model.split("-")[0],
        "params_asked": '{"max_tokens":256,"temperature":0}', "params_sent": '{"max_completion_tokens":256,"temperature":0}',
        "load_kind": kind, "transport": "lean", "system_fingerprint": "fp_44709d6fcb", "usage_source": "provider",
        "reasoning_disclosure": "none", "scorer": "exact", "service_tier": "default",
    }  # fmt: skip
    plain = {
        "simulated": False, "image_count": int(task.startswith("multimodal")), "image_bytes": 20_000 * task.startswith("multimodal"),
        "load_value": value, "started_at": STARTED + timedelta(days=number), "input_chars": 4000, "reasoning_chars": 0,
        "from_cache": False,
    }  # fmt: skip
    unheard = {
        "first_byte_s": sent + ttft * 0.9, "first_token_s": sent + ttft, "first_answer_s": sent + ttft, "last_token_s": done,
        "input_tokens": input_tokens, "cached_input_tokens": cached, "output_tokens": output_tokens,
    }  # fmt: skip
    varying: dict[str, Any] = {
        "sample_id": texts("s", sample), "cluster_id": texts("source", sample * 2 // 5),
        "prompt_sha256": prompts(task, len(ease)).take(pa.array(sample)), "repeat": repeat, "attempt": attempt,
        "final": ~retried, "worker": request[rows] % 4, "params_changes": one_change(size), "scheduled_s": scheduled[rows],
        "sent_s": sent, "done_s": done, "loop_lag_s": rng.random(size) * 0.001, "in_flight": rng.integers(1, 17, size),
        "response_id": texts("resp_", rng.integers(0, 2**60, size)), "output_chars": np.where(infra, 0, output_tokens * 4),
        "http_status": np.where(infra, 429, 200), "score": pa.array(score, mask=infra),
        "answer": pa.array(np.where(right, "42", "41"), mask=infra), "outcome": labels(OUTCOMES, outcome),
        "failure_kind": labels(("rate_limit",), np.where(infra, 0, -1)),
        "finish_reason": labels(("stop", "length"), np.where(infra, -1, truncated)),
        "finish_raw": labels(("stop", "length"), np.where(infra, -1, truncated)),
        "chunk_s": pa.ListArray.from_arrays(offsets, chunks[heard].ravel()),
        "chunk_tokens": pa.ListArray.from_arrays(offsets, made[heard].ravel()),
        **{name: pa.array(values, mask=infra) for name, values in unheard.items()},
    }  # fmt: skip
    if model == "closed-b":
        varying["reasoning_tokens"] = pa.array(output_tokens // 2, mask=infra)
    columns = []
    for field in ATTEMPT_SCHEMA:
        if field.name in varying:
            array = varying[field.name]
            array = array if isinstance(array, pa.Array) else pa.array(array)
            columns.append(array if array.type == field.type else array.cast(field.type))
        elif field.name in names:
            columns.append(labels((names[field.name],), np.zeros(size, dtype=np.int32)))
        elif field.name in plain:
            columns.append(pa.repeat(pa.scalar(plain[field.name], field.type), size))
        else:
            columns.append(pa.nulls(size, field.type))
    return pa.table(columns, schema=ATTEMPT_SCHEMA.with_metadata({"gapbench.schema": "1"}))


OUTCOMES = ("correct", "wrong", "unparsed", "truncated", "infra")


def labels(words: tuple[str, ...], codes: Any) -> pa.Array:
    """Return words by their codes; a negative code is null."""
    places = np.asarray(codes, dtype=np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(places, mask=places < 0), pa.array(words, pa.string()))


def texts(prefix: str, numbers: Any) -> pa.Array:
    """Return ``prefix`` and number as text."""
    found = pc.binary_join_element_wise(prefix, pa.array(numbers).cast(pa.string()), "")
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def one_change(size: int) -> pa.Array:
    """Return lists of the one change that the rules made."""
    values = pa.repeat(pa.scalar("max_tokens sent as max_completion_tokens"), size)
    return pa.ListArray.from_arrays(np.arange(size + 1, dtype=np.int32), values)


@cache
def prompts(task: str, samples: int) -> pa.Array:
    """Return a made-up hash of each sample's prompt: 64 hexadecimal digits."""
    rng = np.random.default_rng([3, TASKS.index(task)])
    return pa.array([bytes(block).hex() for block in rng.integers(0, 256, (samples, 32), dtype=np.uint8)])


def manifest(
    run_id: str, number: int, samples: int, cells: list[tuple[Any, ...]], walls: list[float]
) -> dict[str, Any]:
    """Return the ``run.json`` of a finished run."""
    at = (STARTED + timedelta(days=number)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    gpu = {"gpu": "H100-80GB", "gpus": 1, "usd_per_gpu_hour": 2.95}
    api = {"input_usd_per_mtok": 3, "cached_input_usd_per_mtok": 0.3, "output_usd_per_mtok": 15}
    return {
        "schema": 1, "run_id": run_id, "suite": "scale", "suite_sha256": "5" * 64, "seed": 0, "repeats": REPEATS,
        "margin_points": 1.7, "started_at": at, "ended_at": at, "state": "complete", "reason": None,
        "versions": {"gapbench": "0"}, "machine": {}, "failures": [],
        "models": [
            {
                "id": model, "runner": "openai", "name": model, "weights": model.split("-")[0], "released": None,
                "base_url": None, "simulated": False, "params": {}, "options": {},
                "cost": gpu if model in ON_GPUS else api, "facts": {},
            }
            for model in SKILL
        ],
        "tasks": [
            {
                "name": task, "category": task.split("/")[0], "version": 1, "sha256": "7" * 64, "samples": samples,
                "scorer": "exact",
            }
            for task in TASKS
        ],
        "cells": [
            {
                "cell_id": f"{model}|{task}|{load}", "model_id": model, "task": task, "category": task.split("/")[0],
                "load_kind": kind, "load_value": value, "planned": samples * REPEATS, "started_at": at,
                "wall_s": wall_s, "counters_before": None, "counters_after": None, "lag_p99_s": 0.002,
            }
            for (model, task, (load, kind, value)), wall_s in zip(cells, walls, strict=True)
        ],
    }  # fmt: skip


def main() -> None:
    """Make the runs that the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    for run in make_runs(options.folder, options.rows, options.runs, options.processes):
        print(run)


if __name__ == "__main__":
    main()

"""Tokens per second of one real vLLM through `bench run`, beside vLLM's own `bench serve` and `bench throughput`.

Must-show 7 of the issue on truth: at least 95 % on the CPU with the small model, of the same requests: as many bytes
of prompt, as many tokens of answer whatever the model says (`ignore_eos`), the same engine arguments, no prefix
cache. ``served``: one server that our runner owns, asked by `bench run` and by `vllm bench serve` in turn.
``engine``: `bench run` with the engine in its process, and `vllm bench throughput`, a new process for each of its runs.
Run: ``make test-vllm`` once for the environment, then ``.venv/bin/python benchmarks/vllm_throughput.py`` (five minutes).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import string
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from truth import BENCH, median, write

from gapbench.store import read_attempts, read_manifest
from gapbench.values import Model, Session
from gapbench_runners.vllm.runner import VllmRunner
from tests.vllm.real import MODEL, READY_S, SERVE_ENV, VLLM_PYTHON, bench_beside_vllm

PROMPT_CHARS = 128
ENGINE = {"max_model_len": 512, "dtype": "float32", "enforce_eager": True, "enable_prefix_caching": False}
# The template of the model's tokenizer, for the command that takes no messages.
TEMPLATED = "<s><user>{}<assistant>"


def arguments(streams: int) -> list[str]:
    """Return the engine's settings as vLLM's commands take them."""
    return [
        "--max-model-len", str(ENGINE["max_model_len"]), "--dtype", str(ENGINE["dtype"]), "--enforce-eager",
        "--no-enable-prefix-caching", "--max-num-seqs", str(streams),
    ]  # fmt: skip


def write_requests(folder: Path, count: int) -> None:
    """Write the same prompts for us, and in the form of ShareGPT, bare and templated, for vLLM's commands."""
    draw = random.Random(7)
    prompts = ["".join(draw.choices(string.ascii_lowercase + " ", k=PROMPT_CHARS)) for _ in range(count)]
    rows = (json.dumps({"id": str(number), "prompt": prompt}) for number, prompt in enumerate(prompts))
    (folder / "prompts.jsonl").write_text("\n".join(rows) + "\n")
    for name, form in (("bare", "{}"), ("templated", TEMPLATED)):
        talks = [
            {
                "conversations": [
                    {"from": "human", "value": form.format(prompt)},
                    {"from": "gpt", "value": "-"},
                ]
            }
            for prompt in prompts
        ]
        (folder / f"{name}.json").write_text(json.dumps(talks))


def rates(
    folder: Path,
    command: Sequence[str],
    environment: Mapping[str, str],
    model: Mapping[str, Any],
    given: argparse.Namespace,
    *,
    streams: int,
    cells: int,
) -> list[float]:
    """Return tokens per second of each cell of one `bench run`: from the first request sent to the last reply."""
    tasks = [
        {
            "name": f"prompts-{number}", "category": "reasoning", "data": "prompts.jsonl", "id": "{id}",
            "prompt": "{prompt}",
        }
        for number in range(cells)
    ]  # fmt: skip
    params = {"max_tokens": given.tokens, "temperature": 1, "extra": {"ignore_eos": True}}
    document = {
        "name": "throughput", "params": params, "tasks": tasks, "loads": [{"concurrency": streams}],
        "models": [{"id": "vllm", "runner": "vllm", "weights": "open", **model}],
    }  # fmt: skip
    (folder / "suite.json").write_text(json.dumps(document))
    run = [*command, "run", "suite.json", "--yes", "--quiet", "--out", "results"]
    run_folder = folder / said(run, folder, environment).strip().splitlines()[-1]
    assert read_manifest(run_folder).state == "complete"
    rows = read_attempts([run_folder], ["cell_id", "sent_s", "done_s", "output_tokens", "outcome"])
    assert (rows["outcome"] != "infra").all()
    found = []
    for _, cell in rows.groupby("cell_id", observed=True):
        assert cell["output_tokens"].sum() == given.requests * given.tokens
        found.append(float(cell["output_tokens"].sum() / (cell["done_s"].max() - cell["sent_s"].min())))
    return found


def said(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> str:
    """Return what a command prints.

    Raises:
        SystemExit: It failed; its words are shown.
    """
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode:
        sys.exit(f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}")
    return ended.stdout


def by_bench_serve(
    folder: Path, url: str, environment: Mapping[str, str], given: argparse.Namespace
) -> float:
    """Return output tokens per second as `vllm bench serve` says."""
    command = [
        vllm(), "bench", "serve", "--backend", "openai-chat", "--base-url", url, "--endpoint", "/v1/chat/completions",
        "--model", str(MODEL), "--dataset-name", "sharegpt", "--dataset-path", "bare.json", "--disable-shuffle",
        "--sharegpt-output-len", str(given.tokens), "--num-prompts", str(given.requests), "--ignore-eos",
        "--temperature", "1", "--max-concurrency", str(given.streams), "--disable-tqdm",
        "--save-result", "--result-filename", "serve.json",
    ]  # fmt: skip
    said(command, folder, environment)
    result = json.loads((folder / "serve.json").read_text())
    assert result["completed"] == given.requests
    assert result["total_output_tokens"] == given.requests * given.tokens
    return float(result["output_throughput"])


def by_bench_throughput(folder: Path, environment: Mapping[str, str], given: argparse.Namespace) -> float:
    """Return output tokens per second as `vllm bench throughput` measures."""
    command = [
        vllm(), "bench", "throughput", "--model", str(MODEL), "--dataset-name", "sharegpt", "--dataset-path",
        "templated.json", "--output-len", str(given.tokens), "--num-prompts", str(given.requests),
        *arguments(given.streams), "--output-json", "throughput.json",
    ]  # fmt: skip
    said(command, folder, environment)
    result = json.loads((folder / "throughput.json").read_text())
    assert result["num_requests"] == given.requests
    return given.requests * given.tokens / float(result["elapsed_time"])


def vllm() -> str:
    """Return vLLM's command."""
    return str(VLLM_PYTHON.with_name("vllm"))


def served(folder: Path, environment: Mapping[str, str], given: argparse.Namespace) -> dict[str, list[float]]:
    """Measure `bench run` and `vllm bench serve` in turn against one server that our runner owns."""
    serve = {
        "python": str(VLLM_PYTHON), "args": arguments(given.streams), "env": SERVE_ENV,
        "ready_timeout_s": READY_S,
    }  # fmt: skip
    owner = VllmRunner(Model("owned", "vllm", str(MODEL), "open", options={"serve": serve}))
    found: dict[str, list[float]] = {"bench run": [], "vllm bench serve": []}
    with asyncio.Runner() as loop:
        loop.run(owner.open(Session(folder)))
        try:
            attached = owner.model_for_workers()
            assert attached is not None
            assert attached.base_url is not None
            model = {"model": str(MODEL), "base_url": attached.base_url}
            ours = dict(os.environ)
            # Once unmeasured: the first requests of a fresh server are slow.
            rates(folder, BENCH, ours, model, given, streams=given.streams, cells=1)
            for _ in range(given.times):
                found["bench run"] += rates(folder, BENCH, ours, model, given, streams=given.streams, cells=1)
                url = attached.base_url.removesuffix("/v1")
                found["vllm bench serve"].append(by_bench_serve(folder, url, environment, given))
        finally:
            loop.run(owner.close())
    return found


def in_process(
    folder: Path, command: Sequence[str], environment: Mapping[str, str], given: argparse.Namespace
) -> dict[str, list[float]]:
    """Measure `bench run` with the engine in its process, all requests at once, and `vllm bench throughput`."""
    engine = {"args": {**ENGINE, "max_num_seqs": given.streams}}
    model = {"model": str(MODEL), "engine": engine}
    ours, theirs = [], []
    for _ in range(given.times):
        # The first cell warms the engine up.
        ours += rates(folder, command, environment, model, given, streams=given.requests, cells=2)[1:]
        theirs.append(by_bench_throughput(folder, environment, given))
    return {"bench run": ours, "vllm bench throughput": theirs}


def main() -> None:
    """Measure both ways and keep medians and ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--streams", type=int, default=32, help="requests in flight, and vLLM's max-num-seqs")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--name", default="vllm_throughput")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write_requests(folder, given.requests)
        command, environment = bench_beside_vllm(folder)
        ways = {
            "served": served(folder, environment, given),
            "engine": in_process(folder, command, environment, given),
        }
        version = said([vllm(), "--version"], folder, environment).strip().splitlines()[-1]
    figures: dict[str, Any] = {
        "requests": given.requests, "output_tokens": given.tokens, "prompt_chars": PROMPT_CHARS,
        "streams": given.streams, "times": given.times, "vllm": version,
    }  # fmt: skip
    for way, runs in ways.items():
        medians = {name: median(values) for name, values in runs.items()}
        ours, theirs = medians.values()
        figures[way] = {
            "tokens_per_s": medians,
            "each": {name: [round(value) for value in values] for name, values in runs.items()},
            "ratio": round(ours / theirs, 3),
        }
    write(given.name, figures)


if __name__ == "__main__":
    main()

"""Tokens per second and CPU of one client process, 64 streams of 64 tokens against a server that never waits.

Must-shows 1 and 3 of the issue on truth. ``call`` drives runners through ``measure`` (the hot path alone: what a load
generator does); ``run`` is a whole `bench run` with plan, scores, journal and Parquet, its rate taken from the rows.
Run: ``.venv/bin/python benchmarks/saturated.py`` (three minutes).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import uvloop
from truth import PATHS, median, ran, served, suite, write

from gapbench.execution.attempts.measure import measure
from gapbench.store import read_attempts
from gapbench.values import Message, Model, Params, Request, Session, Text

RUNNERS = {
    "openai": "gapbench_runners.openai:OpenAIRunner",
    "anthropic": "gapbench_runners.anthropic:AnthropicRunner",
    "google": "gapbench_runners.google:GoogleRunner",
}
STREAMS, TOKENS = 64, 64


async def calls(protocol: str, url: str, requests: int, transport: Any) -> dict[str, float]:
    """Return rate and CPU of ``requests`` calls through one runner."""
    module, _, name = RUNNERS[protocol].partition(":")
    model = Model("truth", protocol, "truth", "open", base_url=url + PATHS[protocol])
    runner = getattr(import_module(module), name)(model)
    await runner.open(Session(Path(), connections=STREAMS, transport=transport))
    params = Params(max_tokens=TOKENS)
    numbers = iter(range(requests))

    async def stream() -> None:
        for number in numbers:
            prompt = (Message("user", (Text(f"gapbench-id:{number} Say a word."),)),)
            response = await measure(runner, runner.prepare(Request(model, prompt, params)), 60)
            assert response.failure is None, response.failure
            assert len(response.timing.chunk_s) == TOKENS

    began_s, cpu_s = time.perf_counter(), time.process_time()
    await asyncio.gather(*(stream() for _ in range(STREAMS)))
    wall_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    await runner.close()
    return {"tokens_per_s": requests * TOKENS / wall_s, "cpu_s_per_1000": cpu_s / requests * 1e3}


def in_process(protocol: str, requests: int, transport: str) -> dict[str, float]:
    """Return :func:`calls` of a fresh process."""
    with served(protocol, TOKENS, log=False) as server:
        command = [sys.executable, __file__, "--child", protocol, server.url, str(requests), transport]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, float] = json.loads(said)
    return found


def whole(protocol: str, requests: int, workers: int | None = None) -> dict[str, float]:
    """Return rate and CPU of a whole `bench run`; ``workers`` None: as many as it takes by itself, one for 64 streams."""
    load = {"concurrency": STREAMS} if workers is None else {"concurrency": STREAMS, "workers": workers}
    with tempfile.TemporaryDirectory() as folder, served(protocol, TOKENS, log=False) as server:
        done = ran(suite(Path(folder), server.url, protocol, requests, load))
        rows = read_attempts([done.run], ["sent_s", "done_s", "outcome"])
    assert (rows["outcome"] != "infra").all()
    span_s = rows["done_s"].max() - rows["sent_s"].min()
    return {
        "tokens_per_s": requests * TOKENS / span_s,
        "cpu_s_per_1000": done.cpu_s / requests * 1e3,
        "wall_s": done.wall_s,
    }


def main() -> None:
    """Measure each several times, taking turns, and keep the medians."""
    if sys.argv[1:2] == ["--child"]:
        protocol, url, requests, transport = sys.argv[2:6]
        print(json.dumps(uvloop.run(calls(protocol, url, int(requests), transport))))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=5_000)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--name", default="saturated")
    given = parser.parse_args()
    kinds = {f"call {protocol}": (in_process, protocol, "lean") for protocol in RUNNERS}
    kinds["call openai over httpx2"] = (in_process, "openai", "httpx2")
    found: dict[str, list[dict[str, float]]] = {}
    for _ in range(given.times):
        for name, (kind, protocol, transport) in kinds.items():
            requests = given.requests if transport == "lean" else max(500, given.requests // 5)
            found.setdefault(name, []).append(kind(protocol, requests, transport))
        found.setdefault("run openai", []).append(whole("openai", given.requests))
    figures = {
        name: {figure: median([run[figure] for run in runs]) for figure in runs[0]}
        for name, runs in found.items()
    }
    openai = figures["call openai"]["tokens_per_s"]
    shares = {name: figures[f"call {name}"]["tokens_per_s"] / openai for name in ("anthropic", "google")}
    write(
        given.name,
        {"requests": given.requests, "times": given.times, "figures": figures, "share_of_openai": shares},
    )


if __name__ == "__main__":
    main()

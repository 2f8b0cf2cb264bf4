"""CPU time and memory of batches: building, uploading and reading 20,000 requests, against `bench sim` in its own process.

    .venv/bin/python benchmarks/batch_lines.py                 two minutes, needs no key

Each API is measured in its own process, so that its peak memory is its alone. The prompts have about 1,000 characters.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from truth import write

from gapbench.values import Message, Params, Request, Session, Text
from gapbench.values.batches import BatchRequest
from tests.gapbench_runners.batches.batching import PROTOCOLS, runner_for

REQUESTS = 20_000
PROMPT = "word " * 200
PERSONA = {"ttft_s": 0, "gap_s": 0, "batches": {"polls": 1}}


def peak_mb() -> float:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def measure(protocol: str, url: str) -> dict[str, float]:
    """Return what one API costs this process."""
    runner = runner_for(protocol, url)
    await runner.open(Session(Path()))
    client = runner.batch_client()
    assert client is not None
    made = [
        BatchRequest(
            f"id-{at}",
            runner.prepare(
                Request(runner.model, (Message("user", (Text(f"{PROMPT}{at}"),)),), Params(max_tokens=64))
            ),
        )
        for at in range(REQUESTS)
    ]
    calls = {request.custom_id: request.call for request in made}
    before_mb, began_s = peak_mb(), time.process_time()
    size_bytes = 0
    for request in made:
        size_bytes += await client.size_bytes(request)
    sized_s = time.process_time()
    batch = await client.create(made, "run-1")
    created_s = time.process_time()
    while batch.state != "ended":
        batch = await client.read(batch.batch_id)
    looked_s = time.process_time()
    failed = count = 0
    async for reply in client.results(batch, calls.get):
        count += 1
        failed += reply.failure is not None
    read_s = time.process_time()
    await runner.close()
    return {
        "requests": count,
        "failed": failed,
        "upload_mb": round(size_bytes / 1e6, 1),
        "size_us_per_request": round((sized_s - began_s) / REQUESTS * 1e6, 1),
        "create_us_per_request": round((created_s - sized_s) / REQUESTS * 1e6, 1),
        "read_us_per_reply": round((read_s - looked_s) / REQUESTS * 1e6, 1),
        "peak_mb_above_the_calls": round(peak_mb() - before_mb, 1),
    }


def main() -> None:
    """Measure all four APIs and keep the numbers."""
    if len(sys.argv) == 3:
        print(json.dumps(asyncio.run(measure(*sys.argv[1:]))))
        return
    found: dict[str, Any] = {}
    with TemporaryDirectory() as folder:
        persona = Path(folder) / "persona.json"
        persona.write_text(json.dumps(PERSONA))
        command = [
            sys.executable,
            "-m",
            "gapbench_runners.sim_server",
            "--port",
            "0",
            "--persona",
            str(persona),
        ]
        for protocol in PROTOCOLS:
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as sim:
                assert sim.stdout is not None
                url = sim.stdout.readline().decode().split()[1]
                done = subprocess.run(
                    [sys.executable, __file__, protocol, url], check=True, capture_output=True, text=True
                )
                found[protocol] = json.loads(done.stdout)
                sim.terminate()
    write("batch_lines", {"requests_per_batch": REQUESTS, "apis": found})


if __name__ == "__main__":
    main()

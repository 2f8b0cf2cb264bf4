"""Keys planted in headers, addresses and echoed replies stand in nothing that a run leaves behind or prints."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.fault_server import FaultServer
from tests.gapbench_runners.simulated import mind, served

PLANTED = {
    "OPENAI_API_KEY": "sk-planted-openai-0123456789abcdef",
    "ANTHROPIC_API_KEY": "sk-ant-planted-0123456789/abcdef+",
    "GEMINI_API_KEY": "AIzaPlanted0123456789abcdefghijklmnop",
    "UNUSED_SERVICE_TOKEN": "unused-planted-0123456789abcdef",
}
SUITE = """\
name: leaky
models:
  - {{id: chat, runner: openai, model: m, weights: closed, base_url: "{url}/v1", key_env: OPENAI_API_KEY, cost: {{input_usd_per_mtok: 1, output_usd_per_mtok: 1}}}}
  - {{id: responses, runner: openai, api: responses, model: m, weights: closed, base_url: "{url}/v1", key_env: OPENAI_API_KEY}}
  - {{id: messages, runner: anthropic, model: m, weights: open, base_url: "{url}", key_env: ANTHROPIC_API_KEY}}
  - {{id: generate, runner: google, model: m, weights: open, base_url: "{url}", key_env: GEMINI_API_KEY}}
tasks:
  - {{name: sums, category: reasoning, data: q.jsonl, prompt: "{{question}}", target: "{{answer}}", scorer: numeric}}
params: {{max_tokens: 64}}
retries: {{attempts: 2, max_wait_s: 0}}
breaker: {{failures: 100000}}
timeouts: {{total_s: 20}}
"""
ECHOING = ("429", "500", "html", "json_type", "bad_json")


@contextmanager
def echoing() -> Iterator[str]:
    """Serve replies that echo every header of the request, in a thread of its own."""
    started, stopped = threading.Event(), asyncio.Event()
    address: list[str] = []
    loop = asyncio.new_event_loop()

    async def main() -> None:
        async with served(m=mind()) as (upstream, _):
            server = FaultServer(upstream, 1.0, ECHOING, seed=3, echo=True)
            address.append(await server.start())
            started.set()
            await stopped.wait()
            await server.stop()

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()))
    thread.start()
    started.wait()
    try:
        yield address[0]
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join()
        loop.close()


def bench(folder: Path, keys: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[bytes]:
    import os

    environment = {name: value for name, value in os.environ.items() if not name.endswith("_KEY")}
    return subprocess.run(
        [sys.executable, "-m", "gapbench.cli", *arguments],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(Path(__file__).parents[1] / "harness"), **keys},
        capture_output=True,
        check=False,
        timeout=240,
    )


def plain(path: Path) -> bytes:
    """Return a file's content as text; Parquet packs its columns, so it is read."""
    if path.suffix == ".parquet":
        return repr(pq.read_table(path).to_pylist()).encode() + repr(pq.read_schema(path)).encode()
    return path.read_bytes()


@pytest.mark.parametrize("given", ["in variables", "in files"])
def test_planted_keys_are_nowhere(tmp_path: Path, given: str) -> None:
    """Every reply echoes the request's headers: in error bodies, HTML, broken JSON, with status 200 and 4xx."""
    (tmp_path / "q.jsonl").write_text(
        "".join(f'{{"question": "What is {n} + 1?", "answer": {n + 1}}}\n' for n in range(25))
    )
    keys = dict(PLANTED)
    if given == "in files":
        for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
            file = tmp_path.parent / f"{tmp_path.name}-{name}"
            file.write_text(keys.pop(name) + "\n")
            keys[f"{name}_FILE"] = str(file)
    with echoing() as url:
        (tmp_path / "suite.yaml").write_text(SUITE.format(url=url))
        ran = bench(tmp_path, keys, "run", "suite.yaml", "--yes", "--no-preflight")
        asked = bench(tmp_path, keys, "doctor", "suite.yaml")
    run = next((tmp_path / "results").iterdir())
    outputs = {"run": ran, "first calls": asked}
    for name, arguments in {
        "errors": ("report", str(run), "--errors"),
        "report": ("report", str(run), "--html", "page.html", "--md", "page.md", "--csv", "page.csv"),
        "json": ("report", str(run), "--json"),
        "refused": ("run", "suite.yaml", "--model", f"openai:m@{url}/v1?api_key={PLANTED['OPENAI_API_KEY']}"),
    }.items():
        outputs[name] = bench(tmp_path, keys, *arguments)
    texts = {str(path): plain(path) for path in tmp_path.rglob("*") if path.is_file()}
    texts |= {
        f"{name}: {part}": getattr(done, part)
        for name, done in outputs.items()
        for part in ("stdout", "stderr")
    }

    assert 1 == ran.returncode, ran.stderr
    assert b"must not hold a query" in outputs["refused"].stderr
    assert b"[redacted]" in b"".join(texts.values())
    assert [".csv", ".html", ".json", ".jsonl", ".lock", ".md", ".parquet", ".yaml"] == sorted(
        {Path(name).suffix for name in texts if "/" in name and Path(name).suffix and ":" not in name}
    )
    leaks = [
        (name, variable)
        for name, text in texts.items()
        for variable, key in PLANTED.items()
        if key.encode() in text or key[:14].encode() in text.replace(b"sk-planted-openai-[", b"")
    ]
    assert [] == leaks

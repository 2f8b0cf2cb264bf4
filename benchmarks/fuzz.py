"""Spoilt replies through the readers of the four runners, for as long as told, guided by the coverage of our code.

    pip install --require-hashes --no-deps -r requirements/fuzz.txt   # atheris: libFuzzer for Python, Linux only
    python benchmarks/fuzz.py --minutes 60 --jobs 2

The minutes are of CPU time and shared out: 15 to each reader of an hour. Without atheris the same inputs are mutated
blindly. `fuzz.py documents` reads suites, other harnesses' logs and traces instead. What was worth keeping stays in
build/fuzz/READER/corpus, and the next run starts from there; findings lie beside it, and `fuzz_reader.py READER FILE` shows
one again. `--keep` writes a small part of the corpus into the tests.

Result: benchmarks/results/fuzz.json.
"""

from __future__ import annotations

import argparse
import base64
import importlib.util
import json
import math
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests import fuzzed_documents as documents  # noqa: E402 - after the path
from tests.gapbench_runners.fuzzed import KEPT, PROTOCOLS, kept, seeds  # noqa: E402 - after the path

ONE = ROOT / "benchmarks" / "fuzz_reader.py"
MOST_FINDINGS = 10
DOCUMENTS = "documents"
MOST_BYTES = 4_096
"""Of one input: every transcript fits, and small inputs are fast."""
MOST_BYTES_OF_A_DOCUMENT = 12_000
KEPT_BYTES = 36_000
"""Of one reader's inputs in the tests, before base64."""
LEAK_KB = 1.0
"""An input that left so much behind would fill a gigabyte within a run of a million requests."""
# What the readers look for, byte by byte; libFuzzer would have to guess it.
TOKENS = """
data: | event: | [DONE] | HTTP/1.1 200 OK | HTTP/1.0 429 | HTTP/1.1 100 | transfer-encoding: chunked | content-length: | content-encoding: gzip
connection: close | keep-alive | content-type: text/event-stream | retry-after: | retry-after-ms: | "error" | "message" | "type" | "code" | "usage"
"choices" | "delta" | "content" | "finish_reason" | "reasoning" | "reasoning_content" | "refusal" | "tool_calls" | "function" | "arguments" | "stop"
"length" | "prompt_tokens" | "completion_tokens" | "prompt_tokens_details" | "cached_tokens" | "completion_tokens_details" | "reasoning_tokens"
"model" | "id" | "system_fingerprint" | "service_tier" | "logprobs" | "token_logprobs" | "top_logprobs" | "response.output_text.delta"
"response.refusal.delta" | "response.completed" | "response.incomplete" | "response.failed" | "response.reasoning_text.delta" | "response"
"incomplete_details" | "reason" | "max_output_tokens" | "content_filter" | "status" | "input_tokens" | "output_tokens" | "input_tokens_details"
"output_tokens_details" | "content_block_start" | "content_block_delta" | "content_block" | "text_delta" | "thinking_delta" | "thinking" | "text"
"partial_json" | "redacted_thinking" | "message_start" | "message_delta" | "message_stop" | "stop_reason" | "end_turn" | "max_tokens"
"cache_read_input_tokens" | "cache_creation_input_tokens" | "cache_creation" | "ephemeral_1h_input_tokens" | "overloaded_error" | "candidates"
"parts" | "thought" | "finishReason" | "STOP" | "MAX_TOKENS" | "SAFETY" | "promptFeedback" | "blockReason" | "usageMetadata" | "promptTokenCount"
"candidatesTokenCount" | "thoughtsTokenCount" | "toolUsePromptTokenCount" | "cachedContentTokenCount" | "modelVersion" | "responseId"
vllm:num_requests_running{ | vllm:cache_config_info{ | "data" | "root" | "version" | "tokens" | "bos_token" | insufficient_quota | RESOURCE_EXHAUSTED
null | true | 1e999 | -1 | "\\ud800" | {} | [] | "quotaId" | "violations" | "details"
"""
STATUS = re.compile(r"^#(\d+)\s+(\w+) +cov: (\d+) ft: (\d+) corp: (\d+)/", re.MULTILINE)


def main(
    names: Sequence[str], minutes: float, jobs: int, seed: int, work: Path, *, keep: bool
) -> dict[str, Any]:
    """Share the time out among the readers; return what was found."""
    is_guided = importlib.util.find_spec("atheris") is not None
    began_s = time.monotonic()
    share_s = 60 * minutes / len(names)

    def one(name: str) -> dict[str, Any]:
        return _fuzzed(name, share_s, seed, work / name, is_guided=is_guided, keep=keep)

    with ThreadPoolExecutor(jobs) as pool:
        readers = dict(zip(names, pool.map(one, names), strict=True))
    return {
        "benchmark": "fuzz",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "engine": f"libFuzzer, atheris {version('atheris')}" if is_guided else "mutations, not guided",
        "minutes_cpu": minutes,
        "jobs": jobs,
        "seed": seed,
        "wall_s": round(time.monotonic() - began_s, 1),
        "execs": sum(reader["execs"] for reader in readers.values()),
        "findings": sum(len(reader["findings"]) for reader in readers.values()),
        "readers": readers,
    }


def _fuzzed(
    name: str, share_s: float, seed: int, work: Path, *, is_guided: bool, keep: bool
) -> dict[str, Any]:
    """Fuzz one runner's readers for so much CPU time; a process that ends with a finding is followed by another."""
    corpus, findings = work / "corpus", work / "findings"
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    own = documents.seeds() if name == DOCUMENTS else seeds(name)
    for number, data in enumerate((*own, *kept(name))):
        (corpus / f"seed-{number:04}").write_bytes(data)
    words = [word.strip().replace("\\", "\\\\").replace('"', '\\"') for word in re.split(r"[|\n]", TOKENS)]
    (work / "tokens.dict").write_text("".join(f'"{word}"\n' for word in words if word))
    logs: list[str] = []
    found: list[dict[str, str]] = []
    cpu_s, began_s = 0.0, time.monotonic()
    while not logs or (share_s - cpu_s > 0.03 * share_s and len(found) < MOST_FINDINGS):
        options = [
            f"-max_total_time={math.ceil(share_s - cpu_s)}",
            f"-max_len={MOST_BYTES_OF_A_DOCUMENT if name == DOCUMENTS else MOST_BYTES}",
            f"-dict={work / 'tokens.dict'}",
            f"-artifact_prefix={findings}/",
            f"-seed={seed + len(logs) + 1}",
            "-timeout=5",
            "-rss_limit_mb=1024",
            "-print_final_stats=1",
            str(corpus),
        ]
        spent_s, rc, log = _run(name, options, work / f"log-{len(logs)}.txt")
        cpu_s += spent_s
        logs.append(log)
        if rc != 0:
            found.append(_finding(log))
            print(f"{name}: {found[-1]['error']}", file=sys.stderr)
    wall_s = time.monotonic() - began_s
    execs = sum(_stats(log, "number_of_executed_units") for log in logs)
    found_in = [STATUS.findall(log) for log in logs]
    states = [
        state
        for states in found_in
        for state in states
        if state[1] in {"INITED", "DONE"} or state is states[-1]
    ]
    reader: dict[str, Any] = {
        "execs": execs,
        "execs_per_cpu_s": round(execs / cpu_s, 1),
        "cpu_s": round(cpu_s, 1),
        "wall_s": round(wall_s, 1),
        "processes": len(logs),
        "start": _coverage(states[0]) if states else None,
        "end": _coverage(states[-1]) if states else None,
        "slowest_s": max((float(took) for log in logs for took in re.findall(r"^slowest (\S+) s", log, re.MULTILINE)), default=0.0),
        "peak_rss_mb": max(_stats(log, "peak_rss_mb") for log in logs),
        "findings": found,
    }  # fmt: skip
    reader["steady"] = _steady(name, corpus, work)
    if keep and is_guided:
        reader["kept"] = _keep(name, corpus, work)
    return reader


def _run(name: str, options: list[str], log: Path) -> tuple[float, int, str]:
    """Run one process to its end; return its CPU time, its exit status and what it said."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, str(ONE), name, *options], stderr=file, stdout=file, cwd=ROOT
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime, process.returncode, log.read_text("utf-8", "replace")


def _finding(log: str) -> dict[str, str]:
    """Return what ended a process: the error, the last place in our code, and the input."""
    error = re.search(r"=== Uncaught Python exception: ===\n(.*)", log) or re.search(
        r"ERROR: (libFuzzer: .*)", log
    )
    places = re.findall(rf'File "{re.escape(str(ROOT))}/([^"]+)", line (\d+)', log)
    given = re.search(r"Test unit written to (\S+)", log)
    return {
        "error": error[1][:300] if error else log[-300:].replace(str(ROOT), "."),
        "place": ":".join(places[-1]) if places else "",
        "input": base64.b64encode(Path(given[1]).read_bytes()).decode() if given else "",
    }


def _stats(log: str, name: str) -> int:
    return max((int(value) for value in re.findall(rf"stat::{name}:\s+(\d+)", log)), default=0)


def _coverage(state: tuple[str, ...]) -> dict[str, int]:
    """Return libFuzzer's counters: edges of our code, features (edges by how often), inputs kept for them."""
    return {"cov": int(state[2]), "ft": int(state[3]), "corpus": int(state[4])}


def _steady(name: str, corpus: Path, work: Path) -> dict[str, Any]:
    """Feed the corpus over and over to a process without libFuzzer: memory must not grow."""
    _, _, log = _run(name, ["-steady=20000", str(corpus)], work / "log-steady.txt")
    said: dict[str, Any] = json.loads(log.strip().splitlines()[-1])
    return said


def _keep(name: str, corpus: Path, work: Path) -> int:
    """Write the smallest inputs that cover what the corpus covers into the tests, as many as have room."""
    small = work / "small"
    small.mkdir(exist_ok=True)
    for path in small.iterdir():
        path.unlink()
    _run(
        name,
        ["-merge=1", f"-max_len={MOST_BYTES_OF_A_DOCUMENT}", str(small), str(corpus)],
        work / "log-merge.txt",
    )
    lines, room = [], KEPT_BYTES
    for data in sorted((path.read_bytes() for path in small.iterdir()), key=lambda data: (len(data), data)):
        room -= len(data)
        if room < 0:
            break
        lines.append(base64.b64encode(data).decode() + "\n")
    KEPT.mkdir(exist_ok=True)
    (KEPT / f"{name}.txt").write_text("".join(lines))
    return len(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "readers",
        nargs="*",
        default=list(PROTOCOLS),
        help=f"{', '.join(PROTOCOLS)}; or {DOCUMENTS}: suites, logs and traces",
    )
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "fuzz")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "fuzz.json")
    given = parser.parse_args()
    result = main(given.readers, given.minutes, given.jobs, given.seed, given.work.resolve(), keep=given.keep)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    has_leak = any(reader["steady"]["kb_per_input"] > LEAK_KB for reader in result["readers"].values())
    sys.exit(1 if result["findings"] or has_leak else 0)

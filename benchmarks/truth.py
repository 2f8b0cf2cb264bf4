"""What the benchmarks share: the C server of known truth, a suite over it, `bench run` in a process, and the result file."""

from __future__ import annotations

import json
import os
import platform
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BENCH = [sys.executable, "-m", "gapbench.cli"]
PATHS = {"openai": "/v1", "vllm": "/v1", "anthropic": "", "google": ""}


def compiled(name: str = "truth_server") -> Path:
    """Build one of the C programs when its source is newer; return the program."""
    source = HERE / f"{name}.c"
    program = Path(tempfile.gettempdir()) / f"gapbench-{name}-{os.getuid()}"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["gcc", "-O2", "-o", str(program), str(source), "-lm"], check=True)
    return program


@dataclass
class Server:
    """A running server.

    Attributes:
        url: Its address.
        replies: After it has stopped: by id, when the request arrived and when each token was written.
        said: After it has stopped: its last line, with how many writes were late.
        cpu_s: After it has stopped: CPU that it used.
    """

    url: str
    replies: dict[int, tuple[float, list[float]]]
    said: str = ""
    cpu_s: float = 0.0


@contextmanager
def served(
    protocol: str,
    tokens: int = 64,
    first_ms: float = 0.0,
    sigma: float = 0.0,
    gap_ms: float = 0.0,
    seed: int = 1,
    *,
    log: bool = True,
    address: str | None = None,
) -> Iterator[Server]:
    """Run a server, on loopback or another address; leaving stops it and reads its log."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "truth.log"
        command = [
            str(compiled()),
            "0",
            str(path) if log else "-",
            "openai" if protocol == "vllm" else protocol,
        ]
        command += [
            str(tokens),
            str(first_ms),
            str(sigma),
            str(gap_ms),
            str(seed),
            *([address] if address else []),
        ]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        server = Server(process.stdout.readline().split()[1], {})
        try:
            yield server
        finally:
            process.send_signal(signal.SIGTERM)
            server.said = process.stdout.read().strip()
            process.wait()
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            server.cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            if log:
                for line in path.read_text().splitlines():
                    number, arrived_s, *write_s = line.split()
                    server.replies[int(number)] = (float(arrived_s), [float(at_s) for at_s in write_s])


@dataclass(frozen=True)
class Ran:
    """One `bench run` in a process of its own.

    Attributes:
        wall_s: From its start to its exit.
        cpu_s: CPU of it and of its children.
        rss_mb: Largest resident set of any of its processes.
        run: The run folder.
    """

    wall_s: float
    cpu_s: float
    rss_mb: float
    run: Path


def suite(folder: Path, url: str, protocol: str, samples: int, load: Mapping[str, Any], **more: Any) -> Path:
    """Write a suite of ``samples`` scored prompts that carry their ids; return its path."""
    rows = (
        json.dumps({"id": str(number), "question": f"gapbench-id:{number} Say a word.", "answer": "word"})
        for number in range(samples)
    )
    (folder / "questions.jsonl").write_text("\n".join(rows) + "\n")
    document = {
        "name": "truth",
        "seed": 1,
        "models": [
            {
                "id": "truth", "runner": protocol, "model": "truth", "weights": "open",
                "base_url": url + PATHS[protocol], "params": {"max_tokens": 64},
            }
        ],
        "tasks": [
            {
                "name": "words", "category": "reasoning", "data": "questions.jsonl", "id": "{id}",
                "prompt": "{question}", "target": "{answer}", "scorer": "contains",
            }
        ],
        "loads": [dict(load)],
        **more,
    }  # fmt: skip
    path = folder / "suite.json"
    path.write_text(json.dumps(document))
    return path


def ran(path: Path, *arguments: str) -> Ran:
    """Run a suite to its end.

    Raises:
        SystemExit: It failed; its words are shown.
    """
    out = path.parent / f"results-{time.monotonic_ns()}"
    command = [*BENCH, "run", str(path), "--yes", "--quiet", "--out", str(out), *arguments]
    environment = dict(os.environ)
    began_s = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - began_s
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{said}")
    return Ran(
        wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, next(out.glob("*/run.json")).parent
    )


def median(values: Sequence[float]) -> float:
    """Return the median, rounded to what a timing is good for."""
    return float(f"{statistics.median(values):.4g}")


def write(name: str, figures: Mapping[str, Any]) -> None:
    """Keep figures under ``results/`` with machine, versions and date, and show them."""
    packages = ("openai", "anthropic", "google-genai", "httpx2", "uvloop", "orjson")
    document = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": {
            "cpu": _cpu(), "cores": os.cpu_count(), "system": f"{platform.system()} {platform.release()}",
            "python": platform.python_version(), "load_average": [round(value, 1) for value in os.getloadavg()],
        },
        "versions": {package: _version(package) for package in packages},
        **figures,
    }  # fmt: skip
    path = HERE / "results" / f"{name}.json"
    path.write_text(json.dumps(document, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next(
        (line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.processor()
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None

"""What `bench record` adds: the same request direct and through it, in pairs; then 500 streams at once, byte for byte.

    .venv/bin/python benchmarks/record_proxy.py
    .venv/bin/python benchmarks/record_proxy.py --against OTHER --name -    the recorder of another checkout in the same pairs

The server is `bench sim --lean` (canned streams on a schedule), in a process of its own as the recorder is. The client is a
plain socket in this process, with one connection to each, so what differs is the proxy. Written to
benchmarks/results/record_proxy.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import uvloop

RESULTS = Path(__file__).parent / "results"
PROMPT_CHARS = 4_000
WARM_UP = 100


@contextmanager
def program(*arguments: str, says: str, tree: Path | None = None) -> Iterator[tuple[str, int]]:
    """Run a command of bench, of another checkout if ``tree`` is given; yields the address that it prints, and its process id."""
    environment = dict(os.environ)
    if tree is not None:
        environment["PYTHONPATH"] = os.pathsep.join(str(tree / part) for part in ("harness", "runners"))
    process = subprocess.Popen(
        [sys.executable, "-m", "gapbench.cli", *arguments], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert says in line, line
        yield next(word for word in line.split() if word.startswith("http://")), process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        process.stdout.close()


class Connection:
    """One connection that sends a chat request and reads its chunked answer."""

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._host, self._port = host, int(port)
        body = json.dumps(
            {
                "model": "lean", "stream": True,
                "messages": [{"role": "user", "content": "word " * (PROMPT_CHARS // 5)}],
            }
        ).encode()  # fmt: skip
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer none\r\nContent-Type: application/json\r\n"
        self._request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    async def open(self) -> None:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)

    async def ask(self) -> tuple[float, float, bytes]:
        """Return seconds to the first byte of the body and to its end, and the body without its framing."""
        reader = self._reader
        started = time.perf_counter()
        self._writer.write(self._request)
        await reader.readuntil(b"\r\n\r\n")
        body, first_s = b"", 0.0
        while size := int(await reader.readuntil(b"\r\n"), 16):
            first_s = first_s or time.perf_counter() - started
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
        return first_s, time.perf_counter() - started, body

    def close(self) -> None:
        """Disconnect."""
        self._writer.close()


async def ask_in_turn(direct_url: str, through_urls: dict[str, str], rounds: int) -> dict[str, Any]:
    """Ask directly and through each proxy in turn, who is first in turn too; what is added is of pairs within a round."""
    names = ["direct", *through_urls]
    connections = {name: Connection(url) for name, url in {"direct": direct_url, **through_urls}.items()}
    for connection in connections.values():
        await connection.open()
    rows: list[dict[str, tuple[float, float, bytes]]] = []
    for number in range(WARM_UP + rounds):
        at = number % len(names)
        rows.append({name: await connections[name].ask() for name in names[at:] + names[:at]})
    for connection in connections.values():
        connection.close()
    rows = rows[WARM_UP:]
    found: dict[str, Any] = {"pairs": rounds, "direct_ms": spread([row["direct"][1] for row in rows])}
    for name in through_urls:
        found[name] = {
            "equal_bodies": sum(row[name][2] == row["direct"][2] for row in rows),
            "added_to_first_byte_ms": spread([row[name][0] - row["direct"][0] for row in rows]),
            "added_to_end_ms": spread([row[name][1] - row["direct"][1] for row in rows]),
        }
    return found


def spread(values_s: Sequence[float]) -> dict[str, float]:
    """Return median with its 95 % interval by order statistics, and the 95th percentile, in milliseconds."""
    ordered = sorted(values_s)
    count = len(ordered)
    half = 0.98 * count**0.5
    low, high = ordered[max(0, int(count / 2 - half))], ordered[min(count - 1, int(count / 2 + half))]
    return {
        "median": round(statistics.median(ordered) * 1e3, 3),
        "median_low": round(low * 1e3, 3),
        "median_high": round(high * 1e3, 3),
        "p95": round(ordered[int(0.95 * count)] * 1e3, 3),
    }


async def ask_at_once(url: str, streams: int) -> tuple[list[tuple[float, float, bytes]], float]:
    """Return the answers of many streams at once, and the seconds that all took."""
    connections = [Connection(url) for _ in range(streams)]
    for connection in connections:
        await connection.open()
    started = time.perf_counter()
    found = await asyncio.gather(*(connection.ask() for connection in connections))
    took_s = time.perf_counter() - started
    for connection in connections:
        connection.close()
    return found, took_s


def measure_pairs(
    folder: Path, pairs: int, *extra: str, first_ms: int = 5, gap_ms: int = 1, against: Path | None = None
) -> dict[str, Any]:
    """Measure what is added to streams of 16 tokens.

    With ``gap_ms`` both programs sleep between tokens, and a wake-up on a busy machine counts as added time.
    """
    schedule = ("--tokens", "16", "--first-ms", str(first_ms), "--gap-ms", str(gap_ms))
    trees = {"through": None} | ({} if against is None else {"other": against})
    with ExitStack() as stack:
        sim, _ = stack.enter_context(program("sim", "--lean", "--port", "0", *schedule, says="listening"))
        urls, paths = {}, {}
        for name, tree in trees.items():
            paths[name] = folder / f"pairs-{name}-{first_ms}-{len(extra)}.jsonl"
            recorder = ("--to", str(paths[name]), "--listen", "127.0.0.1:0", "--upstream", sim, *extra)
            urls[name], _ = stack.enter_context(program("record", *recorder, says="recording", tree=tree))
        found = uvloop.run(ask_in_turn(sim, urls, pairs))
    through = found.pop("through")
    lines = paths["through"].read_bytes().count(b"\n")
    return {**found, **through, "lines": lines, "requests": pairs + WARM_UP}


def measure_streams(folder: Path, streams: int) -> dict[str, Any]:
    """Measure many streams of 64 tokens, one each 20 ms, direct and through the proxy."""
    path = folder / "streams.jsonl"
    with (
        program(
            "sim",
            "--lean",
            "--port",
            "0",
            "--tokens",
            "64",
            "--first-ms",
            "200",
            "--gap-ms",
            "20",
            says="listening",
        ) as (sim, _),
        program(
            "record", "--to", str(path), "--listen", "127.0.0.1:0", "--upstream", sim, says="recording"
        ) as (url, pid),
    ):
        uvloop.run(ask_at_once(url, streams))  # warm: connections to the upstream are open
        direct, direct_s = uvloop.run(ask_at_once(sim, streams))
        before = psutil.Process(pid).cpu_times()
        through, through_s = uvloop.run(ask_at_once(url, streams))
        after = psutil.Process(pid).cpu_times()
        peak_mib = psutil.Process(pid).memory_info().rss / 2**20
    expected = direct[0][2]
    return {
        "streams": streams,
        "tokens_per_s": round(streams * 64 / through_s),
        "finished": len(through),
        "equal_bodies": sum(body == expected for _, _, body in through),
        "direct_s": round(direct_s, 3),
        "through_s": round(through_s, 3),
        "direct_stream_ms": spread([whole for _, whole, _ in direct]),
        "through_stream_ms": spread([whole for _, whole, _ in through]),
        "proxy_cpu_s": round(after.user + after.system - before.user - before.system, 3),
        "proxy_rss_mib": round(peak_mib, 1),
        "lines": path.read_bytes().count(b"\n"),
        "requests": 2 * streams,
    }


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=400)
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--against", type=Path, help="another checkout, whose recorder is measured beside")
    parser.add_argument("--name", default="record_proxy", help="name of the result; - writes none")
    options = parser.parse_args()
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result = {
            "date": time.strftime("%Y-%m-%d"),
            "python": platform.python_version(),
            "cpus": len(os.sched_getaffinity(0)),
            "load_average_before": round(load_before, 2),
            "scheduler": {0: "other", 1: "fifo", 2: "round robin"}.get(os.sched_getscheduler(0)),
            "prompt_chars": PROMPT_CHARS,
            "answers_at_once": measure_pairs(
                folder, 2 * options.pairs, first_ms=0, gap_ms=0, against=options.against
            ),
            "streams": measure_pairs(folder, options.pairs, against=options.against),
            "streams_without_text": measure_pairs(
                folder, options.pairs, "--no-text", against=options.against
            ),
            "answers_at_once_without_text": measure_pairs(
                folder, 2 * options.pairs, "--no-text", first_ms=0, gap_ms=0, against=options.against
            ),
            "streams_at_once": measure_streams(folder, options.streams),
        }
    if options.name != "-":
        (RESULTS / f"{options.name}.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()

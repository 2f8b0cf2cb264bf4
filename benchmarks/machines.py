"""Load from three machines: are its figures those of one, is each request one row, do the budget and the clock bound hold?

Acceptance 3 of the issue on scale: 1,200 streams over three machines: first-token errors as on one machine (mean at most
1 %, p99 at most 2 %), one row each, ``--max-usd`` kept to one slice, a machine killed in the middle of a timed cell
reported. Three ways: ``one`` (three processes of one machine, to compare), ``join`` (``bench worker --join`` from three
network namespaces, one with its clock 5,000 s ahead by ``unshare -T``; needs root) and ``ray`` (a cluster of three nodes).

Run on a quiet machine: ``.venv/bin/python benchmarks/machines.py`` (ten minutes; ``make test-machines`` installs Ray).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from truth import BENCH, Server, median, served, suite, write

from gapbench.store import read_attempts

SHIFT_S = 5_000
TOKENS, FIRST_MS, SIGMA, GAP_MS = 16, 500.0, 0.3, 150.0
HEAD = "10.77.1.1"
NAMESPACES = ("gapbench1", "gapbench2", "gapbench3")
USD = {"input_usd_per_mtok": 0.0, "output_usd_per_mtok": 1_000.0}


@dataclass
class Machines:
    """Three machines that are about to join.

    Attributes:
        address: The value of ``--machines``.
        place: The address at which all of them reach a server of this one.
        processes: Their control processes.
        environment: What `bench run` needs in its environment.
        shifted: Name of the machine whose clock is ahead. None: none.
    """

    address: str
    place: str | None
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    environment: Mapping[str, str] = field(default_factory=dict)
    shifted: str | None = None


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as opened:
        opened.bind(("0.0.0.0", 0))
        port: int = opened.getsockname()[1]
        return port


def shell(*words: str) -> None:
    """Run a command of ``ip``."""
    subprocess.run(["ip", *words], check=True)


@contextlib.contextmanager
def namespaces() -> Iterator[None]:
    """Make a network namespace for each machine, each with a link of its own to this one."""
    try:
        for number, name in enumerate(NAMESPACES, 1):
            shell("netns", "add", name)
            shell("link", "add", f"gbench{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
            shell("addr", "add", f"10.77.{number}.1/24", "dev", f"gbench{number}")
            shell("link", "set", f"gbench{number}", "up")
            shell("-n", name, "addr", "add", f"10.77.{number}.2/24", "dev", "eth0")
            shell("-n", name, "link", "set", "eth0", "up")
            shell("-n", name, "link", "set", "lo", "up")
            shell("-n", name, "route", "add", "default", "via", f"10.77.{number}.1")
        yield
    finally:
        for name in NAMESPACES:
            subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def joining() -> Iterator[Machines]:
    """Start ``bench worker --join`` in each namespace; the third has another clock."""
    port = free_port()
    environment = {"GAPBENCH_TOKEN": secrets.token_urlsafe(32)}
    machines = Machines(
        f"listen://0.0.0.0:{port}?machines=3", HEAD, environment=environment, shifted="machine3"
    )
    with namespaces():
        for number, name in enumerate(NAMESPACES, 1):
            shift = ["unshare", "-T", "--monotonic", str(SHIFT_S), "--fork"] if number == 3 else []
            command = [
                "ip", "netns", "exec", name, *shift, *BENCH, "worker", "--join", f"10.77.{number}.1:{port}",
                "--name", f"machine{number}",
            ]  # fmt: skip
            machines.processes.append(
                subprocess.Popen(
                    command,
                    env={**os.environ, **environment},
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            )
        try:
            yield machines
        finally:
            for process in machines.processes:
                kill(process)


@contextlib.contextmanager
def ray_cluster() -> Iterator[Machines]:
    """Start a Ray cluster of three nodes on this machine, in a process of its own."""
    environment = {
        "GAPBENCH_TOKEN": secrets.token_urlsafe(32),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_worker_niceness": "0",
    }
    code = (
        "import sys; from ray.cluster_utils import Cluster\n"
        "size = 100 * 2**20\n"
        # On a busy machine Ray takes its own late heartbeats for dead nodes; ours decide here.
        "patience = {'health_check_timeout_ms': 60_000, 'health_check_failure_threshold': 20}\n"
        "cluster = Cluster(initialize_head=True, head_node_args={'num_cpus': 1, 'object_store_memory': size, "
        "'include_dashboard': False, '_system_config': patience})\n"
        "nodes = [cluster.add_node(num_cpus=1, object_store_memory=size) for _ in range(2)]\n"
        "print('at', cluster.address, flush=True)\n"
        "for line in sys.stdin:\n"
        "    cluster.remove_node(nodes.pop(), allow_graceful=False)\n"
        "cluster.shutdown()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    address = next(line.split()[1].decode() for line in process.stdout if line.startswith(b"at "))
    try:
        yield Machines(f"ray://{address}?machines=3", None, [process], environment)
    finally:
        process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60)
        kill(process)


WAYS = {"join": joining, "ray": ray_cluster}


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all below it at once, as a machine that loses its power."""
    with contextlib.suppress(psutil.NoSuchProcess):
        found = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        for one in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.send_signal(signal.SIGKILL)
    process.wait()


def run_bench(path: Path, machines: Machines | None, *arguments: str) -> subprocess.Popen[str]:
    """Start `bench run` on a suite."""
    command = [
        *BENCH,
        "run",
        str(path),
        "--yes",
        "--quiet",
        "--no-preflight",
        "--out",
        str(path.parent / "results"),
    ]
    command += [*arguments, *(["--machines", machines.address] if machines else [])]
    environment = {**os.environ, **(machines.environment if machines else {})}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def result_of(path: Path, process: subprocess.Popen[str], codes: Sequence[int] = (0,)) -> tuple[Any, Any]:
    """Wait for `bench run`; returns rows and manifest."""
    said, _ = process.communicate(timeout=600)
    if process.returncode not in codes:
        sys.exit(f"bench run ended with {process.returncode}:\n{said}")
    run = next((path.parent / "results").glob("*/run.json")).parent
    return read_attempts([run]), json.loads((run / "run.json").read_text())


def first_token_errors(rows: Any, server: Server) -> dict[str, float]:
    """Return how far first-token and whole times are from the server's own, as shares of them."""
    ours, true, ours_all, true_all = [], [], [], []
    for row in rows[rows["outcome"] != "infra"].itertuples():
        arrived_s, write_s = server.replies[int(row.sample_id)]
        ours.append(row.first_token_s - row.sent_s)
        true.append(write_s[0] - arrived_s)
        ours_all.append(row.done_s - row.sent_s)
        true_all.append(write_s[-1] - arrived_s)
    return {
        "first_mean": float(np.mean(ours) / np.mean(true) - 1),
        "first_p50": float(np.quantile(ours, 0.5) / np.quantile(true, 0.5) - 1),
        "first_p99": float(np.quantile(ours, 0.99) / np.quantile(true, 0.99) - 1),
        "whole_mean": float(np.mean(ours_all) / np.mean(true_all) - 1),
    }


def clocks_of(manifest: Any, shifted: str | None) -> dict[str, Any]:
    """Return each machine's offset error against its true offset, and the bound that was stored."""
    found = {}
    for machine in manifest["cells"][0]["machines"]:
        true_s = SHIFT_S if machine["name"] == shifted else 0.0
        error_s = abs(machine["clock_offset_s"] - true_s)
        found[machine["name"]] = {
            "offset_error_ms": round(error_s * 1e3, 4),
            "bound_ms": round(machine["clock_bound_s"] * 1e3, 4),
            "is_within": error_s <= machine["clock_bound_s"],
        }
    return found


def streams(way: str, count: int, rounds: float, seed: int) -> dict[str, Any]:
    """Return the figures of one run at many streams."""
    requests = int(count * rounds)
    load: dict[str, Any] = {"concurrency": count, "workers": 3 if way == "one" else 1}
    opened = WAYS[way]() if way in WAYS else contextlib.nullcontext(None)
    with tempfile.TemporaryDirectory() as folder, opened as machines:
        address = machines.place if machines else None
        with served("openai", TOKENS, FIRST_MS, SIGMA, GAP_MS, seed, address=address) as server:
            path = suite(Path(folder), server.url, "openai", requests, load)
            before = os.times()
            rows, manifest = result_of(path, run_bench(path, machines))
            after = os.times()
    finals = rows[rows["final"]]
    return {
        "load_average": round(os.getloadavg()[0], 1),
        "rows": len(rows),
        "one_final_row_each": len(finals) == requests == finals["sample_id"].nunique(),
        "infra": int((rows["outcome"] == "infra").sum()),
        **first_token_errors(rows, server),
        "client_cpu_s": round(after.children_user + after.children_system - before.children_user - before.children_system, 1),
        "server": server.said,
        **({"clocks": clocks_of(manifest, machines.shifted)} if machines else {}),
    }  # fmt: skip


def budget(way: str, count: int) -> dict[str, Any]:
    """Return what was spent when a machine is killed while a budget runs out; the server counts what it answered."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        machines = stack.enter_context(WAYS[way]())
        with served("openai", TOKENS, 300.0, 0.0, 20.0, address=machines.place) as server:
            path = suite(Path(folder), server.url, "openai", 20_000, {"concurrency": count, "workers": 1})
            document = json.loads(path.read_text())
            document["models"][0] |= {"cost": USD, "params": {"max_tokens": TOKENS}}
            path.write_text(json.dumps(document))
            # 16 tokens at 1,000 dollars a million are 1.6 cents a request; 1,000 requests are 16 dollars.
            process = run_bench(path, machines, "--max-usd", "16")
            kill_one_later(way, machines, path, process)
            rows, manifest = result_of(path, process, (0, 1))
    each = TOKENS * 1_000 / 1e6
    return {
        "max_usd": 16.0,
        "slice_usd": 0.16,
        "rows_usd": round(each * len(rows), 4),
        "server_usd": round(each * len(server.replies), 4),
        "state": manifest["state"],
        "reason": manifest["reason"],
        "duplicates": int(rows.duplicated(["sample_id", "repeat", "attempt"]).sum()),
        "lost": [machine["lost"] for machine in manifest["cells"][0]["machines"]],
    }


def kill_one_later(
    way: str, machines: Machines, path: Path, run: subprocess.Popen[str], after_s: float = 2.0
) -> None:
    """Kill one machine some seconds after the first rows are on disk."""
    ends_s = time.monotonic() + 120
    while time.monotonic() < ends_s and run.poll() is None:
        if any(found.stat().st_size for found in (path.parent / "results").glob("*/journal-*.jsonl")):
            break
        time.sleep(0.1)
    time.sleep(after_s)
    if way == "ray":
        assert machines.processes[0].stdin is not None
        machines.processes[0].stdin.write(b"remove\n")
        machines.processes[0].stdin.flush()
    else:
        kill(machines.processes[1])


def lost_machine(way: str) -> dict[str, Any]:
    """Return what is reported when a machine is killed in the middle of a timed cell, and after it is resumed."""
    load = {"rate_rps": 60, "arrivals": "constant", "duration_s": 12, "workers": 1}
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.ExitStack() as stack:
            machines = stack.enter_context(WAYS[way]())
            server = stack.enter_context(served("openai", TOKENS, 300.0, 0.0, 20.0, address=machines.place))
            path = suite(Path(folder), server.url, "openai", 720, load)
            process = run_bench(path, machines)
            kill_one_later(way, machines, path, process)
            rows, manifest = result_of(path, process, (1,))
        found = [machine for machine in manifest["cells"][0]["machines"] if machine["lost"]]
        return {
            "planned": 720,
            "rows": len(rows),
            "duplicates": int(rows.duplicated(["sample_id", "repeat"]).sum()),
            "lost": [
                {key: machine[key] for key in ("lost", "not_sent", "in_flight", "moved")} for machine in found
            ],
            "accounted": len(rows) + sum(machine["not_sent"] + machine["in_flight"] for machine in found),
            "message": manifest["failures"][0]["message"],
        }


def main() -> None:
    """Measure each way several times and keep the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ways", nargs="+", default=["one", "join", "ray"])
    parser.add_argument("--streams", type=int, default=1_200)
    parser.add_argument("--rounds", type=float, default=2.0, help="requests of each stream")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=["streams", "budget", "lost"])
    parser.add_argument("--name", default="machines")
    given = parser.parse_args()
    known = Path(__file__).parent / "results" / f"{given.name}.json"
    before = json.loads(known.read_text()) if known.exists() else {}
    figures: dict[str, Any] = {way: before[way] for way in ("one", *WAYS) if way in before} | {
        "streams": given.streams,
        "tokens": TOKENS,
        "first_ms": FIRST_MS,
        "gap_ms": GAP_MS,
    }
    for way in given.ways:
        here: dict[str, Any] = dict(before.get(way, {}))
        if "streams" in given.only:
            runs = [streams(way, given.streams, given.rounds, seed) for seed in range(given.times)]
            here |= {
                "errors": {
                    name: median([run[name] for run in runs])
                    for name in ("first_mean", "first_p50", "first_p99", "whole_mean")
                },
                "runs": runs,
            }
        if way in WAYS and "budget" in given.only:
            here["budget"] = budget(way, 60)
        if way in WAYS and "lost" in given.only:
            here["lost"] = lost_machine(way)
        figures[way] = here
        # Each way takes minutes; what was measured stays if a later one fails.
        write(given.name, figures)


if __name__ == "__main__":
    main()

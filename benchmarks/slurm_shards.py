"""Shards on a real Slurm: slurmctld and two slurmd on this machine, the script of `bench emit slurm`, and the merged run.

It starts a cluster of its own in a temporary folder (munge, one controller, two nodes), runs the shards of four simulated
models there, waits for the merge, submits the same script again (every shard must then do nothing), and compares the
merged run's quality with an unsharded run. It needs root and Debian's packages:
``apt-get install slurmctld slurmd slurm-client munge``. Run: ``.venv/bin/python benchmarks/slurm_shards.py``.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

RESULT = Path(__file__).parent / "results" / "slurm_shards.json"
BENCH = Path(sys.executable).with_name("bench")
NODES = 2
WAIT_S = 900
PERSONAS = {"open-a": 0.6, "open-b": 0.8, "closed-a": 0.9, "closed-b": 0.95}


def free_ports(count: int) -> list[int]:
    """Return free ports of the loopback interface."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def write_suite(folder: Path) -> Path:
    """Write a suite of four simulated models and two tasks: eight shards."""
    models = "\n".join(
        f"  - {{id: {name}, runner: sim, weights: {name.split('-')[0]}, sim: {{protocol: openai, skill: {skill}, "
        "ttft_s: 0.005, gap_s: 0.0}}"
        for name, skill in PERSONAS.items()
    )
    rows = "".join(json.dumps({"n": n, "a": n + 1}) + "\n" for n in range(60))
    (folder / "q.jsonl").write_text(rows)
    tasks = "\n".join(
        f'  - {{name: {name}, category: reasoning, data: q.jsonl, prompt: "{name}: what is {{n}} + 1?", '
        'target: "{a}", scorer: numeric}'
        for name in ("sums", "more-sums")
    )
    suite = folder / "suite.yaml"
    suite.write_text(f"name: slurm\nmodels:\n{models}\ntasks:\n{tasks}\nparams: {{max_tokens: 64}}\n")
    return suite


@contextlib.contextmanager
def slurm_cluster(folder: Path) -> Iterator[dict[str, str]]:
    """Run a cluster; yields the environment in which its commands work."""
    host = socket.gethostname().split(".")[0]
    controller, *nodes = free_ports(NODES + 1)
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    munge = folder / "munge"
    munge.mkdir()
    munge.chmod(0o755)
    conf = folder / "slurm.conf"
    conf.write_text(
        f"""ClusterName=gapbench
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={munge}/munge.socket
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
ReturnToService=2
SchedulerParameters=sched_interval=2
InactiveLimit=0
"""
        + "".join(
            f"NodeName=node{number} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2 RealMemory=2000\n"
            for number, port in enumerate(nodes, 1)
        )
        + f"PartitionName=main Nodes=node[1-{NODES}] Default=YES MaxTime=INFINITE State=UP\n"
    )
    environment = {**os.environ, "SLURM_CONF": str(conf), "PATH": f"{BENCH.parent}:{os.environ['PATH']}"}
    commands = [
        [
            "munged", "--foreground", "--force", f"--key-file={key}", f"--socket={munge}/munge.socket",
            f"--pid-file={munge}/munged.pid", f"--log-file={munge}/munged.log", f"--seed-file={munge}/seed",
        ],
        ["slurmctld", "-D", "-f", str(conf)],
        *(["slurmd", "-D", "-N", f"node{number}", "-f", str(conf)] for number in range(1, NODES + 1)),
    ]  # fmt: skip
    (folder / "state").mkdir()
    processes = []
    try:
        for number, command in enumerate(commands):
            log = (folder / f"process-{number}.log").open("wb")
            processes.append(subprocess.Popen(command, stdout=log, stderr=log, env=environment))
            log.close()
            time.sleep(2)
        wait_for(
            lambda: subprocess.run(
                ["sinfo", "--noheader", "--format=%T %D"],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            ).stdout.startswith(f"idle {NODES}"),
            60,
            f"the nodes are not idle; logs in {folder}",
        )
        yield environment
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in reversed(processes):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()


def wait_for(is_done: Callable[[], object], limit_s: float, problem: str) -> float:
    """Wait until a function returns a true value, and return the seconds that it took."""
    began = time.monotonic()
    while not is_done():
        if time.monotonic() - began > limit_s:
            raise TimeoutError(problem)
        time.sleep(1)
    return time.monotonic() - began


def run(command: list[str], environment: dict[str, str], folder: Path) -> str:
    """Run a command and return what it printed."""
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def quality(runs: str, environment: dict[str, str], folder: Path) -> list[object]:
    """Return the rows of a gap table that measure answers, and no time or price."""
    table = json.loads(run([str(BENCH), "gap", runs, "--json"], environment, folder))
    return [row for row in table["rows"] if row["metric"] == "accuracy"]


def are_equal(one: object, other: object) -> bool:
    """Return whether two JSON values are equal, numbers within 1e-9: sums depend on the order of rows in the last digit."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(are_equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(are_equal, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= 1e-9 * max(1.0, abs(one))
    if one != other:
        print(f"differs: {one!r} and {other!r}")
    return one == other


def main() -> int:
    """Run it, and write the result."""
    missing = [name for name in ("slurmctld", "slurmd", "sbatch", "munged") if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        print(f"not run: {', '.join(missing) or 'root'} is missing; see the top of this file")
        return 2
    folder = Path(tempfile.mkdtemp(prefix="gapbench-slurm-"))
    folder.chmod(0o755)
    suite = write_suite(folder)
    with slurm_cluster(folder) as environment:
        script = folder / "submit.sh"
        run(
            [
                str(BENCH), "emit", "slurm", str(suite), "--out", str(folder / "shards"), "--merge", str(folder / "merged"),
                "--parallel", "2", "--cpus", "1", "--memory-gib", "1", "--hours", "0.5", "--to", str(script),
            ],
            environment, folder,
        )  # fmt: skip
        submitted = run(["bash", str(script)], environment, folder)
        print(submitted, end="")
        merged = folder / "merged"
        took_s = wait_for(
            lambda: list(merged.glob("*/run.json")), WAIT_S, f"no merged run; logs in {folder}/shards/logs"
        )
        jobs = run(["scontrol", "show", "job"], environment, folder)
        nodes = sorted(set(re.findall(r"^\s+NodeList=(node\d)", jobs, re.MULTILINE)))
        states = re.findall(r"JobState=(\w+)", jobs)
        array_jobs = len(re.findall(r"ArrayTaskId=\d+ ", jobs))
        shutil.rmtree(merged)
        run(["bash", str(script)], environment, folder)
        again_s = wait_for(
            lambda: list(merged.glob("*/run.json")), WAIT_S, f"no second merge; logs in {folder}/shards/logs"
        )
        # The merge's job ends after its folder appears; nothing may be left running when the cluster stops.
        wait_for(
            lambda: not run(["squeue", "--noheader"], environment, folder).strip(), 60, "a job does not end"
        )
        logs = [path.read_text() for path in sorted((folder / "shards" / "logs").glob("slurm-*.log"))]
    run([str(BENCH), "run", str(suite), "--out", "whole", "--yes", "--quiet"], dict(os.environ), folder)
    whole = quality(str(next((folder / "whole").glob("*/"))), dict(os.environ), folder)
    joined = quality(str(next(merged.glob("*/"))), dict(os.environ), folder)
    requests = sum(
        cell["planned"] for cell in json.loads(next(merged.glob("*/run.json")).read_text())["cells"]
    )
    found = {
        "slurm": run(["slurmctld", "-V"], dict(os.environ), folder).strip(),
        "nodes": nodes,
        "array_tasks": array_jobs,
        "states": {state: states.count(state) for state in sorted(set(states))},
        "requests": requests,
        "first_submission_s": round(took_s, 1),
        "second_submission_s": round(again_s, 1),
        "logs": len(logs),
        "accuracy_rows_equal_to_unsharded": are_equal(whole, joined),
        "accuracy_rows": len(joined),
    }
    RESULT.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))
    shutil.rmtree(folder, ignore_errors=True)
    return 0 if are_equal(whole, joined) and whole and len(nodes) == NODES else 1


if __name__ == "__main__":
    sys.exit(main())

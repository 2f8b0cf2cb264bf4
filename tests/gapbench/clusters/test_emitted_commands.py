"""What a job runs is what was asked for, whatever names and paths hold: each scheduler's own reading is done here."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from subprocess import list2cmdline
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gapbench.clusters.kubernetes import KubernetesOptions, kubernetes_yaml
from gapbench.clusters.rayjob import rayjob_yaml
from gapbench.clusters.shard_group import ClusterOptions, ShardGroup
from gapbench.clusters.slurm import ARRAY_TASKS, SlurmOptions, slurm_script
from tests.makers import model

ODD = st.text("ab 1-./'\"$`(){}[]&|;<>*?!#~%=,é世", min_size=1, max_size=12)
FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def stubs(tmp_path: Path) -> Path:
    """Commands that only note their arguments: `bench` fails at shard 1, `srun` runs what it is given, `sbatch` keeps the job."""
    folder = tmp_path / "bin"
    folder.mkdir()
    programs = {
        "bench": 'printf "%s\\0" "$@" >> "$CALLS"; printf "\\1" >> "$CALLS"; case "$*" in *"--shard 1") exit 1;; esac',
        "srun": 'while [ "${1#--}" != "$1" ]; do shift; done; exec "$@"',
        "sbatch": 'n=$(ls "$JOBS" | wc -l); printf "%s\\n" "$@" > "$JOBS/$(printf %05d $n).args"; cat > "$JOBS/$(printf %05d $n).job"; echo $((n + 100))',
    }
    for name, text in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return folder


def run_shell(stubs: Path, script: str, **more: str) -> tuple[int, list[list[str]]]:
    """Run a script by bash, and return its exit code and the arguments of each call of `bench`."""
    calls = stubs.parent / "calls"
    calls.unlink(missing_ok=True)
    environment = {"PATH": f"{stubs}:{os.environ['PATH']}", "CALLS": str(calls), "HOME": "/nowhere", **more}
    done = subprocess.run(
        ["bash", "-c", script], env=environment, cwd=stubs.parent, capture_output=True, text=True, check=False
    )
    assert "" == done.stderr
    found = calls.read_text().split("\1")[:-1] if calls.exists() else []
    return done.returncode, [call.split("\0")[:-1] for call in found]


def group(*words: str, first: int = 0, count: int = 3, **more: Any) -> ShardGroup:
    """Return the shards of one model; the words are arguments of `bench run`."""
    given: dict[str, Any] = {"hosting": "remote", "gpus": 0, "secrets": (), "optional_secrets": (), **more}
    return ShardGroup(
        "cl-m", model("m"), first, count, given["hosting"], given["gpus"], given["secrets"],
        given["optional_secrets"], ("bench", "run", *words),
    )  # fmt: skip


def options(out: str = "/out", **more: Any) -> ClusterOptions:
    return ClusterOptions("s.yaml", out, "client:1", "gpu:1", "server:1", **more)


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace variables as Kubernetes does in commands, arguments and values: ``$(NAME)`` if it knows it, and ``$$``."""

    def found(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return variables.get(match[1], match[0])

    return re.sub(r"\$\$|\$\(([^)]*)\)", found, text)


KNOWN = {"HOME": "EXPANDED", "a": "EXPANDED", "b": "EXPANDED", "1": "EXPANDED"}


@FEW
@given(word=ODD, value=ODD)
def test_a_pod_runs_the_command_as_it_was_given(stubs: Path, word: str, value: str) -> None:
    """Read by Kubernetes, then by a shell: the third pod of shards 4 to 6 runs shard 6."""
    made = options(environment={"PLACE": value}, server_arguments={"m": (word,)})
    text = kubernetes_yaml(
        [group("$(HOME)", word, first=4, hosting="beside", gpus=1)], made, KubernetesOptions(), None
    )
    (job,) = yaml.safe_load_all(text)
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (server,) = pod["initContainers"]
    script = expand(container["args"][0], KNOWN)
    environment = {entry["name"]: entry.get("value", "") for entry in container["env"]}

    assert (0, [["run", "$(HOME)", word, "--shard", "6"]]) == run_shell(
        stubs, script, JOB_COMPLETION_INDEX="2"
    )
    assert value == expand(environment["PLACE"], KNOWN)
    assert word == expand(server["command"][-1], KNOWN)


@FEW
@given(word=ODD)
def test_a_rayjob_runs_every_shard_and_fails_if_one_does(stubs: Path, word: str) -> None:
    """Shard 1 fails: shard 2 runs all the same."""
    config, job = yaml.safe_load_all(
        rayjob_yaml([group(word)], options(), KubernetesOptions(), None, "2.60.0")
    )
    expected = [["run", word, "--shard", str(number)] for number in range(3)]

    assert (1, expected) == run_shell(stubs, config["data"]["run.sh"])
    worker = job["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["template"]["spec"]
    assert {"name": "shards", "configMap": {"name": config["metadata"]["name"]}} in worker["volumes"]
    assert {"name": "shards", "mountPath": "/shards"} in worker["containers"][0]["volumeMounts"]


def test_the_entrypoint_of_a_rayjob_means_the_same_however_it_is_joined() -> None:
    """`ray job submit` joins the words that the submitter's shell has read: older versions as Windows does."""
    _, job = yaml.safe_load_all(rayjob_yaml([group("a b")], options(), KubernetesOptions(), None, "2.60.0"))

    assert ["sh", "/shards/run.sh"] == job["spec"]["entrypoint"].split()
    assert job["spec"]["entrypoint"] == list2cmdline(job["spec"]["entrypoint"].split())


def test_a_limit_of_time_is_that_of_each_shard() -> None:
    """One hour each: the pod of a shard has it, and so has each command of a RayJob."""
    (job,) = yaml.safe_load_all(kubernetes_yaml([group()], options(hours=1.0), KubernetesOptions(), None))
    config, rayjob = yaml.safe_load_all(
        rayjob_yaml([group()], options(hours=1.0), KubernetesOptions(), None, "2.60.0")
    )

    assert 3600 == job["spec"]["template"]["spec"]["activeDeadlineSeconds"]
    assert "timeout --kill-after=120 3600 bench run" in config["data"]["run.sh"]
    assert "activeDeadlineSeconds" not in job["spec"]
    assert "activeDeadlineSeconds" not in rayjob["spec"]


def test_a_variable_is_there_once() -> None:
    """A folder for weights that was given is not replaced by that of the volume."""
    made = options(environment={"HF_HOME": "/weights"})
    (job,) = yaml.safe_load_all(
        kubernetes_yaml([group(hosting="own", gpus=1)], made, KubernetesOptions(claim="disk"), None)
    )
    (container,) = job["spec"]["template"]["spec"]["containers"]

    assert ["/weights"] == [entry["value"] for entry in container["env"] if entry["name"] == "HF_HOME"]


def read_directives(job: str) -> dict[str, str]:
    """Return the options of a job as sbatch reads its lines (`_get_argument` in src/sbatch/opt.c of Slurm 22.05)."""
    found = {}
    for line in job.splitlines():
        if not line.startswith("#SBATCH "):
            continue
        value, quote, at = "", "", 0
        text = line.removeprefix("#SBATCH ")
        while at < len(text) and (quote or not text[at].isspace()):
            char = text[at]
            if char == "\\":
                at += 1
                value += text[at : at + 1]
            elif quote and char == quote:
                quote = ""
            elif not quote and char in "\"'":
                quote = char
            elif not quote and char == "#":
                break
            else:
                value += char
            at += 1
        assert "" == quote, line
        name, _, option = value.removeprefix("--").partition("=")
        found[name] = option
    return found


def submit(
    stubs: Path, script: str, environment: Mapping[str, str] | None = None
) -> list[tuple[list[str], str]]:
    """Run a script of `bench emit slurm`, and return arguments and text of each job that it submits."""
    jobs = stubs.parent / "jobs"
    jobs.mkdir(exist_ok=True)
    for old in jobs.iterdir():
        old.unlink()
    code, _ = run_shell(stubs, script, JOBS=str(jobs), **(environment or {}))
    assert 0 == code
    return [
        (path.with_suffix(".args").read_text().split("\n")[:-1], path.read_text())
        for path in sorted(jobs.glob("*.job"))
    ]


@FEW
@given(word=ODD, value=ODD, folder=st.text("ab '\"%#é$", min_size=1, max_size=8))
def test_a_slurm_job_runs_the_command_as_it_was_given(
    stubs: Path, word: str, value: str, folder: str
) -> None:
    """The log lies in the results folder, and the second task of shards 4 to 6 runs shard 5."""
    out = str(stubs.parent / "r" / f"{folder}x")
    value = f"{value}\nEND_OF_JOB\nend"
    made = options(out, environment={"PLACE": value})
    script = slurm_script([group("END_OF_JOB", word, first=4)], made, SlurmOptions(setup=("END_OF_JOB='x'",)))
    ((_, job),) = submit(stubs, script)
    log = read_directives(job)["output"]
    code, calls = run_shell(stubs, f'{job}\nprintf "%s" "$PLACE" > place', SLURM_ARRAY_TASK_ID="1")

    assert (0, [["run", "END_OF_JOB", word, "--shard", "5"]]) == (code, calls)
    assert value == (stubs.parent / "place").read_text()
    assert f"{out}/logs" == log.removesuffix("/%x-%A_%a.log").replace("%%", "%")
    assert Path(out, "logs").is_dir()


def test_many_shards_are_arrays_that_follow_each_other(stubs: Path) -> None:
    """Slurm numbers the tasks of an array up to 1,000: 2,500 shards are three arrays, and each shard is run once."""
    script = slurm_script([group(first=7, count=2_500)], options("out", parallel=3), SlurmOptions(merged="m"))
    *arrays, (merge, _) = submit(stubs, script)
    shards: list[int] = []
    for _, job in arrays:
        first, last = map(int, read_directives(job)["array"].removesuffix("%3").split("-"))
        start = re.search(r'--shard "\$\(\((\d+) \+ SLURM_ARRAY_TASK_ID\)\)"', job)
        assert start is not None
        shards += [int(start[1]) + task for task in range(first, last + 1)]
        assert last - first < ARRAY_TASKS

    assert list(range(7, 2_507)) == shards
    assert ["--parsable"] == arrays[0][0]
    assert [["--parsable", f"--dependency=afterany:{100 + 2 * n}"] for n in range(2)] == [
        given for given, _ in arrays[1:]
    ]
    assert "--dependency=afterok:100:102:104" in merge

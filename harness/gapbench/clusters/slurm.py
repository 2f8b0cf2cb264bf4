"""Shards as Slurm job arrays: a shell script that submits one array for each model, and a last job that merges."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from gapbench.clusters.shard_group import ClusterOptions, ShardGroup

ARRAY_TASKS = 1_000
"""Tasks of one array, numbered from 0: Slurm's MaxArraySize is 1,001 unless the cluster says otherwise."""
END = "END_OF_JOB"
STOP_S = 120
"""Seconds before its time limit at which a job gets the signal to stop: what is in flight is finished and kept."""


@dataclass(frozen=True)
class SlurmOptions:
    """What only Slurm needs.

    Attributes:
        partition: Partition. None: the cluster's default.
        account: Account that is charged. None: the user's default.
        gpu_partition: Partition for models with GPUs. None: as ``partition``.
        merged: Results folder of the merged run. None: nothing is merged.
        setup: Commands that make ``bench`` available in a job, such as ``module load`` lines.
    """

    partition: str | None = None
    account: str | None = None
    gpu_partition: str | None = None
    merged: str | None = None
    setup: Sequence[str] = ()


def slurm_script(groups: Sequence[ShardGroup], options: ClusterOptions, cluster: SlurmOptions) -> str:
    """Return the script; ``bash SCRIPT`` submits everything, and running it again continues what is missing.

    Args:
        groups: The shards, by model.
        options: The cluster.
        cluster: What only Slurm needs.
    """
    variables = list(dict.fromkeys(name for group in groups for name in group.secrets))
    lines = [
        "#!/usr/bin/env bash",
        "# Submits the shards of a gapbench suite to Slurm: bash THIS_FILE. Made by `bench emit slurm`.",
        "# Jobs take keys from the environment that you submit in. A shard that is complete does nothing when it runs again.",
        "set -euo pipefail",
        *(_requirement(name) for name in variables),
        f"mkdir -p {shlex.quote(_log_folder(options))}",
        "jobs=()",
    ]
    for group in groups:
        lines += ["", f"# {group.model.id}: shards {group.first} to {group.first + group.count - 1}"]
        for first in range(0, group.count, ARRAY_TASKS):
            count = min(ARRAY_TASKS, group.count - first)
            # Arrays of one model follow each other: `parallel` holds for all of them.
            after = ' --dependency="afterany:${jobs[-1]}"' if first else ""
            lines.append(
                f'jobs+=("$(sbatch --parsable{after} {_job(_array(group, first, count, options, cluster))}'
            )
            lines.append(')")')
    lines += ["", 'printf "submitted: %s\\n" "${jobs[*]}"']
    if cluster.merged is not None:
        lines += [
            "dependency=$(IFS=:; printf '%s' \"${jobs[*]}\")",
            'sbatch --parsable --dependency="afterok:$dependency" --kill-on-invalid-dep=yes '
            + _job(
                [
                    *_directives("gapbench-merge", options, cluster, gpus=0, log="%x-%j.log"),
                    *cluster.setup,
                    shlex.join(
                        ["srun", "--ntasks=1", "bench", "runs", "merge", options.out, "--out", cluster.merged]
                    ),
                ]
            ),
        ]
    return "\n".join(lines) + "\n"


def _requirement(variable: str) -> str:
    """Return a line that refuses to submit without a key."""
    return f'[ -n "${{{variable}:-}}${{{variable}_FILE:-}}" ] || {{ echo "{variable} is not set; export it, or {variable}_FILE" >&2; exit 2; }}'


def _job(lines: Sequence[str]) -> str:
    """Return a job as a text in the script; it ends at a word that no line of the job is."""
    words = {word for line in lines for word in line.splitlines()}
    end = next(found for number in range(len(words) + 1) if (found := END + "_" * number) not in words)
    return "\n".join([f"<<'{end}'", *lines, end])


def _array(
    group: ShardGroup, first: int, count: int, options: ClusterOptions, cluster: SlurmOptions
) -> list[str]:
    """Return the job of some of one model's shards.

    Args:
        group: The model's shards.
        first: Number of the first one in the group.
        count: How many.
        options: The cluster.
        cluster: What only Slurm needs.
    """
    at_once = min(count, options.parallel)
    lines = _directives(group.name, options, cluster, gpus=group.gpus, log="%x-%A_%a.log")
    lines.insert(2, f"#SBATCH --array=0-{count - 1}%{at_once}")
    lines += [
        "set -euo pipefail",
        *(f"export {name}={shlex.quote(value)}" for name, value in options.environment.items()),
    ]
    lines += cluster.setup
    number = f"$(({group.first + first} + SLURM_ARRAY_TASK_ID))"
    if group.hosting == "beside":
        health = f"http://127.0.0.1:{group.server_port}/health"
        lines += [
            f"srun --overlap --ntasks=1 {shlex.join(group.server_command(options))} &",
            "server=$!",
            "trap 'kill \"$server\" 2> /dev/null || true' EXIT",
            f"until curl --fail --silent --output /dev/null {health}; do",
            '  kill -0 "$server" || { echo "vLLM ended before it was ready" >&2; exit 1; }',
            "  sleep 5",
            "done",
            f"srun --overlap --ntasks=1 {group.shell_command(number)}",
        ]
    else:
        lines.append(f"srun --ntasks=1 {group.shell_command(number)}")
    return lines


def _directives(
    name: str, options: ClusterOptions, cluster: SlurmOptions, *, gpus: int, log: str
) -> list[str]:
    """Return the first lines of a job.

    Args:
        name: Its name.
        options: The cluster.
        cluster: What only Slurm needs.
        gpus: Its GPUs.
        log: Name of its log, with Slurm's marks.
    """
    partition = (cluster.gpu_partition if gpus else None) or cluster.partition
    found = {
        "job-name": name,
        "nodes": "1",
        "ntasks": "1",
        "cpus-per-task": str(options.cpus),
        "mem": f"{options.memory_gib}G",
        "partition": partition,
        "account": cluster.account,
        "gres": f"gpu:{gpus}" if gpus else None,
        "time": None if options.hours is None else str(max(1, round(options.hours * 60))),
        "signal": f"TERM@{STOP_S}",
        "output": f"{_log_folder(options).replace('%', '%%')}/{log}",
    }
    return [
        "#!/bin/bash",
        *(f"#SBATCH --{key}={_quoted(value)}" for key, value in found.items() if value is not None),
    ]


def _log_folder(options: ClusterOptions) -> str:
    """Return the folder of the jobs' logs; with results on object storage it is in the folder of submission."""
    return "gapbench-logs" if options.is_out_remote else f"{options.out.rstrip('/')}/logs"


def _quoted(value: str) -> str:
    """Return a value for a line that Slurm reads: quotation marks, and a backslash before what means something within them."""
    if not re.search(r"[\s\"'#\\]", value):
        return value
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'

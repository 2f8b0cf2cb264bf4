"""Shards as Slurm job arrays: a shell script that submits one array for each model, and a last job that merges."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from gapbench.clusters.shard_group import ClusterOptions, ShardGroup

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
        lines += [
            "jobs+=(\"$(sbatch --parsable <<'END_OF_JOB'",
            *_array(group, options, cluster),
            "END_OF_JOB",
            ')")',
        ]
    lines += ["", 'printf "submitted: %s\\n" "${jobs[*]}"']
    if cluster.merged is not None:
        lines += [
            "dependency=$(IFS=:; printf '%s' \"${jobs[*]}\")",
            "sbatch --parsable --dependency=\"afterok:$dependency\" --kill-on-invalid-dep=yes <<'END_OF_JOB'",
            *_directives("gapbench-merge", options, cluster, gpus=0),
            *cluster.setup,
            shlex.join(
                ["srun", "--ntasks=1", "bench", "runs", "merge", options.out, "--out", cluster.merged]
            ),
            "END_OF_JOB",
        ]
    return "\n".join(lines) + "\n"


def _requirement(variable: str) -> str:
    """Return a line that refuses to submit without a key."""
    return f'[ -n "${{{variable}:-}}${{{variable}_FILE:-}}" ] || {{ echo "{variable} is not set; export it, or {variable}_FILE" >&2; exit 2; }}'


def _array(group: ShardGroup, options: ClusterOptions, cluster: SlurmOptions) -> list[str]:
    """Return the job of one model's shards."""
    last = group.first + group.count - 1
    at_once = min(group.count, options.parallel)
    lines = _directives(group.name, options, cluster, gpus=group.gpus)
    lines.insert(2, f"#SBATCH --array={group.first}-{last}%{at_once}")
    lines += [
        "set -euo pipefail",
        *(f"export {name}={shlex.quote(value)}" for name, value in options.environment.items()),
    ]
    lines += cluster.setup
    number = "$SLURM_ARRAY_TASK_ID"
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


def _directives(name: str, options: ClusterOptions, cluster: SlurmOptions, *, gpus: int) -> list[str]:
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
        "output": f"{_log_folder(options)}/%x-%A_%a.log",
    }
    return [
        "#!/bin/bash",
        *(f"#SBATCH --{key}={_quoted(value)}" for key, value in found.items() if value is not None),
    ]


def _log_folder(options: ClusterOptions) -> str:
    """Return the folder of the jobs' logs; with results on object storage it is in the folder of submission."""
    return "gapbench-logs" if options.out.startswith("s3:") else f"{options.out.rstrip('/')}/logs"


def _quoted(value: str) -> str:
    """Return a value for a line that Slurm reads, in quotation marks if it has spaces."""
    return f'"{value}"' if " " in value else value

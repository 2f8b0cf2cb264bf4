"""Shards as RayJobs of KubeRay: one for each model, on a small cluster of its own that ends with the job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gapbench.clusters.kubernetes import (
    GRACE_S,
    RETRIES,
    KubernetesOptions,
    client,
    config_map,
    labels,
    pod_spec,
    suite_config,
    to_yaml,
)
from gapbench.clusters.shard_group import ClusterOptions, ShardGroup

HEAD_MEMORY_GIB = 4
SCRIPT_FOLDER, SCRIPT_FILE = "/shards", "run.sh"
KEEP_S = 600
"""Seconds that a finished job is kept, to read its log."""


def rayjob_yaml(
    groups: Sequence[ShardGroup],
    options: ClusterOptions,
    cluster: KubernetesOptions,
    suite: tuple[str, str] | None,
    ray_version: str,
) -> str:
    """Return the manifests: a ConfigMap with the suite, and a RayJob for each model.

    Args:
        groups: The shards, by model.
        options: The cluster.
        cluster: What Kubernetes needs.
        suite: Name of the ConfigMap and text of the suite. None: the pods have the suite already.
        ray_version: Version of Ray in the images.
    """
    documents = suite_config(suite, cluster)
    for group in groups:
        documents.append(config_map(_script_name(group), SCRIPT_FILE, _script(group, options), cluster))
        documents.append(_rayjob(group, options, cluster, suite and suite[0], ray_version))
    return to_yaml(documents)


def _script_name(group: ShardGroup) -> str:
    return f"{group.name}-shards"


def _script(group: ShardGroup, options: ClusterOptions) -> str:
    """Return the script that runs the shards of a model.

    It is a file, because the entrypoint of a RayJob is read by the shell of the submitter, joined again by ``ray job submit``
    (how, depends on Ray's version), and read by a second shell: quotes and dollars do not survive that.
    """
    last = group.first + group.count - 1
    limit = "" if options.limit_s is None else f"timeout --kill-after={GRACE_S} {options.limit_s} "
    return "\n".join(
        (
            "# Every shard is tried; the job fails if one of them did, and the next attempt runs only what is missing.",
            "rc=0",
            f"for shard in $(seq {group.first} {last}); do",
            f"  {limit}{group.shell_command('$shard')} || rc=1",
            "done",
            "exit $rc",
            "",
        )
    )


def _rayjob(
    group: ShardGroup,
    options: ClusterOptions,
    cluster: KubernetesOptions,
    config: str | None,
    ray_version: str,
) -> dict[str, Any]:
    worker = client(group, options, cluster, config)
    head = {
        "name": "ray-head",
        "image": worker["image"],
        "ports": [
            {"name": "gcs", "containerPort": 6379},
            {"name": "dashboard", "containerPort": 8265},
            {"name": "client", "containerPort": 10001},
        ],
        "resources": {
            "requests": {"cpu": "1", "memory": f"{HEAD_MEMORY_GIB}Gi"},
            "limits": {"memory": f"{HEAD_MEMORY_GIB}Gi"},
        },
    }
    worker["name"] = "ray-worker"
    worker["volumeMounts"].append({"name": "shards", "mountPath": SCRIPT_FOLDER})
    spec: dict[str, Any] = {
        "entrypoint": f"sh {SCRIPT_FOLDER}/{SCRIPT_FILE}",
        # The head has no CPUs for tasks, so the script runs on the worker, where the GPUs and the server are.
        "entrypointNumCpus": 1,
    }
    if group.hosting == "own" and group.gpus:
        spec["entrypointNumGpus"] = group.gpus
    spec |= {
        "shutdownAfterJobFinishes": True,
        "ttlSecondsAfterFinished": KEEP_S,
        "backoffLimit": RETRIES,
    }
    if cluster.queue is not None:
        spec["suspend"] = True  # Kueue starts it
    worker_pod = pod_spec(group, options, cluster, config, [worker])
    worker_pod["volumes"].append({"name": "shards", "configMap": {"name": _script_name(group)}})
    spec["rayClusterSpec"] = {
        "rayVersion": ray_version,
        "headGroupSpec": {
            "rayStartParams": {"num-cpus": "0", "dashboard-host": "0.0.0.0"},  # noqa: S104 - within the cluster's network
            "template": {"metadata": {"labels": labels(group)}, "spec": {"containers": [head]}},
        },
        "workerGroupSpecs": [
            {
                "groupName": "shards",
                "replicas": 1,
                "minReplicas": 1,
                "maxReplicas": 1,
                "rayStartParams": {"num-cpus": str(options.cpus)},
                "template": {"metadata": {"labels": labels(group)}, "spec": worker_pod},
            }
        ],
    }
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": {
            "name": group.name,
            "namespace": cluster.namespace,
            "labels": labels(group, cluster),
        },
        "spec": spec,
    }

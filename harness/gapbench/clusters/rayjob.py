"""Shards as RayJobs of KubeRay: one for each model, on a small cluster of its own that ends with the job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gapbench.clusters.kubernetes import (
    RETRIES,
    KubernetesOptions,
    client,
    config_map,
    labels,
    pod_spec,
    to_yaml,
)
from gapbench.clusters.shard_group import ClusterOptions, ShardGroup

HEAD_MEMORY_GIB = 4
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
    documents = [config_map(suite, cluster)] if suite is not None else []
    documents += [_rayjob(group, options, cluster, suite and suite[0], ray_version) for group in groups]
    return to_yaml(documents)


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
    last = group.first + group.count - 1
    # Every shard is tried; the job fails if one of them did, and the next attempt runs only what is missing.
    script = f"rc=0; for shard in $(seq {group.first} {last}); do {group.shell_command('$shard')} || rc=1; done; exit $rc"
    spec: dict[str, Any] = {
        "entrypoint": f"sh -c '{script}'" if "'" not in script else _quoted(script),
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
    if options.hours is not None:
        spec["activeDeadlineSeconds"] = round(options.hours * 3600 * group.count)
    if cluster.queue is not None:
        spec["suspend"] = True  # Kueue starts it
    worker_pod = pod_spec(group, options, cluster, config, [worker])
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


def _quoted(script: str) -> str:
    """Return a command that runs a script which holds quotes."""
    import shlex  # noqa: PLC0415 - rarely needed

    return f"sh -c {shlex.quote(script)}"

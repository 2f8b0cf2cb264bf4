"""Shards as Kubernetes Jobs: one Indexed Job for each model, with vLLM as a sidecar where the model is served beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from gapbench.clusters.shard_group import ClusterOptions, ShardGroup

QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
SUITE_FOLDER = "/suite"
RETRIES = 3
"""Attempts at a shard that failed; each continues where the last one stopped."""
READY_POLL_S, READY_POLLS = 10, 180
"""A server may take half an hour to load its weights."""
GRACE_S = 120
"""Seconds between the signal that a pod ends and its end: what is in flight is finished, and the run is uploaded."""
BAD_INPUT = 2
"""Exit code after which another attempt would fail as well."""


@dataclass(frozen=True)
class KubernetesOptions:
    """What only Kubernetes needs.

    Attributes:
        namespace: Namespace of everything.
        secret: Name of the Secret with the keys, each under the name of its variable.
        queue: Kueue's local queue; jobs are then created suspended. None: no queue.
        claim: Name of a PersistentVolumeClaim. None: none.
        claim_path: Where it is mounted.
        service_account: Name of the pods' ServiceAccount. None: the namespace's default.
        gpu_resource: Name of the GPUs' resource.
        node_selector: Labels of the nodes for models with GPUs.
    """

    namespace: str = "default"
    secret: str = "gapbench-keys"  # noqa: S105 - the name of a Secret
    queue: str | None = None
    claim: str | None = None
    claim_path: str = "/data"
    service_account: str | None = None
    gpu_resource: str = "nvidia.com/gpu"
    node_selector: Mapping[str, str] | None = None


def kubernetes_yaml(
    groups: Sequence[ShardGroup],
    options: ClusterOptions,
    cluster: KubernetesOptions,
    suite: tuple[str, str] | None,
) -> str:
    """Return the manifests: a ConfigMap with the suite, and an Indexed Job for each model.

    Args:
        groups: The shards, by model.
        options: The cluster.
        cluster: What only Kubernetes needs.
        suite: Name of the ConfigMap and text of the suite. None: the pods have the suite already.
    """
    documents = suite_config(suite, cluster)
    documents += [_job(group, options, cluster, suite and suite[0]) for group in groups]
    return to_yaml(documents)


def to_yaml(documents: Sequence[Mapping[str, Any]]) -> str:
    """Return documents as YAML, texts of several lines as blocks."""
    return str(yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True))


def suite_config(suite: tuple[str, str] | None, cluster: KubernetesOptions) -> list[dict[str, Any]]:
    """Return the ConfigMap of a suite; [] if the pods have the suite already."""
    return [] if suite is None else [config_map(suite[0], "suite.yaml", suite[1], cluster)]


def config_map(name: str, file: str, text: str, cluster: KubernetesOptions) -> dict[str, Any]:
    """Return a ConfigMap with one file."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": cluster.namespace, "labels": labels()},
        "data": {file: text},
    }


def literal(text: str) -> str:
    """Return a text as Kubernetes must get it: in commands, arguments and variables it replaces ``$(NAME)``, and ``$$`` is a dollar."""
    return text.replace("$", "$$")


def labels(group: ShardGroup | None = None, cluster: KubernetesOptions | None = None) -> dict[str, str]:
    """Return the labels of an object; those of a job name its queue."""
    found = {"app.kubernetes.io/name": "gapbench"}
    if group is not None:
        found["app.kubernetes.io/instance"] = group.name
    if cluster is not None and cluster.queue is not None:
        found[QUEUE_LABEL] = cluster.queue
    return found


def pod_spec(
    group: ShardGroup,
    options: ClusterOptions,
    cluster: KubernetesOptions,
    config: str | None,
    containers: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the pod around a client: volumes, the server beside it, and what it may do."""
    volumes: list[dict[str, Any]] = [{"name": "work", "emptyDir": {}}]
    if config is not None:
        volumes.append({"name": "suite", "configMap": {"name": config}})
    if cluster.claim is not None:
        volumes.append({"name": "data", "persistentVolumeClaim": {"claimName": cluster.claim}})
    if group.gpus:
        # Tensor-parallel processes share memory; the 64 MiB that a container has are too few.
        volumes.append({"name": "shm", "emptyDir": {"medium": "Memory"}})
    spec: dict[str, Any] = {}
    if cluster.service_account is not None:
        spec["serviceAccountName"] = cluster.service_account
    spec["terminationGracePeriodSeconds"] = GRACE_S
    spec["securityContext"] = {
        "fsGroup": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if group.gpus and cluster.node_selector:
        spec["nodeSelector"] = dict(cluster.node_selector)
    if group.hosting == "beside":
        spec["initContainers"] = [_server(group, options, cluster)]
    spec["containers"] = [dict(container) for container in containers]
    spec["volumes"] = volumes
    return spec


def client(
    group: ShardGroup, options: ClusterOptions, cluster: KubernetesOptions, config: str | None
) -> dict[str, Any]:
    """Return the container that sends requests, without its command."""
    owns_gpus = group.hosting == "own" and group.gpus > 0
    mounts = [{"name": "work", "mountPath": "/work"}]
    if config is not None:
        mounts.append({"name": "suite", "mountPath": SUITE_FOLDER})
    if cluster.claim is not None:
        mounts.append({"name": "data", "mountPath": cluster.claim_path})
    if owns_gpus:
        mounts.append({"name": "shm", "mountPath": "/dev/shm"})  # noqa: S108 - a mount in a pod
    resources: dict[str, Any] = {
        "requests": {"cpu": str(options.cpus), "memory": f"{options.memory_gib}Gi"},
        "limits": {"memory": f"{options.memory_gib}Gi"},
    }
    if owns_gpus:
        resources["limits"][cluster.gpu_resource] = str(group.gpus)
    return {
        "name": "bench",
        "image": options.gpu_image if owns_gpus else options.image,
        "env": _environment(group, options, cluster),
        "resources": resources,
        "securityContext": {
            "runAsUser": 1000,
            "runAsNonRoot": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
        "workingDir": "/work",
        "volumeMounts": mounts,
    }


def _job(
    group: ShardGroup, options: ClusterOptions, cluster: KubernetesOptions, config: str | None
) -> dict[str, Any]:
    number = f"$(({group.first} + JOB_COMPLETION_INDEX))"
    container = client(group, options, cluster, config)
    image = container.pop("image")
    container = {
        "name": container.pop("name"),
        "image": image,
        "command": ["/bin/sh", "-c"],
        "args": [literal(f"exec {group.shell_command(number)}")],
        **container,
    }
    spec: dict[str, Any] = {
        "completionMode": "Indexed",
        "completions": group.count,
        "parallelism": min(group.count, options.parallel),
        "backoffLimitPerIndex": RETRIES,
        "podFailurePolicy": {
            "rules": [
                {
                    "action": "FailIndex",
                    "onExitCodes": {"containerName": "bench", "operator": "In", "values": [BAD_INPUT]},
                },
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            ]
        },
    }
    if cluster.queue is not None:
        spec["suspend"] = True  # Kueue starts it
    pod = pod_spec(group, options, cluster, config, [container])
    if options.limit_s is not None:
        # Of each pod, which has one shard: a limit of the job would let one shard use the time of all.
        pod = {"activeDeadlineSeconds": options.limit_s, **pod}
    spec["template"] = {"metadata": {"labels": labels(group)}, "spec": {"restartPolicy": "Never", **pod}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": group.name,
            "namespace": cluster.namespace,
            "labels": labels(group, cluster),
        },
        "spec": spec,
    }


def _server(group: ShardGroup, options: ClusterOptions, cluster: KubernetesOptions) -> dict[str, Any]:
    """Return vLLM as a sidecar: the client starts once it is ready, and it ends with the client."""
    probe = {"httpGet": {"path": "/health", "port": group.server_port}}
    return {
        "name": "vllm",
        "image": options.server_image,
        "restartPolicy": "Always",
        "command": [literal(word) for word in group.server_command(options)],
        "env": [
            {"name": "HOME", "value": "/work"},
            *_weights_folder(cluster, {}),
            {"name": "VLLM_NO_USAGE_STATS", "value": "1"},
            _secret("HF_TOKEN", cluster.secret, optional=True),
        ],
        "ports": [{"name": "http", "containerPort": group.server_port}],
        "resources": {
            "limits": {cluster.gpu_resource: str(group.gpus)},
        },
        "startupProbe": {**probe, "periodSeconds": READY_POLL_S, "failureThreshold": READY_POLLS},
        "livenessProbe": {**probe, "periodSeconds": 30, "failureThreshold": 5, "timeoutSeconds": 10},
        "volumeMounts": [
            {"name": "work", "mountPath": "/work"},
            {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108 - a mount in a pod
            *([{"name": "data", "mountPath": cluster.claim_path}] if cluster.claim is not None else []),
        ],
    }


def _environment(
    group: ShardGroup, options: ClusterOptions, cluster: KubernetesOptions
) -> list[dict[str, Any]]:
    plain = {"HOME": "/work", **options.environment}
    return [
        *({"name": name, "value": literal(value)} for name, value in plain.items()),
        *(_weights_folder(cluster, plain) if group.hosting == "own" and group.gpus else ()),
        *(_secret(name, cluster.secret) for name in group.secrets),
        *(_secret(name, cluster.secret, optional=True) for name in group.optional_secrets),
    ]


def _weights_folder(cluster: KubernetesOptions, given: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the variable that keeps downloaded weights on the volume, so that each is downloaded once; not if it is given."""
    if cluster.claim is None or "HF_HOME" in given:
        return []
    return [{"name": "HF_HOME", "value": literal(f"{cluster.claim_path}/huggingface")}]


def _secret(variable: str, secret: str, *, optional: bool = False) -> dict[str, Any]:
    """Return a variable whose value comes from a Secret, where it has the same name."""
    reference: dict[str, Any] = {"name": secret, "key": variable}
    if optional:
        reference["optional"] = True
    return {"name": variable, "valueFrom": {"secretKeyRef": reference}}


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as they are, and no anchors."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        """Return that nothing is written as a reference."""
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)

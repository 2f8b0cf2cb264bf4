"""The shards of one model: they need the same machine, the same server and the same keys."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from gapbench.errors import InputError
from gapbench.execution.setup import RunSetup, Selection
from gapbench.execution.shard_estimates import Hosting, ShardEstimate, hosting_of
from gapbench.values import Model
from gapbench.values.cache_place import CachePlace, RedisPlace, parse_cache_place

NAME_CHARS = 47
"""The longest name of a RayJob (KubeRay's MaxRayJobNameLength): of 63 characters, KubeRay adds the rest."""
SERVER_IMAGE = "vllm/vllm-openai:v0.32.0"
"""vLLM's own image, at the version of requirements/gpu.txt."""
STORE_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@dataclass(frozen=True)
class ClusterOptions:
    """What the user says of the cluster, for all schedulers.

    Attributes:
        suite: The suite as the jobs name it: a built-in name, or a path there.
        out: Results folder of the jobs, or an address on object storage.
        image: Image of the client.
        gpu_image: Image of the client with vLLM, for models whose server the run starts.
        server_image: Image of vLLM, for models served beside the client.
        parallel: Shards of one model that run at once.
        cpus: CPU cores of a client.
        memory_gib: Memory of a client, in GiB.
        environment: Variables and their values, which are no keys.
        server_arguments: Further arguments of ``vllm serve``, by model id.
        hours: Time limit of a shard. None: the scheduler's own.
    """

    suite: str
    out: str
    image: str
    gpu_image: str
    server_image: str
    parallel: int = 1
    cpus: int = 2
    memory_gib: int = 4
    environment: Mapping[str, str] = field(default_factory=dict)
    server_arguments: Mapping[str, Sequence[str]] = field(default_factory=dict)
    hours: float | None = None

    @property
    def is_out_remote(self) -> bool:
        """Whether the results go to object storage."""
        return self.out.lower().startswith("s3:")

    @property
    def limit_s(self) -> int | None:
        """Time limit of a shard in seconds. None: the scheduler's own."""
        return None if self.hours is None else max(1, round(self.hours * 3600))


@dataclass(frozen=True)
class ShardGroup:
    """The shards of one model.

    Attributes:
        name: A DNS label, unique among the groups.
        model: The model.
        first: Number of its first shard; the others follow.
        count: How many there are.
        hosting: Who serves the model.
        gpus: GPUs on each machine. 0: none.
        secrets: Environment variables that must hold a key.
        optional_secrets: Environment variables that may hold one.
        command: ``bench run`` with everything but the number of the shard.
    """

    name: str
    model: Model
    first: int
    count: int
    hosting: Hosting
    gpus: int
    secrets: tuple[str, ...]
    optional_secrets: tuple[str, ...]
    command: tuple[str, ...]

    def shell_command(self, number: str) -> str:
        """Return the command of one shard for a shell.

        Args:
            number: The shell's expression for the number of the shard, in double quotes.
        """
        return f'{shlex.join(self.command)} --shard "{number}"'

    @property
    def server_port(self) -> int:
        """Port of the server beside the client."""
        url = urlsplit(self.model.base_url or "http://127.0.0.1:8000/v1")
        return url.port or (443 if url.scheme == "https" else 80)

    def server_command(self, options: ClusterOptions) -> tuple[str, ...]:
        """Return the command of the server beside the client."""
        parallel = ("--tensor-parallel-size", str(self.gpus)) if self.gpus > 1 else ()
        extra = tuple(options.server_arguments.get(self.model.id, ()))
        return ("vllm", "serve", self.model.name, "--port", str(self.server_port), *parallel, *extra)


def group_shards(
    setup: RunSetup,
    shards: Sequence[ShardEstimate],
    selection: Selection,
    options: ClusterOptions,
    cache: str | None = None,
    max_usd: float | None = None,
) -> list[ShardGroup]:
    """Return the groups of a plan's shards.

    Args:
        setup: The run.
        shards: Its shards.
        selection: What the command line picked.
        options: The cluster.
        cache: Where shards share answers. None: where the suite says.
        max_usd: US dollars at which a shard stops. None: no limit.

    Raises:
        InputError: A model has several addresses on the machine itself, or an option names an unknown model.
    """
    unknown = sorted(options.server_arguments.keys() - {model.id for model in setup.plan.models})
    if unknown:
        raise InputError(f"--serve-args names {unknown[0]!r}, which is not a model of this plan")
    place = parse_cache_place(cache) if cache is not None else setup.suite.cache_place
    groups: list[ShardGroup] = []
    for model in setup.plan.models:
        of_model = [shard for shard in shards if shard.model == model.id]
        hosting = hosting_of(model, setup.runners[model.id])
        if hosting == "beside" and len(model.replicas) > 1:
            raise InputError(
                f"{setup.suite.model_location(model.id)}: model {model.id!r} has {len(model.replicas)} addresses on the "
                "machine itself; give one, and more GPUs, or addresses that every pod reaches"
            )
        required, optional = _secrets(setup, model, options, place)
        groups.append(
            ShardGroup(
                dns_label(setup.suite.name, model.id), model, of_model[0].number, len(of_model), hosting,
                of_model[0].gpus, required, optional, _command(selection, options, cache, max_usd),
            )
        )  # fmt: skip
    return groups


def dns_label(*parts: str) -> str:
    """Return a DNS label (RFC 1123) for names; those that it cannot spell get a hash, so that no two share one."""
    text = "-".join(parts)
    label = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    if label == text and len(label) <= NAME_CHARS and not label[0].isdigit():
        return label
    digest = hashlib.sha256(text.encode()).hexdigest()[:6]
    start = label[: NAME_CHARS - 7].strip("-") or "gapbench"
    return f"{'g-' if start[0].isdigit() else ''}{start}"[: NAME_CHARS - 7].strip("-") + f"-{digest}"


def _command(
    selection: Selection, options: ClusterOptions, cache: str | None, max_usd: float | None
) -> tuple[str, ...]:
    words = ["bench", "run", options.suite]
    for name, values in (("--model", selection.models), ("--task", selection.tasks)):
        for value in values:
            words += [name, value]
    if selection.limit is not None:
        words += ["--limit", str(selection.limit)]
    if cache is not None:
        words += ["--cache", cache]
    if max_usd is not None:
        words += ["--max-usd", f"{max_usd:.15g}"]
    if selection.allow_code:
        words.append("--allow-code")
    return (*words, "--out", options.out, "--yes", "--quiet")


def _secrets(
    setup: RunSetup, model: Model, options: ClusterOptions, cache: CachePlace | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the variables that must hold a key for a model's shards, and those that may."""
    runners: list[Any] = [setup.runners[model.id], *setup.user_runners.values()]
    required = [name for runner in runners if (name := runner.key_variable()) is not None]
    optional: list[str] = []
    if options.is_out_remote:
        optional += STORE_VARIABLES
    if isinstance(cache, RedisPlace):
        (required if cache.is_password_needed else optional).append(cache.password_env)
    if hosting_of(model, setup.runners[model.id]) != "remote":
        optional.append("HF_TOKEN")
    return tuple(dict.fromkeys(required)), tuple(dict.fromkeys(optional))

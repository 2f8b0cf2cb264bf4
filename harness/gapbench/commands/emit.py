"""`bench emit`: a suite's shards as jobs for Kubernetes, Slurm or Ray; sends nothing."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gapbench.commands.command_group import CommandGroup
from gapbench.commands.options import (
    POSITIVE,
    allow_code_option,
    limit_option,
    max_usd_option,
    model_option,
    task_option,
)

if TYPE_CHECKING:
    from gapbench.clusters.kubernetes import KubernetesOptions
    from gapbench.clusters.shard_group import ClusterOptions, ShardGroup
    from gapbench.execution.setup import RunSetup

MAX_CONFIG_BYTES = 900_000
"""A ConfigMap holds at most 1 MiB."""
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/@+-]*")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_Command = TypeVar("_Command", bound=Callable[..., Any])


def _word(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:  # noqa: ARG001 - click's signature
    """Accept a name or address without spaces and shell characters."""
    if value is not None and not _WORD.fullmatch(value):
        raise click.BadParameter(f"found {value!r}; expected a name without spaces.", param=param)
    return value


def _label(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:  # noqa: ARG001 - click's signature
    """Accept a DNS label."""
    if value is not None and not _LABEL.fullmatch(value):
        raise click.BadParameter(
            f"found {value!r}; expected small letters, digits and '-', at most 63.", param=param
        )
    return value


def _apply(options: Sequence[Callable[[_Command], _Command]]) -> Callable[[_Command], _Command]:
    def decorate(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_shared = _apply(
    [
        click.argument("suite"),
        model_option,
        task_option,
        limit_option,
        click.option("--out", required=True, help="Results folder of the jobs, or s3://BUCKET/PREFIX."),
        click.option(
            "--parallel", type=click.IntRange(min=1), default=1, show_default=True,
            help="Shards of one model that run at once. Models run side by side.",
        ),
        click.option("--cpus", type=click.IntRange(min=1), default=2, show_default=True, help="CPU cores of a client."),
        click.option(
            "--memory-gib", type=click.IntRange(min=1), default=4, show_default=True,
            help="Memory of a client in GiB; for models whose server the run starts, of both.",
        ),
        click.option("--hours", type=POSITIVE, help="Time limit of a shard.  [default: the scheduler's own]"),
        click.option(
            "--env", "environment", multiple=True, metavar="NAME=VALUE",
            help="A variable of the jobs, such as AWS_REGION; not a key. Repeatable.",
        ),
        click.option(
            "--serve-args", multiple=True, metavar="MODEL=ARGS",
            help="More arguments of `vllm serve` for a model whose base_url is this machine. Repeatable.",
        ),
        click.option("--cache", metavar="DIR|redis://…", help="Response cache that the shards share."),
        max_usd_option,
        allow_code_option,
        click.option(
            "--to", type=click.Path(path_type=Path, dir_okay=False), help="Write to a file.  [default: standard output]"
        ),
    ]
)  # fmt: skip

_images = _apply(
    [
        click.option("--image", callback=_word, help="Image of the client.  [default: gapbench:VERSION]"),
        click.option(
            "--gpu-image", callback=_word,
            help="Image of the client with vLLM, for models whose server the run starts.  [default: gapbench-vllm:VERSION]",
        ),
    ]
)  # fmt: skip

_kubernetes = _apply(
    [
        *([_images]),
        click.option(
            "--server-image", callback=_word,
            help="Image of vLLM, for models whose base_url is this machine.  [default: vllm/vllm-openai at the tested version]",
        ),
        click.option("--namespace", callback=_label, default="default", show_default=True, help="Namespace of everything."),
        click.option(
            "--secret", callback=_label, default="gapbench-keys", show_default=True,
            help="Secret with the keys, each under the name of its variable.",
        ),
        click.option("--queue", callback=_label, help="Kueue's local queue; the jobs are then created suspended."),
        click.option(
            "--claim", metavar="NAME[:PATH]",
            help="PersistentVolumeClaim, mounted at PATH (/data), for --out, task data or weights.",
        ),
        click.option("--service-account", callback=_label, help="ServiceAccount of the pods."),
        click.option("--gpu-resource", callback=_word, default="nvidia.com/gpu", show_default=True, help="Resource of the GPUs."),
        click.option(
            "--node-selector", multiple=True, metavar="LABEL=VALUE", help="Label of the nodes with GPUs. Repeatable."
        ),
        click.option(
            "--suite-path",
            help="Where the suite is in the pods.  [default: a ConfigMap with the suite is written]",
        ),
    ]
)  # fmt: skip


@click.group(
    "emit",
    cls=CommandGroup,
    epilog="""\b
Examples:
  bench emit kubernetes my.yaml --out s3://bucket/run7 --queue team > jobs.yaml
  bench emit slurm my.yaml --out /scratch/run7 --merge results > submit.sh
  bench emit rayjob my.yaml --out s3://bucket/run7 --ray-version 2.60.0 > rayjobs.yaml""",
)
def emit_command() -> None:
    """Write the shards of a suite as jobs for a cluster. Sends nothing, and writes no key.

    `bench plan SUITE --shards` lists the shards. Each is idempotent: a complete one does nothing when it runs again.
    """


@emit_command.command("kubernetes")
@_shared
@_kubernetes
def kubernetes_command(**given: Any) -> None:
    """Write Indexed Jobs, one for each model, with vLLM as a sidecar where a model's base_url is this machine.

    With --queue they wait for Kueue. Needs Kubernetes 1.33, or 1.29 without retries of single shards.
    """
    from gapbench.clusters.kubernetes import kubernetes_yaml

    groups, options, cluster, suite = _prepare_kubernetes(given)
    _write(kubernetes_yaml(groups, options, cluster, suite), given["to"])


@emit_command.command("rayjob")
@_shared
@_kubernetes
@click.option("--ray-version", required=True, callback=_word, help="Version of Ray in the images.")
def rayjob_command(**given: Any) -> None:
    """Write RayJobs for KubeRay, one for each model, which runs its shards one after the other.

    The images must also hold Ray.
    """
    from gapbench.clusters.rayjob import rayjob_yaml

    groups, options, cluster, suite = _prepare_kubernetes(given)
    _write(rayjob_yaml(groups, options, cluster, suite, given["ray_version"]), given["to"])


@emit_command.command("slurm")
@_shared
@click.option("--partition", callback=_word, help="Partition.  [default: the cluster's]")
@click.option(
    "--gpu-partition", callback=_word, help="Partition for models with GPUs.  [default: as --partition]"
)
@click.option("--account", callback=_word, help="Account that is charged.")
@click.option(
    "--merge", "merged", metavar="DIR", help="Merge the shards into a run in this folder when all are done."
)
@click.option(
    "--setup", multiple=True, metavar="COMMAND",
    help="Command of each job before `bench`, such as 'source /opt/gapbench/bin/activate'. Repeatable.",
)  # fmt: skip
def slurm_command(**given: Any) -> None:
    """Write a shell script that submits one job array for each model.

    Jobs take keys from the environment in which the script runs.
    """
    from gapbench.clusters.slurm import SlurmOptions, slurm_script
    from gapbench.commands.storage_paths import mirror_folder
    from gapbench.errors import InputError
    from gapbench.suite.tasks.builtin import builtin_folder

    if mirror_folder(given["out"]) is None and re.search(r"[\\\r\n]", given["out"]):
        raise InputError(
            "--out: Slurm cannot name a log in a folder with a backslash or a line break; choose another folder"
        )
    setup = _build_setup(given)
    path = setup.suite.path
    is_builtin = path.resolve().is_relative_to((builtin_folder() / "suites").resolve())
    suite = path.stem if is_builtin else str(path.resolve())
    groups, options = _group(setup, given, suite)
    cluster = SlurmOptions(
        given["partition"], given["account"], given["gpu_partition"], given["merged"], given["setup"]
    )
    _write(slurm_script(groups, options, cluster), given["to"])


def _build_setup(given: dict[str, Any]) -> RunSetup:
    from gapbench.execution.setup import build_run_setup, enforce_data_policy

    setup = build_run_setup(_selection(given))
    enforce_data_policy(setup)
    return setup


def _selection(given: dict[str, Any]) -> Any:
    from gapbench.execution.setup import Selection

    return Selection(given["suite"], given["models"], given["tasks"], given["limit"], given["allow_code"])


def _group(setup: RunSetup, given: dict[str, Any], suite: str) -> tuple[list[ShardGroup], ClusterOptions]:
    """Return the shards by model, and the options that all clusters share."""
    from importlib.metadata import version

    from gapbench.clusters.shard_group import SERVER_IMAGE, ClusterOptions, group_shards
    from gapbench.errors import InputError
    from gapbench.execution.plan_power import PowerAssumptions
    from gapbench.execution.shard_estimates import estimate_shards

    environment = dict(_pairs("--env", given["environment"]))
    _refuse_keys(environment)
    try:
        arguments = {
            model: shlex.split(words) for model, words in _pairs("--serve-args", given["serve_args"])
        }
    except ValueError as exc:
        raise InputError(f"--serve-args: {exc}; close the quotation marks") from exc
    own = version("gapbench")
    options = ClusterOptions(
        suite=suite,
        out=given["out"],
        image=given.get("image") or f"gapbench:{own}",
        gpu_image=given.get("gpu_image") or f"gapbench-vllm:{own}",
        server_image=given.get("server_image") or SERVER_IMAGE,
        parallel=given["parallel"],
        cpus=given["cpus"],
        memory_gib=given["memory_gib"],
        environment=environment,
        server_arguments=arguments,
        hours=given["hours"],
    )
    try:
        groups = group_shards(
            setup,
            estimate_shards(setup, PowerAssumptions()),
            _selection(given),
            options,
            given["cache"],
            given["max_usd"],
        )
    except ValueError as exc:
        raise InputError(f"--cache: {exc}") from exc
    return groups, options


def _prepare_kubernetes(
    given: dict[str, Any],
) -> tuple[list[ShardGroup], ClusterOptions, KubernetesOptions, tuple[str, str] | None]:
    """Return the shards, the options, and the suite for a ConfigMap if the pods do not have it."""
    from gapbench.clusters.kubernetes import SUITE_FOLDER, KubernetesOptions
    from gapbench.clusters.shard_group import dns_label
    from gapbench.commands.storage_paths import mirror_folder
    from gapbench.errors import InputError
    from gapbench.suite.tasks.builtin import builtin_folder

    setup = _build_setup(given)
    path = setup.suite.path
    claim, _, claim_path = (given["claim"] or "").partition(":")
    claim_path = posixpath.normpath(claim_path or "/data")
    if claim and not _LABEL.fullmatch(claim):
        raise InputError(f"--claim: found {claim!r}; expected the name of a PersistentVolumeClaim")
    if ":" in claim_path or not claim_path.startswith("/"):
        raise InputError(
            f"--claim: found the path {claim_path!r}; expected one that starts with / and has no colon"
        )
    is_kept = mirror_folder(given["out"]) is not None or (
        bool(claim) and f"{posixpath.normpath(given['out'])}/".startswith(f"{claim_path.rstrip('/')}/")
    )
    if not is_kept:
        raise InputError(
            f"--out {given['out']}: a pod's files end with it; give s3://BUCKET/PREFIX, or --claim NAME and a folder "
            f"below {claim_path}"
        )
    suite: tuple[str, str] | None = None
    if given["suite_path"] is not None:
        where = given["suite_path"]
    elif path.resolve().is_relative_to((builtin_folder() / "suites").resolve()):
        where = path.stem
    else:
        text = path.read_bytes().decode("utf-8")  # with its own ends of lines: they are part of its hash
        _refuse_files(setup, text)
        suite, where = (dns_label(setup.suite.name, "suite"), text), f"{SUITE_FOLDER}/suite.yaml"
    groups, options = _group(setup, given, where)
    cluster = KubernetesOptions(
        namespace=given["namespace"],
        secret=given["secret"],
        queue=given["queue"],
        claim=claim or None,
        claim_path=claim_path,
        service_account=given["service_account"],
        gpu_resource=given["gpu_resource"],
        node_selector=dict(_pairs("--node-selector", given["node_selector"])),
    )
    return groups, options, cluster, suite


def _refuse_files(setup: RunSetup, text: str) -> None:
    """Refuse a suite that a ConfigMap cannot hold: too large, or with files beside it."""
    from gapbench.errors import InputError

    folder = setup.suite.path.parent
    remedy = "put the folder into the image or on a volume (--claim NAME), and say with --suite-path where the suite is"
    for word in _texts(setup.suite.content):
        if len(word) < 1000 and "\n" not in word and word not in {"", "."} and (folder / word).exists():
            raise InputError(
                f"{setup.suite.path}: it reads the file {word!r}, which a ConfigMap cannot hold; {remedy}"
            )
    if len(text.encode()) > MAX_CONFIG_BYTES:
        raise InputError(f"{setup.suite.path}: it is too large for a ConfigMap; {remedy}")


def _texts(value: Any) -> list[str]:
    """Return all texts in a document."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for one in inner for text in _texts(one)]


def _pairs(option: str, given: Sequence[str]) -> list[tuple[str, str]]:
    """Return what stands left and right of the first '='. Raises ``InputError`` without one."""
    from gapbench.errors import InputError

    found = []
    for text in given:
        name, mark, value = text.partition("=")
        if not mark or not name:
            raise InputError(f"{option}: found a value without NAME= (not shown); write NAME=VALUE")
        found.append((name, value))
    return found


def _refuse_keys(environment: dict[str, str]) -> None:
    """Refuse a key on the command line, which would be written into the jobs."""
    from gapbench.errors import InputError
    from gapbench.suite.documents.secret_scan import SECRET_NAME, SECRET_PATTERN

    for name, value in environment.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise InputError("--env: found a name that an environment variable cannot have (not shown)")
        if SECRET_NAME.fullmatch(name) or SECRET_PATTERN.search(value):
            raise InputError(
                f"--env {name}: this looks like a key (not shown), and a job's text must hold none; put it into the "
                "Secret, or export it where the jobs are submitted"
            )


def _write(text: str, to: Path | None) -> None:
    from gapbench.commands.output_file import write_output_file

    if to is None:
        click.echo(text, nl=False)
    else:
        write_output_file(to, text)
        click.echo(f"written: {to}", err=True)

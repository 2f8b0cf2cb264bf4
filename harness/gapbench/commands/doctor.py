"""`bench doctor`: what is installed and configured on this machine."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gapbench.commands.options import json_option

if TYPE_CHECKING:
    from gapbench.runner import SetupCheck


@click.command("doctor", epilog="Example: bench doctor --json")
@json_option
def doctor_command(*, as_json: bool) -> None:
    """Check this machine's setup: packages, API keys, GPU, vLLM server, sandbox, results folder."""
    checks = list(_check_setup())
    if as_json:
        click.echo(
            json.dumps([{"name": check.name, "there": check.found, "said": check.detail} for check in checks])
        )
        return
    for check in checks:
        mark = "yes" if check.found else "no "
        click.echo(f"{mark}  {check.name:<22} {check.detail}")


def _check_setup() -> Iterator[SetupCheck]:
    from gapbench.commands.runner_checks import check_runners
    from gapbench.runner import SetupCheck

    yield SetupCheck("python", True, f"{sys.version.split()[0]} on {sys.platform}")
    for package, purpose in (
        ("datasets", "tasks on Hugging Face data sets"),
        ("nvidia-ml-py", "GPU power and memory of each cell: pip install 'gapbench[gpu]'"),
    ):
        try:
            yield SetupCheck(package, True, version(package))
        except PackageNotFoundError:
            yield SetupCheck(package, False, f"not installed; needed for {purpose}")
    yield from check_runners()
    yield _check_gpu()
    yield _check_sandbox()
    yield _check_results_folder()


def _check_gpu() -> SetupCheck:
    from gapbench.execution.gpu_telemetry import gpu_names
    from gapbench.runner import SetupCheck

    names = gpu_names()
    return SetupCheck(
        "GPU",
        bool(names),
        ", ".join(names) or "NVML found none; use a vLLM server on another machine by base_url",
    )


def _check_sandbox() -> SetupCheck:
    from gapbench.errors import SetupError
    from gapbench.runner import SetupCheck
    from gapbench.sandbox import Sandbox

    try:
        found = Sandbox.find()
    except SetupError as exc:
        return SetupCheck("sandbox", False, str(exc))
    return SetupCheck("sandbox", True, f"{found.level}: code answers can be scored")


def _check_results_folder() -> SetupCheck:
    from gapbench.runner import SetupCheck

    folder = Path("results")
    existing = folder if folder.exists() else Path()
    free_gb = shutil.disk_usage(existing).free / 1e9
    writable = os.access(existing, os.W_OK)
    return SetupCheck(
        "results/", writable, f"{'writable' if writable else 'not writable'}, {free_gb:.0f} GB free"
    )

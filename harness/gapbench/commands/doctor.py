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


@click.command(
    "doctor",
    epilog="""\b
Examples:
  bench doctor
  bench doctor my-suite.yaml    one small call to each model
  bench doctor --json""",
)
@click.argument("suite", required=False)
@click.option("--offline", is_flag=True, help="Do not try the API keys that are set.")
@json_option
def doctor_command(suite: str | None, *, offline: bool, as_json: bool) -> int:
    """Check this machine's setup: packages, API keys, GPU, vLLM server, sandbox, results folder.

    A key that is set is tried with a request that costs nothing. With SUITE, each of its models gets one small call,
    which a vendor charges for, and the exit code is 1 if a model cannot be run.
    """
    from gapbench.formatting import escape_invisible

    checks = list(_check_models(suite)) if suite is not None else list(_check_setup(offline=offline))
    if as_json:
        click.echo(
            json.dumps([{"name": check.name, "there": check.found, "said": check.detail} for check in checks])
        )
    for check in () if as_json else checks:
        mark = "yes" if check.found else "no "
        click.echo(escape_invisible(f"{mark}  {check.name:<22} {check.detail}"))
    return 1 if suite is not None and not all(check.found for check in checks) else 0


def _check_models(suite: str) -> Iterator[SetupCheck]:
    """Send one small call to each model of a suite."""
    from gapbench.execution.first_calls import ask_models
    from gapbench.execution.setup import Selection, build_run_setup, find_missing_requirements
    from gapbench.runner import SetupCheck, owns_server

    setup = build_run_setup(Selection(suite))
    missing = find_missing_requirements(setup)
    for model_id, problem in missing.items():
        yield SetupCheck(model_id, False, problem)
    calls = ask_models(setup, leave_out=missing)
    asked = {call.model_id for call in calls}
    for model_id, model in setup.asked_models.items():
        if model_id not in asked and model_id not in missing:
            why = "no task asks it"
            if setup.runner_of(model_id).simulated:
                why = "simulated"
            elif owns_server(model):
                why = "its server starts with the run"
            yield SetupCheck(model_id, True, f"not called: {why}")
    for call in calls:
        replicas = len(setup.asked_models[call.model_id].replicas)
        answered = (
            f"each of {replicas} replicas answered a small call" if replicas else "answered a small call"
        )
        yield SetupCheck(call.model_id, call.problem is None, call.problem or call.note or answered)


def _check_setup(*, offline: bool) -> Iterator[SetupCheck]:
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
    yield from check_runners(offline=offline)
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

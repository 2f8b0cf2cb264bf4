"""`bench doctor`: what is installed and configured on this machine."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import click

from gapbench.commands.options import json_option


class DoctorFinding(NamedTuple):
    """Result of one check; the names of the fields are keys of the JSON output.

    Attributes:
        name: What was checked.
        there: Whether it was found.
        said: What was found, or how to get it.
    """

    name: str
    there: bool
    said: str


@click.command("doctor", epilog="Example: bench doctor --json")
@json_option
def doctor_command(*, as_json: bool) -> None:
    """Check this machine's setup: packages, API keys, GPU, vLLM server, sandbox, results folder."""
    findings = list(_check_setup())
    if as_json:
        click.echo(json.dumps([finding._asdict() for finding in findings]))
        return
    for finding in findings:
        mark = "yes" if finding.there else "no "
        click.echo(f"{mark}  {finding.name:<22} {finding.said}")


def _check_setup() -> Iterator[DoctorFinding]:
    yield DoctorFinding("python", True, f"{sys.version.split()[0]} on {sys.platform}")
    for package, purpose in (
        ("openai", "openai runner"),
        ("anthropic", "anthropic runner"),
        ("google-genai", "google runner"),
        ("datasets", "tasks on Hugging Face data sets"),
        (
            "vllm",
            "vllm runner when it starts vLLM, as a server or in this process: pip install 'gapbench[vllm]' on a GPU machine",
        ),
        ("nvidia-ml-py", "GPU power and memory of each cell: pip install 'gapbench[gpu]'"),
    ):
        try:
            yield DoctorFinding(package, True, version(package))
        except PackageNotFoundError:
            yield DoctorFinding(package, False, f"not installed; needed for the {purpose}")
    for variable, option in (
        ("OPENAI_API_KEY", "--model openai:MODEL"),
        ("ANTHROPIC_API_KEY", "--model anthropic:MODEL"),
        ("GEMINI_API_KEY", "--model google:MODEL"),
    ):
        there = bool(os.environ.get(variable))
        yield DoctorFinding(
            variable, there, f"set: {option} works" if there else f"not set; export it for {option}"
        )
    yield _check_gpu()
    yield _check_vllm_server()
    yield _check_sandbox()
    yield _check_results_folder()


def _check_gpu() -> DoctorFinding:
    from gapbench.execution.gpu_telemetry import gpu_names

    names = gpu_names()
    return DoctorFinding(
        "GPU",
        bool(names),
        ", ".join(names) or "NVML found none; use a vLLM server on another machine by base_url",
    )


def _check_vllm_server() -> DoctorFinding:
    import urllib.error
    import urllib.request

    url = os.environ.get("VLLM_BASE_URL", "http://127.0.0.1:8000/v1")
    try:
        with urllib.request.urlopen(f"{url}/models", timeout=1) as reply:  # noqa: S310 - the user's own address
            listed: dict[str, Any] = json.load(reply)
        names = ", ".join(str(model["id"]) for model in listed["data"])
    except (OSError, ValueError, KeyError, TypeError, urllib.error.URLError):
        return DoctorFinding("vLLM server", False, f"no server at {url}; start one, or set VLLM_BASE_URL")
    return DoctorFinding("vLLM server", True, f"{url}: {names}; use --model vllm:NAME@{url}")


def _check_sandbox() -> DoctorFinding:
    from gapbench.errors import SetupError
    from gapbench.sandbox import Sandbox

    try:
        found = Sandbox.find()
    except SetupError as exc:
        return DoctorFinding("sandbox", False, str(exc))
    return DoctorFinding("sandbox", True, f"{found.level}: code answers can be scored")


def _check_results_folder() -> DoctorFinding:
    folder = Path("results")
    existing = folder if folder.exists() else Path()
    free_gb = shutil.disk_usage(existing).free / 1e9
    writable = os.access(existing, os.W_OK)
    return DoctorFinding(
        "results/", writable, f"{'writable' if writable else 'not writable'}, {free_gb:.0f} GB free"
    )

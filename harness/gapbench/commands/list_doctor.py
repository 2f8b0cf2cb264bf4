"""`bench list`, `bench schema`, `bench doctor`: what there is."""

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

KINDS = ("runners", "tasks", "suites", "models", "scorers", "runs")


@click.command("list", epilog="Examples: bench list tasks; bench list models tasks/suites/quickstart.yaml")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("suite", required=False)
@json_option
def list_command(kind: str, suite: str | None, *, as_json: bool) -> None:
    """List what there is of KIND; `models` lists those of SUITE, or those with a known price."""
    rows = dict(_rows(kind, suite))
    if as_json:
        click.echo(json.dumps(rows))
        return
    width = max((len(name) for name in rows), default=0)
    for name, line in rows.items():
        click.echo(f"{name.ljust(width)}  {line}".rstrip())


def _rows(kind: str, suite: str | None) -> Iterator[tuple[str, str]]:
    if kind == "runners":
        from gapbench.runner import installed_runners

        for name, point in installed_runners().items():
            package = point.dist.name if point.dist else "?"
            yield name, f"{point.value}  ({package})"
    elif kind == "tasks":
        from gapbench.suite.tasks.loader import builtin_tasks, find_builtin_task, read_task

        for name in builtin_tasks():
            document, _ = read_task(find_builtin_task(name))
            yield name, document.description.strip().split(". ")[0].rstrip(".") or document.category
    elif kind == "suites":
        from gapbench.suite.suite import builtin_suites

        yield from builtin_suites().items()
    elif kind == "scorers":
        from gapbench import scoring

        yield from scoring.scorer_descriptions().items()
    elif kind == "runs":
        from gapbench.errors import ResultsError
        from gapbench.store import read_manifest, runs_in

        for folder in runs_in(Path("results")):
            try:
                manifest = read_manifest(folder)
            except ResultsError as exc:
                yield folder.name, f"damaged: {exc}"
                continue
            yield (
                folder.name,
                f"{manifest.state}, {manifest.started_at}, {len(manifest.models)} models",
            )
    elif suite is not None:
        from gapbench.suite.suite import load_suite

        for model in load_suite(Path(suite)).models:
            yield model.id, f"{model.runner}, {model.weights} weights"
    else:
        from gapbench.pricing import price_book_models

        yield from price_book_models().items()


@click.command("schema", epilog="Examples: bench schema attempts; bench schema suite > suite.schema.json")
@click.argument("kind", type=click.Choice(("attempts", "payload", "suite")), default="attempts")
@json_option
def schema_command(kind: str, *, as_json: bool) -> None:
    """Print the columns of the Parquet tables, or the JSON Schema of the suite for editors."""
    if kind == "suite":
        from gapbench.suite.suite import suite_json_schema

        click.echo(json.dumps(suite_json_schema(), indent=2))
        return
    columns = [
        {"column": name, "type": type_, "null": null, "meaning": doc}
        for name, type_, null, doc in columns_of(kind)
    ]
    if as_json:
        click.echo(json.dumps(columns))
        return
    width = max(len(str(column["column"])) for column in columns)
    for column in columns:
        null = "?" if column["null"] else ""
        click.echo(
            f"{str(column['column']).ljust(width)}  {str(column['type']) + null:18}  {column['meaning']}"
        )


def columns_of(kind: str) -> list[tuple[str, str, bool, str]]:
    """Return name, type, nullability and meaning of each column of a table."""
    from gapbench.store.schema import describe_columns

    return describe_columns(kind)


class DoctorFinding(NamedTuple):
    """One thing that the doctor looked for.

    Attributes:
        name: What was looked for.
        there: Whether it was found.
        said: What was found, or what would do.
    """

    name: str
    there: bool
    said: str


@click.command("doctor", epilog="Example: bench doctor --json")
@json_option
def doctor_command(*, as_json: bool) -> None:
    """Say what is there on this machine and what is missing, and what each would make possible."""
    findings = list(_check_setup())
    if as_json:
        click.echo(json.dumps([finding._asdict() for finding in findings]))
        return
    for finding in findings:
        mark = "yes" if finding.there else "no "
        click.echo(f"{mark}  {finding.name:<22} {finding.said}")


def _check_setup() -> Iterator[DoctorFinding]:
    yield DoctorFinding("python", True, f"{sys.version.split()[0]} on {sys.platform}")
    for package, makes in (
        ("openai", "openai runner"),
        ("anthropic", "anthropic runner"),
        ("google-genai", "google runner"),
        ("datasets", "tasks on Hugging Face data sets"),
        (
            "vllm",
            "vllm runner that owns its server or runs in process: pip install 'gapbench[vllm]' on a GPU machine",
        ),
        ("nvidia-ml-py", "GPU power and memory beside each cell: pip install 'gapbench[gpu]'"),
    ):
        try:
            yield DoctorFinding(package, True, version(package))
        except PackageNotFoundError:
            yield DoctorFinding(package, False, f"for the {makes}")
    for variable, makes in (
        ("OPENAI_API_KEY", "--model openai:MODEL"),
        ("ANTHROPIC_API_KEY", "--model anthropic:MODEL"),
        ("GEMINI_API_KEY", "--model google:MODEL"),
    ):
        there = bool(os.environ.get(variable))
        yield DoctorFinding(
            variable, there, f"set: {makes} works" if there else f"not set; export it for {makes}"
        )
    yield _gpu()
    yield _vllm_server()
    yield _sandbox()
    yield _results()


def _gpu() -> DoctorFinding:
    from gapbench.execution.gpu_telemetry import gpu_names

    names = gpu_names()
    return DoctorFinding(
        "GPU",
        bool(names),
        ", ".join(names) or "none seen by NVML; attach to a vLLM server by base_url instead",
    )


def _vllm_server() -> DoctorFinding:
    import urllib.error
    import urllib.request

    url = os.environ.get("VLLM_BASE_URL", "http://127.0.0.1:8000/v1")
    try:
        with urllib.request.urlopen(f"{url}/models", timeout=1) as reply:  # noqa: S310 - the user's own address
            listed: dict[str, Any] = json.load(reply)
        names = ", ".join(str(model["id"]) for model in listed["data"])
    except (OSError, ValueError, KeyError, TypeError, urllib.error.URLError):
        return DoctorFinding("vLLM server", False, f"none at {url}; start one, or set VLLM_BASE_URL")
    return DoctorFinding("vLLM server", True, f"{url}: {names}; use --model vllm:NAME@{url}")


def _sandbox() -> DoctorFinding:
    from gapbench.errors import SetupError
    from gapbench.sandbox import Sandbox

    try:
        found = Sandbox.find()
    except SetupError as exc:
        return DoctorFinding("sandbox", False, str(exc))
    return DoctorFinding("sandbox", True, f"{found.level}: code answers can be scored")


def _results() -> DoctorFinding:
    folder = Path("results")
    place = folder if folder.exists() else Path()
    free_gb = shutil.disk_usage(place).free / 1e9
    writable = os.access(place, os.W_OK)
    return DoctorFinding(
        "results/", writable, f"{'writable' if writable else 'not writable'}, {free_gb:.0f} GB free"
    )

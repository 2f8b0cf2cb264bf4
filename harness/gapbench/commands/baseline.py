"""`bench baseline`: name a run as a baseline for `bench compare`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gapbench.commands.command_group import CommandGroup
from gapbench.commands.options import json_option, out_option
from gapbench.commands.storage_paths import RunPath, display_path, find_run_or_baseline

DEFAULT_NAME = "nightly"


@click.group(
    "baseline",
    cls=CommandGroup,
    epilog="""\b
Examples:
  bench baseline set results/RUN                  as the baseline `nightly`
  bench baseline set results/RUN --name release
  bench baseline show                             all of them; one: bench baseline show release""",
)
def baseline_command() -> None:
    """Name a run as a baseline, or list the baselines."""


@baseline_command.command("set", epilog="Example: bench baseline set results/RUN --name release")
@click.argument("run", type=RunPath())
@click.option("--name", default=DEFAULT_NAME, show_default=True, help="Name of the baseline.")
@out_option
def set_command(run: Path, name: str, out: Path) -> None:
    """Make RUN, a run folder or a run id, the baseline of that name."""
    from gapbench.errors import ResultsError
    from gapbench.store import read_manifest
    from gapbench.store.baselines import set_baseline

    _require_local(out)
    folder = find_run_or_baseline(out, run)
    manifest = read_manifest(folder)
    if manifest.state != "complete":
        raise ResultsError(f"{folder} is {manifest.state}; only a complete run can be a baseline")
    set_baseline(out, name, folder, manifest.suite)
    click.echo(f"baseline {name}: {display_path(folder)}")


@baseline_command.command("show", epilog="Examples: bench baseline show; bench baseline show release --json")
@click.argument("name", required=False)
@click.option("--name", "named", metavar="NAME", help="The same as the argument NAME.")
@out_option
@json_option
def show_command(name: str | None, named: str | None, out: Path, *, as_json: bool) -> None:
    """List the baselines, or only the baseline NAME."""
    from gapbench.errors import InputError
    from gapbench.store.baselines import find_baseline, read_baselines

    _require_local(out)
    if name is not None and named not in {None, name}:
        raise InputError(f"bench baseline show: two names, '{name}' and --name {named!r}; leave one out")
    name = name or named
    if name is not None:
        find_baseline(out, name)
    baselines = {key: entry for key, entry in read_baselines(out).items() if name in {None, key}}
    if as_json:
        click.echo(json.dumps(baselines))
        return
    for key, entry in baselines.items():
        where = entry["run"] if "://" in entry["run"] else out / entry["run"]
        click.echo(f"{key}  {where}  ({entry['suite']})")


def _require_local(out: Path) -> None:
    """Raise ``InputError`` for a results folder on object storage."""
    from gapbench.errors import InputError

    if display_path(out) != str(out):
        raise InputError(
            "baselines are stored on the local disk, such as in a repository; leave out --out and give the run by its address"
        )

"""`bench runs`: list the runs of a results folder, check and repair them, or merge shards."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gapbench.commands.command_group import CommandGroup
from gapbench.commands.options import json_option, last_option, out_option, runs_argument

if TYPE_CHECKING:
    from gapbench.store.part_set import IntegrityIssue


@click.group(
    "runs",
    cls=CommandGroup,
    epilog="""\b
Examples:
  bench runs list
  bench runs verify results/RUN
  bench runs verify RUN --repair    moves unreadable files to damaged/; --resume repeats their requests
  bench runs merge shards/ --out results""",
)
def runs_command() -> None:
    """List the runs of a results folder, check and repair them, or merge shards."""


@runs_command.command("list", epilog="Examples: bench runs list; bench runs list --last 0 --json")
@out_option
@last_option
@json_option
def list_command(out: Path, last: int, *, as_json: bool) -> None:
    """List the runs of a results folder: state, dollars, accuracy of each model, seconds."""
    from gapbench.commands.run_list import print_run_list

    print_run_list(out, last, as_json=as_json)


@runs_command.command("verify", epilog="Examples: bench runs verify; bench runs verify results/RUN --repair")
@runs_argument
@out_option
@click.option("--repair", is_flag=True, help="Repair the damage found; no row is deleted.")
@json_option
def verify_command(runs: tuple[Path, ...], out: Path, *, repair: bool, as_json: bool) -> int:
    """Check that RUNS, or all runs of the results folder, can be read completely.

    Exits 1 if it finds damage and --repair is not given. The traces of an interruption do not count as damage.
    """
    from gapbench.commands.storage_paths import display_path, fetch_all_runs
    from gapbench.errors import InputError, ResultsError
    from gapbench.store import verify as verification

    folders = [_find_run_folder(out, name) for name in runs] or fetch_all_runs(out)
    if not folders:
        raise ResultsError(
            f"there is no run in {display_path(out)}; `bench run quickstart` makes one, or name a run folder"
        )
    mirrored = next((folder for folder in folders if repair and display_path(folder) != str(folder)), None)
    if mirrored:
        raise InputError(
            f"--repair works on local runs only: copy {mirrored} to another folder and give that one"
        )
    check = verification.repair_run if repair else verification.verify_run
    findings = {folder: check(folder) for folder in folders}
    _print_findings(findings, repaired=repair, as_json=as_json)
    damaged = any(row.kind == "damage" for rows in findings.values() for row in rows)
    return 1 if damaged and not repair else 0


@runs_command.command(
    "merge", epilog="Examples: bench runs merge shards/; bench runs merge s3://bucket/shards --out results"
)
@click.argument("places", nargs=-1, required=True, metavar="DIR…")
@out_option
@click.option("--allow-missing", is_flag=True, help="Merge what is there; the run is then marked as stopped.")
@click.option("--accept-versions", is_flag=True, help="Merge shards of different versions of gapbench.")
def merge_command(places: tuple[str, ...], out: Path, *, allow_missing: bool, accept_versions: bool) -> None:
    """Merge the shards of one plan into one run.

    DIR is the folder of a shard's run, or a results folder or s3:// address with some. All shards must be there, of one
    suite and data, each once. The shards stay as they are.
    """
    from gapbench.commands.storage_paths import display_path, mirror_folder, upload_run
    from gapbench.store.object_store import pull_runs
    from gapbench.store.shard_merge import find_shard_runs, merge_shards

    folders: list[Path] = []
    for place in places:
        mirror = mirror_folder(place)
        folders += [Path(place)] if mirror is None else pull_runs(mirror)
    shards = find_shard_runs(folders)
    folder, notes = merge_shards(shards, out, allow_missing=allow_missing, accept_versions=accept_versions)
    for note in notes:
        click.echo(note, err=True)
    upload_run(folder)
    click.echo(f"{len(shards)} shards merged into {display_path(folder)}")
    click.echo(f"Next     bench gap {display_path(folder)}")


def _print_findings(
    findings: Mapping[Path, Sequence[IntegrityIssue]], *, repaired: bool, as_json: bool
) -> None:
    from gapbench.commands.storage_paths import display_path

    if as_json:
        rows = [
            {
                "run": display_path(folder),
                "repaired": repaired,
                "findings": [dataclasses.asdict(row) for row in found],
            }
            for folder, found in findings.items()
        ]
        click.echo(json.dumps(rows))
        return
    for folder, found in findings.items():
        click.echo(f"{display_path(folder)}: {'whole' if not found else f'{len(found)} findings'}")
        for row in found:
            done = "done" if repaired else "with --repair"
            click.echo(f"  {row.kind}: {row.file}: {row.said}; {done}: {row.repair}")


def _find_run_folder(results: Path, name: Path) -> Path:
    from gapbench.commands.storage_paths import find_run_folder
    from gapbench.store import find_run

    return find_run(find_run_folder(results, name) or name, results)

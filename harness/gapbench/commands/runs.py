"""`bench runs`: what lies in the results folder, and whether it is whole."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from gapbench.commands.options import json_option, out_option
from gapbench.commands.storage_paths import RunPath


@click.command(
    "runs",
    epilog="""\b
Examples:
  bench runs list
  bench runs verify results/RUN
  bench runs verify RUN --repair    what cannot be read is moved to damaged/, and --resume repeats it""",
)
@click.argument("action", type=click.Choice(("list", "verify")))
@click.argument("names", nargs=-1, type=RunPath(), metavar="[RUN]...")
@out_option
@click.option("--repair", is_flag=True, help="Repair what can be; no row is thrown away.")
@json_option
def runs_command(action: str, names: tuple[Path, ...], out: Path, *, repair: bool, as_json: bool) -> int:
    """List runs, or check and repair them.

    verify exits 1 where it finds damage that is not repaired; what an interrupted run leaves is no damage.
    """
    from gapbench.commands.storage_paths import display_path, fetch_all_runs, open_manifests
    from gapbench.errors import InputError, ResultsError

    if action == "list":
        if names or repair:
            raise InputError("bench runs list takes neither a run nor --repair")
        with open_manifests(out) as folder:
            _print_runs(list(_run_states(folder, out)), as_json=as_json)
        return 0
    folders = [_find_run_folder(out, name) for name in names] or fetch_all_runs(out)
    if not folders:
        raise ResultsError(
            f"there is no run in {display_path(out)}; `bench run quickstart` makes one, or name a run folder"
        )
    mirrored = next((folder for folder in folders if repair and display_path(folder) != str(folder)), None)
    if mirrored:
        raise InputError(
            f"--repair mends a run of this disk alone: copy {mirrored} to a folder of its own and name that"
        )
    from gapbench.store import verify as verifying

    found = {folder: (verifying.repair_run if repair else verifying.verify_run)(folder) for folder in folders}
    if as_json:
        rows = [
            {
                "run": display_path(folder),
                "repaired": repair,
                "findings": [dataclasses.asdict(row) for row in findings],
            }
            for folder, findings in found.items()
        ]
        click.echo(json.dumps(rows))
    else:
        for folder, findings in found.items():
            click.echo(f"{display_path(folder)}: {'whole' if not findings else f'{len(findings)} findings'}")
            for row in findings:
                done = "done" if repair else "with --repair"
                click.echo(f"  {row.kind}: {row.file}: {row.said}; {done}: {row.repair}")
    damaged = any(row.kind == "damage" for findings in found.values() for row in findings)
    return 1 if damaged and not repair else 0


def _find_run_folder(results: Path, name: Path) -> Path:
    from gapbench.commands.storage_paths import find_run_folder
    from gapbench.store import find_run

    return find_run(find_run_folder(results, name) or name, results)


def _run_states(known: Path, results: Path) -> Iterator[dict[str, Any]]:
    """Yield how each run stands.

    Args:
        known: A folder with the manifests.
        results: Where the runs lie.
    """
    from gapbench.commands.storage_paths import display_path
    from gapbench.errors import ResultsError
    from gapbench.store import read_manifest, runs_in

    for folder in runs_in(known):
        run = display_path(results / folder.name)
        try:
            manifest = read_manifest(folder)
        except ResultsError as exc:
            yield {"run": run, "state": "damaged", "reason": str(exc)}
            continue
        yield {
            "run": run,
            "state": manifest.state,
            "reason": manifest.reason,
            "suite": manifest.suite,
            "started_at": manifest.started_at,
            "models": len(manifest.models),
            "planned": sum(cell.planned for cell in manifest.cells),
        }


def _print_runs(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        if row["state"] == "damaged":
            click.echo(f"{row['run']}  damaged: {row['reason']}")
            continue
        reason = f" ({row['reason']})" if row["reason"] else ""
        click.echo(
            f"{row['run']}  {row['state']}{reason}, {row['started_at']}, {row['models']} models, {row['planned']} requests"
        )

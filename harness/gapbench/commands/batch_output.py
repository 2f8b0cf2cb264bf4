"""What `bench run --batch` and `bench batch` print, and how their options become settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gapbench.errors import InputError
from gapbench.formatting import NOTHING, count_of, escape_invisible, format_usd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from gapbench.execution.batches.batch_status import BatchStatus
    from gapbench.execution.batches.settings import BatchSettings, RetryBy
    from gapbench.execution.setup import RunSetup
    from gapbench.store import RunManifest


MAX_STATE_CHARS = 40
"""Characters that are shown of a vendor's word for a state."""


def batch_settings(setup: RunSetup, *, submit_only: bool, retry_by: RetryBy) -> BatchSettings:
    """Return how `bench run` treats batched models.

    Raises:
        InputError: ``--submit-only`` was given and no model is asked in batches.
    """
    from gapbench.execution.batches.settings import BatchSettings

    if not submit_only:
        return BatchSettings(retry_by=retry_by)
    if not any(model.batch for model in setup.plan.models):
        raise InputError(
            "--submit-only: no model of the run is asked in batches; add --batch, or batch: true in the suite"
        )
    ending = [
        model.id
        for model in setup.plan.models
        if model.batch and model.base_url is None and setup.runners[model.id].simulated
    ]
    if ending:
        raise InputError(
            f"--submit-only: the simulated provider of {', '.join(ending)} ends with this command, and its batches with it; start "
            "`bench sim` and give the model its address as base_url"
        )
    return BatchSettings(until="submitted", sends_live=False, retry_by=retry_by)


def print_submitted(manifest: RunManifest, folder: Path, console: Console, *, quiet: bool) -> int:
    """Print what was submitted and how to come back, upload the run, and return the exit code."""
    from gapbench.commands.storage_paths import upload_run

    if quiet:
        click.echo(str(folder))
    for failure in manifest.failures:
        _print_line(console, f"{failure.model_id}: {escape_invisible(failure.message)}")
    print_how_to_fetch(manifest, folder, console)
    upload_run(folder, quiet=quiet)
    if manifest.state == "interrupted":
        return 130
    return 1 if manifest.failures else 0


def print_how_to_fetch(manifest: RunManifest, folder: Path, console: Console) -> None:
    """Print which batches are out, and the commands to see, read and give them up."""
    from gapbench.commands.storage_paths import display_path
    from gapbench.store.batch_journal import batches_out

    out = batches_out(folder)
    if not out:
        _print_line(console, f"No batch is out ({manifest.reason or manifest.state}).")
        return
    requests = sum(len(record.attempts) for record in out)
    known = [record.bound_usd for record in out if record.bound_usd is not None]
    bound = f", at most {format_usd(sum(known))}" if len(known) == len(out) else ""
    where = "" if folder.parent == Path("results") else f" --out {display_path(folder.parent)}"
    batches = "1 batch is" if len(out) == 1 else f"{len(out)} batches are"
    _print_line(
        console,
        f"{batches} out with {count_of(requests, 'request')}{bound}. This machine may be turned off. Come back with:\n"
        f"  bench batch fetch {folder.name}{where}            read what has ended\n"
        f"  bench batch fetch {folder.name}{where} --wait     wait for the rest\n"
        f"  bench batch status {folder.name}{where}\n"
        f"  bench batch cancel {folder.name}{where}",
    )
    if any(not one.batch for one in manifest.models):
        _print_line(
            console, f"Live models, and what failed for good: bench run --resume {folder.name}{where}"
        )


def print_statuses(rows: Sequence[BatchStatus], console: Console) -> None:
    """Print one line for each batch, and the dollars of those that are out."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in ("", "model", "state", "answered", "failed", "age", "expires", "at most"):
        table.add_column(name, justify="left" if name in {"model", "state"} else "right", overflow="fold")
    for number, row in enumerate(rows, 1):
        answered = "?" if row.succeeded is None else f"{row.succeeded:,}"
        table.add_row(
            str(number),
            Text(row.model_id),
            Text(escape_invisible(row.state[:MAX_STATE_CHARS])),
            f"{answered} of {row.total:,}",
            NOTHING if row.failed is None else f"{row.failed:,}",
            format_age(row.age_s),
            _format_expiry(row),
            NOTHING if row.bound_usd is None else format_usd(row.bound_usd),
        )
    console.print(table)
    for number, row in enumerate(rows, 1):
        # Names of batches are too long for the table, and are looked for at the vendor's.
        name = row.batch_id or f"not confirmed ({row.label})"
        _print_line(console, escape_invisible(f"{number}  {row.runner or 'unknown'}: {name}"))
    for row in rows:
        if row.problem is not None:
            _print_line(console, escape_invisible(f"{row.batch_id or row.label}: {row.problem}"))
    out = [row for row in rows if row.is_out]
    known = [row.bound_usd for row in out if row.bound_usd is not None]
    batches = {0: "No batch is", 1: "1 batch is"}.get(len(out), f"{len(out)} batches are")
    words = f"{batches} out"
    if out:
        words += f" with {count_of(sum(row.total for row in out), 'request')}"
        words += (
            f"; at stake: at most {format_usd(sum(known))}" if len(known) == len(out) else "; price unknown"
        )
    _print_line(console, words)


def format_age(seconds: float) -> str:
    """Return a length of time in its largest unit: ``45 s``, ``12 min``, ``5.3 h``, ``2.1 d``."""
    if seconds < 90:
        return f"{max(0.0, seconds):.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} d"


def _format_expiry(row: BatchStatus) -> str:
    if not row.is_out or row.expires_in_s is None:
        return NOTHING
    return "over" if row.expires_in_s < 0 else f"in {format_age(row.expires_in_s)}"


def _print_line(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)

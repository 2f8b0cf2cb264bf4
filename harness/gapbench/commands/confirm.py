"""What is said, refused and asked before the first call."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from gapbench.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from gapbench.execution.setup import RunSetup


def confirm_run(setup: RunSetup, console: Console, *, ask: bool, max_usd: float | None) -> None:
    """Say what will be called and what it can cost; ask where money is at stake.

    Raises:
        InputError: There is nobody to ask.
    """
    from gapbench.commands.plan_validate import cost_bounds

    rows = cost_bounds(setup)
    calls = sum(row.calls for row in rows)
    paid = [row for row in rows if row.metered]
    console.print(
        f"{calls} requests to {len(rows)} models over {len(setup.plan.tasks)} tasks", highlight=False
    )
    if not paid:
        return
    known = [row.usd for row in paid if row.usd is not None]
    unknown = [row.model_id for row in paid if row.usd is None]
    said = [f"at most ${sum(known, Decimal(0)):.2f}"] if known else []
    said += [f"no bound is known for {', '.join(unknown)}, whose price is unknown"] if unknown else []
    console.print(
        f"{sum(row.calls for row in paid)} of them are paid calls: {'; '.join(said)}"
        + (f"; the run stops at --max-usd {max_usd:g}" if max_usd else ""),
        highlight=False,
        soft_wrap=True,
    )
    if ask and not confirm("Go on?"):
        raise click.exceptions.Abort


def confirm(question: str, hint: str = "add --yes") -> bool:
    """Ask yes or no.

    Args:
        question: What is asked.
        hint: What would do where nobody can be asked.

    Raises:
        InputError: Standard input ended and is no terminal: a script or a CI job, where nobody answers.
    """
    try:
        return click.confirm(question, default=False)
    except click.exceptions.Abort as exc:
        if sys.stdin is not None and sys.stdin.isatty():
            raise
        click.echo(err=True)
        raise InputError(f"there is no terminal to ask {question!r}; {hint}") from exc


def refuse_unpriced(setup: RunSetup, max_usd: float | None) -> None:
    """Refuse a bound in dollars over calls whose price nobody knows: they would count as nothing.

    Raises:
        InputError: A model is somebody's API, and neither the suite nor the price book has its price.
    """
    from gapbench.execution.run_pricing import unpriced_models

    for model_id, why in unpriced_models(setup).items() if max_usd is not None else ():
        raise InputError(
            f"{setup.suite.model_location(model_id)}: --max-usd could not stop the run: no price is known of model {model_id!r} "
            f"({why.partition(';')[0]}); give it cost: {{input_usd_per_mtok: …, output_usd_per_mtok: …}} in the suite, or leave --max-usd out"
        )


def refuse_unscorable(setup: RunSetup, console: Console) -> None:
    """Refuse a task none of whose samples can be scored, and say where some cannot.

    Raises:
        InputError: Every answer would be paid for and left unscored.
    """
    from gapbench.scoring.task_scorer import find_unscorable_samples

    for task in setup.plan.tasks:
        count, said = find_unscorable_samples(task)
        if count == len(task.samples):
            raise InputError(
                f"{said}; mend the rows, the template of the target, or the scorer: `scorer: none` only takes times"
            )
        if count:
            console.print(f"Note: {said}", markup=False, highlight=False, soft_wrap=True)

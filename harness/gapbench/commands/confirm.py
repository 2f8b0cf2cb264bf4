"""What is said, refused and asked before the first call."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from gapbench.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from gapbench.execution.setup import Assembly


def ask(assembly: Assembly, console: Console, *, ask: bool, max_usd: float | None) -> None:
    """Say what will be called and what it can cost; ask where money is at stake.

    Raises:
        InputError: There is nobody to ask.
    """
    from gapbench.commands.plan_validate import bound_of

    rows = bound_of(assembly)
    calls = sum(row.calls for row in rows)
    paid = [row for row in rows if row.metered]
    console.print(
        f"{calls} requests to {len(rows)} models over {len(assembly.plan.tasks)} tasks", highlight=False
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
    if ask and not confirmed("Go on?"):
        raise click.exceptions.Abort


def confirmed(question: str, otherwise: str = "add --yes") -> bool:
    """Ask yes or no.

    Args:
        question: What is asked.
        otherwise: What would do where nobody can be asked.

    Raises:
        InputError: Standard input ended and is no terminal: a script or a CI job, where nobody answers.
    """
    try:
        return click.confirm(question, default=False)
    except click.exceptions.Abort as exc:
        if sys.stdin is not None and sys.stdin.isatty():
            raise
        click.echo(err=True)
        raise InputError(f"there is no terminal to ask {question!r}; {otherwise}") from exc


def refuse_unpriced(assembly: Assembly, max_usd: float | None) -> None:
    """Refuse a bound in dollars over calls whose price nobody knows: they would count as nothing.

    Raises:
        InputError: A model is somebody's API, and neither the suite nor the price book has its price.
    """
    from gapbench.commands.run_pricing import unpriced

    for model_id, why in unpriced(assembly).items() if max_usd is not None else ():
        raise InputError(
            f"{assembly.suite.where(model_id)}: --max-usd could not stop the run: no price is known of model {model_id!r} "
            f"({why.partition(';')[0]}); give it cost: {{input_usd_per_mtok: …, output_usd_per_mtok: …}} in the suite, or leave --max-usd out"
        )


def refuse_unscorable(assembly: Assembly, console: Console) -> None:
    """Refuse a task none of whose samples can be scored, and say where some cannot.

    Raises:
        InputError: Every answer would be paid for and left unscored.
    """
    from gapbench.scoring.task_scorer import unscorable

    for task in assembly.plan.tasks:
        count, said = unscorable(task)
        if count == len(task.samples):
            raise InputError(
                f"{said}; mend the rows, the template of the target, or the scorer: `scorer: none` only takes times"
            )
        if count:
            console.print(f"Note: {said}", markup=False, highlight=False, soft_wrap=True)

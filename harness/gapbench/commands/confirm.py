"""Show what a run will send and cost, and ask before paid calls."""

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
    """Print how many requests a run will send and the most it can cost; ask before paid calls.

    Args:
        setup: The run.
        console: Where to print.
        ask: Whether to ask.
        max_usd: The spend limit in US dollars. None: no limit.

    Raises:
        Abort: The user declined.
        InputError: Standard input is not a terminal, so the question cannot be answered.
    """
    from gapbench.execution.run_pricing import cost_bounds

    bounds = cost_bounds(setup)
    calls = sum(bound.calls for bound in bounds)
    paid = [bound for bound in bounds if bound.metered]
    console.print(
        f"{calls} requests to {len(bounds)} models over {len(setup.plan.tasks)} tasks", highlight=False
    )
    if not paid:
        return
    known = [bound.usd for bound in paid if bound.usd is not None]
    unknown = [bound.model_id for bound in paid if bound.usd is None]
    limits = [f"at most ${sum(known, Decimal(0)):.2f}"] if known else []
    limits += [f"cost bound unknown for {', '.join(unknown)}, whose price is unknown"] if unknown else []
    console.print(
        f"{sum(bound.calls for bound in paid)} of them are paid calls: {'; '.join(limits)}"
        + (f"; the run stops at --max-usd {max_usd:g}" if max_usd else ""),
        highlight=False,
        soft_wrap=True,
    )
    if ask and not confirm("Start the run?"):
        raise click.exceptions.Abort


def confirm(question: str, hint: str = "add --yes") -> bool:
    """Ask a yes-or-no question and return the answer.

    Args:
        question: The question.
        hint: What a script can do instead of answering.

    Raises:
        InputError: Standard input ended and is not a terminal, as in a script or a CI job.
    """
    try:
        return click.confirm(question, default=False)
    except click.exceptions.Abort as exc:
        if sys.stdin is not None and sys.stdin.isatty():
            raise
        click.echo(err=True)
        raise InputError(f"there is no terminal to ask {question!r}; {hint}") from exc

"""Show what a run will send and cost, and ask before paid calls."""

from __future__ import annotations

import sys
from collections.abc import Collection
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from gapbench.errors import InputError
from gapbench.formatting import count_of, format_usd

if TYPE_CHECKING:
    from rich.console import Console

    from gapbench.execution.earlier_sessions import RequestKey
    from gapbench.execution.setup import RunSetup


def confirm_run(
    setup: RunSetup,
    console: Console,
    *,
    ask: bool,
    max_usd: float | None,
    finished: Collection[RequestKey] = (),
    in_batches: Collection[RequestKey] = (),
) -> None:
    """Print how many requests a run will send and the most they can cost; ask before paid calls.

    Args:
        setup: The run.
        console: Where to print.
        ask: Whether to ask.
        max_usd: The spend limit in US dollars. None: no limit.
        finished: Requests of earlier sessions that are not sent again.
        in_batches: Requests that batches which are out will answer; they are not sent again either.

    Raises:
        Abort: The user declined.
        InputError: Standard input is not a terminal, so the question cannot be answered.
    """
    from gapbench.execution.run_pricing import cost_bounds

    is_resumed = bool(finished or in_batches)
    bounds = cost_bounds(setup, {*finished, *in_batches})
    if is_resumed:
        bounds = [bound for bound in bounds if bound.calls]
    requests = sum(bound.requests for bound in bounds)
    paid = [bound for bound in bounds if bound.metered]
    if is_resumed:
        out = len(frozenset(in_batches) - frozenset(finished))
        total = requests + len(finished) + out
        console.print(
            f"{requests} of {count_of(total, 'request')} are left, {len(finished)} are finished"
            + (f", {out} are in batches that are out" if out else ""),
            highlight=False,
        )
    else:
        tasks = count_of(len(setup.plan.tasks), "task")
        compared = [bound for bound in bounds if not bound.plays_users]
        playing = [bound.model_id for bound in bounds if bound.plays_users]
        users = f"; users are played by {', '.join(playing)}" if playing else ""
        console.print(
            f"{count_of(requests, 'request')} to {count_of(len(compared), 'model')} over {tasks}{users}",
            highlight=False,
            markup=False,
        )
    if not paid:
        return
    known = [bound.usd for bound in paid if bound.usd is not None]
    unknown = [bound.label for bound in paid if bound.usd is None]
    limits = [f"at most {format_bound(sum(known, Decimal(0)))}"] if known else []
    limits += [f"cost bound unknown for {', '.join(unknown)}, whose price is unknown"] if unknown else []
    paid_calls = str(sum(bound.calls for bound in paid))
    if any(bound.calls > bound.requests for bound in paid):
        # An episode may ask its model as often as its limits allow.
        paid_calls = f"up to {paid_calls}"
    by_model = ", ".join(f"{bound.calls} of {bound.label}" for bound in paid)
    what = (
        f"{paid_calls} paid calls left ({by_model})"
        if is_resumed
        else f"{paid_calls} paid calls"
        if paid_calls.startswith("up to")
        else f"{paid_calls} of them {'is a paid call' if paid_calls == '1' else 'are paid calls'}"
    )
    console.print(
        f"{what}: {'; '.join(limits)}" + (f"; the run stops at --max-usd {max_usd:.15g}" if max_usd else ""),
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    if ask and not confirm("Start the run?"):
        raise click.exceptions.Abort


def format_bound(usd: Decimal) -> str:
    """Return a bound in dollars and cents; less than a cent keeps its digits, because $0.00 would be no bound."""
    return format_usd(usd) if 0 < usd < Decimal("0.01") else f"${usd:.2f}"


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

"""The options of commands that notify a webhook, and the sending."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from gapbench.report.notification import Notice

_Command = TypeVar("_Command", bound=Callable[..., Any])
VARIABLE = "BENCH_WEBHOOK"


def webhook_options(command: _Command) -> _Command:
    """Add ``--webhook`` and ``--webhook-format``."""
    address = click.option(
        "--webhook",
        metavar="URL",
        help=f"Post a message here if it is red or drifts. Better in the variable {VARIABLE}: it is a secret.",
    )
    form = click.option(
        "--webhook-format",
        type=click.Choice(["auto", "slack", "teams", "json"]),
        default="auto",
        show_default=True,
        help="Shape of the message; auto goes by the host.",
    )
    return address(form(command))


def webhook_address(given: str | None) -> str | None:
    """Return the address to post to, from the option or the environment. None if there is none.

    Raises:
        InputError: It is not an address.
    """
    import os

    from gapbench.transport.webhook import check_webhook_url

    url = given if given is not None else os.environ.get(VARIABLE, "")
    return check_webhook_url(url) if url.strip() or given is not None else None


def notify(url: str | None, form: str, notice: Notice | None) -> None:
    """Post a message, and print on standard error whether that worked. It never changes the exit code.

    Args:
        url: See :func:`webhook_address`. None: nothing is sent.
        form: ``auto``, or a format.
        notice: The message. None if there is nothing to send.
    """
    if url is None or notice is None:
        return
    from gapbench.report.notification import FORMATS, guess_format, payload
    from gapbench.transport.webhook import post_json

    chosen = next((known for known in FORMATS if known == form), None) or guess_format(url)
    problem = post_json(url, payload(notice, chosen))
    outcome = f"sent as {chosen}" if problem is None else f"not sent: {problem}"
    click.echo(f"Webhook ({notice.event}): {outcome}", err=True)

"""Ask a question while a run is under way, in the terminal, without stopping the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    from gapbench.execution.limits.unusable_answers import ShouldContinue
    from gapbench.execution.monitoring.live_view import QuietView

OnUnparsed = Literal["ask", "stop", "continue"]


def decide_by_setting(setting: OnUnparsed, view: QuietView, *, may_ask: bool) -> ShouldContinue:
    """Return what decides about a task of which nearly all first answers cannot be used.

    Args:
        setting: ``ask`` asks in a terminal and stops the task elsewhere.
        view: It is paused while the question is on the screen.
        may_ask: Whether questions are allowed (no ``--yes``).
    """
    from gapbench.execution.limits.unusable_answers import answer_without_asking

    async def decide(reason: str) -> bool:
        if setting != "ask" or not may_ask or not sys.stdin.isatty() or not sys.stderr.isatty():
            return await answer_without_asking(setting)(reason)
        with view.paused():
            return await _confirm(f"{reason}. Send them?")

    return decide


async def _confirm(question: str) -> bool:
    """Ask a yes-or-no question. No answer, or a signal, is a no."""
    from gapbench import credentials, formatting

    click.echo(f"{formatting.strip_controls(credentials.redact(question))} [y/N]: ", nl=False, err=True)
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bytes] = loop.create_future()
    descriptor = sys.stdin.fileno()

    def read_line() -> None:
        loop.remove_reader(descriptor)
        if not answer.done():
            answer.set_result(os.read(descriptor, 4_096))

    loop.add_reader(descriptor, read_line)
    try:
        return (await answer).decode(errors="replace").strip().lower() in {"y", "yes"}
    finally:
        with contextlib.suppress(ValueError, OSError):
            loop.remove_reader(descriptor)

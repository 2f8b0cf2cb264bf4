"""The runner seam: what a vendor must offer, and how one is found.

A runner turns one request into a stream of chunks and knows nothing of tasks, scores, prices or
clocks. Runners are found through the entry point group ``bench.runners``; the built-in ones come in
through the same door as anybody's package, so what they can do a plug-in can do.
"""

from __future__ import annotations

import difflib
from collections.abc import AsyncIterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol, runtime_checkable

from gapbench.errors import SetupError
from gapbench.values import Call, Chunk, Model, Request, Session

ENTRY_POINT_GROUP = "bench.runners"


@runtime_checkable
class Runner(Protocol):
    """One model behind one provider. Built as ``Runner(model)``, which must not touch the network.

    Three more methods are optional: ``missing() -> str | None`` says what is missing before a call can be made,
    ``endpoint() -> str | None`` at which address somebody must listen by then, and ``attached() -> Model | None`` how
    another process must name the model to reach the server that an open runner holds (None: it cannot; without the
    method: the model as it stands). An attribute ``base_url`` is optional too: where its requests go, whatever named
    that address; kept answers (``--cache``) are told apart by it.

    Class attributes:
        simulated: True when answers are made up; every row then says so.
        metered: True when calls cost money per token, so that the user is asked first.
    """

    simulated: bool
    metered: bool

    def __init__(self, model: Model) -> None:
        """Check the settings; raises ``SetupError`` for a missing key or package."""

    def prepare(self, request: Request) -> Call:
        """Apply the provider's rules to a request. Pure: no I/O, so a plan can show the result."""

    async def open(self, session: Session) -> None:
        """Get ready: make clients, start or find the server. Raises ``SetupError``."""

    def stream(self, call: Call) -> AsyncIterator[Chunk]:
        """Send the call and yield the reply as it comes.

        Raises:
            RunnerError: The reply failed or ended early; chunks yielded before it are kept.
        """

    async def facts(self) -> Mapping[str, Any]:
        """Versions, arguments and hardware for ``run.json``; {} when nothing is known."""

    async def counters(self) -> Mapping[str, float] | None:
        """Server counters, read before and after each cell. None: the server has none."""

    async def close(self) -> None:
        """Let go of everything ``open`` took. Called once, also after a failed ``open``."""


def installed_runners() -> dict[str, EntryPoint]:
    """Return the installed runners by name, built-in and third-party alike."""
    return {
        point.name: point for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda p: p.name)
    }


def load_runner_class(name: str) -> type[Runner]:
    """Return the runner class called ``name``.

    Raises:
        SetupError: No such runner is installed, or its module cannot be imported.
    """
    points = installed_runners()
    if name not in points:
        close_matches = difflib.get_close_matches(name, points, 1)
        hint = f"did you mean {close_matches[0]!r}? " if close_matches else ""
        msg = f"no runner {name!r} is installed; {hint}there are: {', '.join(points) or 'none'}"
        raise SetupError(msg)
    try:
        found: type[Runner] = points[name].load()
    except ImportError as exc:
        msg = f"runner {name!r} ({points[name].value}) cannot be imported: {exc}"
        raise SetupError(msg) from exc
    return found

"""Every error that gapbench raises on purpose.

::

    BenchError                  anything below; ``cli`` turns it into one line and an exit code
    +-- InputError              what the user gave is wrong: exit 2
    |   +-- DocumentError       a YAML or data file: names file, line and key
    |   +-- ResultsError        a results folder: missing, half-written, newer schema, locked
    |   |   +-- DiskError       the disk gave out while a run was written: exit 1, resumable
    |   |   +-- LostError       a run's manifest is damaged or gone: made anew by --resume with the suite
    |   +-- SetupError          this machine lacks something: a key, a package, a program
    +-- RunnerError             one request failed: becomes an ``infra`` row, never an exit

A message has three parts: what was found, where, and what would do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

FailureKind = Literal[
    "connect",  # no connection: refused, DNS, TLS
    "timeout",  # a deadline passed: connect, first token, gap between chunks, or total
    "cut_stream",  # the stream ended before the provider's own end mark
    "garbage",  # an answer that is not the protocol: wrong type, bad JSON, no SSE
    "rate_limit",  # 429: come back later
    "quota",  # 429 or 402 that no waiting cures: no credit left
    "overloaded",  # 503, 529, or an overload event in the stream
    "server",  # any other 5xx, or an error event in the stream
    "auth",  # 401, 403
    "not_found",  # 404: no such model or route
    "bad_request",  # any other 4xx: the provider refused these parameters
    "cancelled",  # stopped by the user or by a budget
    "runner",  # the runner itself broke: a bug, ours or a plug-in's
]


class BenchError(Exception):
    """Root of everything that gapbench raises on purpose."""

    exit_code = 1


class InputError(BenchError):
    """The user's input is wrong; nothing was run and nothing was lost."""

    exit_code = 2


class DocumentError(InputError):
    """A YAML or data file says something that cannot be.

    Args:
        message: What was found and what would do.
        file: The file, as the user named it.
        line: First line of the offending value, from 1. None where the format has no lines.
        key: Dotted path of the key, such as ``models[0].runner``. None for the file as a whole.
    """

    def __init__(
        self, message: str, *, file: Path | str, line: int | None = None, key: str | None = None
    ) -> None:
        """Build the one line that the user reads."""
        self.problem = message
        self.file = str(file)
        self.line = line
        self.key = key
        where = self.file if line is None else f"{self.file}:{line}"
        super().__init__(f"{where}: {key}: {message}" if key else f"{where}: {message}")


class ResultsError(InputError):
    """A results folder cannot be read or written as asked."""


class DiskError(ResultsError):
    """The disk gave out while a run was written: the run is broken, not the input; it can be resumed."""

    exit_code = 1


class LostManifestError(ResultsError):
    """A run folder whose ``run.json`` is damaged or gone; its rows may still be whole."""


class SetupError(InputError):
    """This machine lacks something that was asked for."""


class RunnerError(BenchError):
    """One request failed for a reason that is not the model's answer.

    Args:
        kind: Why, in the harness's own words.
        message: The provider's words, shortened; never a key.
        http_status: Status of the reply. None when no reply came.
        retry_after_s: Seconds the provider asked to wait. None when it did not say.
    """

    def __init__(
        self,
        kind: FailureKind,
        message: str,
        *,
        http_status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        """Keep the facts that the attempt row needs."""
        super().__init__(message)
        self.kind: FailureKind = kind
        self.http_status = http_status
        self.retry_after_s = retry_after_s

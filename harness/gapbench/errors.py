"""Every error that gapbench raises on purpose.

::

    BenchError                    base class; ``cli`` turns it into one line and an exit code
    +-- InputError                the user's input is wrong: exit 2
    |   +-- DocumentError         a YAML or data file: names file, line and key
    |   +-- ResultsError          a results folder: missing, incomplete, newer schema, locked
    |   |   +-- FileGoneError     a live run closed or joined a file while it was read: reading again helps
    |   |   +-- DiskError         the disk failed while a run was written: exit 1, resumable
    |   |   +-- LostManifestError a run's manifest is damaged or missing: --resume with the suite rebuilds it
    |   +-- SetupError            this machine lacks something: a key, a package, a program
    +-- RunnerError               one request failed: becomes an ``infra`` row, never an exit

A message says what was found, where, and what to do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

FailureKind = Literal[
    "connect",  # no connection: refused, DNS, TLS
    "timeout",  # a deadline passed: connect, first token, gap between chunks, or total
    "cut_stream",  # the stream ended before the provider's own end mark
    "garbage",  # a reply that does not follow the protocol: wrong type, bad JSON, no SSE
    "rate_limit",  # 429: too many requests
    "quota",  # 429 or 402 that waiting does not cure: no credit left
    "overloaded",  # 503, 529, or an overload event in the stream
    "server",  # any other 5xx, or an error event in the stream
    "auth",  # 401, 403
    "not_found",  # 404: no such model or route
    "bad_request",  # any other 4xx: the provider refused these parameters
    "cancelled",  # stopped by the user or by a budget
    "environment",  # an episode's tools died or hung, or its user failed; the model is not at fault
    "runner",  # a bug in the runner, built-in or plug-in
]


class BenchError(Exception):
    """Base class of all errors that gapbench raises on purpose."""

    exit_code = 1


class InputError(BenchError):
    """The user's input is wrong; nothing was run and nothing is lost."""

    exit_code = 2


class DocumentError(InputError):
    """A YAML or data file is invalid.

    Args:
        message: What was found and what to do.
        file: The file, as the user named it.
        line: First line of the offending value, from 1. None: the format has no lines.
        key: Dotted path of the key, such as ``models[0].runner``. None for the file as a whole.
    """

    def __init__(
        self, message: str, *, file: Path | str, line: int | None = None, key: str | None = None
    ) -> None:
        self.problem = message
        self.file = str(file)
        self.line = line
        self.key = key
        where = self.file if line is None else f"{self.file}:{line}"
        super().__init__(f"{where}: {key}: {message}" if key else f"{where}: {message}")


class ResultsError(InputError):
    """A results folder cannot be read or written as requested."""


class FileGoneError(ResultsError):
    """A file of a run is gone: its writer closed a journal, or joined parts, after the folder was listed."""


class DiskError(ResultsError):
    """The disk failed while a run was written. The run can be resumed."""

    exit_code = 1


class LostManifestError(ResultsError):
    """``run.json`` of a run folder is damaged or missing; its rows may still be intact."""


class SetupError(InputError):
    """This machine lacks something that the command needs."""


class RunnerError(BenchError):
    """One request failed for a reason that is not the model's answer.

    Args:
        kind: Kind of the failure.
        message: The provider's message, shortened; never contains a key.
        http_status: HTTP status of the reply. None: no reply.
        retry_after_s: Seconds that the provider asked to wait. None: it did not ask.
    """

    def __init__(
        self,
        kind: FailureKind,
        message: str,
        *,
        http_status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind: FailureKind = kind
        self.http_status = http_status
        self.retry_after_s = retry_after_s

    @property
    def is_refusal(self) -> bool:
        """Whether the provider certainly did nothing: it answered, and refused, or was never asked.

        After a 5xx, a 408 or no answer at all, what was asked for may have been done.
        """
        if self.kind in {"bad_request", "rate_limit"}:
            return True
        return self.http_status is not None and 400 <= self.http_status < 500 and self.http_status != 408

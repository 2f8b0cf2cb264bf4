"""Names of batches and of their requests: what is allowed, and how a label travels in front of a custom id."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import BinaryIO

from gapbench.errors import RunnerError
from gapbench.values.batches import BatchLimits, BatchRequest

SEPARATOR = "_"
"""Between label and custom id where a batch has no place for a label; a label has none."""
_LABEL = re.compile(r"[A-Za-z0-9-]{1,31}")
_CUSTOM_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")


def check_requests(requests: Sequence[BatchRequest], label: str, limits: BatchLimits) -> None:
    """Check what is to be submitted, before anything is sent.

    Raises:
        RunnerError: ``bad_request``: a name is not allowed or given twice, there are no requests or too many, or one of
            them cannot be sent.
    """
    if not _LABEL.fullmatch(label):
        raise _refusal(f"label: found {label!r}; expected 1 to 31 of A-Z a-z 0-9 -")
    if not 1 <= len(requests) <= limits.requests:
        raise _refusal(f"found {len(requests)} requests; a batch holds 1 to {limits.requests}")
    seen: set[str] = set()
    for request in requests:
        name = request.custom_id
        if not _CUSTOM_ID.fullmatch(name):
            raise _refusal(f"custom id: found {name!r}; expected 1 to 32 of A-Z a-z 0-9 _ -")
        if name in seen:
            raise _refusal(f"custom id: found {name!r} twice; results could not be matched")
        if request.call.problem is not None:
            raise _refusal(f"{name}: {request.call.problem}")
        seen.add(name)


def is_label(text: str) -> bool:
    """Return whether a text may be a label."""
    return _LABEL.fullmatch(text) is not None


def check_bytes(total: int, limits: BatchLimits) -> None:
    """Check the size of a batch.

    Raises:
        RunnerError: ``bad_request``: it is larger than the provider takes.
    """
    if total > limits.bytes:
        raise _refusal(f"found {total} bytes; a batch holds {limits.bytes}: submit fewer requests at once")


async def write_lines(
    write: Callable[[BatchRequest], Awaitable[bytes]],
    requests: Sequence[BatchRequest],
    limits: BatchLimits,
    file: BinaryIO,
) -> None:
    """Write requests to a file, one line each. Kept as a list of lines, they would take eight times as much memory.

    Args:
        write: Returns a request as a line.
        requests: The requests.
        limits: The most that the file may hold.
        file: Where they go.

    Raises:
        RunnerError: ``bad_request``: they are too large, or the SDK cannot build one.
    """
    total = 0
    for request in requests:
        line = await write(request)
        total += len(line)
        check_bytes(total, limits)
        file.write(line)


def with_label(label: str, custom_id: str) -> str:
    """Return a custom id with the label of its batch in front of it."""
    return f"{label}{SEPARATOR}{custom_id}"


def split_label(name: str) -> tuple[str | None, str]:
    """Return label and custom id of what :func:`with_label` made; no label for any other text."""
    label, separator, custom_id = name.partition(SEPARATOR)
    if not separator or not _LABEL.fullmatch(label) or not _CUSTOM_ID.fullmatch(custom_id):
        return None, name
    return label, custom_id


def _refusal(message: str) -> RunnerError:
    return RunnerError("bad_request", f"the batch was not submitted: {message}")

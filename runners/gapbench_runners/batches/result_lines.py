"""Lines of a file of results: read as they arrive, bounded in size, and a broken one is not the end."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

import orjson

from gapbench.errors import RunnerError

MAX_LINE_BYTES = 64 * 2**20
"""A reply of 300,000 tokens has about 1.5 MB; images that a model draws have more."""
MAX_FILE_BYTES = 16 * 2**30
_NAME_IN_TEXT = re.compile(rb'"(?:custom_id|key)"\s*:\s*"([A-Za-z0-9_-]{1,64})"')
_SEARCHED_BYTES = 4_096


class ResultLine(NamedTuple):
    """One line of a file of results.

    Attributes:
        body: The JSON object. None: the line is broken.
        name: The custom id of a broken line, if it can still be made out; "" otherwise.
        problem: Why it is broken. "": it is not.
    """

    body: Mapping[str, Any] | None
    name: str = ""
    problem: str = ""


async def read_result_lines(
    pieces: AsyncIterator[bytes], max_line_bytes: int = MAX_LINE_BYTES, max_file_bytes: int = MAX_FILE_BYTES
) -> AsyncIterator[ResultLine]:
    """Yield the lines of a file of JSON lines; empty ones are left out.

    Args:
        pieces: The file's bytes, cut anywhere.
        max_line_bytes: A longer line is broken, and never held whole.
        max_file_bytes: Where reading stops.

    Raises:
        RunnerError: ``garbage``: the file is too large.
    """
    start = bytearray()
    line_bytes = total = 0
    async for piece in pieces:
        total += len(piece)
        if total > max_file_bytes:
            raise RunnerError("garbage", f"the file of results is larger than {max_file_bytes} bytes")
        *ended, rest = piece.split(b"\n")
        for part in ended:
            line_bytes += len(part)
            start += part if line_bytes <= max_line_bytes else b""
            if line := _parse(bytes(start), line_bytes, max_line_bytes):
                yield line
            start.clear()
            line_bytes = 0
        line_bytes += len(rest)
        # Of a line that is too long only the start is kept, for its name.
        start += rest if line_bytes <= max_line_bytes else b""
    if line := _parse(bytes(start), line_bytes, max_line_bytes):
        yield line


def _parse(start: bytes, line_bytes: int, max_line_bytes: int) -> ResultLine | None:
    """Return a line, or None for an empty one."""
    if line_bytes > max_line_bytes:
        return _broken(start, f"a line of the results has {line_bytes} bytes, more than {max_line_bytes}")
    text = start.strip()
    if not text:
        return None
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        return _broken(text, f"a line of the results is not JSON ({exc}); its custom id is all that is used")
    if not isinstance(body, dict):
        return _broken(text, f"a line of the results is not a JSON object, but a {type(body).__name__}")
    return ResultLine(body)


def _broken(text: bytes, problem: str) -> ResultLine:
    # Anthropic and OpenAI write the name first; a name deep inside an answer is not taken for one.
    found = _NAME_IN_TEXT.search(text[:_SEARCHED_BYTES])
    return ResultLine(None, found[1].decode() if found else "", problem)

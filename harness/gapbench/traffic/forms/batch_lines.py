"""Join the input and output lines of a batch by their ``custom_id``, and by their files where an id is in several."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import Any, NamedTuple

import orjson

from gapbench.traffic.draft import Draft
from gapbench.traffic.items import name_without_packing
from gapbench.traffic.requests import read_request

MAX_WAITING_BYTES = 512 * 2**20
"""Of input lines that wait for their output lines."""
MAX_SAME_ID = 10_000
"""Input lines with one ``custom_id`` that are looked through for a reply; beyond, its replies are not joined."""
_ROLE = re.compile(
    r"(?:^|[-_. ]+)(?:batch(?:es)?|in|input|inputs|request|requests|out|output|outputs|response|responses"
    r"|result|results|error|errors)(?=[-_. ]|$)"
)
"""Words of a file's name that tell which side of a batch it is."""


class _Line(NamedTuple):
    """An input line."""

    body: bytes
    endpoint: str | None
    file: str
    line: int

    def read(self) -> Draft:
        draft: Draft = {} if self.endpoint is None else {"endpoint": self.endpoint}
        read_request(orjson.loads(self.body), draft)
        return draft


class BatchLines:
    """Input lines that wait for their output lines. None is dropped: what cannot be joined is reported.

    A ``custom_id`` is unique in its batch only, and neither an input line nor an output line names the batch. So where an
    id is in several input files, the file decides: the only one that has all ids of the output file, or the one of the same
    name (``march-input.jsonl`` and ``march-output.jsonl``). Where the lines say the same, it makes no difference.

    Attributes:
        file: Where the next line is from, as rows name it.
        line: Its line.
        has_reused_ids: Whether a ``custom_id`` is in more than one input line, so that files must be paired.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, list[_Line]] = {}
        self._answered: Counter[str] = Counter()  # replies by custom_id, whether joined or not
        self._answered_lines: set[_Line] = set()
        self._paired: frozenset[str] | None = None
        self._bytes = 0
        self._without_prompt = 0
        self._not_joined = 0
        self.file = ""
        self.line = 0
        self.has_reused_ids = False

    def pair_file(self, custom_ids: Iterable[str] | None) -> None:
        """Find the input file that the replies of :attr:`file` belong to.

        Args:
            custom_ids: Those of its replies. None: they are not needed.
        """
        self._paired = None
        if custom_ids is None:
            return
        found: set[str] | None = None
        for custom_id in dict.fromkeys(custom_ids):
            files = {one.file for one in self._waiting.get(custom_id, ())}
            if files:
                found = files if found is None else found & files
        if found and len(found) > 1:
            named = {file for file in found if _batch_name(file) == _batch_name(self.file)}
            found = named or found
        self._paired = frozenset(found) if found else None

    def add_request(self, custom_id: str, body: dict[str, Any], endpoint: str | None = None) -> None:
        """Keep an input line: its body, and the endpoint where the line names it."""
        data = orjson.dumps(body)
        if self._bytes + len(data) > MAX_WAITING_BYTES:
            self._without_prompt += 1
            data = orjson.dumps({"model": body.get("model"), "stream": body.get("stream")})
        self._bytes += len(data)
        lines = self._waiting.setdefault(custom_id, [])
        lines.append(_Line(data, endpoint, self.file, self.line))
        self.has_reused_ids |= len(lines) > 1

    def add_reply(self, custom_id: str, draft: Draft) -> None:
        """Add to the draft of an output line what its input line says."""
        lines = self._waiting.get(custom_id)
        if lines is None:
            return
        found = self._find(lines)
        if found is None:
            self._answered[custom_id] += 1
            self._not_joined += 1
            return
        self._answered_lines.add(found)
        for key, value in found.read().items():
            if draft.get(key) is None and value is not None:
                draft[key] = value

    def _find(self, lines: list[_Line]) -> _Line | None:
        """Return the input line of a reply of the current file. None: it is one of several that differ, or of too many."""
        if len(lines) > MAX_SAME_ID:
            return None
        inside = [one for one in lines if one.file == self.file]
        paired = [one for one in lines if self._paired is not None and one.file in self._paired]
        lines = inside or paired or lines
        if len({(one.body, one.endpoint) for one in lines}) > 1:
            return None
        return next((one for one in lines if one not in self._answered_lines), lines[0])

    def take_unanswered(self) -> Iterator[tuple[Draft, str, int]]:
        """Yield a draft for each request without an output line.

        Where replies could not be joined, which of the requests are without one is unknown: as many are yielded as there
        are more requests than replies, each with what all of them have in common.
        """
        for custom_id, lines in self._waiting.items():
            open_lines = [one for one in lines if one not in self._answered_lines]
            replies = self._answered[custom_id]
            drafts = [one.read() for one in open_lines[replies:]]
            if replies and drafts:
                every = [one.read() for one in open_lines]
                shared = {
                    key: value
                    for key, value in every[0].items()
                    if all(one.get(key) == value for one in every)
                }
                drafts = [dict(shared) for _ in drafts]
            for draft, one in zip(drafts, open_lines[replies:], strict=True):
                draft |= {"request_id": custom_id, "has_local_id": True, "service_tier": "batch"}
                yield draft, one.file, one.line
        self._waiting.clear()
        self._answered_lines.clear()

    def notes(self) -> Iterator[str]:
        """Yield what could not be joined."""
        if self._not_joined:
            yield (
                f"replies of batches without their prompt: {self._not_joined:,}; their custom_id is in several input files, and "
                "the output file belongs to any of them; name its input file like it (NAME-input.jsonl, "
                "NAME-output.jsonl), or import each batch by itself"
            )
        if self._without_prompt:
            yield f"requests of batches without their prompt: {self._without_prompt:,}; the input lines together are over 512 MiB"


def _batch_name(file: str) -> tuple[str, ...]:
    """Return a file's folders and name without the words that tell the side of the batch."""
    path = PurePath(file)
    stem = name_without_packing(path).rpartition(".")[0]
    return tuple(_ROLE.sub("", part.lower()).strip("-_. ") for part in (*path.parts[:-1], stem))

"""Join the input and output lines of a batch by their ``custom_id``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from gapbench.traffic.draft import Draft
from gapbench.traffic.requests import read_request

MAX_WAITING_BYTES = 512 * 2**20
"""Of input lines that wait for their output lines."""


class BatchLines:
    """Input lines that wait for their output lines.

    Attributes:
        file: Where the next line is from, as rows name it.
        line: Its line.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[bytes, str, int]] = {}
        self._reused: set[str] = set()
        self._bytes = 0
        self._left_out = 0
        self.file = ""
        self.line = 0

    def add_request(self, custom_id: str, body: dict[str, Any]) -> None:
        """Keep the body of an input line."""
        if custom_id in self._waiting and self._waiting[custom_id][1] != self.file:
            self._reused.add(custom_id)
            return
        data = orjson.dumps(body)
        if self._bytes + len(data) > MAX_WAITING_BYTES:
            self._left_out += 1
            return
        self._bytes += len(data)
        self._waiting[custom_id] = (data, self.file, self.line)

    def add_reply(self, custom_id: str, draft: Draft) -> None:
        """Add to the draft of an output line what its input line says."""
        if custom_id in self._reused:
            return
        found = self._waiting.pop(custom_id, None)
        if found is not None:
            self._bytes -= len(found[0])
            read: Draft = {}
            read_request(orjson.loads(found[0]), read)
            for key, value in read.items():
                if draft.get(key) is None and value is not None:
                    draft[key] = value

    def take_unanswered(self) -> Iterator[tuple[Draft, str, int]]:
        """Yield a draft for each request without an output line."""
        for custom_id, (data, file, line) in self._waiting.items():
            if custom_id not in self._reused:
                draft: Draft = {"request_id": custom_id, "service_tier": "batch"}
                read_request(orjson.loads(data), draft)
                draft["service_tier"] = "batch"
                yield draft, file, line
        self._waiting.clear()

    def notes(self) -> Iterator[str]:
        """Yield what could not be joined."""
        if self._reused:
            yield (
                f"{len(self._reused):,} custom_id are in several batches, so their prompts were not joined; "
                "import each batch by itself"
            )
        if self._left_out:
            yield f"{self._left_out:,} input lines of batches were not joined: together they are over 512 MiB"

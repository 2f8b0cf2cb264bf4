"""Answers kept by what was asked, for accuracy runs: asked again, they cost nothing and are no measurement.

The key is the whole question: runner, endpoint, model, messages with image hashes, parameters as sent, and the
repeat, so that repeats of a sampled answer stay draws of their own. Only whole replies are kept. A hit has no
instants, and its row says ``from_cache``, by which analysis leaves it out of every time and every price.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from pathlib import Path
from typing import Any

import orjson

from harness.errors import ResultsError
from harness.plan import Cell, Planned
from harness.values import (
    Call,
    Response,
    Timing,
    Usage,
    canonical_json,
    messages_as_json,
    prompt_sha256,
    sha256,
)

VERSION = 1
"""Of the entry and of the key; another one is a miss."""

_KEPT = (
    "answer", "reasoning", "finish_reason", "finish_raw", "disclosure", "model_served", "response_id",
    "system_fingerprint", "service_tier", "http_status",
)  # fmt: skip


class ResponseCache:
    """A folder of answers; any number of processes may use it at once.

    Args:
        folder: Made when missing.

    Raises:
        ResultsError: It cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        """Make the folder."""
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise ResultsError(
                f"cannot write the cache {folder}: {exc.strerror}; choose another with --cache"
            ) from exc

    @staticmethod
    def serves(cell: Cell, planned: Planned) -> bool:
        """Say whether a request may be answered from here: never one whose time is what is measured."""
        return planned.phase == "measure" and not cell.load.on_schedule

    @staticmethod
    def key(cell: Cell, planned: Planned, call: Call) -> str:
        """Return the hash of all that an answer depends on."""
        messages = cell.messages(planned)
        asked = [
            VERSION, cell.model.runner, cell.model.base_url, cell.model.name, prompt_sha256(messages),
            messages_as_json(messages), call.params_sent, planned.repeat,
        ]  # fmt: skip
        return sha256(canonical_json(asked))

    def get(self, key: str, now_s: float) -> Response | None:
        """Return a kept answer; None: there is none, or its entry is damaged.

        Args:
            key: See :meth:`key`.
            now_s: The instant at which it counts as done.
        """
        try:
            kept: dict[str, Any] = orjson.loads(self._path(key).read_bytes())
            if kept.pop("version") != VERSION or kept.pop("key") != key:
                return None
            usage = Usage(**kept.pop("usage"))
            timing = Timing(None, None, None, None, None, now_s)
            return Response(timing=timing, usage=usage, transport="cache", **kept)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, key: str, response: Response) -> None:
        """Keep a whole reply; one that failed, was refused or ran into the budget is asked again."""
        if response.failure is not None or response.finish_reason not in {"stop", "tool"}:
            return
        entry = {"version": VERSION, "key": key, "usage": dataclasses.asdict(response.usage)}
        entry |= {name: getattr(response, name) for name in _KEPT}
        path = self._path(key)
        partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        # A cache that cannot be written costs money later, not this run.
        with contextlib.suppress(OSError):
            path.parent.mkdir(exist_ok=True)
            partial.write_bytes(orjson.dumps(entry))
            partial.replace(path)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"

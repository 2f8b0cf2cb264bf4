"""Answers kept by what was asked, for accuracy runs: asked again, they cost nothing and are no measurement.

The key is all that an answer depends on and that this side knows: runner, model, the address that was found for it,
its settings (``serve``, ``engine``, ``sim``, ``options``), messages with image hashes, whether they are asked or
weighed, parameters as sent, and the repeat, so that repeats of a sampled answer stay draws of their own. What a server
at the same address is started with by others is not known here. Only whole replies are kept. A hit has no instants,
and its row says ``from_cache``, by which analysis leaves it out of every time and every price.
"""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import orjson

from gapbench.atomic_write import replace_atomically
from gapbench.errors import ResultsError
from gapbench.runner import owns_server
from gapbench.suite.plan import Cell, PlannedRequest
from gapbench.values import (
    Call,
    Response,
    Timing,
    Usage,
    canonical_json,
    messages_as_json,
    prompt_sha256,
    sha256,
)

CACHE_VERSION = 2
"""Of the entry and of the key; another one is a miss."""

_STORED_FIELDS = (
    "answer", "reasoning", "finish_reason", "finish_raw", "disclosure", "model_served", "response_id",
    "system_fingerprint", "service_tier", "http_status",
)  # fmt: skip


class ResponseCache:
    """A folder of answers; any number of processes may use it at once.

    Args:
        folder: An existing directory; :meth:`open` creates it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Return the cache in a directory, which is created if missing.

        Raises:
            ResultsError: The directory cannot be created.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise ResultsError(
                f"cannot write the cache {folder}: {exc.strerror}; choose another with --cache"
            ) from exc
        return cls(folder)

    @staticmethod
    def is_cacheable(cell: Cell, planned: PlannedRequest) -> bool:
        """Say whether a request may be answered from here: never one whose time is what is measured."""
        return planned.phase == "measure" and not cell.load.is_open_loop

    @staticmethod
    def make_key(cell: Cell, planned: PlannedRequest, call: Call, base_url: str | None) -> str:
        """Return the hash of all that an answer depends on.

        Args:
            cell: The request's cell.
            planned: The request.
            call: What would be sent.
            base_url: Address that the runner found for the model. None: the runner does not say.
        """
        messages = cell.messages(planned)
        model = cell.model
        # The port of a server of our own is one of the moment; what the server is stands in the options.
        address = None if owns_server(model) else (base_url or model.base_url or "").rstrip("/")
        key_parts = [
            CACHE_VERSION, model.runner, address, model.name, model.options, prompt_sha256(messages),
            messages_as_json(messages), planned.sample.needs_logprobs, call.params_sent, planned.repeat,
        ]  # fmt: skip
        return sha256(canonical_json(key_parts))

    def get(self, key: str, now_s: float) -> Response | None:
        """Return a kept answer; None: there is none, or its entry is damaged.

        Args:
            key: See :meth:`make_key`.
            now_s: The instant at which it counts as done.
        """
        try:
            entry = orjson.loads(self._path(key).read_bytes())
            kept = entry["kept"]
            if entry["version"] != CACHE_VERSION or entry["sha256"] != _checksum(key, kept):
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
        kept = {name: getattr(response, name) for name in _STORED_FIELDS}
        kept["usage"] = dataclasses.asdict(response.usage)
        path = self._path(key)
        stored = orjson.dumps({"version": CACHE_VERSION, "sha256": _checksum(key, kept), "kept": kept})
        # Processes of other machines may share the folder, and with it our process id.
        suffix = f".{secrets.token_hex(4)}.tmp"
        # A cache that cannot be written costs money later, not this run.
        with contextlib.suppress(OSError):
            path.parent.mkdir(exist_ok=True)
            with replace_atomically(path, temporary_suffix=suffix, durable=False) as file:
                file.write(stored)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"


def _checksum(key: str, kept: Mapping[str, Any]) -> str:
    """Return the hash by which an entry shows that it is whole, and that it is this key's."""
    return sha256(canonical_json([key, kept]))

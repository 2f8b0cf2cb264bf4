"""Response cache for accuracy runs. Cached answers carry no timing and no cost.

The key is everything that an answer depends on and that the client knows: runner, model, resolved address, model
settings (``serve``, ``engine``, ``sim``, ``options``), the messages of the turn with image hashes, tools, the schema of the
reply, whether the request is for log-probabilities, parameters as sent, which marks of thinking are looked for, and the
number of the repeat, so that repeats of a sampled answer stay independent draws. How others configure a server at the same address is not known to the client. Only complete replies
are stored. The row of a hit has ``from_cache`` set, and the analysis excludes it from all times and prices.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import orjson

from gapbench.atomic_write import replace_atomically
from gapbench.errors import ResultsError
from gapbench.runner import owns_server
from gapbench.suite.plan import Cell, PlannedRequest
from gapbench.values import (
    Call,
    Message,
    Response,
    Timing,
    Usage,
    canonical_json,
    messages_as_json,
    prompt_sha256,
    sha256,
)
from gapbench.values.stored_messages import parts_from_json

CACHE_VERSION = 4
"""Version of entry and key; an entry of another version is a miss."""

_STORED_FIELDS = (
    "answer", "reasoning", "finish_reason", "finish_raw", "disclosure", "model_served", "response_id",
    "system_fingerprint", "service_tier", "http_status", "thinking_rule", "usage_note",
)  # fmt: skip


class ResponseCache:
    """A directory of cached responses; any number of processes may use it at once.

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
        """Return whether a request may be answered from the cache: not if its timing is measured."""
        return planned.phase in {"measure", "user"} and not cell.load.is_open_loop

    @staticmethod
    def make_key(
        cell: Cell,
        planned: PlannedRequest,
        call: Call,
        base_url: str | None,
        messages: tuple[Message, ...] | None = None,
    ) -> str:
        """Return the hash of everything that an answer depends on.

        Args:
            cell: The request's cell.
            planned: The request.
            call: What would be sent.
            base_url: Address that the runner found for the model. None: the runner does not say.
            messages: The prompt of a later turn of an episode. None: the request's first prompt.
        """
        messages = cell.messages(planned) if messages is None else messages
        sample = planned.sample
        model = cell.model
        # The port of a server that we start changes from run to run; the options describe the server.
        address = None if owns_server(model) else (base_url or model.base_url or "").rstrip("/")
        key_parts = [
            CACHE_VERSION, model.runner, address, model.name, model.options, prompt_sha256(messages),
            messages_as_json(messages), sample.needs_logprobs, call.params_sent, planned.repeat,
            model.thinking_in_text, None if sample.tools is None else sample.tools.as_json(),
            None if sample.response_schema is None else asdict(sample.response_schema),
        ]  # fmt: skip
        return sha256(canonical_json(key_parts))

    def get(self, key: str, now_s: float) -> Response | None:
        """Return a cached response. None: there is none, or the entry is damaged.

        Args:
            key: See :meth:`make_key`.
            now_s: Instant at which the response counts as done, on :data:`gapbench.transport.now`.
        """
        try:
            entry = orjson.loads(self._path(key).read_bytes())
            kept = entry["kept"]
            if entry["version"] != CACHE_VERSION or entry["sha256"] != _checksum(key, kept):
                return None
            usage = Usage(**kept.pop("usage"))
            parts = parts_from_json(kept.pop("parts"), _no_medium)
            timing = Timing(None, None, None, None, None, now_s)
            return Response(timing=timing, usage=usage, transport="cache", parts=parts, **kept)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, key: str, response: Response) -> None:
        """Store a complete response. Failed, refused and truncated ones are not stored, so they are requested again."""
        if response.failure is not None or response.finish_reason not in {"stop", "tool"}:
            return
        kept = {name: getattr(response, name) for name in _STORED_FIELDS}
        kept["usage"] = response.usage._asdict()
        kept["parts"] = messages_as_json([response.to_message()])[0]["parts"]
        path = self._path(key)
        stored = orjson.dumps({"version": CACHE_VERSION, "sha256": _checksum(key, kept), "kept": kept})
        # Processes on other machines may share the directory and have the same process id.
        suffix = f".{secrets.token_hex(4)}.tmp"
        # A cache that cannot be written costs money later, not this run.
        with contextlib.suppress(OSError):
            path.parent.mkdir(exist_ok=True)
            with replace_atomically(path, temporary_suffix=suffix, durable=False) as file:
                file.write(stored)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"


def _no_medium(_: str) -> None:
    """Return no bytes: a reply has none."""


def _checksum(key: str, kept: Mapping[str, Any]) -> str:
    """Return the hash that shows that an entry is complete and belongs to its key."""
    return sha256(canonical_json([key, kept]))

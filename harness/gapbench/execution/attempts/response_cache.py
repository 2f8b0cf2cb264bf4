"""Response cache for accuracy runs. Cached answers carry no timing, and nothing is paid for them.

The key is everything that an answer depends on and that the client knows: runner, model, resolved address, model
settings (``serve``, ``engine``, ``sim``, ``options``), the messages of the turn with image hashes, tools, the schema of the
reply, whether the request is for log-probabilities, parameters as sent, which marks of thinking are looked for, and the
number of the repeat, so that repeats of a sampled answer stay independent draws. How others configure a server at the same address is not known to the client. Only complete replies
are stored. The row of a hit has ``from_cache`` set, and the tokens of the reply that was paid for. The analysis excludes it from all
times and from what was spent, and prices it as a task without the cache.

A cache is a folder (here) or a Redis server (:mod:`gapbench.execution.attempts.redis_cache`).
"""

from __future__ import annotations

import contextlib
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Self

from gapbench import transport
from gapbench.atomic_write import replace_atomically
from gapbench.errors import ResultsError
from gapbench.execution.attempts.cached_reply import CACHE_VERSION, decode_reply, encode_reply
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.runner import owns_server
from gapbench.suite.plan import Cell, PlannedRequest
from gapbench.values import (
    Call,
    Message,
    Response,
    canonical_json,
    messages_as_json,
    prompt_sha256,
    sha256,
)
from gapbench.values.cache_place import CachePlace


class StoppedWaitError(Exception):
    """The run stops while it waits for another one's answer: the request is neither sent nor answered."""


class ResponseCache(ABC):
    """Answers of earlier requests; any number of processes may use one at once."""

    @staticmethod
    def is_cacheable(cell: Cell, planned: PlannedRequest) -> bool:
        """Return whether a request may be answered from the cache: not if its timing is measured."""
        return planned.phase in {"measure", "user"} and not cell.load.is_timed

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

    @abstractmethod
    async def find(self, key: str) -> Response | None:
        """Return a cached response. None: there is none, so the caller sends the request and calls :meth:`settle`.

        Where requests are sent once for all processes, this waits while another one sends the same.

        Args:
            key: See :meth:`make_key`.

        Raises:
            StoppedWaitError: It waited, and the run stops.
        """

    @abstractmethod
    async def settle(self, key: str, response: Response | None) -> None:
        """Store the response to a request that :meth:`find` did not know, if it is complete.

        Args:
            key: See :meth:`make_key`.
            response: What came back. None: nothing was sent, or it was abandoned.
        """

    @abstractmethod
    async def close(self) -> None:
        """Close the connections, if there are any."""


class FolderCache(ResponseCache):
    """A directory of cached responses.

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

    async def find(self, key: str) -> Response | None:
        """Return a cached response. None: there is none, or the entry is damaged."""
        return self.get(key, transport.now())

    async def settle(self, key: str, response: Response | None) -> None:
        """Store a complete response."""
        if response is not None:
            self.put(key, response)

    async def close(self) -> None:
        """Do nothing: a directory needs no closing."""

    def get(self, key: str, now_s: float) -> Response | None:
        """Return a cached response. None: there is none, or the entry is damaged.

        Args:
            key: See :meth:`make_key`.
            now_s: Instant at which the response counts as done, on :data:`gapbench.transport.now`.
        """
        try:
            return decode_reply(key, self._path(key).read_bytes(), now_s)
        except OSError:
            return None

    def put(self, key: str, response: Response) -> None:
        """Store a complete response. Failed, refused and truncated ones are not stored, so they are requested again."""
        stored = encode_reply(key, response)
        if stored is None:
            return
        path = self._path(key)
        # Processes on other machines may share the directory and have the same process id.
        suffix = f".{secrets.token_hex(4)}.tmp"
        # A cache that cannot be written costs money later, not this run.
        with contextlib.suppress(OSError):
            path.parent.mkdir(exist_ok=True)
            with replace_atomically(path, temporary_suffix=suffix, durable=False) as file:
                file.write(stored)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"


def open_response_cache(
    place: CachePlace | None, notify: Callable[[str], None], stop_signal: StopSignal
) -> ResponseCache | None:
    """Return the cache at a place. None: there is no place.

    Args:
        place: A folder or a server.
        notify: Receives one line if the server goes away.
        stop_signal: Ends the wait for an answer that another run asks for.

    Raises:
        ResultsError: The folder cannot be created.
        SetupError: The package for the server is missing, or its password.
    """
    if place is None:
        return None
    if isinstance(place, Path):
        return FolderCache.open(place)
    from gapbench.execution.attempts.redis_cache import RedisCache  # noqa: PLC0415 - needs an extra package

    return RedisCache.open(place, notify, stop_signal)

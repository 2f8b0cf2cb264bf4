"""A request to a call: the parameters settled once, the prompt put in each time."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gapbench.values import Call, Message, Params, Request, Text, canonical_json

MAX_CACHED_PARAMS = 64


@dataclass(frozen=True, slots=True, eq=False)
class MappedParams:
    """Parameters under a model's rule. Compared by identity: one object stands for one cell's.

    Attributes:
        arguments: For the vendor's client, beside the prompt.
        params_sent: See ``Call.params_sent``.
        changes: See ``Call.changes``.
    """

    arguments: Mapping[str, Any]
    params_sent: Mapping[str, Any]
    changes: tuple[str, ...] = ()


class RequestBuilder:
    """Makes a runner's calls.

    Args:
        map_params: Applies the model's rule to parameters.
        build_body: Returns the client's arguments for a prompt.
    """

    def __init__(
        self,
        map_params: Callable[[Params], MappedParams],
        build_body: Callable[[Sequence[Message], MappedParams], dict[str, Any]],
    ) -> None:
        """Settle nothing yet."""
        self._map_params = map_params
        self._build_body = build_body
        self._params_cache: dict[Hashable, MappedParams] = {}

    def build(self, request: Request) -> Call:
        """Return the call for a request."""
        settings = self._cached_params(request.params)
        messages = request.messages
        body = self._build_body(messages, settings)
        texts: list[str] = []
        for message in messages:
            for part in message.parts:
                if not isinstance(part, Text) or not part.text:
                    # Images travel once; an empty text may be left out by a client.
                    return Call(body, settings.params_sent, settings.changes)
                texts.append(part.text)

        def retexted(others: Sequence[str]) -> Mapping[str, Any]:
            left = iter(others)
            return self._build_body(
                [
                    Message(message.role, tuple(Text(next(left)) for _ in message.parts))
                    for message in messages
                ],
                settings,
            )

        shape = (settings, *((message.role, len(message.parts)) for message in messages))
        return Call(body, settings.params_sent, settings.changes, tuple(texts), shape, retexted)

    def _cached_params(self, params: Params) -> MappedParams:
        key = (
            params.max_tokens,
            params.temperature,
            params.top_p,
            params.stop,
            params.seed,
            params.reasoning,
            canonical_json(params.extra) if params.extra else None,
        )
        settings = self._params_cache.get(key)
        if settings is None:
            if len(self._params_cache) >= MAX_CACHED_PARAMS:
                self._params_cache.clear()
            settings = self._params_cache[key] = self._map_params(params)
        return settings

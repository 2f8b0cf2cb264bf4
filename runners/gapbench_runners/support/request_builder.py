"""Build calls from requests: map the parameters once per cell, and insert each prompt."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gapbench.values import Call, Message, Params, Request, Text, canonical_json

MAX_CACHED_PARAMS = 64


@dataclass(frozen=True, slots=True, eq=False)
class MappedParams:
    """Parameters under a model's rule. Compared by identity: one object belongs to one cell.

    Attributes:
        arguments: Arguments for the vendor's SDK, without the prompt.
        params_sent: See ``Call.params_sent``.
        changes: See ``Call.changes``.
    """

    arguments: Mapping[str, Any]
    params_sent: Mapping[str, Any]
    changes: tuple[str, ...] = ()


class RequestBuilder:
    """Builds a runner's calls.

    Args:
        map_params: Applies the model's rule to parameters.
        build_body: Returns the SDK's arguments for a prompt.
    """

    def __init__(
        self,
        map_params: Callable[[Params], MappedParams],
        build_body: Callable[[Sequence[Message], MappedParams], dict[str, Any]],
    ) -> None:
        self._map_params = map_params
        self._build_body = build_body
        self._params_cache: dict[Hashable, MappedParams] = {}

    def build(self, request: Request) -> Call:
        """Return the call for a request."""
        mapped = self._cached_params(request.params)
        messages = request.messages
        body = self._build_body(messages, mapped)
        texts: list[str] = []
        for message in messages:
            for part in message.parts:
                if not isinstance(part, Text) or not part.text:
                    # No template: images rarely repeat, and an SDK may omit an empty text.
                    return Call(body, mapped.params_sent, mapped.changes)
                texts.append(part.text)

        def body_with_texts(others: Sequence[str]) -> Mapping[str, Any]:
            remaining = iter(others)
            return self._build_body(
                [
                    Message(message.role, tuple(Text(next(remaining)) for _ in message.parts))
                    for message in messages
                ],
                mapped,
            )

        shape = (mapped, *((message.role, len(message.parts)) for message in messages))
        return Call(body, mapped.params_sent, mapped.changes, tuple(texts), shape, body_with_texts)

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
        mapped = self._params_cache.get(key)
        if mapped is None:
            if len(self._params_cache) >= MAX_CACHED_PARAMS:
                self._params_cache.clear()
            mapped = self._params_cache[key] = self._map_params(params)
        return mapped

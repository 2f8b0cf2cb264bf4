"""A request to a call: the parameters settled once, the prompt put in each time."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gapbench.values import Call, Message, Params, Request, Text, canonical_json

MAX_SETTLED = 64


@dataclass(frozen=True, slots=True, eq=False)
class Settings:
    """Parameters under a model's rule. Compared by identity: one object stands for one cell's.

    Attributes:
        arguments: For the vendor's client, beside the prompt.
        sent: See ``Call.params_sent``.
        changes: See ``Call.changes``.
    """

    arguments: Mapping[str, Any]
    sent: Mapping[str, Any]
    changes: tuple[str, ...] = ()


class Calls:
    """Makes a runner's calls.

    Args:
        settle: Applies the model's rule to parameters.
        body: Returns the client's arguments for a prompt.
    """

    def __init__(
        self,
        settle: Callable[[Params], Settings],
        body: Callable[[Sequence[Message], Settings], dict[str, Any]],
    ) -> None:
        """Settle nothing yet."""
        self._settle = settle
        self._body = body
        self._settled: dict[Hashable, Settings] = {}

    def of(self, request: Request) -> Call:
        """Return the call for a request."""
        settings = self._settings(request.params)
        messages = request.messages
        body = self._body(messages, settings)
        texts: list[str] = []
        for message in messages:
            for part in message.parts:
                if not isinstance(part, Text) or not part.text:
                    # Images travel once; an empty text may be left out by a client.
                    return Call(body, settings.sent, settings.changes)
                texts.append(part.text)

        def retexted(others: Sequence[str]) -> Mapping[str, Any]:
            left = iter(others)
            return self._body(
                [
                    Message(message.role, tuple(Text(next(left)) for _ in message.parts))
                    for message in messages
                ],
                settings,
            )

        shape = (settings, *((message.role, len(message.parts)) for message in messages))
        return Call(body, settings.sent, settings.changes, tuple(texts), shape, retexted)

    def _settings(self, params: Params) -> Settings:
        key = (
            params.max_tokens,
            params.temperature,
            params.top_p,
            params.stop,
            params.seed,
            params.reasoning,
            canonical_json(params.extra) if params.extra else None,
        )
        settings = self._settled.get(key)
        if settings is None:
            if len(self._settled) >= MAX_SETTLED:
                self._settled.clear()
            settings = self._settled[key] = self._settle(params)
        return settings

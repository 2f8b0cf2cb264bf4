"""Build calls from requests: map the parameters and the tools once per cell, and insert each prompt."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gapbench.errors import RunnerError
from gapbench.values import (
    Call,
    Chunk,
    Medium,
    Message,
    Params,
    Request,
    ResponseSchema,
    Text,
    ToolSet,
    canonical_json,
)
from gapbench_runners.support.call_restoration import CallRestoration, RestorableCall, restore_calls
from gapbench_runners.support.conversation import ConversationForm, prepare_conversation
from gapbench_runners.support.tool_names import NameRule, ToolNames

MAX_CACHED_PARAMS = 64


@dataclass(frozen=True, slots=True, eq=False)
class MappedParams:
    """Parameters under a model's rule. Compared by identity: one object belongs to one cell.

    Attributes:
        arguments: Arguments for the vendor's SDK, without the prompt.
        params_sent: See ``Call.params_sent``.
        changes: See ``Call.changes``.
        names: The names of the tools. None: no tools are declared.
        restoration: What has to be undone in the reply's tool calls. None: nothing.
    """

    arguments: Mapping[str, Any]
    params_sent: Mapping[str, Any]
    changes: tuple[str, ...] = ()
    names: ToolNames | None = None
    restoration: CallRestoration | None = None


AddTools = Callable[[MappedParams, ToolSet | None, ResponseSchema | None], MappedParams]
"""Returns parameters with tools and the schema of the reply. Raises ``RunnerError`` if they cannot be sent."""
BuildBody = Callable[[Sequence[Message], MappedParams, list[str]], dict[str, Any]]
"""Returns the SDK's arguments for a prompt; what it changes in the prompt goes to the list."""


class RequestBuilder:
    """Builds a runner's calls.

    Args:
        map_params: Applies the model's rule to parameters.
        add_tools: Adds tools and the schema of the reply.
        build_body: Puts a prompt and the parameters together.
        form: What the vendor's form of a prompt takes.
        name_rule: The names of tools that the vendor allows.
        conversation_key: Key of the messages, in the SDK's arguments and in the request.
        as_sent: Returns the messages as the SDK sends them.
    """

    def __init__(
        self,
        map_params: Callable[[Params], MappedParams],
        add_tools: AddTools,
        build_body: BuildBody,
        form: ConversationForm,
        name_rule: NameRule,
        conversation_key: str,
        as_sent: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] = lambda messages: messages,
    ) -> None:
        self._map_params = map_params
        self._add_tools = add_tools
        self._build_body = build_body
        self._form = form
        self._conversation_key = conversation_key
        self._as_sent = as_sent
        self._undeclared = ToolNames((), name_rule)
        self._params_cache: dict[Hashable, MappedParams] = {}
        # By identity: the samples of a task share one object. The values keep the keys' objects alive.
        self._tools_cache: dict[tuple[int, int, int], tuple[MappedParams, tuple[object, ...]]] = {}

    def build(self, request: Request) -> Call:
        """Return the call for a request; one that cannot be sent has a ``problem``."""
        mapped = self._cached_params(request.params)
        try:
            if request.tools is not None or request.response_schema is not None:
                mapped = self._cached_tools(mapped, request.tools, request.response_schema)
            return self._build(request.messages, mapped)
        except RunnerError as exc:
            return Call({}, mapped.params_sent, mapped.changes, problem=str(exc))

    def _build(self, messages: tuple[Message, ...], mapped: MappedParams) -> Call:
        texts: list[str] = []
        for message in messages:
            for part in message.parts:
                if not isinstance(part, Text) or not part.text or part.text.isspace():
                    return self._build_conversation(messages, mapped)
                texts.append(part.text)
        body = self._build_body(messages, mapped, [])

        def body_with_texts(others: Sequence[str]) -> Mapping[str, Any]:
            remaining = iter(others)
            return self._build_body(
                [
                    Message(message.role, tuple(Text(next(remaining)) for _ in message.parts))
                    for message in messages
                ],
                mapped,
                [],
            )

        shape = (mapped, *((message.role, len(message.parts)) for message in messages))
        template = (tuple(texts), shape, body_with_texts)
        if mapped.restoration is not None:
            return RestorableCall(
                body, mapped.params_sent, mapped.changes, *template, restoration=mapped.restoration
            )
        return Call(body, mapped.params_sent, mapped.changes, *template)

    def _build_conversation(self, messages: tuple[Message, ...], mapped: MappedParams) -> Call:
        changes = list(mapped.changes)
        prepared = prepare_conversation(messages, self._form, mapped.names or self._undeclared, changes)
        body = self._build_body(prepared, mapped, changes)
        call = RestorableCall(
            body, mapped.params_sent, tuple(dict.fromkeys(changes)), restoration=mapped.restoration
        )
        if any(isinstance(part, Medium) for message in prepared for part in message.parts):
            return call  # the SDK encodes the bytes
        rest = tuple(_rest_of(body, self._conversation_key, mapped.arguments))
        # The SDK converts each message by its role and the kinds of its parts.
        kinds = frozenset((message.role, frozenset(map(type, message.parts))) for message in prepared)
        return replace(
            call,
            template_key=(mapped, rest, kinds),
            conversation={self._conversation_key: self._as_sent(body[self._conversation_key])},
        )

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

    def _cached_tools(
        self, mapped: MappedParams, tools: ToolSet | None, schema: ResponseSchema | None
    ) -> MappedParams:
        key = (id(mapped), id(tools), id(schema))
        found = self._tools_cache.get(key)
        if found is None:
            if len(self._tools_cache) >= MAX_CACHED_PARAMS:
                self._tools_cache.clear()
            found = (self._add_tools(mapped, tools, schema), (mapped, tools, schema))
            self._tools_cache[key] = found
        return found[0]


async def refuse(problem: str) -> AsyncIterator[Chunk]:
    """Fail as a call with a problem does when it is sent; nothing is sent.

    Raises:
        RunnerError: ``bad_request``, always.
    """
    raise RunnerError("bad_request", problem)
    yield Chunk()


def restored(chunks: AsyncIterator[Chunk], call: Call) -> AsyncIterator[Chunk]:
    """Return a reply's chunks with what the call changed about the tools undone."""
    restoration = call.restoration if isinstance(call, RestorableCall) else None
    return chunks if restoration is None else restore_calls(chunks, restoration)


def _rest_of(
    body: Mapping[str, Any], conversation_key: str, constant: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Yield what a body has besides its conversation and the parameters of the cell, such as the system prompt."""
    for key, value in body.items():
        if key == conversation_key or value is constant.get(key):
            continue
        if isinstance(value, Mapping):
            yield from ((f"{key}.{inner}", text) for inner, text in _rest_of(value, "", constant))
        else:
            yield key, repr(value)

"""Anthropic's Messages, and every compatible server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gapbench import credentials, transport
from gapbench.errors import RunnerError, SetupError
from gapbench.runner import BatchClient, KeyCheck, Runner, RunnerInfo
from gapbench.values import (
    Call,
    Chunk,
    Message,
    Model,
    Params,
    Request,
    ResponseSchema,
    Session,
    ToolSet,
)
from gapbench_runners.batches.anthropic_batches import AnthropicBatches
from gapbench_runners.batches.sdk_client import BatchHttp
from gapbench_runners.support.conversation import MESSAGES_FORM
from gapbench_runners.support.messages_form import anthropic_messages, anthropic_tools, lacks_thinking
from gapbench_runners.support.messages_stream import read_anthropic_stream
from gapbench_runners.support.model_rules import ModelRule, ParamMapper, default_max_tokens, rule_for
from gapbench_runners.support.request_builder import MappedParams, RequestBuilder, refuse, restored
from gapbench_runners.support.server_tool_parser import SERVERS_TOOL_PARSER, servers_tool_parser
from gapbench_runners.support.stream_errors import error_text, status_error
from gapbench_runners.support.tool_declarations import (
    declare_reply,
    declare_tools,
    keep_schema,
    rewrite_for_anthropic,
    tools_as_params,
)
from gapbench_runners.support.tool_names import ANTHROPIC_NAMES

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

OFFICIAL_URL = "https://api.anthropic.com"
DEFAULT_KEY_ENV = "ANTHROPIC_API_KEY"
MIN_BUDGET_TOKENS = 1_024
"""The smallest thinking budget that Messages accepts (docs.anthropic.com, extended thinking)."""


class AnthropicRunner(Runner):
    """A model behind Messages."""

    info = RunnerInfo(
        weights="closed",
        price_provider="anthropic",
        packages=("anthropic",),
        key_variables=(DEFAULT_KEY_ENV,),
        key_check=KeyCheck(
            f"{OFFICIAL_URL}/v1/models?limit=1", "x-api-key", headers={"anthropic-version": "2023-06-01"}
        ),
        options={"tool_parser": SERVERS_TOOL_PARSER},
    )
    base_url: str

    def __init__(self, model: Model) -> None:
        """Read the settings; opens nothing and needs no key yet."""
        super().__init__(model)
        self.base_url = model.base_url or OFFICIAL_URL
        self.is_official_endpoint = urlsplit(self.base_url).hostname == urlsplit(OFFICIAL_URL).hostname
        self.key_env = model.key_env or (DEFAULT_KEY_ENV if self.is_official_endpoint else None)
        self.metered = self.key_env is not None
        self._request_builder = RequestBuilder(
            self._map_params, self._add_tools, self._build_body, MESSAGES_FORM, ANTHROPIC_NAMES, "messages"
        )
        self._client: AsyncAnthropic | None = None
        self._templates: transport.RequestTemplates | None = None
        self._key: str | None = None
        self._batch_http = BatchHttp(self.base_url)

    def missing_requirement(self) -> str | None:
        """Return why there is no key, or None when there is one or none is needed."""
        return None if self.key_env is None else credentials.missing_key_reason(self.key_env)

    def key_variable(self) -> str | None:
        """Return the environment variable whose key is sent. None: no key is sent."""
        return self.key_env

    def endpoint(self) -> str | None:
        """Return the address that must accept connections before the first request."""
        return self.base_url

    @property
    def rule(self) -> ModelRule:
        """The rule for this model's parameters."""
        return rule_for("anthropic", self.model.name, is_official_endpoint=self.is_official_endpoint)

    def prepare(self, request: Request) -> Call:
        """Return the request's body under the model's rule."""
        return self._request_builder.build(request)

    def _map_params(self, params: Params) -> MappedParams:
        mapper = ParamMapper(params, self.rule)
        if mapper.max_tokens is None:
            mapper.max_tokens = default_max_tokens()
            mapper.changes.append(f"max_tokens {mapper.max_tokens} added: Messages requires one")
        mapper.note_unsupported("seed", mapper.seed, "the Messages API has none")
        arguments: dict[str, Any] = {"max_tokens": mapper.max_tokens}
        # Messages refuses a stop sequence without a visible character (HTTP 400).
        stop = [word for word in mapper.stop or () if word.strip()]
        if stop:
            arguments["stop_sequences"] = stop
        if len(stop) < len(mapper.stop or ()):
            mapper.changes.append("blank stop strings dropped: the Messages API refuses them")
        arguments |= self._thinking_params(mapper)
        # Since 2.13 messages.create has no argument for these; the API still accepts them.
        extra = {
            name: value
            for name, value in (("temperature", mapper.temperature), ("top_p", mapper.top_p))
            if value is not None
        }
        extra |= mapper.extra
        sent = arguments | extra
        if extra:
            arguments["extra_body"] = extra
        return MappedParams(arguments, sent, tuple(mapper.changes))

    def _add_tools(
        self, mapped: MappedParams, tools: ToolSet | None, schema: ResponseSchema | None
    ) -> MappedParams:
        rewrite = rewrite_for_anthropic if self.is_official_endpoint else keep_schema
        declared = declare_tools(tools, ANTHROPIC_NAMES, rewrite)
        arguments = {**mapped.arguments, **dict(anthropic_tools(declared))}
        sent = {**mapped.params_sent, **tools_as_params(declared)}
        changes = [*mapped.changes, *declared.changes]
        if declared.choice not in {"auto", "none", None} and _has_manual_thinking(arguments):
            # platform.claude.com/docs/build-with-claude/thinking-tool-workflows
            arguments["thinking"] = sent["thinking"] = {"type": "disabled"}
            changes.append(
                "reasoning dropped: Messages does not take it with a tool choice that forces a call"
            )
        if schema is not None:
            reply = declare_reply(replace(schema, strict=True), ANTHROPIC_NAMES, rewrite)
            if not reply.strict:
                raise RunnerError("bad_request", f"{reply.changes[0]}; Messages has no other mode")
            arguments["output_config"] = {
                **arguments.get("output_config", {}),
                "format": {"type": "json_schema", "schema": dict(reply.schema)},
            }
            sent["response_schema"] = reply.as_param()
            changes += [change for change in reply.changes if " renamed " not in change]
            if schema.strict is False:
                changes.append(
                    "response_schema: strict false dropped: Messages holds every reply to its schema"
                )
        return MappedParams(arguments, sent, tuple(changes), declared.names, declared.restoration)

    def _build_body(
        self, messages: Sequence[Message], mapped: MappedParams, changes: list[str]
    ) -> dict[str, Any]:
        system = "\n\n".join(message.text for message in messages if message.role == "system")
        arguments = mapped.arguments
        if _has_manual_thinking(arguments) and lacks_thinking(messages):
            arguments = {**arguments, "thinking": {"type": "disabled"}}
            changes.append(
                "reasoning dropped after results of calls that another model made: Messages wants its thinking"
            )
        return {
            "model": self.model.name,
            "messages": anthropic_messages(messages, changes),
            **({"system": system} if system else {}),
            **arguments,
            "stream": True,
        }

    def _thinking_params(self, mapper: ParamMapper) -> dict[str, Any]:
        """Return the thinking setting. With thinking on, the API accepts no temperature."""
        if mapper.reasoning is None:
            return {}
        form = self.rule.reasoning
        if form == "none":
            mapper.note_unsupported("reasoning", mapper.reasoning, self.rule.why)
            return {}
        if mapper.reasoning == "off":
            return {"thinking": {"type": "disabled"}}
        if mapper.temperature is not None:
            mapper.changes.append("temperature dropped: thinking is on")
            mapper.temperature = None
        if form == "adaptive" and not isinstance(mapper.reasoning, int):
            return {"thinking": {"type": "adaptive"}, "output_config": {"effort": mapper.effort()}}
        assert mapper.max_tokens is not None, "max_tokens is set before reasoning"
        wanted = mapper.budget() or 0
        budget = max(MIN_BUDGET_TOKENS, min(wanted, mapper.max_tokens - 1))
        if budget >= mapper.max_tokens:
            mapper.changes.append(
                f"reasoning dropped: max_tokens {mapper.max_tokens} leaves no room for {MIN_BUDGET_TOKENS}"
            )
            return {"thinking": {"type": "disabled"}}
        if budget != wanted:
            mapper.changes.append(f"reasoning budget {wanted} sent as {budget}: it must fit below max_tokens")
        return {"thinking": {"type": "enabled", "budget_tokens": budget}}

    async def open(self, session: Session) -> None:
        """Make the client. Raises ``SetupError`` without a key."""
        missing = self.missing_requirement()
        if missing:
            raise SetupError(missing)
        from anthropic import AsyncAnthropic  # noqa: PLC0415 - half a second of imports, needed only now

        self._key = credentials.read_key(self.key_env) if self.key_env else None
        self._client = AsyncAnthropic(
            api_key=self._key or "none",
            base_url=self.base_url,
            max_retries=0,
            timeout=transport.httpx_timeout(session),
            http_client=transport.new_client(self.base_url, session),
        )
        self._batch_http.open(session)
        self._templates = transport.RequestTemplates(self._create, self._explain)

    def _explain(self, exc: Exception) -> RunnerError:
        return _to_runner_error(exc, self._key)

    async def _create(self, body: Mapping[str, Any]) -> None:
        assert self._client is not None, "open comes before stream"
        await self._client.messages.create(**body)

    async def warm_up(self, call: Call) -> None:
        """Have the SDK build the call without sending it."""
        assert self._templates is not None, "open comes before warm_up"
        await self._templates.warm_up(call)

    def stream(self, call: Call) -> AsyncIterator[Chunk]:
        """Send the call and yield the response as it arrives."""
        assert self._templates is not None, "open comes before stream"
        if call.problem is not None:
            return refuse(call.problem)
        chunks = read_anthropic_stream(self._templates.event_batches(call), self.rule.disclosure)
        return restored(chunks, call)

    def batch_client(self) -> BatchClient:
        """Return Anthropic's Message Batches."""
        assert self._templates is not None, "open comes before batch_client"
        client = self._batch_http.sdk_client(self._client)
        return AnthropicBatches(client, self._templates, self.rule.disclosure, self._explain)

    async def facts(self) -> Mapping[str, Any]:
        """Return the SDK's version, the endpoint and the rule."""
        return {
            "sdk": f"anthropic {version('anthropic')}",
            "base_url": self.base_url,
            "rule": self.rule.model,
            **servers_tool_parser(self.model),
        }

    async def close(self) -> None:
        """Close the connections."""
        await self._batch_http.close()
        if self._client is not None:
            await self._client.close()
            self._client = None


def _has_manual_thinking(arguments: Mapping[str, Any]) -> bool:
    """Return whether thinking is on with a budget, which has more conditions than adaptive thinking."""
    thinking = arguments.get("thinking")
    return isinstance(thinking, Mapping) and thinking.get("type") == "enabled"


def _to_runner_error(exc: Exception, key: str | None) -> RunnerError:
    """Translate the SDK's errors; see the table in tests/gapbench_runners/test_requests.py."""
    import anthropic  # noqa: PLC0415

    if isinstance(exc, RunnerError):
        return exc
    if isinstance(exc, anthropic.APIStatusError):
        body = exc.body if isinstance(exc.body, dict) else {}
        message = error_text(body.get("error") or exc.body or exc.message)
        return status_error(
            exc.status_code, transport.redact_secrets(message, key), exc.response.headers, exc.body
        )
    if isinstance(exc, anthropic.APIConnectionError):
        return transport.transport_failure(exc.__cause__ or exc)
    if isinstance(exc, (TypeError, ValueError)):
        return RunnerError(
            "bad_request",
            transport.redact_secrets(f"the SDK refused the request: {exc}", key)[: transport.ERROR_CHARS],
        )
    return transport.transport_failure(exc)

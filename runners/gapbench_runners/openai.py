"""OpenAI's Chat Completions and Responses, and every compatible server.

The SDK builds the request, holds the key and knows the error classes. The response's events are read from the transport,
so the SDK's objects for each chunk are never built.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from urllib.parse import urlsplit

from gapbench import credentials, transport
from gapbench.errors import RunnerError, SetupError
from gapbench.runner import BatchClient, KeyCheck, Runner, RunnerInfo, RunnerOption
from gapbench.values import (
    Call,
    Chunk,
    Disclosure,
    Message,
    Model,
    Params,
    Request,
    ResponseSchema,
    Session,
    ToolSet,
)
from gapbench_runners.batches.openai_batches import OpenAIBatches, OpenAILines
from gapbench_runners.batches.sdk_client import BatchHttp
from gapbench_runners.support.chat_form import chat_messages, chat_reply_format, chat_tools
from gapbench_runners.support.chat_stream import read_chat_stream
from gapbench_runners.support.conversation import CHAT_FORM, RESPONSES_FORM, ConversationForm
from gapbench_runners.support.filtered_prompt import filtered_prompt_as_event
from gapbench_runners.support.model_rules import ModelRule, ParamMapper, rule_for
from gapbench_runners.support.request_builder import MappedParams, RequestBuilder, refuse, restored
from gapbench_runners.support.responses_form import (
    ENCRYPTED_REASONING,
    responses_input,
    responses_reply_format,
    responses_tools,
)
from gapbench_runners.support.responses_stream import read_responses_stream
from gapbench_runners.support.server_tool_parser import SERVERS_TOOL_PARSER, servers_tool_parser
from gapbench_runners.support.stream_errors import error_text, status_error
from gapbench_runners.support.tool_declarations import (
    declare_reply,
    declare_tools,
    keep_schema,
    rewrite_for_openai,
    tools_as_params,
)
from gapbench_runners.support.tool_names import OPENAI_NAMES

if TYPE_CHECKING:
    from openai import AsyncOpenAI

OFFICIAL_URL = "https://api.openai.com/v1"
DEFAULT_KEY_ENV = "OPENAI_API_KEY"
AZURE_HOSTS = (".openai.azure.com", ".cognitiveservices.azure.com")
GOOGLE_HOST = "generativelanguage.googleapis.com"


class OpenAIRunner(Runner):
    """A model behind Chat Completions, or behind Responses with ``api: responses``."""

    info = RunnerInfo(
        weights="closed",
        price_provider="openai",
        packages=("openai",),
        key_variables=(DEFAULT_KEY_ENV,),
        key_check=KeyCheck(f"{OFFICIAL_URL}/models", "authorization", "Bearer "),
        options={
            "api": RunnerOption(Literal["chat", "responses"], "which API; default: chat"),
            "tool_parser": SERVERS_TOOL_PARSER,
        },
    )
    base_url: str
    rules_name: ClassVar[str] = "openai"
    chat_form: ClassVar[ConversationForm] = CHAT_FORM

    def __init__(self, model: Model) -> None:
        """Read the settings; opens nothing and needs no key yet."""
        super().__init__(model)
        self.base_url = model.base_url or OFFICIAL_URL
        self.is_official_endpoint = urlsplit(self.base_url).hostname == urlsplit(OFFICIAL_URL).hostname
        self.key_env = model.key_env or (DEFAULT_KEY_ENV if self.is_official_endpoint else None)
        self.metered = self.key_env is not None
        self.api = model.options.get("api", "chat")
        is_googles = urlsplit(self.base_url).hostname == GOOGLE_HOST
        form = RESPONSES_FORM if self.api == "responses" else self.chat_form
        form = replace(form, takes_signatures=is_googles)
        self._request_builder = RequestBuilder(
            self._map_params,
            self._add_tools,
            self._build_body,
            form,
            OPENAI_NAMES,
            "input" if self.api == "responses" else "messages",
        )
        self._client: AsyncOpenAI | None = None
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
        return rule_for(self.rules_name, self.model.name, is_official_endpoint=self._has_official_rules)

    @cached_property
    def _has_official_rules(self) -> bool:
        """Whether OpenAI's own rules apply; its models have the same behind Azure."""
        return self.is_official_endpoint or (urlsplit(self.base_url).hostname or "").endswith(AZURE_HOSTS)

    def prepare(self, request: Request) -> Call:
        """Return the request's body under the model's rule."""
        return self._request_builder.build(request)

    def _map_params(self, params: Params) -> MappedParams:
        mapper = ParamMapper(params, self.rule)
        arguments = self._responses_params(mapper) if self.api == "responses" else self._chat_params(mapper)
        extra = dict(arguments.pop("extra_body", {})) | mapper.extra
        sent = arguments | extra
        if extra:
            arguments["extra_body"] = extra
        return MappedParams(arguments, sent, tuple(mapper.changes))

    def _add_tools(
        self, mapped: MappedParams, tools: ToolSet | None, schema: ResponseSchema | None
    ) -> MappedParams:
        rewrite = rewrite_for_openai if self._has_official_rules else keep_schema
        declared = declare_tools(tools, OPENAI_NAMES, rewrite)
        is_responses = self.api == "responses"
        arguments = {
            **mapped.arguments,
            **dict(responses_tools(declared) if is_responses else chat_tools(declared)),
        }
        sent = {**mapped.params_sent, **tools_as_params(declared)}
        changes = [*mapped.changes, *declared.changes]
        if schema is not None:
            reply = declare_reply(schema, OPENAI_NAMES, rewrite)
            if is_responses:
                arguments["text"] = {**arguments.get("text", {}), **responses_reply_format(reply)}
            else:
                arguments["response_format"] = chat_reply_format(reply)
            sent["response_schema"] = reply.as_param()
            changes += reply.changes
        return MappedParams(arguments, sent, tuple(changes), declared.names, declared.restoration)

    def _build_body(
        self, messages: Sequence[Message], mapped: MappedParams, changes: list[str]
    ) -> dict[str, Any]:
        is_official = self._has_official_rules
        if self.api == "responses":
            body: dict[str, Any] = {
                "input": responses_input(messages, changes, is_official_endpoint=is_official)
            }
            goes_on = "tools" in mapped.arguments or any(message.role == "assistant" for message in messages)
            # Only a reasoning model takes this; others answer "Encrypted content is not supported with this model".
            if goes_on and self.rule.reasoning == "effort":
                body["include"] = [ENCRYPTED_REASONING]
        else:
            body = {
                "messages": chat_messages(
                    messages,
                    changes,
                    is_official_endpoint=is_official,
                )
            }
            body["stream_options"] = {"include_usage": True}
            if self.model.options.get("continuous_usage"):
                body["stream_options"]["continuous_usage_stats"] = True
        return {"model": self.model.name, **body, **mapped.arguments, "stream": True}

    def _chat_params(self, mapper: ParamMapper) -> dict[str, Any]:
        params: dict[str, Any] = {
            self.rule.max_tokens: mapper.max_tokens,
            "temperature": mapper.temperature,
            "top_p": mapper.top_p,
            "stop": mapper.stop,
            "seed": mapper.seed,
        }
        if self.rule.max_tokens != "max_tokens" and mapper.max_tokens is not None:
            mapper.changes.append(f"max_tokens sent as {self.rule.max_tokens}")
        if mapper.reasoning is not None:
            if self.rule.reasoning == "effort":
                params["reasoning_effort"] = mapper.effort()
            elif self.rule.reasoning == "template":
                params["extra_body"] = self._template_reasoning(mapper)
            else:
                mapper.note_unsupported("reasoning", mapper.reasoning, self.rule.why)
        return {name: value for name, value in params.items() if value is not None}

    @staticmethod
    def _template_reasoning(mapper: ParamMapper) -> dict[str, Any]:
        """Return the reasoning setting for a compatible server: the switch of its chat template."""
        settings: dict[str, Any] = {"chat_template_kwargs": {"enable_thinking": mapper.reasoning != "off"}}
        if mapper.reasoning in {"low", "medium", "high"}:
            settings["reasoning_effort"] = mapper.reasoning
        elif mapper.reasoning != "off":
            mapper.changes.append(
                f"reasoning {mapper.reasoning} sent as on: a compatible server has no common scale"
            )
        return settings

    def _responses_params(self, mapper: ParamMapper) -> dict[str, Any]:
        params: dict[str, Any] = {
            "max_output_tokens": mapper.max_tokens,
            "temperature": mapper.temperature,
            "top_p": mapper.top_p,
            # The provider need not keep a benchmark's prompts.
            "store": False,
        }
        mapper.note_unsupported("stop", mapper.stop, "the Responses API has none")
        mapper.note_unsupported("seed", mapper.seed, "the Responses API has none")
        if mapper.reasoning is not None:
            if self.rule.reasoning == "effort":
                params["reasoning"] = {"effort": mapper.effort()}
            else:
                mapper.note_unsupported("reasoning", mapper.reasoning, self.rule.why)
        return {name: value for name, value in params.items() if value is not None}

    async def open(self, session: Session) -> None:
        """Make the client. Raises ``SetupError`` without a key."""
        missing = self.missing_requirement()
        if missing:
            raise SetupError(missing)
        from openai import AsyncOpenAI  # noqa: PLC0415 - half a second of imports, needed only now

        self._key = credentials.read_key(self.key_env) if self.key_env else None
        self._client = AsyncOpenAI(
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
        if self.api == "responses":
            await self._client.responses.create(**body)
        else:
            await self._client.chat.completions.create(**body)

    async def warm_up(self, call: Call) -> None:
        """Have the SDK build the call without sending it."""
        assert self._templates is not None, "open comes before warm_up"
        await self._templates.warm_up(call)

    def stream(self, call: Call) -> AsyncIterator[Chunk]:
        """Send the call and yield the response as it arrives."""
        assert self._templates is not None, "open comes before stream"
        if call.problem is not None:
            return refuse(call.problem)
        batches = filtered_prompt_as_event(self._templates.event_batches(call), self.api)
        if self.api == "responses":
            return restored(read_responses_stream(batches), call)
        return restored(read_chat_stream(batches, self._shown), call)

    @property
    def _shown(self) -> Disclosure:
        """How much of its reasoning the model shows; if a provider that hides it sends some, that is a summary."""
        disclosure = self.rule.disclosure
        return "summary" if disclosure == "hidden" else disclosure

    def batch_client(self) -> BatchClient:
        """Return OpenAI's batches; a compatible server may have none, which only asking tells."""
        return OpenAIBatches(
            self._batch_http.sdk_client(self._client),
            self.batch_lines(),
            self.api,
            self._explain,
            self.base_url,
            is_official_endpoint=self._has_official_rules,
        )

    def batch_lines(self) -> OpenAILines:
        """Return what writes and reads the lines of a batch's files."""
        assert self._templates is not None, "open comes before batch_lines"
        return OpenAILines(self._templates, self.api, self._shown)

    async def facts(self) -> Mapping[str, Any]:
        """Return the SDK's version, the endpoint and the rule."""
        return {
            "sdk": f"openai {version('openai')}",
            "base_url": self.base_url,
            "api": self.api,
            "rule": self.rule.model,
            **servers_tool_parser(self.model),
        }

    async def close(self) -> None:
        """Close the connections."""
        await self._batch_http.close()
        if self._client is not None:
            await self._client.close()
            self._client = None


def _to_runner_error(exc: Exception, key: str | None) -> RunnerError:
    """Translate the SDK's errors; see the table in tests/gapbench_runners/test_requests.py."""
    import openai  # noqa: PLC0415

    if isinstance(exc, RunnerError):
        return exc
    if isinstance(exc, openai.APIStatusError):
        body = exc.body if isinstance(exc.body, dict) else {}
        code = body.get("code") or body.get("type") or ""  # some servers leave the code empty
        message = f"{code} {error_text(exc.body or exc.message)}".strip()
        return status_error(
            exc.status_code, transport.redact_secrets(message, key), exc.response.headers, exc.body
        )
    if isinstance(exc, openai.APIConnectionError):
        return transport.transport_failure(exc.__cause__ or exc)
    if isinstance(exc, (TypeError, ValueError)):
        return RunnerError(
            "bad_request",
            transport.redact_secrets(f"the SDK refused the request: {exc}", key)[: transport.ERROR_CHARS],
        )
    return transport.transport_failure(exc)

"""Google's generateContent through google-genai, and every compatible server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gapbench import credentials, transport
from gapbench.errors import RunnerError, SetupError
from gapbench.runner import BatchClient, KeyCheck, Runner, RunnerInfo, RunnerOption
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
from gapbench_runners.batches.google_batches import GoogleBatches, keep_answer
from gapbench_runners.batches.sdk_client import BatchHttp
from gapbench_runners.support.conversation import GOOGLE_FORM
from gapbench_runners.support.google_form import contents_as_sent, google_contents, google_tools
from gapbench_runners.support.google_stream import quota_ids, read_google_stream
from gapbench_runners.support.model_rules import ModelRule, ParamMapper, rule_for
from gapbench_runners.support.request_builder import MappedParams, RequestBuilder, refuse, restored
from gapbench_runners.support.stream_errors import status_error
from gapbench_runners.support.tool_declarations import declare_tools, keep_schema, tools_as_params
from gapbench_runners.support.tool_names import GOOGLE_NAMES

if TYPE_CHECKING:
    from google.genai import Client

OFFICIAL_URL = "https://generativelanguage.googleapis.com"
KEY_ENVS = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
OLDER_MODELS = ("gemini-1", "gemini-2", "models/gemini-1", "models/gemini-2")


class GoogleRunner(Runner):
    """A model behind generateContent."""

    info = RunnerInfo(
        weights="closed",
        price_provider="google",
        packages=("google-genai",),
        key_variables=KEY_ENVS,
        key_check=KeyCheck(f"{OFFICIAL_URL}/v1beta/models?pageSize=1", "x-goog-api-key"),
        options={"api_version": RunnerOption(str, "route of the API; default: v1beta")},
    )
    base_url: str

    def __init__(self, model: Model) -> None:
        """Read the settings; opens nothing and needs no key yet."""
        super().__init__(model)
        self.base_url = model.base_url or OFFICIAL_URL
        self.is_official_endpoint = urlsplit(self.base_url).hostname == urlsplit(OFFICIAL_URL).hostname
        self.key_envs = (model.key_env,) if model.key_env else KEY_ENVS if self.is_official_endpoint else ()
        self.metered = bool(self.key_envs)
        # google-genai 3 uses the `v1` route by default; system prompts and thinking need `v1beta`.
        self.api_version = str(model.options.get("api_version", "v1beta"))
        self._request_builder = RequestBuilder(
            self._map_params,
            self._add_tools,
            self._build_body,
            GOOGLE_FORM,
            GOOGLE_NAMES,
            "contents",
            contents_as_sent,
        )
        self._client: Client | None = None
        self._templates: transport.RequestTemplates | None = None
        self._key: str | None = None
        self._http: Any = None
        self._batch_http = BatchHttp(self.base_url, keep_answer)

    def missing_requirement(self) -> str | None:
        """Return why there is no key, or None when there is one or none is needed."""
        reasons = [credentials.missing_key_reason(name) for name in self.key_envs]
        return reasons[0] if reasons and all(reasons) else None

    def key_variable(self) -> str | None:
        """Return the environment variable whose key is sent, the first that is set. None: no key is sent."""
        is_set = (name for name in self.key_envs if credentials.missing_key_reason(name) is None)
        return next(is_set, next(iter(self.key_envs), None))

    def endpoint(self) -> str | None:
        """Return the address that must accept connections before the first request."""
        return self.base_url

    @property
    def rule(self) -> ModelRule:
        """The rule for this model's parameters."""
        return rule_for("google", self.model.name, is_official_endpoint=self.is_official_endpoint)

    def prepare(self, request: Request) -> Call:
        """Return the request's body under the model's rule, with the API's names."""
        return self._request_builder.build(request)

    def _map_params(self, params: Params) -> MappedParams:
        mapper = ParamMapper(params, self.rule)
        config: dict[str, Any] = {
            "max_output_tokens": mapper.max_tokens,
            "temperature": mapper.temperature,
            "top_p": mapper.top_p,
            "stop_sequences": mapper.stop,
            "seed": mapper.seed,
            "thinking_config": self._thinking_params(mapper),
        }
        sent = {name: value for name, value in config.items() if value is not None} | mapper.extra
        return MappedParams(sent, sent, tuple(mapper.changes))

    def _add_tools(
        self, mapped: MappedParams, tools: ToolSet | None, schema: ResponseSchema | None
    ) -> MappedParams:
        declared = declare_tools(tools, GOOGLE_NAMES, keep_schema)
        changes = [*mapped.changes, *declared.changes]
        arguments = {**mapped.arguments, **dict(google_tools(declared, changes))}
        sent = {**mapped.params_sent, **tools_as_params(declared)}
        # generateContent has no such settings; the mode says whether calls are held to their schemas.
        sent.pop("parallel_tool_calls", None)
        sent.pop("strict", None)
        if declared.tools:
            sent["tool_choice"] = arguments["tool_config"]["function_calling_config"]["mode"]
        if schema is not None:
            if declared.tools and self.is_official_endpoint and self.model.name.startswith(OLDER_MODELS):
                # "Function calling with a response mime type: 'application/json' is unsupported"
                raise RunnerError(
                    "bad_request",
                    f"{self.model.name} takes no response_schema together with tools; leave one of the two out",
                )
            arguments["response_mime_type"] = "application/json"
            arguments["response_json_schema"] = dict(schema.schema)
            sent["response_schema"] = "strict"
            if schema.strict is False:
                changes.append(
                    "response_schema: strict false dropped: generateContent holds every reply to its schema"
                )
        return MappedParams(arguments, sent, tuple(changes), declared.names, declared.restoration)

    def _build_body(
        self, messages: Sequence[Message], mapped: MappedParams, changes: list[str]
    ) -> dict[str, Any]:
        needs_signatures = self.rule.reasoning == "level"
        contents = google_contents(messages, changes, needs_signatures=needs_signatures)
        system = "\n\n".join(message.text for message in messages if message.role == "system")
        config = {**mapped.arguments, **({"system_instruction": system} if system else {})}
        return {"model": self.model.name, "contents": contents, "config": config}

    def _thinking_params(self, mapper: ParamMapper) -> dict[str, Any] | None:
        if mapper.reasoning is None:
            return None
        if self.rule.reasoning == "level":
            return {"thinking_level": mapper.effort(), "include_thoughts": True}
        if self.rule.reasoning == "budget":
            return {"thinking_budget": mapper.budget(), "include_thoughts": mapper.budget() != 0}
        mapper.note_unsupported("reasoning", mapper.reasoning, self.rule.why)
        return None

    async def open(self, session: Session) -> None:
        """Make the client. Raises ``SetupError`` without a key."""
        missing = self.missing_requirement()
        if missing:
            raise SetupError(missing)
        self._key = next((key for name in self.key_envs if (key := credentials.read_key(name))), None)
        self._http = transport.new_client(self.base_url, session)
        self._client = self._new_client(self._http)
        self._batch_http.open(session)
        self._templates = transport.RequestTemplates(self._create, self._explain)

    def _new_client(self, http: Any) -> Client:
        from google.genai import Client, types  # noqa: PLC0415 - a second of imports, needed only now

        return Client(
            api_key=self._key or "none",
            http_options=types.HttpOptions(
                base_url=self.base_url,
                api_version=self.api_version,
                httpx_async_client=http,
                # Without this the SDK retries connection errors after a hidden sleep.
                retry_options=types.HttpRetryOptions(attempts=1),
            ),
        )

    def _explain(self, exc: Exception) -> RunnerError:
        return _to_runner_error(exc, self._key)

    async def _create(self, body: Mapping[str, Any]) -> None:
        assert self._client is not None, "open comes before stream"
        # The SDK gets an empty body, because the record has the real one. The loop only sends the request.
        async for _ in await self._client.aio.models.generate_content_stream(**body):
            pass

    async def warm_up(self, call: Call) -> None:
        """Have the SDK build the call without sending it."""
        assert self._templates is not None, "open comes before warm_up"
        await self._templates.warm_up(call)

    def stream(self, call: Call) -> AsyncIterator[Chunk]:
        """Send the call and yield the response as it arrives."""
        assert self._templates is not None, "open comes before stream"
        if call.problem is not None:
            return refuse(call.problem)
        return restored(read_google_stream(self._templates.event_batches(call)), call)

    def batch_client(self) -> BatchClient:
        """Return Google's batches of generateContent."""
        assert self._templates is not None, "open comes before batch_client"
        client = self._new_client(self._batch_http.client())
        return GoogleBatches(client, self._templates, self.model.name, self._explain)

    async def facts(self) -> Mapping[str, Any]:
        """Return the SDK's version, the endpoint and the rule."""
        return {
            "sdk": f"google-genai {version('google-genai')}",
            "base_url": self.base_url,
            "api_version": self.api_version,
            "rule": self.rule.model,
        }

    async def close(self) -> None:
        """Close the connections."""
        await self._batch_http.close()
        if self._client is not None:
            await self._client.aio.aclose()
            self._client = None
        if self._http is not None:
            await self._http.aclose()
            self._http = None


def _to_runner_error(exc: Exception, key: str | None) -> RunnerError:
    """Translate the SDK's errors; see the table in tests/gapbench_runners/test_requests.py."""
    from google.genai import errors  # noqa: PLC0415

    if isinstance(exc, RunnerError):
        return exc
    if isinstance(exc, errors.APIError):
        headers = getattr(exc.response, "headers", None) or {}
        message = transport.redact_secrets(
            f"{exc.status or ''} {exc.message or exc}".strip() + quota_ids(exc.details), key
        )
        return status_error(int(exc.code), message, headers, exc.details)
    if isinstance(exc, (TypeError, ValueError)):
        return RunnerError(
            "bad_request",
            transport.redact_secrets(f"the SDK refused the request: {exc}", key)[: transport.ERROR_CHARS],
        )
    return transport.transport_failure(exc)

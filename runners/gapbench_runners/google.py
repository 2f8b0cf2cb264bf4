"""Google's generateContent through google-genai, and every compatible server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gapbench import credentials, transport
from gapbench.errors import RunnerError, SetupError
from gapbench.runner import Runner, RunnerInfo, RunnerOption
from gapbench.values import Call, Chunk, FinishReason, Image, Message, Model, Params, Request, Session, Usage
from gapbench_runners.support.model_rules import ModelRule, ParamMapper, rule_for
from gapbench_runners.support.request_builder import MappedParams, RequestBuilder
from gapbench_runners.support.stream_errors import (
    duplicate_event_error,
    error_from_event,
    status_error,
)

if TYPE_CHECKING:
    from google.genai import Client

OFFICIAL_URL = "https://generativelanguage.googleapis.com"
KEY_ENVS = ("GEMINI_API_KEY", "GOOGLE_API_KEY")

# ai.google.dev/api/generate-content#FinishReason
FINISH: Mapping[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "refusal",
    "RECITATION": "refusal",
    "BLOCKLIST": "refusal",
    "PROHIBITED_CONTENT": "refusal",
    "SPII": "refusal",
    "IMAGE_SAFETY": "refusal",
}


class GoogleRunner(Runner):
    """A model behind generateContent."""

    info = RunnerInfo(
        weights="closed",
        price_provider="google",
        packages=("google-genai",),
        key_variables=KEY_ENVS,
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
        self._request_builder = RequestBuilder(self._map_params, self._build_body)
        self._client: Client | None = None
        self._templates: transport.RequestTemplates | None = None
        self._key: str | None = None
        self._http: Any = None

    def missing_requirement(self) -> str | None:
        """Return why there is no key, or None when there is one or none is needed."""
        reasons = [credentials.missing_key_reason(name) for name in self.key_envs]
        return reasons[0] if reasons and all(reasons) else None

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

    def _build_body(self, messages: Sequence[Message], mapped: MappedParams) -> dict[str, Any]:
        contents = [
            {"role": "model" if message.role == "assistant" else "user", "parts": google_parts(message)}
            for message in messages
            if message.role != "system"
        ]
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
        from google.genai import Client, types  # noqa: PLC0415 - a second of imports, needed only now

        self._key = next((key for name in self.key_envs if (key := credentials.read_key(name))), None)
        self._http = transport.new_client(self.base_url, session)
        self._client = Client(
            api_key=self._key or "none",
            http_options=types.HttpOptions(
                base_url=self.base_url,
                api_version=self.api_version,
                httpx_async_client=self._http,
                # Without this the SDK retries connection errors after a hidden sleep.
                retry_options=types.HttpRetryOptions(attempts=1),
            ),
        )
        self._templates = transport.RequestTemplates(
            self._create, lambda exc: _to_runner_error(exc, self._key)
        )

    async def _create(self, body: Mapping[str, Any]) -> None:
        assert self._client is not None, "open comes before stream"
        # The SDK gets an empty body, because the record has the real one. The loop only sends the request.
        async for _ in await self._client.aio.models.generate_content_stream(**body):
            pass

    def stream(self, call: Call) -> AsyncIterator[Chunk]:
        """Send the call and yield the response as it arrives."""
        assert self._templates is not None, "open comes before stream"
        return read_google_stream(self._templates.event_batches(call))

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
        if self._client is not None:
            await self._client.aio.aclose()
            self._client = None
        if self._http is not None:
            await self._http.aclose()
            self._http = None


def google_parts(message: Message) -> list[dict[str, Any]]:
    """Return a message's parts; the SDK encodes the bytes."""
    return [
        {"inline_data": {"data": part.data, "mime_type": part.media_type}}
        if isinstance(part, Image)
        else {"text": part.text}
        for part in message.parts
    ]


async def read_google_stream(batches: AsyncIterator[list[transport.Event]]) -> AsyncIterator[Chunk]:
    """Read a streamGenerateContent stream; it is complete after a finish reason or a blocked prompt."""
    finished = False
    last_facts: tuple[Any, ...] | None = None
    last_data = b""
    async for batch in batches:
        for received_s, _, data in batch:
            # Older models give a finish reason in every event, but never the same event twice.
            if finished and data == last_data:
                raise duplicate_event_error("its last event")
            last_data = data
            body = transport.decode_event(data)
            if "error" in body:
                raise _google_error(body["error"])
            counts = body.get("usageMetadata")
            usage = unsent_usage = google_usage(counts) if counts else None
            blocked = (body.get("promptFeedback") or {}).get("blockReason")
            if blocked:
                finished = True
                yield Chunk(finish_reason="refusal", finish_raw=blocked)
            for candidate in body.get("candidates") or ():
                for part in (candidate.get("content") or {}).get("parts") or ():
                    text = part.get("text")
                    if not text:
                        continue
                    unsent_usage = None
                    if part.get("thought"):
                        yield Chunk(text, "reasoning", received_s, usage=usage, disclosure="summary")
                    else:
                        yield Chunk(text, "answer", received_s, usage=usage)
                raw = candidate.get("finishReason")
                if raw and raw != "FINISH_REASON_UNSPECIFIED":
                    finished = True
                    yield Chunk(finish_reason=FINISH.get(raw, "other"), finish_raw=raw)
            facts = (body.get("modelVersion"), body.get("responseId"))
            # Every event repeats these facts; yield them only when they change. A text already carried the counts.
            if unsent_usage is not None or facts != last_facts:
                last_facts = facts
                yield Chunk(usage=unsent_usage, model_served=facts[0], response_id=facts[1])
    if not finished:
        raise RunnerError("cut_stream", "the stream ended without a finish reason")


def google_usage(usage: Mapping[str, Any]) -> Usage:
    """Return generateContent's token counts. Thoughts are not part of candidates, so the output is their sum."""
    answer, thoughts = usage.get("candidatesTokenCount"), usage.get("thoughtsTokenCount")
    total = None if answer is None and thoughts is None else (answer or 0) + (thoughts or 0)
    tools = usage.get("toolUsePromptTokenCount")
    prompt = usage.get("promptTokenCount")
    return Usage(
        input_tokens=None if prompt is None else prompt + (tools or 0),
        cached_input_tokens=usage.get("cachedContentTokenCount"),
        output_tokens=total,
        reasoning_tokens=thoughts,
    )


def _google_error(error: Any) -> RunnerError:
    if isinstance(error, dict) and isinstance(error.get("code"), int):
        message = str(error.get("message") or error) + _quota_ids({"error": error})
        failure = status_error(error["code"], message, {})
        return RunnerError(failure.kind, str(failure))
    return error_from_event(error)


def _to_runner_error(exc: Exception, key: str | None) -> RunnerError:
    """Translate the SDK's errors; see the table in tests/gapbench_runners/test_requests.py."""
    from google.genai import errors  # noqa: PLC0415

    if isinstance(exc, RunnerError):
        return exc
    if isinstance(exc, errors.APIError):
        headers = getattr(exc.response, "headers", None) or {}
        message = transport.redact_secrets(
            f"{exc.status or ''} {exc.message or exc}".strip() + _quota_ids(exc.details), key
        )
        return status_error(int(exc.code), message, headers)
    if isinstance(exc, (TypeError, ValueError)):
        return RunnerError(
            "bad_request",
            transport.redact_secrets(f"the SDK refused the request: {exc}", key)[: transport.ERROR_CHARS],
        )
    return transport.transport_failure(exc)


def _quota_ids(details: Any) -> str:
    """Return the quota ids of a 429. Only they distinguish a daily quota from a rate limit."""
    error = details.get("error") if isinstance(details, dict) else None
    listed = error.get("details") if isinstance(error, dict) else None
    found: list[str] = []
    for detail in listed if isinstance(listed, list) else []:
        violations = detail.get("violations") if isinstance(detail, dict) else None
        if isinstance(violations, list):
            found += [
                str(violation.get("quotaId")) for violation in violations if isinstance(violation, dict)
            ]
    return f" ({', '.join(found)})" if found else ""

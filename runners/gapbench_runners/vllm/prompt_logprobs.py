"""Log-probabilities of a given text from a server with ``/v1/completions`` and ``/tokenize``, such as vLLM.

The text is sent as token ids with ``echo`` and ``logprobs``, as lm-eval's own ``local-completions`` model sends
it. Exactly the tokens after the context are then scored. Borders and prefix follow
``lm_eval.api.model.TemplateLM._encode_pair`` and ``loglikelihood`` (0.4.13), so that the sums agree to the last digit.
"""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

import orjson

from gapbench import transport
from gapbench.errors import RunnerError
from gapbench.values import Call, Chunk, Likelihood, Request
from gapbench_runners.openai import OpenAIRunner, _to_runner_error
from gapbench_runners.support.conversation import CHAT_FORM
from gapbench_runners.support.stream_errors import cut_stream_error, decode_event, raise_error_event
from gapbench_runners.support.usage import chat_usage
from gapbench_runners.vllm.http_get import fetch_bytes

TOKENIZE_TIMEOUT_S = 30.0
# One token is generated, since some servers refuse to generate none; it is left out of the sum.
LIKELIHOOD_PARAMS: dict[str, Any] = {"max_tokens": 1, "temperature": 0, "logprobs": 1, "echo": True}


class CompletionsRunner(OpenAIRunner):
    """Chat Completions for ordinary requests, Completions for log-probabilities of a given text."""

    # vLLM 0.32, entrypoints/chat_utils.py: its parts are text, images, sounds and videos.
    chat_form = replace(CHAT_FORM, label="vLLM", takes_documents=False)

    def prepare(self, request: Request) -> Call:
        """Return the request's body; for log-probabilities, the context and the continuation."""
        if not request.needs_logprobs:
            return super().prepare(request)
        *before, last = request.messages
        context = "".join(message.text for message in before) if before else None
        changes = ("generation parameters dropped: nothing is generated",) if request.params.as_json() else ()
        return Call({"context": context, "continuation": last.text}, LIKELIHOOD_PARAMS, changes)

    async def warm_up(self, call: Call) -> None:
        """Have the SDK build the call without sending it; a call for log-probabilities needs the server's tokens first."""
        if "continuation" not in call.body:
            await super().warm_up(call)

    async def stream(self, call: Call) -> AsyncIterator[Chunk]:
        """Send the call and yield the response as it arrives; log-probabilities are one chunk."""
        if "continuation" not in call.body:
            async for chunk in super().stream(call):
                yield chunk
            return
        assert self._client is not None, "open comes before stream"
        context, continuation = await asyncio.to_thread(
            self.split_tokens, call.body["context"], call.body["continuation"]
        )
        try:
            await self._client.completions.create(
                model=self.model.name,
                prompt=[*context, *continuation],
                stream=True,
                stream_options={"include_usage": True},
                **LIKELIHOOD_PARAMS,
            )
        except Exception as exc:
            raise _to_runner_error(exc, self._key) from exc
        logprobs: list[float | None] = []
        tops: list[dict[str, float] | None] = []
        last = Chunk()
        done = False
        async for received_s, name, data in transport.current_record().events():
            if data.strip() == b"[DONE]":
                done = True
                continue
            body = decode_event(data, name)
            if body.get("error") or not (body.get("choices") or body.get("usage")):
                raise_error_event(body, name)
            for choice in body.get("choices") or ():
                done = done or bool(choice.get("finish_reason"))
                found = choice.get("logprobs") or {}
                logprobs += found.get("token_logprobs") or []
                tops += found.get("top_logprobs") or []
            usage, note = chat_usage(body.get("usage"))
            last = Chunk(
                received_s=received_s,
                usage=usage or last.usage,
                usage_note=note or last.usage_note,
                model_served=body.get("model"),
                response_id=body.get("id"),
                system_fingerprint=body.get("system_fingerprint"),
            )
        if not done:
            raise cut_stream_error("a finish reason")
        found_all = _sum_logprobs(logprobs, tops, len(context), len(context) + len(continuation))
        yield Chunk(
            found_all.to_answer(),
            received_s=last.received_s,
            finish_reason="stop",
            usage=last.usage,
            usage_note=last.usage_note,
            model_served=last.model_served,
            response_id=last.response_id,
            system_fingerprint=last.system_fingerprint,
        )

    def split_tokens(self, context: str | None, continuation: str) -> tuple[list[int], list[int]]:
        """Return the tokens of the context, and the tokens to score."""
        if not context:
            tokens = self._encode(continuation)
            prefix = self._prefix_token()
            if context is not None and tokens[:1] == [prefix]:
                return tokens[:1], tokens[1:]
            return [prefix], tokens
        bare = context.rstrip()
        whole = self._encode(context + continuation)
        before = self._encode(bare)
        return whole[: len(before)], whole[len(before) :]

    def _encode(self, text: str) -> list[int]:
        return _tokenize(self.base_url, self._key, self.model.name, text)

    def _prefix_token(self) -> int:
        """Return the token that precedes a text without context: begin of text, or else end of text."""
        info = _request_json(_server_root(self.base_url) + "/tokenizer_info", self._key, None)
        named = info.get("bos_token") or info.get("eos_token")
        if not named:
            raise RunnerError(
                "bad_request", f"{self.base_url}: the tokenizer has no begin-of-text or end-of-text token"
            )
        first = self._encode(str(named))[:1]
        if not first:
            raise RunnerError("garbage", f"{self.base_url}: {str(named)[:80]!r} is not a token")
        return first[0]


def _sum_logprobs(
    logprobs: list[float | None], tops: list[dict[str, float] | None], start: int, end: int
) -> Likelihood:
    """Return the sum over the tokens from ``start`` to ``end``.

    Raises:
        RunnerError: ``garbage`` when the server left log-probabilities out.
    """
    weighed, best = logprobs[start:end], tops[start:end]
    if len(weighed) < end - start or len(best) < end - start or None in weighed:
        raise RunnerError(
            "garbage", "the server did not give the prompt's log-probabilities (echo with logprobs)"
        )
    known = [value for value in weighed if value is not None]
    greedy = all(top and value == max(top.values()) for value, top in zip(known, best, strict=True))
    return Likelihood(float(sum(known)), greedy)


def _server_root(base_url: str) -> str:
    return base_url.rstrip("/").removesuffix("/v1")


@lru_cache(maxsize=4096)
def _tokenize(base_url: str, key: str | None, model: str, text: str) -> list[int]:
    """Return a text's tokens. Cached, because the choices of one question share their context."""
    body = {"model": model, "prompt": text, "add_special_tokens": False}
    tokens = _request_json(_server_root(base_url) + "/tokenize", key, body).get("tokens")
    if not isinstance(tokens, list) or not all(type(token) is int for token in tokens):
        raise RunnerError("garbage", "the response of /tokenize has no tokens")
    return tokens


def _request_json(url: str, key: str | None, body: dict[str, Any] | None) -> dict[str, Any]:
    """Return the JSON object of a plain request.

    Raises:
        RunnerError: The server does not have the route, or fails.
    """
    request = urllib.request.Request(  # noqa: S310 - the suite's own address
        url,
        data=None if body is None else json.dumps(body).encode(),
        headers={"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {}),
    )
    try:
        found = orjson.loads(fetch_bytes(request, TOKENIZE_TIMEOUT_S))
    except urllib.error.HTTPError as exc:
        exc.close()  # it holds the response open
        message = f"{url}: HTTP {exc.code}; log-probabilities need vLLM's /tokenize"
        if url.endswith("tokenizer_info"):
            message += ", and a text without context vLLM's --enable-tokenizer-info-endpoint"
        raise RunnerError(
            "not_found" if exc.code == 404 else "server", message, http_status=exc.code
        ) from exc
    except orjson.JSONDecodeError as exc:
        raise RunnerError("garbage", f"{url}: the response is not JSON") from exc
    except OSError as exc:
        raise transport.transport_failure(exc) from exc
    return found if isinstance(found, dict) else {}

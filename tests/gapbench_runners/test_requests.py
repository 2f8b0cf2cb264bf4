"""What each vendor is sent, and what each vendor's errors become."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import inspect
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from google.genai import errors as google_errors

from gapbench.errors import SetupError
from gapbench.execution.attempts.measure import measure
from gapbench.values import Model, Params, Request, Response, Session
from gapbench_runners.anthropic import AnthropicRunner
from gapbench_runners.anthropic import _to_runner_error as anthropic_failure
from gapbench_runners.google import GoogleRunner
from gapbench_runners.google import _to_runner_error as google_failure
from gapbench_runners.openai import OpenAIRunner
from gapbench_runners.openai import _to_runner_error as openai_failure
from tests.gapbench_runners.replay import KEY, PNG, Replay, ask, prompt
from tests.gapbench_runners.test_streams import TRANSCRIPTS, VENDORS

B64 = base64.b64encode(PNG).decode()
PARAMS = Params(max_tokens=16, temperature=0.0, top_p=0.5, stop=("END",), seed=7)


def sent(name: str, *, params: Params = PARAMS, **changes: Any) -> dict[str, Any]:
    """Return the body that the vendor's own client put on the wire."""
    kind, model, path = VENDORS[name]
    replay = Replay((TRANSCRIPTS / f"{name}.sse").read_bytes())
    response = ask(
        kind,
        replay,
        model=model,
        path=path,
        messages=prompt(system="Be brief.", image=True),
        params=params,
        **changes,
    )
    assert response.failure is None
    return replay.asked[0]


def test_chat_completions_body() -> None:
    """System prompt, image with its detail, parameters, counts asked for."""
    body = sent("chat")

    assert {"role": "system", "content": "Be brief."} == body["messages"][0]
    assert {
        "type": "image_url",
        "image_url": {"url": f"data:image/png;base64,{B64}", "detail": "high"},
    } == body["messages"][1]["content"][0]
    assert {"type": "text", "text": "What is it?"} == body["messages"][1]["content"][1]
    assert (16, 0.0, 0.5, ["END"], 7) == tuple(
        body[name] for name in ("max_tokens", "temperature", "top_p", "stop", "seed")
    )
    assert {"include_usage": True} == body["stream_options"]


def test_responses_body() -> None:
    """Stop and seed have no place there; nothing is stored at the provider."""
    body = sent("responses")

    assert "input_image" == body["input"][1]["content"][0]["type"]
    assert (16, 0.0, False) == (body["max_output_tokens"], body["temperature"], body["store"])
    assert not {"stop", "seed"} & set(body)


def test_messages_body() -> None:
    """The system prompt stands apart; temperature goes past the SDK's signature."""
    body = sent("messages")

    assert "Be brief." == body["system"]
    assert {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": B64}} == body[
        "messages"
    ][0]["content"][0]
    assert (16, 0.0, 0.5, ["END"]) == tuple(
        body[name] for name in ("max_tokens", "temperature", "top_p", "stop_sequences")
    )


def test_generate_content_body() -> None:
    """systemInstruction, inlineData, generationConfig."""
    body = sent("generate")
    image = body["contents"][0]["parts"][0]["inlineData"]

    assert "Be brief." == body["systemInstruction"]["parts"][0]["text"]
    assert PNG == base64.urlsafe_b64decode(image["data"].replace("+", "-").replace("/", "_"))
    assert {
        "maxOutputTokens": 16,
        "temperature": 0.0,
        "topP": 0.5,
        "stopSequences": ["END"],
        "seed": 7,
    }.items() <= body["generationConfig"].items()


@pytest.mark.parametrize("name", list(VENDORS))
def test_parameters_said_to_be_sent_are_in_the_body(name: str) -> None:
    """`params_sent` is what a reader of the table believes."""
    kind, given, _ = VENDORS[name]
    model = dataclasses.replace(given, base_url="http://127.0.0.1:9")
    told = kind(model).prepare(Request(model, prompt(), PARAMS)).params_sent
    body = sent(name)
    flat = {**body, **body.get("generationConfig", {})}

    for key, value in told.items():
        camel = "".join(part if not index else part.capitalize() for index, part in enumerate(key.split("_")))
        assert value == flat.get(key, flat.get(camel)), key


@pytest.mark.parametrize("name", list(VENDORS))
def test_extra_parameters_pass_through(name: str) -> None:
    """What the suite puts under `extra` is in the body as it stands."""
    if name == "generate":
        assert 5 == sent(name, params=Params(extra={"top_k": 5}))["generationConfig"]["topK"]
    else:
        assert 5 == sent(name, params=Params(max_tokens=9, extra={"top_k": 5}))["top_k"]


ERRORS = [
    (429, {"retry-after": "7"}, "rate_limit", 7.0),
    (429, {}, "rate_limit", None),
    (500, {}, "server", None),
    (503, {}, "overloaded", None),
    (529, {}, "overloaded", None),
    (401, {}, "auth", None),
    (404, {}, "not_found", None),
    (400, {}, "bad_request", None),
]


@pytest.mark.parametrize("name", list(VENDORS))
@pytest.mark.parametrize(("status", "headers", "kind", "wait_s"), ERRORS)
def test_an_http_error_becomes_a_failure(
    name: str, status: int, headers: dict[str, str], kind: str, wait_s: float | None
) -> None:
    """One call each: the SDKs' own retries are off, and Retry-After is kept."""
    runner, model, path = VENDORS[name]
    replay = Replay(
        b'{"error": {"message": "no", "code": %d, "status": "X"}}' % status,
        status,
        "application/json",
        headers,
    )
    response = ask(runner, replay, model=model, path=path)

    assert response.failure is not None
    assert (kind, status, wait_s) == (
        response.failure.kind,
        response.failure.http_status,
        response.failure.retry_after_s,
    )
    assert 1 == len(replay.asked)


@pytest.mark.parametrize("name", list(VENDORS))
def test_the_key_is_sent_and_is_in_no_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Providers echo keys in their errors."""
    runner, model, path = VENDORS[name]
    monkeypatch.setenv("SOME_KEY", KEY)
    replay = Replay(
        b'{"error": {"message": "wrong key %s", "code": 401, "status": "X"}}' % KEY.encode(),
        401,
        "application/json",
    )
    response = ask(runner, replay, model=dataclasses.replace(model, key_env="SOME_KEY"), path=path)

    assert response.failure is not None
    assert KEY in replay.heads[0]
    assert KEY not in response.failure.message
    assert "[redacted]" in response.failure.message


@pytest.mark.parametrize("name", list(VENDORS))
def test_nobody_there_is_connect(name: str) -> None:
    """A refused connection: port 9 of loopback has no server."""
    kind, model, path = VENDORS[name]

    async def main() -> Response:
        runner = kind(dataclasses.replace(model, base_url=f"http://127.0.0.1:9{path}"))
        await runner.open(Session(Path()))
        try:
            return await measure(runner, runner.prepare(Request(model, prompt(), Params(max_tokens=5))), 5)
        finally:
            await runner.close()

    response = asyncio.run(main())

    assert response.failure is not None
    assert "connect" == response.failure.kind
    assert response.timing.sent_s is None


@pytest.mark.parametrize(
    ("kind", "variable"),
    [
        (OpenAIRunner, "OPENAI_API_KEY"),
        (AnthropicRunner, "ANTHROPIC_API_KEY"),
        (GoogleRunner, "GEMINI_API_KEY"),
    ],
)
def test_a_missing_key_is_named_before_any_call(kind: Any, variable: str) -> None:
    """The vendor's own address needs a key; the word says which variable."""
    runner = kind(Model("m", "x", "m", "closed"))

    assert runner.metered
    assert f"{variable} is not set" in runner.missing_requirement()
    with pytest.raises(SetupError, match=variable):
        asyncio.run(runner.open(Session(Path())))


@pytest.mark.parametrize("kind", [OpenAIRunner, AnthropicRunner, GoogleRunner])
def test_an_own_server_needs_no_key(kind: Any) -> None:
    """A base_url without key_env is somebody's own."""
    runner = kind(Model("m", "x", "m", "open", base_url="http://127.0.0.1:8000/v1"))

    assert runner.missing_requirement() is None
    assert not runner.metered


def classes_of(module: Any, root: type) -> list[type]:
    return [
        found
        for _, found in inspect.getmembers(module, inspect.isclass)
        if issubclass(found, root) and found is not root
    ]


def test_every_error_of_openai_has_a_kind() -> None:
    """No class of the SDK falls through to `runner`."""
    request = httpx2.Request("POST", "http://x.test")
    for found in classes_of(openai, openai.APIError):
        if issubclass(found, openai.APIStatusError) and found is not openai.OAuthError:
            error: Exception = found(
                "said",
                response=httpx2.Response(getattr(found, "status_code", 500) or 500, request=request),
                body=None,
            )
        elif issubclass(found, openai.APIConnectionError):
            error = found(request=request)
            error.__cause__ = httpx2.ConnectError("refused")
        else:
            continue
        assert openai_failure(error, None).kind != "runner", found


def test_messages_is_sent_no_stop_of_blanks() -> None:
    """lm-eval's tasks often stop at a line's end, which Messages refuses; the row says that it was dropped."""
    body = sent("messages", params=Params(max_tokens=16, stop=("\n\n", "END")))
    runner = AnthropicRunner(Model("m", "anthropic", "claude-sonnet-4-5", "closed"))
    call = runner.prepare(Request(runner.model, prompt(), Params(max_tokens=16, stop=("\n",))))

    assert ["END"] == body["stop_sequences"]
    assert "stop_sequences" not in call.body
    assert "blank stop strings dropped: the Messages API refuses them" in call.changes


def test_every_error_of_anthropic_has_a_kind() -> None:
    """No class of the SDK falls through to `runner`."""
    request = httpx2.Request("POST", "http://x.test")
    for found in classes_of(anthropic, anthropic.APIStatusError):
        error = found(
            "said",
            response=httpx2.Response(getattr(found, "status_code", 500) or 500, request=request),
            body=None,
        )
        assert anthropic_failure(error, None).kind != "runner", found


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
def test_every_error_of_google_has_a_kind(status: int) -> None:
    """ClientError and ServerError carry a status."""
    kind = google_errors.ClientError if status < 500 else google_errors.ServerError

    assert google_failure(kind(status, {"error": {"message": "no", "status": "X"}}), None).kind != "runner"


def test_a_daily_quota_of_google_is_a_quota() -> None:
    """Only the quota's id tells it from a rate limit."""
    details = {
        "error": {
            "message": "exhausted",
            "status": "RESOURCE_EXHAUSTED",
            "details": [{"violations": [{"quotaId": "GenerateRequestsPerDayPerProject"}]}],
        }
    }

    assert "quota" == google_failure(google_errors.ClientError(429, details), None).kind


@pytest.mark.parametrize(
    "error", ["busy", {"details": {"violations": 3}}, {"details": [{"violations": None}]}]
)
def test_an_error_of_googles_form_may_hold_anything(error: object) -> None:
    """What a proxy makes of the details of a 429 is no crash."""
    details = {"error": error, "message": "exhausted", "status": "RESOURCE_EXHAUSTED"}

    assert "rate_limit" == google_failure(google_errors.ClientError(429, details), None).kind


def test_an_error_of_openais_form_may_name_its_kind_in_the_type_alone() -> None:
    """Some servers leave the code empty."""
    response = httpx2.Response(429, request=httpx2.Request("POST", "http://x.test"))
    body = {"message": "pay first", "type": "insufficient_quota", "code": None}

    assert "quota" == openai_failure(openai.RateLimitError("said", response=response, body=body), None).kind

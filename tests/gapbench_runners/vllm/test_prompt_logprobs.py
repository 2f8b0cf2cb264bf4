"""Texts that are weighed: what is sent, and what a server that cannot do it leaves in the row."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gapbench.execution.attempts.measure import measure
from gapbench.values import Likelihood, Message, Model, Params, Request, Response, Session, Text
from gapbench_runners.vllm.runner import VllmRunner
from tests.gapbench.suite.lm_eval.stub import Handler, Stub

Ask = Callable[..., Response]


@pytest.fixture
def ask(session: Session) -> Ask:
    """Weighs a continuation after a context; None: after nothing."""

    def weigh(stub: Stub, context: str | None, continuation: str, params: Params | None = None) -> Response:
        model = Model("m", "vllm", "stub", "open", base_url=f"{stub.url}/v1")
        turns = (
            [("assistant", continuation)]
            if context is None
            else [("user", context), ("assistant", continuation)]
        )
        messages = tuple(Message(role, (Text(text),)) for role, text in turns)  # type: ignore[arg-type]

        async def main() -> Response:
            runner = VllmRunner(model)
            await runner.open(session)
            try:
                call = runner.prepare(Request(model, messages, params or Params(), needs_logprobs=True))
                return await measure(runner, call, 10.0)
            finally:
                await runner.close()

        return asyncio.run(main())

    return weigh


def words(stub: Stub) -> list[str]:
    """Return the pieces of the prompt that was sent last."""
    return [stub.decode([token]) for token in stub.asked[-1]["prompt"]]


def test_the_blank_before_a_continuation_is_weighed_with_it(ask: Ask) -> None:
    """lm-eval's border: blanks at the context's end belong to what follows."""
    with Stub({}) as stub:
        ended = ask(stub, "The sky is ", "blue")
        started = ask(stub, "The sky is", " blue")

        assert ["The", " sky", " is", " blue"] == words(stub)
    assert ended.answer == started.answer
    assert Likelihood.from_answer(started.answer).logprob < 0


def test_a_text_alone_stands_after_the_first_token(ask: Ask) -> None:
    """Rolling likelihood, and a continuation without context."""
    with Stub({}) as stub:
        alone, empty = ask(stub, None, "blue sky"), ask(stub, "", "blue sky")

        assert ["<s>", "blue", " sky"] == words(stub)
    assert alone.answer == empty.answer


def test_the_sum_is_kept_to_the_last_digit() -> None:
    """What the row stores is what was added up."""
    given = Likelihood(-1.1 - 2.2, greedy=True)

    assert given == Likelihood.from_answer(given.to_answer())


def test_one_chunk_with_the_servers_counts(ask: Ask) -> None:
    """Four tokens in, one out; the only instant is the reply's."""
    with Stub({}) as stub:
        response = ask(stub, "The sky is", " blue", Params(max_tokens=9))

    assert (4, 1) == (response.usage.input_tokens, response.usage.output_tokens)
    assert 1 == len(response.timing.chunk_s)
    assert "stub" == response.model_served


@pytest.mark.parametrize(
    ("path", "kind", "said"),
    [
        ("/tokenize", "not_found", "log-probabilities need vLLM's /tokenize"),
        ("/tokenizer_info", "not_found", "--enable-tokenizer-info-endpoint"),
        ("/v1/completions", "not_found", "404"),
    ],
)
def test_a_server_without_the_route_is_a_failed_row(path: str, kind: str, said: str, ask: Ask) -> None:
    """Never a wrong answer: the failure names the route."""
    with Stub({}) as stub:
        stub.lacks.add(path)
        failure = ask(stub, "", "blue").failure

    assert failure is not None
    assert kind == failure.kind
    assert said in failure.message


@pytest.mark.parametrize(
    ("events", "kind"),
    [
        ([{"choices": [{"text": "x"}]}], "garbage"),
        ([{"error": {"message": "busy", "code": 503, "type": "overloaded"}}], "overloaded"),
    ],
)
def test_a_reply_without_log_probabilities_is_a_failed_row(
    events: list[dict[str, Any]], kind: str, ask: Ask
) -> None:
    """A server that ignores `echo`, and one that fails within the stream."""

    class Odd(Handler):
        def _completion(self, body: dict[str, Any]) -> None:
            self._events(json.loads(json.dumps(events)))

    with Stub({}) as stub:
        stub.RequestHandlerClass = Odd
        failure = ask(stub, "The sky is", " blue").failure

    assert failure is not None
    assert kind == failure.kind


def test_what_is_generated_goes_to_chat_as_before(session: Session) -> None:
    """The same runner; only a text to be weighed goes another way."""
    model = Model("m", "vllm", "stub", "open", base_url="http://127.0.0.1:9/v1")
    request = Request(model, (Message("user", (Text("Hi"),)),), Params(max_tokens=3))
    runner = VllmRunner(model)

    assert [{"role": "user", "content": "Hi"}] == runner.prepare(request).body["messages"]
    weighed = runner.prepare(replace(request, needs_logprobs=True))
    assert {"context": None, "continuation": "Hi"} == weighed.body
    assert ("generation parameters dropped: nothing is generated",) == weighed.changes

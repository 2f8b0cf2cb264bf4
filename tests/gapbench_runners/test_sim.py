"""The simulated providers: their truth is known, and all four protocols carry the same prompt."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from google import genai
from google.genai import types

from gapbench.errors import InputError
from gapbench.execution.attempts.measure import measure
from gapbench.values import (
    GroundTruth,
    Message,
    Model,
    Params,
    Request,
    Response,
    Session,
    Text,
    prompt_sha256,
)
from gapbench_runners.sim import PROTOCOLS, SimRunner
from gapbench_runners.sim_server.answer_book import make_answer_book
from gapbench_runners.sim_server.persona import FAULT_KINDS, Persona
from gapbench_runners.sim_server.reply import SimRequest
from gapbench_runners.sim_server.sim_model import SimModel
from tests.gapbench_runners.replay import prompt

INSTANT = {"ttft_s": 0.0, "ttft_sigma": 0.0, "gap_s": 0.0}
PROMPT = prompt(system="Be brief.", image=True)
BOOK = GroundTruth(prompt_sha256(PROMPT), "reasoning", "The right answer.", "The wrong answer.")


def model(protocol: str, **persona: Any) -> Model:
    return Model("m", "sim", "m", "open", options={"sim": {"protocol": protocol, **INSTANT, **persona}})


def asked(
    folder: Path, given: Model, *, times: int = 1, params: Params | None = None
) -> tuple[list[Response], list[dict[str, Any]]]:
    """Return the responses of a real simulated provider to PROMPT, and its own log."""

    async def main() -> list[Response]:
        runner = SimRunner(given)
        await runner.open(Session(folder, truths=lambda: [BOOK]))
        try:
            call = runner.prepare(Request(given, PROMPT, params or Params(max_tokens=64)))
            return [await measure(runner, call, 120) for _ in range(times)]
        finally:
            await runner.close()

    responses = asyncio.run(main())
    log = [json.loads(line) for line in (folder / "times.jsonl").read_text().splitlines()]
    return responses, log


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_carries_the_same_prompt(tmp_path: Path, protocol: str) -> None:
    """System prompt, text and image bytes arrive so that the hash is the same: the answer book knows it."""
    responses, log = asked(tmp_path, model(protocol, skill=1.0))

    assert responses[0].failure is None
    assert ("The right answer.", "stop") == (responses[0].answer, responses[0].finish_reason)
    assert BOOK.prompt_sha256 == log[0]["prompt_sha256"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_counts_are_alike_through_every_protocol(tmp_path: Path, protocol: str) -> None:
    """17 characters in pieces of 4 are 5 tokens, after 8 of reasoning: 13 out, 8 of them reasoning."""
    responses, log = asked(tmp_path, model(protocol, skill=1.0, reasoning={"tokens": 8, "shown": "hidden"}))
    usage = responses[0].usage

    assert (5 + 8, 8) == (usage.output_tokens, usage.reasoning_tokens)
    assert log[0]["input_tokens"] == usage.input_tokens
    assert "hidden" == responses[0].disclosure


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_cached_prompt_says_so(tmp_path: Path, protocol: str) -> None:
    """Asked again, whole blocks of 16 tokens come from the cache; the total stays."""
    (first, second), _ = asked(tmp_path, model(protocol, cache=True), times=2)

    assert 0 == first.usage.cached_input_tokens
    assert first.usage.input_tokens == second.usage.input_tokens
    assert second.usage.input_tokens is not None
    assert second.usage.input_tokens // 16 * 16 == second.usage.cached_input_tokens


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_budget_cuts_the_answer(tmp_path: Path, protocol: str) -> None:
    """Two tokens of four characters, and the finish says why."""
    responses, _ = asked(tmp_path, model(protocol, skill=1.0), params=Params(max_tokens=2))

    assert ("The righ", "length") == (responses[0].answer, responses[0].finish_reason)


@pytest.mark.parametrize("protocol", ["openai", "anthropic", "google", "responses"])
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("rate_limit", "rate_limit"),
        ("server_error", "server"),
        ("overloaded", "overloaded"),
        ("cut", "cut_stream"),
        ("garbage", "garbage"),
    ],
)
def test_faults_are_told_apart(tmp_path: Path, protocol: str, fault: str, kind: str) -> None:
    """Each fault becomes its kind, through every client."""
    responses, _ = asked(tmp_path, model(protocol, faults={fault: 1.0, "retry_after_s": 2.5}))
    failure = responses[0].failure

    assert failure is not None
    assert kind == failure.kind
    assert (2.5 if fault == "rate_limit" else None) == failure.retry_after_s


def test_reported_times_are_those_of_the_server(tmp_path: Path) -> None:
    """One clock for both: nothing is seen before it was written, nor written 60 ms before it was due."""
    responses, log = asked(tmp_path, model("openai", skill=1.0, ttft_s=0.06, gap_s=0.01), times=3)
    timing, truth = responses[-1].timing, log[-1]

    assert timing.sent_s is not None
    assert timing.first_token_s is not None
    assert timing.sent_s <= truth["received_s"] <= truth["write_s"][0] - 0.06
    assert all(
        written_s <= seen_s for written_s, seen_s in zip(truth["write_s"], timing.chunk_s, strict=True)
    )
    assert len(truth["write_s"]) == len(timing.chunk_s)
    # One machine, one monotonic clock: a chunk arrives after it was written.
    assert all(arrived >= written for arrived, written in zip(timing.chunk_s, truth["write_s"], strict=True))


def test_the_server_ends_with_its_runner(tmp_path: Path) -> None:
    """After close nobody listens there."""

    async def main() -> str:
        runner = SimRunner(model("openai"))
        await runner.open(Session(tmp_path))
        url = runner._url
        await runner.close()
        assert url is not None
        return url

    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{asyncio.run(main())}/health")


def test_the_server_ends_with_its_parent(tmp_path: Path) -> None:
    """A killed run leaves no server behind."""
    code = (
        "import subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-m', 'gapbench_runners.sim_server', '--port', '0', '--with-parent'], stdout=subprocess.PIPE)\n"
        "print(p.pid, p.stdout.readline().decode(), flush=True)\nsys.stdin.readline()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline().split()[0])
    # Waiting on the child's own end, not on time: its pidfd becomes readable.
    watch = os.pidfd_open(pid)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    import select

    assert [watch] == select.select([watch], [], [], 120)[0]
    os.close(watch)
    parent.stdout.close()
    assert parent.stdin is not None
    parent.stdin.close()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A simulated provider as `bench sim` starts it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gapbench_runners.sim_server", "--port", "0", "--key", "right"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield process.stdout.readline().split()[1]
    process.terminate()
    process.wait()
    process.stdout.close()


def test_openais_own_client_reads_the_stream(server: str) -> None:
    """Typed chunks, counts in the last."""
    with openai.OpenAI(base_url=f"{server}/v1", api_key="right") as client:
        chunks = list(
            client.chat.completions.create(
                model="x",
                messages=[{"role": "user", "content": "hi"}],
                stream=True,
                stream_options={"include_usage": True},
            )
        )
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        response = client.responses.create(model="x", input="hi")

    assert "I do not know this prompt." == text == response.output_text
    assert chunks[-1].usage is not None
    assert 7 == chunks[-1].usage.completion_tokens


def test_anthropics_own_client_reads_the_stream(server: str) -> None:
    """The SDK's own accumulator agrees."""
    with (
        anthropic.Anthropic(base_url=server, api_key="right") as client,
        client.messages.stream(
            model="x", max_tokens=64, messages=[{"role": "user", "content": "hi"}]
        ) as stream,
    ):
        message = stream.get_final_message()

    assert ("I do not know this prompt.", "end_turn", 7) == (
        "".join(block.text for block in message.content if block.type == "text"),
        message.stop_reason,
        message.usage.output_tokens,
    )


def test_googles_own_client_reads_the_stream(server: str) -> None:
    """Streamed and whole."""
    with genai.Client(
        api_key="right", http_options=types.HttpOptions(base_url=server, api_version="v1beta")
    ) as client:
        streamed = "".join(
            chunk.text or "" for chunk in client.models.generate_content_stream(model="x", contents="hi")
        )
        whole = client.models.generate_content(model="x", contents="hi")

    assert "I do not know this prompt." == streamed == whole.text
    assert whole.usage_metadata is not None
    assert 7 == whole.usage_metadata.candidates_token_count


def test_a_wrong_key_is_401(server: str) -> None:
    """When a key was asked for."""
    with (
        openai.OpenAI(base_url=f"{server}/v1", api_key="wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.chat.completions.create(model="x", messages=[{"role": "user", "content": "hi"}])


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/chat/completions", b"{", 400),
        ("/v1/chat/completions", b'{"model": "x"}', 400),
        ("/v1/messages", b'{"model": "x", "messages": []}', 400),
        ("/v1/nothing", b"{}", 404),
    ],
)
def test_a_bad_request_is_answered(server: str, path: str, body: bytes, status: int) -> None:
    """A line of JSON, and the server lives on."""
    headers = {"authorization": "Bearer right"}

    assert status == httpx2.post(server + path, content=body, headers=headers, timeout=120).status_code
    assert 200 == httpx2.get(f"{server}/health", timeout=120).status_code


def test_skill_is_the_share_of_right_answers() -> None:
    """4,000 prompts at 0.8: within three standard errors (3 x 0.0063)."""
    persona = Persona.from_mapping({"seed": 3, "skill": {"coding": 0.8}})
    right = sum(persona.is_right(f"p{n}", "coding", 0) for n in range(4_000)) / 4_000

    assert right == pytest.approx(0.8, abs=3 * (0.8 * 0.2 / 4_000) ** 0.5)


def test_personas_find_the_same_prompts_hard() -> None:
    """With rho 0.5 two personas agree more often than independent ones would (0.58 at 0.7)."""
    one, other = Persona.from_mapping({"seed": 1}), Persona.from_mapping({"seed": 2})
    agree = (
        sum(one.is_right(f"p{n}", "x", 0) == other.is_right(f"p{n}", "x", 0) for n in range(4_000)) / 4_000
    )

    assert agree > 0.7**2 + 0.3**2 + 0.05


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_faults_have_their_share(kind: str) -> None:
    """4,000 prompts at 10 %: within three standard errors."""
    persona = Persona.from_mapping({"faults": {kind: 0.1}})
    hit = sum(persona.fault(f"p{n}", 0) == kind for n in range(4_000)) / 4_000

    assert hit == pytest.approx(0.1, abs=3 * (0.1 * 0.9 / 4_000) ** 0.5)


def test_a_retry_is_the_same_question() -> None:
    """The answer after a fault is the answer that would have come without it."""
    messages = (Message("user", (Text("q"),)),)
    book = make_answer_book([GroundTruth(prompt_sha256(messages), "x", "right", "wrong")])
    request = SimRequest(messages, None, True, True, "m")
    for seed in range(30):
        faulty = SimModel(Persona.from_mapping({"seed": seed, "faults": {"server_error": 0.5}}), book)
        steady = SimModel(Persona.from_mapping({"seed": seed}), book)
        reply = faulty.reply_to(request)
        while reply.fault:
            reply = faulty.reply_to(request)
        assert steady.reply_to(request).answer == reply.answer


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"skil": 1}, "sim.skil: unknown key; did you mean 'skill'?"),
        ({"skill": {"coding": 2}}, "sim.skill.coding: found 2; expected a share from 0 to 1"),
        ({"faults": {"cut": "often"}}, "sim.faults.cut: found 'often'"),
        ({"faults": 3}, "sim.faults: found 3; expected a mapping"),
        ({"ttft_s": -1}, "sim.ttft_s: found -1; expected a number of at least 0"),
        ({"tokens_per_chunk": 0}, "sim.tokens_per_chunk: found 0; expected a whole number of at least 1"),
        ({"reasoning": {"shown": "maybe"}}, "sim.reasoning.shown: found 'maybe'"),
        ({"batches": {"expire": 0.6, "lose": 0.6}}, "sim.batches: the shares add up to 1.2"),
        ({"batches": {"polls": -1}}, "sim.batches.polls: found -1"),
        ({"batches": {"shuffle": "no"}}, "sim.batches.shuffle: found 'no'; expected true or false"),
        ({"batches": {"expires": 1}}, "sim.batches.expires: unknown key; did you mean 'expire'?"),
        ({"price": {"input_usd_per_mtok": "x"}}, "sim.price.input_usd_per_mtok: found 'x'"),
    ],
)
def test_a_bad_persona_is_one_line(given: dict[str, Any], said: str) -> None:
    """Key, value, and what would do."""
    with pytest.raises(InputError) as caught:
        Persona.from_mapping(given)
    assert said in str(caught.value)


def test_an_unknown_protocol_is_refused() -> None:
    """The word lists those there are."""
    with pytest.raises(InputError, match=r"sim\.protocol: found 'smoke'; expected one of openai"):
        SimRunner(model("smoke"))

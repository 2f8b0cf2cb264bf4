"""One fuzzed input through a runner: a response comes back that every column can hold, whatever a server sent.

An input is four bytes that say how the server behaves, and what it sends. The tests replay kept inputs and mutate
transcripts; `benchmarks/fuzz.py` lets libFuzzer write them, guided by the coverage of our code.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import io
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import orjson
import pyarrow as pa

from gapbench.errors import BenchError
from gapbench.execution.attempts.measure import measure
from gapbench.store.schema import ATTEMPT_SCHEMA
from gapbench.values import Message, Model, Params, Request, Response, Text
from gapbench_runners.anthropic import AnthropicRunner
from gapbench_runners.google import GoogleRunner
from gapbench_runners.openai import OpenAIRunner
from gapbench_runners.vllm.prompt_logprobs import CompletionsRunner, _tokenize
from gapbench_runners.vllm.runner import VllmRunner
from tests.gapbench_runners.scripted import Ending, Peer, Script, ScriptedTransport, opened

TRANSCRIPTS = Path(__file__).parent / "transcripts"
KEPT = Path(__file__).parent / "fuzz"
URL = "http://127.0.0.1:9/v1"
DEADLINE_S = 30.0
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
ENDINGS = tuple(Ending)
# The row's columns that hold what a server says.
SAID = ("model_served", "response_id", "system_fingerprint", "service_tier", "finish_reason", "finish_raw")


@dataclass(frozen=True)
class Protocol:
    """One reader of a runner's.

    Attributes:
        transcripts: Whole streams, the first of which is answered with `answer`.
        runner: Whose reader it is.
        model: What the runner is made for.
        likelihood: Whether a text is weighed.
        beside: Whether what vLLM tells beside the requests is read instead.
    """

    transcripts: Sequence[bytes]
    runner: Callable[[Model], Any]
    model: Model
    likelihood: bool = False
    beside: bool = False


def _transcripts(name: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted(TRANSCRIPTS.glob(f"{name}*.sse"))]


WEIGHED = (
    b'data: {"id":"w","model":"m","choices":[{"text":"ab","logprobs":{"token_logprobs":[null,-0.5,-0.25,-1.0],'
    b'"top_logprobs":[null,{"a":-0.5},{"c":-0.1},{"d":-1.0}]}}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}\n\ndata: [DONE]\n\n'
)
METRICS = b"""\
vllm:cache_config_info{block_size="16",cache_dtype="auto"} 1.0
vllm:num_requests_running{engine="0"} 2.0
vllm:num_requests_running{engine="1"} 1e+00
"""
BESIDE = (
    METRICS,
    b'{"object":"list","data":[{"id":"m","root":"m","max_model_len":4096}]}',
    b'{"version":"0.15.1"}',
    b'{"tokens":[1,2,3],"count":3,"max_model_len":4096}',
    b'{"bos_token":"<s>","eos_token":null}',
)


class FixedTokensRunner(CompletionsRunner):
    """Weighs the same tokens, whatever the text; no server is asked for them."""

    def split_tokens(self, context: str | None, continuation: str) -> tuple[list[int], list[int]]:
        return [1], [2, 3]


CHAT, MESSAGES, GENERATE = (_transcripts(name) for name in ("chat", "messages", "generate"))
VLLM = Model("m", "vllm", "qwen-x", "open", base_url=URL)
PROTOCOLS: dict[str, tuple[Protocol, ...]] = {
    "openai": (
        Protocol(CHAT, OpenAIRunner, Model("m", "openai", "gpt-x", "closed", base_url=URL)),
        Protocol(
            _transcripts("responses"),
            OpenAIRunner,
            Model("m", "openai", "gpt-x", "closed", base_url=URL, options={"api": "responses"}),
        ),
    ),
    "anthropic": (
        Protocol(MESSAGES, AnthropicRunner, Model("m", "anthropic", "claude-x", "closed", base_url=URL)),
    ),
    "google": (Protocol(GENERATE, GoogleRunner, Model("m", "google", "gemini-2.5-x", "closed", base_url=URL)),),
    "vllm": (
        Protocol(CHAT, VllmRunner, VLLM),
        Protocol([WEIGHED], FixedTokensRunner, VLLM, likelihood=True),
        Protocol(BESIDE, VllmRunner, VLLM, beside=True),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Input:
    """A server's behaviour and its bytes.

    Attributes:
        sent: The whole reply where ``raw``, else the body of an event stream.
        protocol: Number of the reader, from 0.
        raw: Whether ``sent`` begins with the status line.
        slow: See :class:`Script`.
        ending: See :class:`Script`.
        kept: Whether the connection has carried a whole reply before.
        followed: Whether a whole reply follows; its answer must come through.
        compared: Whether the same in one read must say the same.
        sizes: Of the reads, in turns; 0: all that is left.
    """

    sent: bytes
    protocol: int = 0
    raw: bool = False
    slow: bool = False
    ending: Ending = Ending.KEEP
    kept: bool = False
    followed: bool = False
    compared: bool = False
    sizes: tuple[int, int] = (0, 0)

    @classmethod
    def of(cls, data: bytes) -> Input:
        """Return the input that libFuzzer's bytes mean; any bytes mean one."""
        flags, more, first, second = data[:4].ljust(4, b"\0")
        return cls(
            data[4:],
            more & 3,
            bool(flags & 1),
            bool(flags & 2),
            ENDINGS[flags >> 2 & 3],
            bool(flags & 16),
            bool(flags & 32),
            bool(flags & 64),
            (first, second),
        )

    def encoded(self) -> bytes:
        """Return the bytes that mean this input."""
        flags = (
            self.raw
            | self.slow << 1
            | ENDINGS.index(self.ending) << 2
            | self.kept << 4
            | self.followed << 5
            | self.compared << 6
        )
        return bytes((flags, self.protocol, *self.sizes)) + self.sent

    def reads(self) -> list[bytes]:
        """Return what comes, read by read."""
        pieces = [self.sent[start:stop] for start, stop in _cuts(len(self.sent), self.sizes)]
        return pieces if self.raw else framed(pieces)


def _cuts(length: int, sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    at = 0
    for size in itertools.cycle(sizes):
        if at >= length:
            return
        stop = min(length, at + size) if size else length
        yield at, stop
        at = stop


def framed(pieces: Sequence[bytes]) -> list[bytes]:
    """Return the reads of a reply whose body comes in these pieces, one chunk each."""
    return [HEAD, *(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces), b"0\r\n\r\n"]


def seeds(name: str) -> list[bytes]:
    """Return the inputs that fuzzing a runner's readers starts from: every transcript, and every form of reply."""
    found = []
    for number, protocol in enumerate(PROTOCOLS[name]):
        for body in protocol.transcripts:
            found.append(Input(body, number))
            found.append(Input(body, number, slow=True, sizes=(60, 90), compared=True))
        body = protocol.transcripts[0]
        whole = b"".join(framed([body]))
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        packed = gzip.compress(body, mtime=0)
        error = b'{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","type":"rate_limit_error","message":"slow down"}}'
        found += [
            Input(sent, number, raw=True, kept=True, followed=True)
            for sent in (
                whole,
                head + b"Content-Length: %d\r\n\r\n%s" % (len(body), body),
                b"HTTP/1.1 100 Continue\r\n\r\n" + head + b"Connection: close\r\n\r\n" + body,
                head + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n%s" % (len(packed), packed),
                whole.removesuffix(b"\r\n") + b"x-trailer: 1\r\n\r\n",
                whole + whole,
                b"HTTP/1.0 429 Slow\r\nretry-after: 2\r\ncontent-type: application/json\r\n\r\n" + error,
                b"HTTP/1.1 503 X\r\nretry-after: Wed, 21 Oct 2026 07:28:00 GMT\r\ncontent-length: 0\r\n\r\n",
                b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>",
            )
        ]
    return [given.encoded() for given in found]


def kept(name: str) -> list[bytes]:
    """Return the inputs that fuzzing has found worth keeping, one a line in base64."""
    file = KEPT / f"{name}.txt"
    return [base64.b64decode(line) for line in file.read_text().split()] if file.exists() else []


@dataclass
class Door:
    """An open runner and its scripted server."""

    protocol: Protocol
    runner: Any
    transport: ScriptedTransport
    call: Any
    whole: Script
    answer: str = ""


@dataclass
class Reader:
    """The readers of one runner, opened once; each input starts without connections.

    Attributes:
        name: Of the runner.
        loop: On which all is read.
        doors: One for each of its protocols.
        exchanges: Requests answered; an input that is compared, or comes between two whole replies, stands for several.
    """

    name: str
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    doors: list[Door] = field(default_factory=list)
    exchanges: int = 0

    def __post_init__(self) -> None:
        try:
            for protocol in PROTOCOLS[self.name]:
                self.doors.append(self._door(protocol))
        except BaseException:
            self.close()
            raise

    def _door(self, protocol: Protocol) -> Door:
        runner = protocol.runner(protocol.model)
        transport = opened(runner, self.loop)
        messages = (Message("user", (Text("a"),)), Message("user", (Text("b"),)))
        call = runner.prepare(
            Request(protocol.model, messages, Params(max_tokens=16), needs_logprobs=protocol.likelihood)
        )
        door = Door(protocol, runner, transport, call, Script(framed([protocol.transcripts[0]])))
        if not protocol.beside:
            # The second call of a shape is built with marks, the third goes without the vendor's client.
            for _ in range(3):
                response = self._response(door, [door.whole])
                assert response.failure is None, response.failure
                door.answer = response.answer
        return door

    def _response(self, door: Door, scripts: list[Script]) -> Response:
        self.exchanges += 1
        door.transport.scripts = scripts
        with _here_instead_of_a_thread() if door.protocol.likelihood else contextlib.nullcontext():
            return self.loop.run_until_complete(measure(door.runner, door.call, DEADLINE_S))

    def read(self, data: bytes) -> Response | None:
        """Feed one input and hold what comes back against the rules; None: it went beside the requests.

        Raises:
            AssertionError: A rule is broken.
        """
        given = Input.of(data)
        door = self.doors[given.protocol % len(self.doors)]
        if door.protocol.beside:
            self._beside(door, given)
            return None
        if given.kept:
            self._response(door, [door.whole])
        script = Script(given.reads(), given.ending, given.slow)
        response = self._response(door, [script])
        holds(response)
        if given.followed:
            after = self._response(door, [door.whole])
            # The kept connection may end only now, with the next request on it; then there is no answer.
            has_ended = after.failure is not None and after.failure.kind == "cut_stream"
            assert ("" if has_ended else door.answer) == after.answer, "a reply reached the next answer"
            assert has_ended or after.failure is None, after.failure
        self.loop.run_until_complete(door.transport.aclose())
        if given.compared:
            once = self._response(door, [Script([b"".join(script.reads)], given.ending)])
            self.loop.run_until_complete(door.transport.aclose())
            assert _said(response) == _said(once), "the cut into reads changes what was read"
        return response

    def _beside(self, door: Door, given: Input) -> None:
        """Let the server say the same to every plain request."""
        sent = given.sent
        if not given.raw:
            sent = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(sent), sent)
        with (
            patch("socket.create_connection", lambda *_, **__: Peer(io.BytesIO(sent))),
            patch("asyncio.to_thread", _here),
        ):
            for ask in (door.runner.facts, door.runner.counters, self._encoded):
                try:
                    # What it tells is written into the manifest.
                    orjson.dumps(self.loop.run_until_complete(ask()))
                except BenchError as exc:
                    str(exc).encode()

    @staticmethod
    async def _encoded() -> None:
        _tokenize.cache_clear()
        CompletionsRunner(VLLM).split_tokens(None, "text")

    def close(self) -> None:
        """Close the runners and the loop."""
        try:
            for door in self.doors:
                self.loop.run_until_complete(door.runner.close())
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        finally:
            self.loop.close()


def _here_instead_of_a_thread() -> contextlib.AbstractContextManager[object]:
    """Return a context without threads: another one would cost more than the reading."""
    return patch("asyncio.to_thread", _here)


async def _here(call: Callable[..., Any], *args: Any) -> Any:
    return call(*args)


def _said(response: Response) -> tuple[object, ...]:
    """Return what a response says, without its instants."""
    kind = response.failure and response.failure.kind
    facts = (getattr(response, name) for name in SAID)
    return (response.answer, response.reasoning, response.usage, response.disclosure, kind, *facts)


def holds(response: Response) -> None:
    """Every value has a place in the row's columns and in UTF-8; the failure is none of the runner's own."""
    for source, names in ((response, SAID), (response.usage, response.usage._fields)):
        for name in names:
            value = getattr(source, name)
            if value is not None:
                pa.array([value], ATTEMPT_SCHEMA.field(name).type)
    response.answer.encode()
    response.reasoning.encode()
    if response.failure is not None:
        assert "runner" != response.failure.kind, response.failure
        response.failure.message.encode()

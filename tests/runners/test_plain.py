"""What a model's server tells beside the protocol is its own word: odd replies end nothing. Found by benchmarks/fuzz.py."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest

from gapbench.errors import RunnerError
from gapbench.values import Model
from gapbench_runners.vllm.http_get import MAX_REPLY_BYTES, fetch_bytes
from gapbench_runners.vllm.prompt_logprobs import CompletionsRunner, _tokenize
from gapbench_runners.vllm.runner import VllmRunner
from tests.runners.scripted import Peer

URL = "http://127.0.0.1:9/v1"
MODEL = Model("m", "vllm", "m", "open", base_url=URL)


@contextmanager
def saying(body: bytes) -> Iterator[None]:
    """Let every server answer with ``body``."""
    reply = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    with patch("socket.create_connection", lambda *_, **__: Peer(io.BytesIO(reply))):
        yield


def test_a_line_that_is_no_metric_counts_nothing() -> None:
    """2 + 1; the third has a word for its value, the fourth none."""
    name = b"vllm:num_requests_running"
    lines = name + b' 2\n%s{engine="1"} 1e+00\n%s word\n%s' % (name, name, name)
    with saying(lines):
        counters = asyncio.run(VllmRunner(MODEL).counters())

    assert {"vllm:num_requests_running": 2 + 1} == counters


@pytest.mark.parametrize("models", [b'{"data": 7}', b'{"data": ["m"]}', b'{"data": []}', b"[" * 100_000])
def test_a_list_of_models_that_is_none_tells_no_length(models: bytes) -> None:
    """A run is not lost for it."""
    with saying(models):
        facts = asyncio.run(VllmRunner(MODEL).facts())

    assert ([], None) == (facts["served"], facts["max_model_len"])


@pytest.mark.parametrize("tokens", [b'{"tokens": ["a"]}', b'{"tokens": []}', b"[" * 100_000, b"\xff"])
def test_tokens_that_are_none_are_garbage(tokens: bytes) -> None:
    """The tokenizer names no beginning either."""
    _tokenize.cache_clear()
    with saying(tokens.replace(b"{", b'{"bos_token": "s", ')), pytest.raises(RunnerError) as raised:
        CompletionsRunner(MODEL).split_tokens("", "text")

    assert "garbage" == raised.value.kind


@pytest.mark.parametrize(
    "reply", [b"SSH-2.0-x\r\n", b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"]
)
def test_a_reply_that_is_no_http_is_an_error_of_the_connection(reply: bytes) -> None:
    """As OSError, which every caller takes for a server that says nothing."""
    peer: Any = lambda *_, **__: Peer(io.BytesIO(reply))  # noqa: E731
    with patch("socket.create_connection", peer), pytest.raises(OSError, match=r"HTTP|closed"):
        fetch_bytes(f"{URL}/metrics", 1.0)


class Endless(io.RawIOBase):
    """A reply whose body does not end."""

    def __init__(self) -> None:
        self.left = b"HTTP/1.1 200 OK\r\n\r\n"
        self.told = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.left[: len(buffer)] or b"x" * len(buffer)
        self.left = self.left[len(data) :]
        buffer[: len(data)] = data
        self.told += len(data)
        return len(data)


def test_a_reply_without_an_end_is_refused() -> None:
    """At 16 MiB, with a buffer's worth more."""
    endless = Endless()
    peer: Any = lambda *_, **__: Peer(io.BufferedReader(endless))  # noqa: E731
    with patch("socket.create_connection", peer), pytest.raises(OSError, match="larger than"):
        fetch_bytes(f"{URL}/metrics", 1.0)

    assert MAX_REPLY_BYTES < endless.told < MAX_REPLY_BYTES + 2**20

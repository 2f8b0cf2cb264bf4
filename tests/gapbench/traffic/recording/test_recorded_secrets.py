"""No key reaches the file that the recording proxy writes, and ids are hashed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.recorded_exchanges import CHAT, REPLY, post, raw_exchange
from tests.recording import plain, recording, scripted
from tests.traffic_logs import import_files

KEY = "sk-proj-0123456789abcdefghijKLMN"


@pytest.mark.parametrize("keep_texts", [True, False])
def test_no_key_is_in_the_file_wherever_it_is(tmp_path: Path, keep_texts: bool) -> None:
    """In headers, in the query, in the prompt and in the error that repeats it."""
    body = {**CHAT, "messages": [{"role": "user", "content": f"my key is {KEY} or plain-key-12345"}]}
    error = json.dumps({"error": {"message": f"wrong key {KEY} plain-key-12345", "type": "auth"}}).encode()
    sent = [
        post("/v1/chat/completions?key=plain-key-12345", json.dumps(body).encode(), header)
        for header in (f"Authorization: Bearer {KEY}", f"x-api-key: {KEY}", f"x-goog-api-key: {KEY}")
    ]

    async def run() -> bytes:
        async with (
            scripted(plain("401 Unauthorized", error)) as server,
            recording(tmp_path, server.url, keep_texts=keep_texts) as recorder,
        ):
            for one in sent:
                await raw_exchange(recorder.url, one)
            await recorder.lines(3)
            return recorder.path.read_bytes()

    found = asyncio.run(run())

    assert (0, 0, 3) == (found.count(KEY.encode()), found.count(b"plain-key"), found.count(b"\n"))


def test_ids_are_hashed_at_once_and_the_route_is_kept(tmp_path: Path) -> None:
    """By headers; the same user has the same hash. No name is a piece of a hash by chance."""
    sent = post(
        "/v1/chat/completions", json.dumps(CHAT).encode(),
        "x-gapbench-route: faq", "x-gapbench-user: zoe", "x-gapbench-session: s-77",
    )  # fmt: skip

    async def run() -> tuple[list[dict[str, Any]], bytes]:
        answer = plain("200 OK", json.dumps(REPLY).encode())
        async with scripted(answer) as server, recording(tmp_path, server.url) as recorder:
            for _ in range(2):
                await raw_exchange(recorder.url, sent)
            return await recorder.lines(2), recorder.path.read_bytes()

    (first, second), content = asyncio.run(run())

    assert (False, False) == (b"zoe" in content, b"s-77" in content)
    assert ("faq", first["user_hash"]) == (second["route"], second["user_hash"])
    (row, _), report = import_files(tmp_path, {"traffic.jsonl": content})
    assert (first["user_hash"], first["session_hash"]) == (row["user_hash"], row["session_hash"])
    assert {"record": 1} == report.files


@pytest.mark.parametrize("header", ["authorization: bearer {}", "Authorization: Basic {}", "x-api-key: {}"])
def test_an_answer_that_is_no_http_writes_no_key_of_the_address(tmp_path: Path, header: str) -> None:
    """The error quotes neither the address nor the start of the answer."""
    key, other = "s3cr3t-gateway-key", "other-s3cr3t-key"
    sent = post(f"/v1/chat/completions?secret={other}", json.dumps(CHAT).encode(), header.format(key))

    async def run() -> dict[str, Any]:
        answer = f"HTTP/1.1 {key}\r\n\r\n".encode()
        async with scripted(answer, closes=True) as server, recording(tmp_path, server.url) as recorder:
            await raw_exchange(recorder.url, sent)
            return await recorder.line()

    line = asyncio.run(run())

    assert (
        line["error"] == "connection: the answer is not HTTP/1.1: not the status line of an HTTP/1.1 answer"
    )
    assert key not in json.dumps(line)
    assert other not in json.dumps(line)


def test_a_word_in_place_of_a_key_does_not_spoil_prompts(tmp_path: Path) -> None:
    """Servers without keys are given one such as `anything`."""
    sent = post(
        "/v1/chat/completions",
        json.dumps({**CHAT, "messages": [{"role": "user", "content": "is anything new?"}]}).encode(),
        "Authorization: Bearer anything",
    )

    async def run() -> dict[str, Any]:
        async with scripted(plain("200 OK", b"{}")) as server, recording(tmp_path, server.url) as recorder:
            await raw_exchange(recorder.url, sent)
            return await recorder.line()

    assert "is anything new?" == asyncio.run(run())["messages"][0]["content"]


@pytest.mark.parametrize(
    "header",
    [
        "Helicone-Auth: Bearer {}", "x-portkey-api-key: {}", "cf-aig-authorization: Bearer {}", "Cookie: a=b; sid={}; c=d",
        "X-Auth-Token: {}", "ocp-apim-subscription-key: {}", "X-Amz-Security-Token: {}", "Proxy-Authorization: Bearer {}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("query", ["", "?code={}", "?X-Amz-Signature={}", "?a=1&client_secret={}"])
def test_keys_of_gateways_are_removed_too(tmp_path: Path, header: str, query: str) -> None:
    """Headers and parameters that only their names tell; an error repeats the key, escaped or not."""
    key, other = "plain+key/47110815", "other-plain-key-9"
    error = json.dumps({"error": {"message": f"wrong key {key}, {quote(other, safe='')}"}}).encode()
    sent = post(f"/v1/chat/completions{query.format(other)}", json.dumps(CHAT).encode(), header.format(key))

    async def run() -> str:
        async with scripted(plain("401 No", error)) as server, recording(tmp_path, server.url) as recorder:
            await raw_exchange(recorder.url, sent)
            return json.dumps(await recorder.line())

    found = asyncio.run(run())

    assert (False, not query) == (key in found, other in found)


def test_words_of_a_header_about_a_key_stay_in_prompts(tmp_path: Path) -> None:
    """A signature names the headers that it signs; cookies have names."""
    said = "set content-type and preferences"
    sent = post(
        "/v1/chat/completions",
        json.dumps({**CHAT, "messages": [{"role": "user", "content": said}]}).encode(),
        "Authorization: AWS4-HMAC-SHA256 Credential=AKIA0, SignedHeaders=content-type;host, Signature=0a1b2c3d4e",
        "Cookie: preferences=preferences",
    )

    async def run() -> dict[str, Any]:
        async with scripted(plain("200 OK", b"{}")) as server, recording(tmp_path, server.url) as recorder:
            await raw_exchange(recorder.url, sent)
            return await recorder.line()

    assert said == asyncio.run(run())["messages"][0]["content"]

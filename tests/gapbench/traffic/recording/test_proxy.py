"""The recording proxy passes bytes on unchanged and writes what it saw."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from gapbench.cli import invoke
from tests.recorded_exchanges import CHAT, REPLY, post, raw_exchange
from tests.recording import chunked, plain, recording, scripted


def test_the_bytes_of_a_stream_are_unchanged(tmp_path: Path) -> None:
    """Odd pieces, comments, other line ends and bytes that are no text."""
    pieces = [b": ping\r\n\r\n", b"da", b'ta: {"x":"\xff"}\n\n', b"data: [DONE]\n\n", b": after\n\n"]

    async def run() -> bytes:
        async with (
            scripted(*chunked(*pieces)) as server,
            recording(tmp_path, server.url) as recorder,
            httpx2.AsyncClient() as client,
        ):
            found = await client.post(f"{recorder.url}/v1/chat/completions", json=CHAT)
            return found.content

    assert b"".join(pieces) == asyncio.run(run())


@pytest.mark.parametrize(("encoding", "level"), [("gzip", 6), ("gzip", 0)])
def test_a_packed_answer_stays_packed_and_is_read(tmp_path: Path, encoding: str, level: int) -> None:
    """The same bytes and headers; the line has the text."""
    packed = gzip.compress(json.dumps(REPLY).encode(), level)
    answer = plain("200 OK", packed, "Content-Encoding: gzip", "X-Odd: 1", "X-Odd: 2")

    async def run() -> tuple[bytes, dict[str, Any]]:
        async with scripted(answer) as server, recording(tmp_path, server.url) as recorder:
            found = await raw_exchange(recorder.url, post("/v1/chat/completions", json.dumps(CHAT).encode()))
            return found, await recorder.line()

    found, line = asyncio.run(run())
    head, _, body = found.partition(b"\r\n\r\n")

    assert (packed, "hi", 3) == (body, line["reply"], line["input_tokens"])
    assert {b"Content-Encoding: gzip", b"X-Odd: 1", b"X-Odd: 2"} <= set(head.split(b"\r\n"))
    assert {b"http/1.1 200 ok", b"x-odd", b"content-encoding", b"content-length", b"connection"} == {
        line.partition(b":")[0].lower() for line in head.split(b"\r\n")
    }


def test_the_request_arrives_as_it_was_sent_without_our_labels(tmp_path: Path) -> None:
    """Method, path, query, headers and body; not the headers of one connection."""
    body = b'{"model":"m", "messages":[ ]}'
    sent = post(
        "/v1/chat/completions?a=%2F&key=k", body, "X-Gapbench-Route: faq", "Authorization: Bearer k", "X-A: 1"
    )

    async def run() -> bytes:
        async with scripted(plain("200 OK", b"{}")) as server, recording(tmp_path, server.url) as recorder:
            await raw_exchange(recorder.url, sent)
            return server.received[0]

    head, _, received = asyncio.run(run()).partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")

    assert (b"POST /v1/chat/completions?a=%2F&key=k HTTP/1.1", body) == (lines[0], received)
    assert {b"Authorization: Bearer k", b"X-A: 1", b"Content-Length: %d" % len(body)} == {
        line for line in lines[1:] if not line.startswith(b"Host:")
    }


def test_a_chunked_upload_and_a_large_one_arrive_whole(tmp_path: Path) -> None:
    """Two MiB in pieces of unknown number, and the same with a length."""
    text = json.dumps({**CHAT, "pad": "x" * 2**21}).encode()

    async def pieces() -> Any:
        yield text[:1000]
        yield text[1000:]

    async def run() -> list[bytes]:
        async with (
            scripted(plain("200 OK", b"{}")) as server,
            recording(tmp_path, server.url) as recorder,
            httpx2.AsyncClient() as client,
        ):
            for data in (pieces(), text):
                await client.post(f"{recorder.url}/v1/chat/completions", content=data)
            assert [len(text)] * 2 == [line["request_bytes"] for line in await recorder.lines(2)]
            return server.received

    first, second = asyncio.run(run())

    assert b"transfer-encoding: chunked" in first.partition(b"\r\n\r\n")[0].lower()
    assert text == second.partition(b"\r\n\r\n")[2]


def test_many_requests_use_one_connection(tmp_path: Path) -> None:
    """Keep-alive on both sides; a redirect is the client's business, and other paths are not recorded."""

    async def run() -> tuple[list[int], int]:
        answer = plain("307 Temporary Redirect", b"", "Location: http://elsewhere.invalid/")
        async with scripted(answer) as server, recording(tmp_path, server.url) as recorder:
            async with httpx2.AsyncClient() as client:
                found = [await client.get(f"{recorder.url}/v1/models") for _ in range(3)]
            return [one.status_code for one in found], len(recorder.path.read_bytes())

    assert ([307] * 3, 0) == asyncio.run(run())


@pytest.mark.parametrize("target", ["http://evil.invalid/v1/models", "/elsewhere"])
def test_a_path_of_no_vendor_goes_nowhere(tmp_path: Path, target: str) -> None:
    """Without --upstream there is no address for it; a whole address as the path is refused in any case."""
    from gapbench.traffic.recording.protocols import default_upstream

    if target.startswith("/"):
        assert default_upstream(target, {}) is None
        return

    async def run() -> bytes:
        async with scripted(plain("200 OK", b"")) as server, recording(tmp_path, server.url) as recorder:
            sent = f"GET {target} HTTP/1.1\r\nHost: evil.invalid\r\nConnection: close\r\n\r\n"
            found = await raw_exchange(recorder.url, sent.encode())
            assert [] == server.received
            return found

    assert asyncio.run(run()).startswith(b"HTTP/1.1 501 ")


def test_a_full_recording_goes_on_serving(tmp_path: Path) -> None:
    """The second request is passed on; the user is told once."""

    async def run() -> tuple[int, int, list[str]]:
        answer = plain("200 OK", json.dumps(REPLY).encode())
        async with (
            scripted(answer) as server,
            recording(tmp_path, server.url, max_bytes=1) as recorder,
            httpx2.AsyncClient() as client,
        ):
            for _ in range(3):
                found = await client.post(f"{recorder.url}/v1/chat/completions", json=CHAT)
                assert REPLY == found.json()
            return recorder.writer.written, recorder.writer.lost, recorder.reports

    written, lost, reports = asyncio.run(run())

    assert (1, 2, 1) == (written, lost, len(reports))
    assert "--max-gib" in reports[0]


def test_a_killed_recorder_has_every_answer_that_was_received(tmp_path: Path) -> None:
    """SIGKILL in the middle of the traffic of eight clients: no whole answer lacks its line."""
    path = tmp_path / "traffic.jsonl"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    async def run() -> list[str]:
        received: list[str] = []
        answer = plain("200 OK", json.dumps(REPLY).encode())
        async with scripted(answer) as server:
            command = [
                sys.executable, "-m", "gapbench.cli", "record", "--to", str(path), "--listen", f"127.0.0.1:{port}",
                "--upstream", server.url,
            ]  # fmt: skip
            process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
            assert process.stdout is not None
            assert b"recording http://127.0.0.1:" in await process.stdout.readline()

            async def ask(client: httpx2.AsyncClient, name: int) -> None:
                for number in range(10_000):
                    label = f"{name}-{number}"
                    try:
                        await client.post(
                            f"http://127.0.0.1:{port}/v1/chat/completions", json=CHAT,
                            headers={"x-gapbench-route": label},
                        )  # fmt: skip
                    except httpx2.TransportError:
                        return
                    received.append(label)
                    if len(received) == 200:
                        os.kill(process.pid, signal.SIGKILL)

            async with httpx2.AsyncClient() as client:
                await asyncio.gather(*(ask(client, name) for name in range(8)))
            assert -signal.SIGKILL == await process.wait()
        return received

    received = asyncio.run(run())
    written = [orjson.loads(line)["route"] for line in path.read_bytes().splitlines()]

    assert len(received) >= 200
    assert set(received) <= set(written)
    assert len(written) <= len(received) + 8


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--listen", "0.0.0.0:0"], "--allow-remote"),
        (["--listen", "10.1.2.3:8400"], "other machines reach this address"),
        (["--listen", "8400"], "expected HOST:PORT"),
        (["--upstream", "ftp://x"], "is not an address"),
        (["--upstream", "https://user:pass@x"], "Keys stay in the clients"),
        (["--upstream", "http://127.0.0.1:8400/v1"], "where the recorder itself listens"),
        (["--upstream", "http://x?"], "a query or a fragment"),
        (["--hash-key-env", "NO_SUCH_VARIABLE"], "which is not set"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """Exit code 2, one line, and no file."""
    path = tmp_path / "t.jsonl"

    assert 2 == invoke(["record", "--to", str(path), *arguments])
    error = capsys.readouterr().err
    assert said in error
    assert "pass@" not in error
    assert not path.exists()


def test_a_client_that_waits_for_100_continue_gets_it_before_it_sends_the_body(tmp_path: Path) -> None:
    """Clients wait a second for it, or longer."""
    body = json.dumps(CHAT).encode()
    head, _, _ = post("/v1/chat/completions", body, "Expect: 100-continue").partition(b"\r\n\r\n")

    async def run() -> bytes:
        async with scripted(plain("200 OK", b"{}")) as server, recording(tmp_path, server.url) as recorder:
            host, _, port = recorder.url.removeprefix("http://").partition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(head + b"\r\n\r\n")
            async with asyncio.timeout(20):
                assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(body)
            await reader.read()
            writer.close()
            return server.received[0].partition(b"\r\n\r\n")[2]

    assert body == asyncio.run(run())


def test_an_offer_of_http_2_is_passed_over(tmp_path: Path) -> None:
    """Java's client makes it with each plain request; a web socket is refused."""
    body = json.dumps(CHAT).encode()
    offer = (
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk",
    )

    async def run() -> list[bytes]:
        answer = plain("200 OK", b"{}", "Connection: close")
        async with scripted(answer, closes=True) as server, recording(tmp_path, server.url) as recorder:
            sent = post("/v1/chat/completions", body, *offer)
            first = await raw_exchange(recorder.url, sent)
            second = await raw_exchange(recorder.url, sent.replace(b"h2c", b"websocket"))
            assert body == server.received[0].partition(b"\r\n\r\n")[2]
            assert b"upgrade" not in server.received[0].lower()
            return [found.partition(b"\r\n")[0] for found in (first, second)]

    first, second = asyncio.run(run())

    assert (b"HTTP/1.1 200 OK", b"501") == (first, second.split()[1])


def test_a_reply_that_says_done_is_not_at_its_end(tmp_path: Path) -> None:
    """The mark at the end of a stream is a line; here the model generated it, and goes on once the client has it."""
    text = b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%s"}}\n\n'
    start = b'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
    head, *first, second, end = chunked(start, text % b"[DONE]", text % b" and more")

    async def run() -> dict[str, Any]:
        has_first = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"".join((head, *first)))
            await has_first.wait()
            writer.write(second + end)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        upstream = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server, recording(tmp_path, upstream) as recorder, httpx2.AsyncClient() as client:
            async with client.stream("POST", f"{recorder.url}/v1/messages", json=CHAT) as reply:
                async for piece in reply.aiter_bytes():
                    if b"[DONE]" in piece:
                        has_first.set()
            return await recorder.line()

    assert "[DONE] and more" == asyncio.run(run())["reply"]


@pytest.mark.parametrize("keep_texts", [True, False])
def test_all_bodies_together_have_a_bound(tmp_path: Path, keep_texts: bool) -> None:
    """Of 10,000 bytes two open requests hold 4,000 each. A third passes whole, and only its size is written; then there is room."""
    text = json.dumps({**CHAT, "pad": "x" * 3_900}).encode()
    text += b" " * (4_000 - len(text))
    may_end = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert text == await reader.readexactly(len(text))
        if b"wait" in head:
            await may_end.wait()
        writer.write(plain("200 OK", json.dumps(REPLY).encode()))
        await writer.drain()
        writer.close()

    async def ask(url: str, path: str, count: int) -> bytes:
        found = await raw_exchange(
            url, post(f"/v1/chat/completions?{path}", text, f"x-gapbench-route: {path}")
        )
        return found.partition(b"\r\n\r\n")[2]

    async def run() -> tuple[list[dict[str, Any]], int, int, list[str]]:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        upstream = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with (
            server,
            recording(tmp_path, upstream, keep_texts=keep_texts, memory_bytes=10_000) as recorder,
        ):
            waiting = [asyncio.create_task(ask(recorder.url, "wait", number)) for number in range(2)]
            async with asyncio.timeout(20):
                while recorder.writer.memory.held_bytes < 8_000:  # noqa: ASYNC110 - as the proxy reads
                    await asyncio.sleep(0)
            assert json.dumps(REPLY).encode() == await ask(recorder.url, "third", 2)
            may_end.set()
            await asyncio.gather(*waiting)
            await ask(recorder.url, "fourth", 3)
            lines = await recorder.lines(4)
            writer = recorder.writer
            return lines, writer.sizes_only, writer.memory.held_bytes, recorder.reports

    lines, sizes_only, held_bytes, reports = asyncio.run(run())
    by_route = {line["route"]: line for line in lines}
    shortened = by_route["third"]

    assert ["request: 4,000 bytes; the recorder held 10,000 of other requests"] == shortened["not_read"]
    assert (4_000, 3, 200) == (
        shortened["request_bytes"], shortened["input_tokens"], shortened["http_status"]
    )  # fmt: skip
    assert all("not_read" not in by_route[route] for route in ("wait", "fourth"))
    assert (1, 0, 1) == (sizes_only, held_bytes, len(reports))

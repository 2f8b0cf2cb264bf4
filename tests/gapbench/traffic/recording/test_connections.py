"""Connections of the proxy: TLS, the machine's own proxy, old clients, early answers, slow sides, and the end."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from gapbench.traffic.recording import client_connection, proxy
from tests.recorded_exchanges import CHAT, REPLY, post, raw_exchange
from tests.recording import chunked, plain, recording, scripted

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
BODY = json.dumps(CHAT).encode()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    return head + await reader.readexactly(int(length or 0))


@asynccontextmanager
async def answering(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve each connection by a function; yields the address."""
    tasks: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.current_task())
        try:
            await answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        scheme = "http" if tls is None else "https"
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await asyncio.gather(*(task for task in tasks if task is not None), return_exceptions=True)


def test_an_upstream_with_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CA of one's own by SSL_CERT_FILE; without it the line says that the certificate is not trusted."""
    from trustme import CA

    ca = CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(tls)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not reader.at_eof():
            await read_request(reader)
            writer.write(plain("200 OK", json.dumps(REPLY).encode()))

    async def run(folder: Path) -> tuple[bytes, str | None]:
        async with answering(answer, tls) as url, recording(folder, url) as recorder:
            found = await raw_exchange(recorder.url, post("/v1/chat/completions", BODY))
            return found, (await recorder.line()).get("error")

    for name in ("untrusted", "trusted"):
        (tmp_path / name).mkdir()
    found, error = asyncio.run(run(tmp_path / "untrusted"))
    assert b"" == found
    assert error is not None
    assert error.startswith("connection: cannot connect: TLS: unable to get local issuer certificate")

    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    found, error = asyncio.run(run(tmp_path / "trusted"))
    assert (json.dumps(REPLY).encode(), None) == (found.partition(b"\r\n\r\n")[2], error)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_proxy_of_the_environment_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    """A plain request names the whole address; for TLS the proxy is asked for a tunnel. User and password go along."""
    asked: list[bytes] = []

    async def act_as_proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await read_request(reader))
        writer.write(plain("200 OK" if scheme == "http" else "407 Proxy Authentication Required", b"{}"))
        await writer.drain()

    async def run() -> str | None:
        async with (
            answering(act_as_proxy) as url,
            recording(tmp_path, f"{scheme}://models.invalid") as recorder,
        ):
            monkeypatch.setenv(f"{scheme}_proxy", url.replace("://", "://ann:p%40ss@"))
            monkeypatch.setenv("no_proxy", "")
            await raw_exchange(recorder.url, post("/v1/chat/completions", BODY))
            return (await recorder.line()).get("error")

    error = asyncio.run(run())
    first, *headers = asked[0].partition(b"\r\n\r\n")[0].split(b"\r\n")

    assert b"Proxy-Authorization: Basic YW5uOnBAc3M=" in headers  # ann:p@ss
    if scheme == "http":
        assert (b"POST http://models.invalid/v1/chat/completions HTTP/1.1", None) == (first, error)
        assert b"Host: models.invalid" in headers
    else:
        assert b"CONNECT models.invalid:443 HTTP/1.1" == first
        assert "connection: cannot connect: the proxy refused to connect: HTTP 407" == error


def test_a_client_of_http_1_0_gets_the_body_without_chunks(tmp_path: Path) -> None:
    """It knows none; the end of the connection is the end of the body."""
    sent = b"POST /v1/chat/completions HTTP/1.0\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)

    async def run() -> bytes:
        pieces = chunked(b"data: {}\n\n", b"data: [DONE]\n\n")
        async with scripted(*pieces) as server, recording(tmp_path, server.url) as recorder:
            return await raw_exchange(recorder.url, sent)

    head, _, body = asyncio.run(run()).partition(b"\r\n\r\n")

    assert b"data: {}\n\ndata: [DONE]\n\n" == body
    assert b"chunked" not in head.lower()


def test_a_body_that_ends_with_the_connection_is_whole(tmp_path: Path) -> None:
    """An upstream of HTTP/1.0; the client's connection lives on."""

    async def run() -> list[bytes]:
        answer = b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + json.dumps(REPLY).encode()
        async with (
            scripted(answer, closes=True) as server,
            recording(tmp_path, server.url) as recorder,
            httpx2.AsyncClient() as client,
        ):
            found = [await client.post(f"{recorder.url}/v1/chat/completions", json=CHAT) for _ in range(2)]
            assert ["hi", "hi"] == [line["reply"] for line in await recorder.lines(2)]
            return [one.content for one in found]

    assert [json.dumps(REPLY).encode()] * 2 == asyncio.run(run())


def test_an_answer_to_head_has_no_body(tmp_path: Path) -> None:
    """Its length is that of the body which GET would get."""
    sent = b"HEAD /v1/models HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

    async def run() -> bytes:
        answer = b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n"
        async with scripted(answer) as server, recording(tmp_path, server.url) as recorder:
            return await raw_exchange(recorder.url, sent)

    assert b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\nConnection: close\r\n\r\n" == asyncio.run(run())


def test_requests_sent_ahead_are_answered_in_their_order(tmp_path: Path) -> None:
    """Three in one write; early hints are passed over."""
    one = b"GET /v1/models HTTP/1.1\r\nHost: h\r\n\r\n"

    async def run() -> tuple[bytes, int]:
        hints = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        async with (
            scripted(hints + plain("200 OK", b"{}")) as server,
            recording(tmp_path, server.url) as recorder,
        ):
            sent = one + one + one.replace(b"Host: h", b"Connection: close")
            return await raw_exchange(recorder.url, sent), len(server.received)

    found, count = asyncio.run(run())

    assert (3, 3, 0) == (found.count(b"HTTP/1.1 200 OK"), count, found.count(b"103"))


def test_an_upstream_that_does_not_want_the_whole_request_is_heard(tmp_path: Path) -> None:
    """It answers after the first half and closes; the client gets the answer, and its next request is served."""
    refusal = json.dumps({"error": {"message": "too large", "type": "size"}}).encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"first half")
        writer.write(plain("413 Content Too Large", refusal))
        await writer.drain()

    async def run() -> tuple[bytes, bytes, int]:
        async with answering(answer) as url, recording(tmp_path, url) as recorder:
            host, _, port = recorder.url.removeprefix("http://").partition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            found = []
            for _ in range(2):
                writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 21\r\n\r\nfirst half")
                head = await reader.readuntil(b"\r\n\r\n")
                found.append(head.partition(b"\r\n")[0] + await reader.readexactly(len(refusal)))
                writer.write(b"second half")
            writer.close()
            return found[0], found[1], (await recorder.lines(2))[0]["http_status"]

    first, second, status = asyncio.run(run())

    assert (b"HTTP/1.1 413 Content Too Large" + refusal, 413) == (first, status)
    assert first == second


def test_a_slow_client_holds_its_upstream_back(tmp_path: Path) -> None:
    """64 MiB are on their way; the proxy holds a small part, and all arrives once the client reads."""
    size = 64 * 2**20
    sent = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        while sent < size:
            writer.write(bytes(2**20))
            await writer.drain()
            sent += 2**20

    async def run() -> tuple[int, int]:
        async with answering(answer) as url, recording(tmp_path, url) as recorder:
            host, _, port = recorder.url.removeprefix("http://").partition(":")
            reader, writer = await asyncio.open_connection(host, int(port), limit=2**16)
            writer.write(b"GET /v1/files/f/content HTTP/1.1\r\nHost: h\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            before = -1
            while before != sent:  # until nothing moves any more
                before = sent
                for _ in range(200):
                    await asyncio.sleep(0)
            held = sent
            await reader.readexactly(size)
            writer.close()
            return held, sent

    held, whole = asyncio.run(run())

    assert held < size / 2
    assert size == whole


def test_a_request_in_progress_may_end_after_the_proxy_is_told_to_stop(tmp_path: Path) -> None:
    """The rest of its answer arrives; an idle connection is closed at once."""
    may_end = asyncio.Event()
    head, first, second, end = chunked(b"data: {}\n\n", b"data: [DONE]\n\n")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(head + first)
        await may_end.wait()
        writer.write(second + end)

    async def run() -> tuple[bytes, bytes]:
        async with answering(answer) as url, recording(tmp_path, url) as recorder:
            host, _, port = recorder.url.removeprefix("http://").partition(":")
            idle, idle_writer = await asyncio.open_connection(host, int(port))
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(post("/v1/chat/completions", BODY).replace(b"Connection: close\r\n", b""))
            await reader.readuntil(b"data: {}\n\n")
            stopping = asyncio.create_task(recorder.proxy.stop())
            closed = await idle.read()
            may_end.set()
            rest = await reader.read()
            await stopping
            writer.close()
            idle_writer.close()
            return closed, rest

    assert (b"", b"\r\ne\r\ndata: [DONE]\n\n\r\n0\r\n\r\n") == asyncio.run(run())


def test_a_request_that_does_not_end_is_cut_and_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the time that it has; the line says that it was cancelled."""
    monkeypatch.setattr(proxy, "STOP_WAIT_S", 0.0)

    async def run() -> bool:
        open_stream = chunked(b"data: {}\n\n", end=False)
        async with scripted(*open_stream, waits=True) as server, recording(tmp_path, server.url) as recorder:
            host, _, port = recorder.url.removeprefix("http://").partition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(post("/v1/chat/completions", BODY))
            await reader.readuntil(b"data: {}\n\n")
            await recorder.proxy.stop()
            writer.close()
            return bool((await recorder.line())["cancelled"])

    assert asyncio.run(run())


def test_a_client_that_leaves_before_the_upstream_is_connected_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent for it."""
    from gapbench.traffic.recording import upstream_connection

    never = asyncio.Event()

    async def connect(*_: object) -> None:
        await never.wait()

    monkeypatch.setattr(upstream_connection, "connect_socket", connect)

    async def run() -> tuple[bool, bool]:
        async with recording(tmp_path, "http://models.invalid") as recorder:
            host, _, port = recorder.url.removeprefix("http://").partition(":")
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(post("/v1/chat/completions", BODY))
            await writer.drain()
            writer.close()
            line = await recorder.line()
            return bool(line["cancelled"]), "http_status" in line

    assert (True, False) == asyncio.run(run())


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"hello\r\n\r\n", b"400"),
        (b"POST /v1/x HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
        (b"POST /v1/chat/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
        (b"GET /v1/x HTTP/1.1\r\nX: " + b"x" * 2**18 + b"\r\n\r\n", b"431"),
        (b"CONNECT models.invalid:443 HTTP/1.1\r\n\r\n", b"501"),
    ],
)
def test_what_is_no_request_is_refused(tmp_path: Path, sent: bytes, status: bytes) -> None:
    """With the reason; the connection ends."""

    async def run() -> bytes:
        async with scripted(plain("200 OK", b"")) as server, recording(tmp_path, server.url) as recorder:
            return await raw_exchange(recorder.url, sent)

    found = asyncio.run(run())

    assert status == found.split()[1]
    assert b"bench record cannot pass this on: " in found


def test_a_chunk_that_is_none_in_the_middle_ends_both_connections(tmp_path: Path) -> None:
    """The upstream sees the request cut; the line says why."""
    start = b"POST /v1/chat/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    has_first = asyncio.Event()
    rest: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"2\r\n{}\r\n")
        has_first.set()
        rest.append(await reader.read())

    async def run() -> tuple[bytes, str]:
        async with answering(answer) as url, recording(tmp_path, url) as recorder:
            host, _, port = recorder.url.removeprefix("http://").partition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(start + b"2\r\n{}\r\n")
            await has_first.wait()
            writer.write(b"zz\r\n")
            found = await reader.read()
            writer.close()
            return found, (await recorder.line())["error"]

    found, error = asyncio.run(run())

    assert (b"400", "the request is not HTTP/1.1: a chunk without its size") == (found.split()[1], error)
    assert [b""] == rest


def test_a_client_cannot_send_ahead_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While its first request is open, the proxy stops reading what comes after it."""
    monkeypatch.setattr(client_connection, "_MAX_AHEAD_BYTES", 1_000)
    taken: list[int] = []
    keep = client_connection.ClientConnection.read_on

    def note(self: client_connection.ClientConnection, *, is_wanted: bool) -> None:
        taken.append(len(self._buffer))
        keep(self, is_wanted=is_wanted)

    monkeypatch.setattr(client_connection.ClientConnection, "read_on", note)

    async def run() -> None:
        open_stream = chunked(b"data: {}\n\n", end=False)
        async with scripted(*open_stream, waits=True) as server, recording(tmp_path, server.url) as recorder:
            host, _, port = recorder.url.removeprefix("http://").partition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(post("/v1/chat/completions", BODY))
            await reader.readuntil(b"data: {}\n\n")
            writer.write(b"x" * 5_000)
            async with asyncio.timeout(20):
                while not any(size > 1_000 for size in taken):  # noqa: ASYNC110 - as the proxy reads
                    await asyncio.sleep(0)
            writer.close()

    asyncio.run(run())

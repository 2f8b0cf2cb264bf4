"""The lean transport over real sockets on loopback."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from harness import wire
from harness.errors import RunnerError
from harness.values import Session
from harness.wire.clock import KernelClock
from harness.wire.exchange import PAUSE_BYTES, Exchange, Origin
from harness.wire.lean import LeanTransport

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
WHOLE = HEAD + b"9\r\ndata: a\n\n\r\n0\r\n\r\n"


@asynccontextmanager
async def served(
    answer: Answer, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Serve on loopback; ``answer`` gets each connection with its number."""
    tasks: list[asyncio.Task[None]] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        try:
            await answer(reader, writer, len(tasks))
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    server = await asyncio.start_server(connected, host, 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    scheme = "http" if tls is None else "https"
    try:
        yield f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def request_of(reader: asyncio.StreamReader) -> bytes:
    """Return one request, head and body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
    )
    return head + await reader.readexactly(length)


def session(**changes: Any) -> Session:
    return Session(Path(), **{"connections": 4, "connect_timeout_s": 5.0, "read_timeout_s": 5.0, **changes})


async def heard(client: httpx2.AsyncClient, url: str) -> tuple[list[bytes], wire.Tape]:
    """Return the data of one exchange's events, and its tape."""
    with wire.exchange() as tape:
        try:
            await client.post(url, json={"a": 1})
            return [event.data async for event in tape.events()], tape
        finally:
            await tape.aclose()


def talk(answer: Answer, times: int = 1, **changes: Any) -> list[tuple[list[bytes], wire.Tape]]:
    """Return what a client hears that asks ``times`` times."""

    async def main() -> list[tuple[list[bytes], wire.Tape]]:
        async with served(answer) as url, wire.client(url, session(**changes)) as client:
            return [await heard(client, url) for _ in range(times)]

    return asyncio.run(main())


def always(*replies: bytes) -> Answer:
    """Answer every request of every connection with the same bytes, written in these pieces."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        while True:
            await request_of(reader)
            for piece in replies:
                writer.write(piece)
                await writer.drain()

    return answer


def test_events_are_stamped_between_sending_and_the_end() -> None:
    """All on one clock, in order."""
    [(events, tape)] = talk(always(WHOLE))
    assert tape.sent_s is not None
    assert tape.first_byte_s is not None
    assert tape.ended_s is not None

    assert ([b"a"], "lean", 200) == (events, tape.transport, tape.status)
    assert tape.sent_s <= tape.first_byte_s <= tape.ended_s <= wire.now()


def test_a_connection_is_used_again() -> None:
    """Three requests, one connection."""
    connections: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        connections.append(number)
        await always(WHOLE)(reader, writer, number)

    assert 3 == len(talk(answer, 3))
    assert [1] == connections


@pytest.mark.parametrize("head", [b"connection: close\r\n", b""])
def test_a_server_that_closes_is_asked_over_a_new_connection(head: bytes) -> None:
    """Whether it says so or not."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await request_of(reader)
        writer.write(WHOLE.replace(b"transfer-encoding", head + b"transfer-encoding"))

    assert [[b"a"], [b"a"]] == [events for events, _ in talk(answer, 2)]


def test_a_kept_connection_that_dies_on_the_next_request_is_replaced_once() -> None:
    """It had brought no byte of a reply."""
    numbers: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await request_of(reader)
        numbers.append(number)
        writer.write(WHOLE)
        if number == 1:
            await request_of(reader)
            numbers.append(number)

    assert [[b"a"], [b"a"]] == [events for events, _ in talk(answer, 2)]
    assert [1, 1, 2] == numbers


def test_a_fresh_connection_that_dies_is_not_replaced() -> None:
    """The server has the request and may have begun on it."""
    numbers: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await request_of(reader)
        numbers.append(number)

    with pytest.raises(httpx2.RemoteProtocolError, match="without sending a response"):
        talk(answer)
    assert [1] == numbers


@pytest.mark.parametrize(
    ("sent", "kept"),
    [(HEAD, []), (HEAD + b"9\r\ndata: a\n\n\r\n", [b"a"]), (HEAD + b"9\r\ndata: a\n\n\r\n9\r\nda", [b"a"])],
)
def test_a_stream_cut_short_keeps_what_came(sent: bytes, kept: list[bytes]) -> None:
    """After the head, after a chunk, in the middle of one."""
    events: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await request_of(reader)
        writer.write(sent)

    async def main() -> None:
        async with served(answer) as url, wire.client(url, session()) as client:
            with wire.exchange() as tape:
                await client.post(url)
                async for event in tape.events():
                    events.append(event.data)  # noqa: PERF401 - what came before the error is the point

    with pytest.raises(RunnerError, match="peer closed connection") as caught:
        asyncio.run(main())
    assert ("cut_stream", kept) == (caught.value.kind, events)


def test_a_silent_server_is_a_timeout_that_keeps_what_came() -> None:
    """The deadline is on silence, not on the whole."""
    events: list[bytes] = []

    async def main() -> None:
        silent = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
            await request_of(reader)
            writer.write(HEAD + b"9\r\ndata: a\n\n\r\n")
            await silent.wait()

        async with served(answer) as url, wire.client(url, session(read_timeout_s=0.05)) as client:
            with wire.exchange() as tape:
                await client.post(url)
                try:
                    async for event in tape.events():
                        events.append(event.data)  # noqa: PERF401 - as above
                finally:
                    silent.set()

    with pytest.raises(RunnerError, match=r"no byte for 0\.05 s") as caught:
        asyncio.run(main())
    assert ("timeout", [b"a"]) == (caught.value.kind, events)


def test_a_cancelled_reader_gets_what_came_first() -> None:
    """A deadline from above loses no chunk that had arrived."""
    events: list[bytes] = []

    async def main() -> None:
        begun, done = asyncio.Event(), asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
            await request_of(reader)
            writer.write(HEAD)
            await begun.wait()
            writer.write(b"9\r\ndata: a\n\n\r\n")
            await done.wait()

        async with served(answer) as url, wire.client(url, session()) as client:
            tapes: list[wire.Tape] = []

            async def listen() -> None:
                with wire.exchange() as tape:
                    await client.post(url)
                    tapes.append(tape)
                    begun.set()
                    async for event in tape.events():
                        events.append(event.data)  # noqa: PERF401 - as above

            task = asyncio.create_task(listen())
            await begun.wait()
            while not (tapes and _has_unread(tapes[0])):  # noqa: ASYNC110 - it is the kernel that is waited for
                await asyncio.sleep(0)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            assert task.cancelled()
            done.set()

    asyncio.run(main())
    assert [b"a"] == events


def _has_unread(tape: wire.Tape) -> bool:
    return isinstance(tape.coming, Exchange) and tape.coming.reply.ahead > 0


def test_nudged_a_waiting_reader_sees_what_came() -> None:
    """For whoever watches a deadline on the first token."""

    async def main() -> list[bytes]:
        seen, done = asyncio.Event(), asyncio.Event()
        events: list[bytes] = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
            await request_of(reader)
            writer.write(HEAD + b"9\r\ndata: a\n\n\r\n")
            await done.wait()
            writer.write(b"0\r\n\r\n")

        async with served(answer) as url, wire.client(url, session()) as client:
            with wire.exchange() as tape:
                await client.post(url)

                async def listen() -> None:
                    async for event in tape.events():
                        events.append(event.data)
                        seen.set()

                task = asyncio.create_task(listen())
                while not seen.is_set():
                    tape.nudge()
                    await asyncio.sleep(0)
                early = list(events)
                done.set()
                await task
                return early

    assert [b"a"] == asyncio.run(main())


@pytest.mark.parametrize(
    "read", [b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 200 OK\r\na: " + b"x" * 70_000 + b"\r\n\r\n"]
)
def test_what_is_no_reply_is_an_error_of_the_protocol(read: bytes) -> None:
    """Its kind is that of httpx2's own transport."""
    with pytest.raises(httpx2.RemoteProtocolError) as caught:
        talk(always(read))

    assert "cut_stream" == wire.transport_failure(caught.value).kind


def test_nobody_listening_is_connect() -> None:
    """Port 9 of loopback has no server."""

    async def main() -> None:
        async with wire.client("http://127.0.0.1:9", session()) as client:
            await client.get("http://127.0.0.1:9/")

    with pytest.raises(httpx2.ConnectError):
        asyncio.run(main())


def test_a_name_that_does_not_resolve_is_connect() -> None:
    """`.invalid` never does (RFC 2606)."""

    async def main() -> None:
        async with wire.client("http://nowhere.invalid", session()) as client:
            await client.get("http://nowhere.invalid/")

    with pytest.raises(httpx2.ConnectError):
        asyncio.run(main())


def test_ipv6() -> None:
    """Loopback has one."""

    async def main() -> list[bytes]:
        async with served(always(WHOLE), "::1") as url, wire.client(url, session()) as client:
            return (await heard(client, url))[0]

    assert [b"a"] == asyncio.run(main())


def test_gzip_is_not_asked_for_and_is_undone() -> None:
    """Events that a gateway compressed all the same are read, stamped as they came."""
    asked: list[bytes] = []
    packed = gzip.compress(b"data: a\n\n")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        asked.append(await request_of(reader))
        head = HEAD.replace(b"transfer", b"content-encoding: gzip\r\ntransfer")
        writer.write(head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed))

    assert [b"a"] == talk(answer)[0][0]
    assert b"accept-encoding: identity" in asked[0].lower()


@pytest.mark.parametrize(("coding", "body"), [("br", b"x"), ("gzip", b"data: a\n\n")])
def test_an_unknown_compression_is_garbage(coding: str, body: bytes) -> None:
    """Named, not guessed at."""
    head = HEAD.replace(b"transfer", b"content-encoding: %s\r\ntransfer" % coding.encode())

    with pytest.raises(RunnerError, match=coding) as caught:
        talk(always(head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)))
    assert "garbage" == caught.value.kind


def test_another_status_goes_to_the_client_with_its_body() -> None:
    """The vendor's client reads it and raises its own error."""
    reply = b"HTTP/1.1 429 Slow\r\nretry-after: 7\r\ncontent-length: 4\r\n\r\nslow"

    async def main() -> tuple[int, str, str, int | None]:
        async with served(always(reply)) as url, wire.client(url, session()) as client:
            with wire.exchange() as tape:
                response = await client.post(url)
                return response.status_code, response.text, response.headers["retry-after"], tape.status

    assert (429, "slow", "7", 429) == asyncio.run(main())


def test_outside_an_exchange_it_is_a_plain_transport() -> None:
    """Model lists and health checks."""

    async def main() -> str:
        async with (
            served(always(b"HTTP/1.1 200 OK\r\n\r\nwhole"[:17] + b"content-length: 5\r\n\r\nwhole")) as url,
            wire.client(url, session()) as client,
        ):
            return (await client.get(url)).text

    assert "whole" == asyncio.run(main())


def test_no_more_connections_are_open_than_allowed() -> None:
    """A fifth request waits for one of four."""
    together: list[int] = []

    async def main() -> int:
        at_once = 0
        gate = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
            nonlocal at_once
            while True:
                await request_of(reader)
                at_once += 1
                together.append(at_once)
                if at_once == 4:
                    gate.set()
                await gate.wait()
                at_once -= 1
                writer.write(WHOLE)

        async with served(answer) as url, wire.client(url, session()) as client:
            return len(await asyncio.gather(*(heard(client, url) for _ in range(9))))

    assert 9 == asyncio.run(main())
    assert 4 == max(together)


def test_a_body_nobody_reads_stays_with_its_server() -> None:
    """Back-pressure: the kernel's buffers fill, and ours stops at its bound."""
    piece = b"%x\r\n%s\r\n" % (2**16, b"data: " + b"x" * (2**16 - 8) + b"\n\n")

    async def main() -> tuple[bool, int]:
        stuck = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
            await request_of(reader)
            writer.transport.set_write_buffer_limits(high=2**16)
            writer.write(HEAD)
            for _ in range(1_000):
                writer.write(piece)
                try:
                    await asyncio.wait_for(writer.drain(), 0.5)
                except TimeoutError:
                    stuck.set()
                    await writer.drain()
            writer.write(b"0\r\n\r\n")

        async with served(answer) as url:
            transport = LeanTransport(session())
            host, port = url.removeprefix("http://").split(":")
            exchange = await transport.send(
                Origin("http", host, int(port)), b"POST / HTTP/1.1\r\n\r\n", wire.Tape(), eager=True
            )
            await stuck.wait()
            held = exchange.reply.ahead
            read = 0
            async for pieces in exchange.pieces():
                read += sum(len(payload) for _, payload in pieces)
            await exchange.aclose()
            await transport.aclose()
            return held <= 2 * PAUSE_BYTES, read

    assert (True, 1_000 * 2**16) == asyncio.run(main())


def test_a_request_larger_than_the_socket_takes_is_sent_whole() -> None:
    """Images make bodies of megabytes."""
    sizes: list[int] = []

    async def main() -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
            sizes.append(len((await request_of(reader)).partition(b"\r\n\r\n")[2]))
            writer.write(WHOLE)

        async with served(answer) as url, wire.client(url, session()) as client:
            with wire.exchange() as tape:
                await client.post(url, content=b"x" * 20_000_000)
                assert [b"a"] == [event.data async for event in tape.events()]

    asyncio.run(main())
    assert [20_000_000] == sizes


@pytest.mark.parametrize("header", [{"x": "a\r\nb: c"}, {"x": "a\nb"}])
def test_a_header_cannot_end_its_line(header: dict[str, str]) -> None:
    """A key with a line break in it must not become a header of its own."""

    async def main() -> None:
        async with wire.client("http://127.0.0.1:9", session()) as client:
            await client.get("http://127.0.0.1:9/", headers=header)

    with pytest.raises(httpx2.LocalProtocolError):
        asyncio.run(main())


def test_a_proxy_takes_the_sdks_own_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lean one knows no proxies; the row says which moved the bytes."""
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        asked.append(await request_of(reader))
        writer.write(WHOLE)

    async def main() -> tuple[list[bytes], wire.Tape]:
        async with served(answer) as proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy)
            async with wire.client("http://server.test", session()) as client:
                return await heard(client, "http://server.test/v1")

    events, tape = asyncio.run(main())
    assert ([b"a"], "httpx2") == (events, tape.transport)
    assert asked[0].startswith(b"POST http://server.test/v1 ")


def test_a_kernel_stamp_is_an_instant_of_the_clock() -> None:
    """Between the send and the read; one from before the request is a stepped clock and is not believed."""
    clock = KernelClock()
    left, right = socket.socketpair(socket.AF_UNIX)
    with left, right:
        before_s = wire.now()
        real_s = clock.offset_s + before_s
        note = int(real_s).to_bytes(8, "little") + int(real_s % 1 * 1e9).to_bytes(8, "little")

        assert abs(before_s - clock.instant_s(note, before_s - 1, before_s + 1)) < 1e-3
        assert before_s + 3 == clock.instant_s(note, before_s + 2, before_s + 3)


def test_tls_with_a_ca_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SSL_CERT_FILE names it; without it the server is not trusted."""
    ca, tls = _certified(tmp_path)

    async def main() -> list[bytes]:
        async with served(always(WHOLE), tls=tls) as url:
            async with wire.client(url, session()) as client:
                with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                    await heard(client, url)
            monkeypatch.setenv("SSL_CERT_FILE", str(ca))
            async with wire.client(url, session()) as client:
                return [data for _ in range(2) for data in (await heard(client, url))[0]]

    assert [b"a", b"a"] == asyncio.run(main())


def _certified(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Return a CA's file, and the context of a server on 127.0.0.1 that it vouches for."""
    from trustme import CA

    ca = CA()
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(tls)
    return folder / "ca.pem", tls

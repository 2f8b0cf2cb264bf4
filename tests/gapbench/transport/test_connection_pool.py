"""The lean transport over real sockets on loopback."""

from __future__ import annotations

import asyncio
import gc
import gzip
import socket
import ssl
import weakref
from pathlib import Path

import httpx2
import pytest

from gapbench import transport as wire
from gapbench.transport.connection import READ_AHEAD_LIMIT_BYTES, Origin
from gapbench.transport.connection_pool import LeanTransport
from gapbench.transport.sockets import KernelClock
from tests.gapbench.transport.lean_server import HEAD, WHOLE, always, heard, request_of, served, session, talk


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


def test_an_exchange_that_has_ended_is_freed_at_once() -> None:
    """In a cycle with its timer it would stay until garbage is collected, which delays what arrives meanwhile."""
    uvloop = pytest.importorskip("uvloop")

    async def main() -> weakref.ref[object]:
        async with served(always(WHOLE)) as url, wire.new_client(url, session()) as client:
            with wire.record_exchange() as tape:
                await client.post(url, json={"a": 1})
                exchange: weakref.ref[object] = weakref.ref(tape.active_stream)
                assert [b"a"] == [event.data async for event in tape.events()]
            return exchange

    gc.disable()
    try:
        assert uvloop.run(main())() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("head", [b"connection: close\r\n", b""])
def test_a_server_that_closes_is_asked_over_a_new_connection(head: bytes) -> None:
    """Whether it says so or not."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await request_of(reader)
        writer.write(WHOLE.replace(b"transfer-encoding", head + b"transfer-encoding"))

    assert [[b"a"], [b"a"]] == [events for events, _ in talk(answer, 2)]


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

        async with served(answer) as url, wire.new_client(url, session()) as client:
            with wire.record_exchange() as tape:
                await client.post(url)

                async def listen() -> None:
                    async for event in tape.events():
                        events.append(event.data)
                        seen.set()

                task = asyncio.create_task(listen())
                while not seen.is_set():
                    tape.wake_reader()
                    await asyncio.sleep(0)
                early = list(events)
                done.set()
                await task
                return early

    assert [b"a"] == asyncio.run(main())


def test_ipv6() -> None:
    """Loopback has one."""

    async def main() -> list[bytes]:
        async with served(always(WHOLE), "::1") as url, wire.new_client(url, session()) as client:
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


def test_another_status_goes_to_the_client_with_its_body() -> None:
    """The vendor's client reads it and raises its own error."""
    reply = b"HTTP/1.1 429 Slow\r\nretry-after: 7\r\ncontent-length: 4\r\n\r\nslow"

    async def main() -> tuple[int, str, str, int | None]:
        async with served(always(reply)) as url, wire.new_client(url, session()) as client:
            with wire.record_exchange() as tape:
                response = await client.post(url)
                return response.status_code, response.text, response.headers["retry-after"], tape.status

    assert (429, "slow", "7", 429) == asyncio.run(main())


def test_outside_an_exchange_it_is_a_plain_transport() -> None:
    """Model lists and health checks."""

    async def main() -> str:
        async with (
            served(always(b"HTTP/1.1 200 OK\r\n\r\nwhole"[:17] + b"content-length: 5\r\n\r\nwhole")) as url,
            wire.new_client(url, session()) as client,
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

        async with served(answer) as url, wire.new_client(url, session()) as client:
            return len(await asyncio.gather(*(heard(client, url) for _ in range(9))))

    assert 9 == asyncio.run(main())
    assert 4 == max(together)


def test_a_body_nobody_reads_stays_with_its_server() -> None:
    """Back-pressure: the kernel's buffers fill, and ours stops at its bound."""
    piece = b"%x\r\n%s\r\n" % (2**16, b"data: " + b"x" * (2**16 - 8) + b"\n\n")

    async def main() -> tuple[bool, int]:
        writers: list[asyncio.StreamWriter] = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
            await request_of(reader)
            writer.transport.set_write_buffer_limits(high=2**16)
            writers.append(writer)
            writer.write(HEAD)
            for _ in range(1_000):
                writer.write(piece)
                await writer.drain()
            writer.write(b"0\r\n\r\n")

        async with served(answer) as url:
            transport = LeanTransport(session())
            host, port = url.removeprefix("http://").split(":")
            exchange = await transport.send(
                Origin("http", host, int(port)), b"POST / HTTP/1.1\r\n\r\n", wire.ExchangeRecord(), eager=True
            )

            def amounts() -> tuple[int, int]:
                return exchange.response.unread_bytes, writers[0].transport.get_write_buffer_size()

            # Nothing moves any more for 100 turns of the loop, and the server has something left to send.
            last, unchanged = (0, 0), 0
            while unchanged < 100:
                await asyncio.sleep(0)
                now = amounts()
                unchanged = unchanged + 1 if now == last and min(now) > 0 else 0
                last = now
            held = exchange.response.unread_bytes
            read = 0
            async for pieces in exchange.stamped_batches():
                read += sum(len(payload) for _, payload in pieces)
            await exchange.aclose()
            await transport.aclose()
            return held <= 2 * READ_AHEAD_LIMIT_BYTES, read

    assert (True, 1_000 * 2**16) == asyncio.run(main())


def test_a_request_larger_than_the_socket_takes_is_sent_whole() -> None:
    """Images make bodies of megabytes."""
    sizes: list[int] = []

    async def main() -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
            sizes.append(len((await request_of(reader)).partition(b"\r\n\r\n")[2]))
            writer.write(WHOLE)

        async with served(answer) as url, wire.new_client(url, session()) as client:
            with wire.record_exchange() as tape:
                await client.post(url, content=b"x" * 20_000_000)
                assert [b"a"] == [event.data async for event in tape.events()]

    asyncio.run(main())
    assert [20_000_000] == sizes


def test_a_proxy_takes_the_sdks_own_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lean one knows no proxies; the row says which moved the bytes."""
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        asked.append(await request_of(reader))
        writer.write(WHOLE)

    async def main() -> tuple[list[bytes], wire.ExchangeRecord]:
        async with served(answer) as proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy)
            async with wire.new_client("http://server.test", session()) as client:
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

        assert abs(before_s - clock.to_monotonic_s(note, before_s - 1, before_s + 1)) < 1e-3
        assert before_s + 3 == clock.to_monotonic_s(note, before_s + 2, before_s + 3)


def test_tls_with_a_ca_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SSL_CERT_FILE names it; without it the server is not trusted."""
    ca, tls = _certified(tmp_path)

    async def main() -> list[bytes]:
        async with served(always(WHOLE), tls=tls) as url:
            async with wire.new_client(url, session()) as client:
                with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                    await heard(client, url)
            monkeypatch.setenv("SSL_CERT_FILE", str(ca))
            async with wire.new_client(url, session()) as client:
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

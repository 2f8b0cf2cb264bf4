"""The lean transport where a server dies, is silent, talks nonsense or is not there."""

from __future__ import annotations

import asyncio
import socket
import struct
import zlib
from contextlib import suppress

import httpx2
import pytest
import uvloop

from gapbench import transport
from gapbench.errors import RunnerError
from gapbench.transport.connection import Exchange
from tests.gapbench.transport.lean_server import HEAD, WHOLE, always, heard, request_of, served, session, talk


def test_a_request_that_a_kept_connection_took_is_not_sent_again() -> None:
    """The server has read it and may have begun on it: the caller decides, with a row of its own."""
    numbers: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await request_of(reader)
        numbers.append(number)
        writer.write(WHOLE)
        await request_of(reader)
        numbers.append(number)

    with pytest.raises(httpx2.RemoteProtocolError, match="without sending a response"):
        talk(answer, 2)
    assert [1, 1] == numbers


def test_a_kept_connection_that_the_server_closed_is_not_used() -> None:
    """Its end has arrived before a byte was written: nobody can have received the request."""
    numbers: list[int] = []

    async def main() -> list[list[bytes]]:
        ended = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
            await request_of(reader)
            numbers.append(number)
            writer.write(WHOLE)
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            ended.set()

        async with served(answer) as url, transport.new_client(url, session()) as client:
            first, _ = await heard(client, url)
            await ended.wait()
            second, _ = await heard(client, url)
            return [first, second]

    assert [[b"a"], [b"a"]] == asyncio.run(main())
    assert [1, 2] == numbers


def test_a_reset_together_with_data_is_noticed() -> None:
    """With uvloop only the data is reported; without a look at the socket this would last until the read timeout."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await request_of(reader)
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.write(HEAD[:20])
        writer.transport.abort()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:

        async def main() -> None:
            async with served(answer) as url, transport.new_client(url, session()) as client:
                await heard(client, url)

        with pytest.raises(httpx2.ReadError):
            loop.run(main())


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
        async with served(answer) as url, transport.new_client(url, session()) as client:
            with transport.record_exchange() as tape:
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

        async with served(answer) as url, transport.new_client(url, session(read_timeout_s=1.0)) as client:
            with transport.record_exchange() as tape:
                await client.post(url)
                try:
                    async for event in tape.events():
                        events.append(event.data)  # noqa: PERF401 - as above
                finally:
                    silent.set()

    with pytest.raises(RunnerError, match=r"no byte for 1 s") as caught:
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

        async with served(answer) as url, transport.new_client(url, session()) as client:
            tapes: list[transport.ExchangeRecord] = []

            async def listen() -> None:
                with transport.record_exchange() as tape:
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


def _has_unread(tape: transport.ExchangeRecord) -> bool:
    return isinstance(tape.active_stream, Exchange) and tape.active_stream.response.unread_bytes > 0


@pytest.mark.parametrize(
    "read", [b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 200 OK\r\na: " + b"x" * 70_000 + b"\r\n\r\n"]
)
def test_what_is_no_reply_is_an_error_of_the_protocol(read: bytes) -> None:
    """Its kind is that of httpx2's own transport."""
    with pytest.raises(httpx2.RemoteProtocolError) as caught:
        talk(always(read))

    assert "cut_stream" == transport.transport_failure(caught.value).kind


def test_nobody_listening_is_connect() -> None:
    """Port 9 of loopback has no server."""

    async def main() -> None:
        async with transport.new_client("http://127.0.0.1:9", session()) as client:
            await client.get("http://127.0.0.1:9/")

    with pytest.raises(httpx2.ConnectError):
        asyncio.run(main())


def test_a_name_that_does_not_resolve_is_connect() -> None:
    """`.invalid` never does (RFC 2606)."""

    async def main() -> None:
        async with transport.new_client("http://nowhere.invalid", session()) as client:
            await client.get("http://nowhere.invalid/")

    with pytest.raises(httpx2.ConnectError):
        asyncio.run(main())


def test_a_compressed_stream_that_breaks_keeps_what_came_before_the_fault_in_one_read() -> None:
    """An event, flushed, then a block of a type that deflate does not have (RFC 1951, 3.2.3: 11 is an error)."""
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(b"data: a\n\n") + packer.flush(zlib.Z_SYNC_FLUSH) + b"\x07"
    head = HEAD.replace(b"transfer", b"content-encoding: gzip\r\ntransfer")
    events: list[bytes] = []

    async def main() -> None:
        reply = head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed)
        async with served(always(reply)) as url, transport.new_client(url, session()) as client:
            with transport.record_exchange() as tape:
                await client.post(url)
                async for event in tape.events():
                    events.append(event.data)  # noqa: PERF401 - what came before the error is the point

    with pytest.raises(RunnerError, match="not valid gzip"):
        asyncio.run(main())
    assert [b"a"] == events


@pytest.mark.parametrize(("coding", "body"), [("br", b"x"), ("gzip", b"data: a\n\n")])
def test_an_unknown_compression_is_garbage(coding: str, body: bytes) -> None:
    """Named, not guessed at."""
    head = HEAD.replace(b"transfer", b"content-encoding: %s\r\ntransfer" % coding.encode())

    with pytest.raises(RunnerError, match=coding) as caught:
        talk(always(head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)))
    assert "garbage" == caught.value.kind


@pytest.mark.parametrize("header", [{"x": "a\r\nb: c"}, {"x": "a\nb"}])
def test_a_header_cannot_end_its_line(header: dict[str, str]) -> None:
    """A key with a line break in it must not become a header of its own."""

    async def main() -> None:
        async with transport.new_client("http://127.0.0.1:9", session()) as client:
            await client.get("http://127.0.0.1:9/", headers=header)

    with pytest.raises(httpx2.LocalProtocolError):
        asyncio.run(main())

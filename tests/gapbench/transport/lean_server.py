"""A server on loopback that answers as a test says, and a client that hears it through the lean transport."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2

from gapbench import transport
from gapbench.values import Session

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
    return Session(
        Path(), **{"connections": 4, "connect_timeout_s": 120.0, "read_timeout_s": 120.0, **changes}
    )


async def heard(client: httpx2.AsyncClient, url: str) -> tuple[list[bytes], transport.ExchangeRecord]:
    """Return the data of one exchange's events, and its tape."""
    with transport.record_exchange() as tape:
        try:
            await client.post(url, json={"a": 1})
            return [event.data async for event in tape.events()], tape
        finally:
            await tape.aclose()


def talk(
    answer: Answer, times: int = 1, **changes: Any
) -> list[tuple[list[bytes], transport.ExchangeRecord]]:
    """Return what a client hears that asks ``times`` times."""

    async def main() -> list[tuple[list[bytes], transport.ExchangeRecord]]:
        async with served(answer) as url, transport.new_client(url, session(**changes)) as client:
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

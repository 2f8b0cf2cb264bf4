"""A recording proxy within the test's own loop, before a simulated provider or a server that a test scripts."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson

from gapbench.traffic.identities import IdentityHasher
from gapbench.traffic.recording.exchange import MAX_MEMORY_BYTES, BodyMemory
from gapbench.traffic.recording.line_builder import LineBuilder
from gapbench.traffic.recording.protocols import parse_upstream
from gapbench.traffic.recording.proxy import RecordingProxy
from gapbench.traffic.recording.record_file import RecordFile
from gapbench.traffic.recording.writer import RecordWriter


class Recorder:
    """A running proxy.

    Attributes:
        url: Its address.
        path: The file.
        reports: What it told the user.
        writer: What writes.
        proxy: What serves.
    """

    def __init__(
        self, url: str, path: Path, reports: list[str], writer: RecordWriter, proxy: RecordingProxy
    ) -> None:
        self.url, self.path, self.reports, self.writer, self.proxy = url, path, reports, writer, proxy

    async def lines(self, count: int = 1) -> list[dict[str, Any]]:
        """Return the lines of the file, once there are so many; a line that nobody waits for may be on its way."""
        async with asyncio.timeout(20):
            while self.path.read_bytes().count(b"\n") < count:  # noqa: ASYNC110 - a file tells nobody
                await asyncio.sleep(0)
        return [orjson.loads(line) for line in self.path.read_bytes().splitlines()]

    async def line(self) -> dict[str, Any]:
        """Return the only line."""
        (line,) = await self.lines()
        return line


@asynccontextmanager
async def recording(
    folder: Path,
    upstream: str,
    *,
    keep_texts: bool = True,
    max_bytes: int | None = None,
    memory_bytes: int = MAX_MEMORY_BYTES,
) -> AsyncIterator[Recorder]:
    """Record what passes to an upstream."""
    reports: list[str] = []
    with RecordFile(folder / "traffic.jsonl", max_bytes) as file:
        hasher = IdentityHasher()
        writer = RecordWriter(
            lambda: LineBuilder(hasher, keep_texts=keep_texts), file, reports.append, BodyMemory(memory_bytes)
        )
        proxy = RecordingProxy(writer, parse_upstream(upstream))
        url = await proxy.start("127.0.0.1", 0)
        try:
            yield Recorder(url, file.path, reports, writer, proxy)
        finally:
            await proxy.stop()
            await asyncio.to_thread(writer.close)
    assert not [thread for thread in threading.enumerate() if thread.name == "record writer"]


class ScriptedServer:
    """Answers every request with the same bytes, written as given, and keeps what it was sent.

    Attributes:
        url: Its address.
        received: The requests, head and body as they came.
        gone: Set when a client closed its connection.
    """

    def __init__(self, pieces: Iterable[bytes], *, closes: bool, waits: bool) -> None:
        self._pieces = list(pieces)
        self._closes, self._waits = closes, waits
        self.url = ""
        self.received: list[bytes] = []
        self.gone = asyncio.Event()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lowered = head.lower()
                if b"transfer-encoding: chunked" in lowered:
                    body = await reader.readuntil(b"0\r\n\r\n")
                else:
                    length = lowered.partition(b"content-length:")[2].partition(b"\r\n")[0]
                    body = await reader.readexactly(int(length or 0))
                self.received.append(head + body)
                for piece in self._pieces:
                    writer.write(piece)
                    await writer.drain()
                if self._waits:
                    await reader.read()
                    self.gone.set()
                if self._closes:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            self.gone.set()
        finally:
            writer.close()


@asynccontextmanager
async def scripted(
    *pieces: bytes, closes: bool = False, waits: bool = False
) -> AsyncIterator[ScriptedServer]:
    """Serve these bytes. ``closes``: close after an answer; ``waits``: answer no more until the client leaves."""
    script = ScriptedServer(pieces, closes=closes, waits=waits)
    server = await asyncio.start_server(script.answer, "127.0.0.1", 0, limit=2**23)
    script.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield script
    finally:
        server.close()


def plain(status: str, body: bytes, *headers: str) -> bytes:
    """Return an answer with a length."""
    lines = [f"HTTP/1.1 {status}", *headers, f"content-length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(*pieces: bytes, kind: str = "text/event-stream", end: bool = True) -> list[bytes]:
    """Return the writes of a chunked answer; without its end it is cut."""
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    return [head, *(b"%x\r\n%s\r\n" % (len(one), one) for one in pieces), *([b"0\r\n\r\n"] if end else [])]

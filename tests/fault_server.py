"""A proxy before a simulated provider that spoils a share of the replies in every way a network can.

Each request draws its fault by seeded hash, so a run meets the same faults again. What was sent on to the
provider, what was spoilt and how is counted. Bound to loopback; used by tests and benchmarks.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2

FAULTS = (
    "429", "429_seconds", "429_date", "500", "503", "529", "reset", "reset_mid", "cut", "bad_json", "html",
    "json_type", "drip", "oversized", "doubled", "empty",
)  # fmt: skip
OVERSIZED_BYTES = 18 * 2**20
REASONS = {429: "Too Many Requests", 500: "Server Error", 503: "Unavailable", 529: "Overloaded", 200: "OK"}


class FaultServer:
    """See the module.

    Args:
        upstream: Address of the provider.
        share: Share of requests that are spoilt.
        faults: What is drawn from, evenly.
        seed: Of the draws.
        echo: Put the request's headers and path into every error body, as careless gateways do.
    """

    def __init__(
        self,
        upstream: str,
        share: float = 0.2,
        faults: Sequence[str] = FAULTS,
        seed: int = 0,
        *,
        echo: bool = False,
    ) -> None:
        self.upstream = upstream
        self.share = share
        self.faults = tuple(faults)
        self.echo = echo
        self.counts: Counter[str] = Counter()
        self._draw = random.Random(seed)
        self._client = httpx2.AsyncClient(timeout=120, limits=httpx2.Limits(max_connections=None))
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self._echoed = b""

    async def start(self) -> str:
        """Listen, and return the address."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**24)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Let go of everything."""
        if self._server is not None:
            self._server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._client.aclose()
        for _ in range(20):  # both ends of a connection are closed in the loop's next turns
            await asyncio.sleep(0.001)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._handle_request(reader, writer):
                    pass
        finally:
            self._open.discard(task)
            writer.close()
            with suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _handle_request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; returns whether the connection lives on."""
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ", 2)
        headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        lower = {name.lower(): value for name, value in headers.items()}
        body = await reader.readexactly(int(lower.get("content-length", "0")))
        spoilt = method == "POST" and self._draw.random() < self.share
        fault = self._draw.choice(self.faults) if spoilt else None
        self.counts["requests"] += method == "POST"
        self._echoed = head.replace(b"\r\n", b" ").replace(b'"', b"'") if self.echo else b""
        if fault is not None:
            self.counts[fault] += 1
        if fault is not None and fault[0].isdigit():
            await self._status(writer, fault)
            return True
        if fault == "reset":
            self._reset(writer)
            return False
        self.counts["sent_on"] += method == "POST"
        kept = {name: value for name, value in lower.items() if name not in {"host", "connection"}}
        reply = await self._client.request(method, self.upstream + path, headers=kept, content=body)
        if fault is None:
            await self._write_response(
                writer, reply.status_code, reply.headers.get("content-type", ""), reply.content
            )
            return True
        return await self._spoil(writer, fault, reply.content)

    async def _status(self, writer: asyncio.StreamWriter, fault: str) -> None:
        status = int(fault[:3])
        extra = b""
        if fault == "429_seconds":
            extra = b"retry-after: 0\r\n"
        elif fault == "429_date":
            now = datetime.now(UTC)
            date, until = (format_datetime(at, usegmt=True) for at in (now, now + timedelta(seconds=0)))
            extra = f"date: {date}\r\nretry-after: {until}\r\n".encode()
        said = b'{"error": {"message": "simulated fault. %s", "type": "fault"}}' % self._echoed
        await self._write_response(writer, status, "application/json", said, extra)

    async def _write_response(
        self, writer: asyncio.StreamWriter, status: int, kind: str, body: bytes, extra: bytes = b""
    ) -> None:
        writer.write(
            f"HTTP/1.1 {status} {REASONS.get(status, 'Other')}\r\ncontent-type: {kind}\r\n"
            f"content-length: {len(body)}\r\n".encode()
            + extra
            + b"\r\n"
            + body
        )
        await writer.drain()

    def _reset(self, writer: asyncio.StreamWriter) -> None:
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async def _spoil(self, writer: asyncio.StreamWriter, fault: str, content: bytes) -> bool:
        """Answer 200 with something that is not the reply; returns whether the connection lives on."""
        if fault == "html":
            await self._write_response(
                writer, 200, "text/html", b"<html>Bad gateway %s</html>" % self._echoed
            )
            return True
        if fault == "json_type":
            await self._write_response(
                writer, 200, "application/json", b'{"choices": [], "echo": "%s"}' % self._echoed
            )
            return True
        if fault == "empty":
            await self._write_response(writer, 200, "text/event-stream", b"")
            return True
        if fault == "doubled":
            events = [event + b"\n\n" for event in content.split(b"\n\n") if event]
            doubled = b"".join(event * 2 for event in events)
            await self._write_response(writer, 200, "text/event-stream", doubled)
            return True
        if fault == "bad_json":
            at = content.find(b"data: ", self._draw.randrange(max(1, len(content) // 2)))
            if content[:at].endswith(
                b"event: ping\n"
            ):  # clients ignore its data, so broken JSON there is not a fault
                at = content.find(b"data: ", at + 1)
            broken = content[: at + 6] + b'{"choices": [' + self._echoed + b"\n\n" + content[at:]
            await self._write_response(writer, 200, "text/event-stream", broken)
            return True
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        if fault in {"cut", "reset_mid"}:
            # At any byte before the last event is whole; the last line end alone would make no difference.
            part = content[: self._draw.randrange(max(1, len(content.rstrip()) - 1))]
            if part:
                writer.write(b"%x\r\n%s\r\n" % (len(part), part))
            await writer.drain()
            if fault == "reset_mid":
                self._reset(writer)
        elif fault == "drip":
            with suppress(ConnectionError):
                while not writer.is_closing():
                    writer.write(b"1\r\n:\r\n")
                    await writer.drain()
                    await asyncio.sleep(0.02)
        elif fault == "oversized":
            block = b"data: " + b"x" * 2**20
            with suppress(ConnectionError):
                for _ in range(OVERSIZED_BYTES // len(block) + 1):
                    writer.write(b"%x\r\n%s\r\n" % (len(block), block))
                    await writer.drain()
                    block = b"x" * 2**20
        else:
            raise AssertionError(fault)
        return False


@asynccontextmanager
async def run_fault_server(
    upstream: str, share: float = 0.2, **settings: object
) -> AsyncIterator[FaultServer]:
    """Run a fault server before ``upstream``; its address is in ``url``."""
    server = FaultServer(upstream, share, **settings)  # type: ignore[arg-type]  # passed on by name
    server.url = await server.start()  # type: ignore[attr-defined]  # known only once it listens
    try:
        yield server
    finally:
        await server.stop()

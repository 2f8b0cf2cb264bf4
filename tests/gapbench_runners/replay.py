"""A loopback HTTP server that answers with a written transcript and keeps what it was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gapbench.execution.attempts.measure import measure
from gapbench.values import (
    Image,
    Message,
    Model,
    Params,
    Request,
    Response,
    ResponseSchema,
    Session,
    Text,
    ToolSet,
)

PNG = b"\x89PNG\r\n\x1a\nnot really"
KEY = "sk-planted-0123456789"


@dataclass
class Replay:
    """What to answer, and what was asked.

    Attributes:
        body: Bytes of the reply's body.
        status: HTTP status.
        kind: Content type.
        headers: Further headers.
        cut: Close the connection after the body without ending it.
        pieces: Sizes into which the body is split; (): one piece.
        asked: JSON bodies received.
        heads: Request heads received.
    """

    body: bytes = b""
    status: int = 200
    kind: str = "text/event-stream"
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    pieces: Sequence[int] = ()
    asked: list[dict[str, Any]] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head.decode())
                length = next(
                    (
                        int(line.split(b":")[1])
                        for line in head.split(b"\r\n")
                        if line.lower().startswith(b"content-length")
                    ),
                    0,
                )
                self.asked.append(json.loads(await reader.readexactly(length) or b"{}"))
                more = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
                writer.write(
                    f"HTTP/1.1 {self.status} X\r\ncontent-type: {self.kind}\r\n{more}transfer-encoding: chunked\r\n\r\n".encode()
                )
                start = 0
                for size in (*self.pieces, len(self.body)):
                    piece = self.body[start : start + size]
                    start += size
                    if piece:
                        writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                        await writer.drain()
                if self.cut:
                    break
                writer.write(b"0\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve on loopback; yields the address."""
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()


def prompt(*, system: str | None = None, image: bool = False) -> tuple[Message, ...]:
    parts = (Image("image/png", PNG, "high"), Text("What is it?")) if image else (Text("hello"),)
    user = Message("user", parts)
    return (Message("system", (Text(system),)), user) if system else (user,)


def ask(
    kind: Any,
    replay: Replay,
    *,
    model: Model,
    path: str = "",
    messages: tuple[Message, ...] | None = None,
    params: Params | None = None,
    max_tokens: int | None = None,
    tools: ToolSet | None = None,
    schema: ResponseSchema | None = None,
) -> Response:
    """Return the response of one real call of a runner against a replay."""

    async def main() -> Response:
        async with replay.serving() as url:
            runner = kind(_at(model, url + path))
            await runner.open(Session(Path(), connect_timeout_s=120, read_timeout_s=120))
            try:
                request = Request(
                    runner.model,
                    messages or prompt(),
                    params or Params(max_tokens=16),
                    tools=tools,
                    response_schema=schema,
                )
                return await measure(runner, runner.prepare(request), 10, max_tokens=max_tokens)
            finally:
                await runner.close()

    return asyncio.run(main())


def _at(model: Model, url: str) -> Model:
    import dataclasses

    return dataclasses.replace(model, base_url=url)

"""A server that is a script: its bytes come read by read, with no socket in between.

All but the socket is the project's own: the vendor's client, connection pool, exchange, reply, tape and reader.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from pathlib import Path
from typing import Any

import httpx2

from gapbench.clock import now
from gapbench.transport.connection import Connection, Origin
from gapbench.transport.connection_pool import LeanTransport
from gapbench.transport.sockets import ByteStream
from gapbench.values import Session


class Ending(Enum):
    """What follows the last read."""

    CLOSE = auto()
    RESET = auto()
    SILENCE = auto()
    KEEP = auto()


@dataclass(frozen=True)
class Script:
    """What a server does with one request.

    Attributes:
        reads: What comes, cut as it comes.
        ending: What follows; a reply that is not whole is never kept open, or its reader would wait.
        slow: Each read comes in a turn of the loop of its own, so that the reader is awake in between.
    """

    reads: Sequence[bytes]
    ending: Ending = Ending.KEEP
    slow: bool = False


class ScriptedStream:
    """A line on which the next script is played when a request has been written; see :class:`ByteStream`."""

    def __init__(self, transport: ScriptedTransport, connection: Connection) -> None:
        self._transport = transport
        self._connection = connection
        self._loop = connection.loop
        self._open = True
        self.has_sent = False

    def is_usable(self) -> bool:
        return self._open

    def find_reset(self) -> None: ...

    def write(self, data: bytes) -> None:
        self.has_sent = True
        left = self._transport.scripts
        script = left.pop(0) if left else Script((), Ending.CLOSE)
        self._loop.call_soon(self._play, script, 0)

    def _play(self, script: Script, at: int) -> None:
        stop = at + 1 if script.slow else len(script.reads)
        for read in script.reads[at:stop]:
            if self._open and read:
                self._connection.data_received(read, now())
        if stop < len(script.reads):
            self._loop.call_soon(self._play, script, stop)
        elif self._open:
            self._end(script.ending)

    def _end(self, ending: Ending) -> None:
        exchange = self._connection._exchange
        if ending is Ending.RESET:
            self._connection.connection_lost(ConnectionResetError("reset by the script"))
        elif exchange is not None and ending is Ending.SILENCE:
            exchange.fail(httpx2.ReadTimeout("no byte"))
        elif ending is Ending.CLOSE or (exchange is not None and not exchange.response.is_complete):
            self._connection.connection_lost(None)

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def close(self) -> None:
        self._open = False


class ScriptedTransport(LeanTransport):
    """The project's own transport over scripted lines.

    Attributes:
        scripts: What the next requests are answered with, in order; a connection more than these is closed at once.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.scripts: list[Script] = []

    async def _open_stream(self, origin: Origin, connection: Connection) -> ByteStream:
        return ScriptedStream(self, connection)


def opened(runner: Any, loop: asyncio.AbstractEventLoop) -> ScriptedTransport:
    """Open a runner on a scripted transport and return that."""
    session = Session(Path(), connect_timeout_s=120.0, read_timeout_s=120.0)
    transport = ScriptedTransport(session)
    loop.run_until_complete(runner.open(replace(session, transport_factory=lambda _url: transport)))
    return transport


class Peer:
    """A socket as the standard library's HTTP client uses it, with the reply already there."""

    def __init__(self, reply: io.BufferedIOBase) -> None:
        self._reply = reply

    def makefile(self, *_: Any) -> io.BufferedIOBase:
        return self._reply

    def sendall(self, data: bytes) -> None: ...

    def setsockopt(self, *_: Any) -> None: ...

    def close(self) -> None: ...

"""A Chat Completions server on loopback that does with each request what a test says, and counts what it has read."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from gapbench.execution.run_suite import execute_run
from gapbench.execution.setup import Selection, build_run_setup
from gapbench.store import RunManifest, read_manifest
from tests.gapbench.execution.test_run import Watch

CASES = Path(__file__).parent
Ending = Literal["keep", "fin", "reset"]
"""What follows the bytes of a reply: nothing, the end of what the server sends, or a reset of the connection."""


@dataclass(frozen=True)
class Act:
    """What is done with one request after it was read whole.

    Attributes:
        sent: Share of the reply's bytes that is sent; 0: none.
        ending: What follows them.
        status: HTTP status; another one than 200 comes with an error body.
        headers: More headers.
    """

    sent: float = 1.0
    ending: Ending = "keep"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


ANSWER = Act()
Behave = Callable[[str, int], Act]
"""Gets a question and how often it was asked before; returns what to do."""


class Provider:
    """Answers ``What is A+B?``. Connections are counted on; the sum is right unless the reply is cut.

    Args:
        behave: See :data:`Behave`.

    Attributes:
        acts: What was done with each request read, by question. One that came after the end of a connection was read
            and is not answered.
    """

    def __init__(self, behave: Behave = lambda _question, _nth: ANSWER) -> None:
        self.behave = behave
        self.acts: dict[str, list[Act]] = {}

    @property
    def seen(self) -> Counter[str]:
        """Requests read, by question."""
        return Counter({question: len(acts) for question, acts in self.acts.items()})

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        has_ended = False
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
                body = await reader.readexactly(int(length[1]) if length else 0)
                if head.startswith(b"GET"):
                    writer.write(_response(200, "application/json", b'{"data": []}', {}))
                    continue
                asked = re.search(rb"What is (\d+)\+(\d+)", body)
                assert asked is not None
                question = asked[0].decode()
                acts = self.acts.setdefault(question, [])
                act = Act(0.0, "reset") if has_ended else self.behave(question, len(acts))
                acts.append(act)
                reply = _reply(act, int(asked[1]) + int(asked[2]))
                if act.sent:
                    writer.write(reply[: round(len(reply) * act.sent)])
                    await writer.drain()
                if act.ending == "reset":
                    _reset(writer)
                    return
                if act.ending == "fin":
                    # Go on reading, so that a request that comes all the same is counted.
                    writer.write_eof()
                    has_ended = True
        writer.close()


def _reply(act: Act, total: int) -> bytes:
    if act.status != 200:
        return _response(act.status, "application/json", b'{"error": {"message": "no"}}', act.headers)
    usage = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
    events: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"content": str(total)}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": usage},
    ]
    rest = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    lines = [f"data: {json.dumps({**rest, **event})}\n\n" for event in events]
    body = "".join([*lines, "data: [DONE]\n\n"]).encode()
    return _response(200, "text/event-stream", body, act.headers)


def _response(status: int, kind: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\n{more}content-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextmanager
def listening(provider: Provider) -> Iterator[str]:
    """Serve in a thread of its own; yields the address."""
    started: threading.Event = threading.Event()
    stop: list[Callable[[], Any]] = []
    address: list[str] = []

    async def main() -> None:
        tasks: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            try:
                await provider.serve(reader, writer)
            except asyncio.CancelledError:
                writer.transport.abort()
            finally:
                tasks.discard(task)

        ended = asyncio.Event()
        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        loop = asyncio.get_running_loop()
        stop.append(lambda: loop.call_soon_threadsafe(ended.set))
        address.append(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        started.set()
        await ended.wait()
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # both ends are closed in the loop's next turn

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    started.wait()
    try:
        yield address[0]
    finally:
        stop[0]()
        thread.join()


def run_case(
    name: str,
    url: str,
    folder: Path,
    changes: str = "",
    *,
    loads: str | None = None,
    is_resumed: bool = False,
) -> tuple[RunManifest, Watch]:
    """Run the suite of a case into ``folder / "run"``.

    Args:
        name: Folder of the case; its ``suite.yaml`` says ``PROVIDER`` in place of the address.
        url: The provider's address.
        folder: Where the suite is written with its address.
        changes: YAML lines at the suite's end.
        loads: The line of the suite's loads. None: as the case says.
        is_resumed: Continue the run.
    """
    for path in (CASES / name).iterdir():
        if path.is_file():
            text = path.read_text().replace("PROVIDER", url)
            if loads is not None:
                text = re.sub(r"^loads: .*$", loads, text, flags=re.MULTILINE)
            (folder / path.name).write_text(text + (changes if path.name == "suite.yaml" else ""))
    setup = build_run_setup(Selection(str(folder / "suite.yaml")))
    watch = Watch()
    execute_run(setup, folder / "run", watch, is_resumed=is_resumed)
    return read_manifest(folder / "run"), watch

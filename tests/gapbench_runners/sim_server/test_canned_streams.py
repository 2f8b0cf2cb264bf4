"""The lean mode: the schedule it keeps, the log it leaves, the routes it answers."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import httpx2
import orjson
import pytest

from gapbench_runners.sim_server.canned_streams import (
    LeanConnection,
    Schedule,
    StreamScheduler,
    render_canned_stream,
)

ROUTES = ("/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1beta/models/m:streamGenerateContent")
END_MARKS = dict(
    zip(ROUTES, (b"[DONE]", b"message_stop", b"response.completed", b"finishReason"), strict=True)
)


@asynccontextmanager
async def serving(
    schedule: Schedule, log: io.BytesIO | None = None
) -> AsyncIterator[tuple[httpx2.AsyncClient, StreamScheduler]]:
    """Serve on loopback; yields a client and the pacer."""
    pacer = StreamScheduler(schedule, 1, log)
    server = await asyncio.get_running_loop().create_server(lambda: LeanConnection(pacer, {}), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
            yield client, pacer
    finally:
        server.close()


@pytest.mark.parametrize("path", ROUTES)
def test_each_protocol_gets_a_whole_stream(path: str) -> None:
    """All tokens, and the protocol's own end mark; twice over one connection."""

    async def main() -> list[bytes]:
        async with serving(Schedule(5, 0.0, 0.0, 0.0)) as (client, _):
            return [(await client.post(path, content=b"{}")).content for _ in range(2)]

    bodies = asyncio.run(main())
    assert bodies[0] == bodies[1]
    assert END_MARKS[path] in bodies[0]
    assert bodies[0].count(b'" word"') >= 5


def test_tokens_are_never_early_and_the_log_says_when_they_went() -> None:
    """First after 20 ms, then one every 10 ms, each stamped; the request's mark is the entry's id."""
    log = io.BytesIO()

    async def main() -> None:
        async with serving(Schedule(4, 0.02, 0.0, 0.01), log) as (client, _):
            await client.post(ROUTES[0], content=b'{"messages": "gapbench-id:42 hello"}')

    asyncio.run(main())
    [entry] = [orjson.loads(line) for line in log.getvalue().splitlines()]
    due_s = [entry["received_s"] + 0.02 + 0.01 * token for token in range(4)]
    assert (42, 4) == (entry["id"], len(entry["write_s"]))
    # Timers tick in milliseconds.
    assert all(at_s >= due - 0.0015 for at_s, due in zip(entry["write_s"], due_s, strict=True))
    assert all(early <= late for early, late in pairwise(entry["write_s"]))


def test_streams_beside_each_other_all_end() -> None:
    """Twenty with first tokens of different delays."""

    async def main() -> tuple[int, int]:
        async with serving(Schedule(6, 0.005, 0.8, 0.001)) as (client, pacer):
            replies = await asyncio.gather(*(client.post(ROUTES[0], content=b"{}") for _ in range(20)))
            return sum(reply.content.count(b'" word"') for reply in replies), pacer.tokens_written

    assert (20 * 6, 20 * 6) == asyncio.run(main())


def test_a_client_that_leaves_ends_its_stream() -> None:
    """Nothing is written to nobody."""

    async def main() -> int:
        async with serving(Schedule(1_000, 0.0, 0.0, 0.005)) as (client, pacer):
            async with client.stream("POST", ROUTES[0], content=b"{}") as reply:
                await anext(reply.aiter_raw())
            async with asyncio.timeout(120):
                while b"num_requests_running 0" not in (await client.get("/metrics")).content:
                    pass
            return pacer.active_streams

    assert 0 == asyncio.run(main())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/health", 200), ("GET", "/v1/models", 200), ("GET", "/metrics", 200), ("GET", "/version", 200), ("POST", "/nowhere", 404), ("GET", "/nowhere", 404)],
)  # fmt: skip
def test_pages(method: str, path: str, status: int) -> None:
    """What a runner asks before it sends."""

    async def main() -> int:
        async with serving(Schedule()) as (client, _):
            return (await client.request(method, path)).status_code

    assert status == asyncio.run(main())


def test_the_bytes_are_rendered_once_and_are_http() -> None:
    """One piece for each token: head with the first, end with the last."""
    pieces = render_canned_stream(ROUTES[0], 3)
    assert pieces is not None

    assert 3 == len(pieces)
    assert pieces[0].startswith(b"HTTP/1.1 200 OK\r\n")
    assert pieces[2].endswith(b"0\r\n\r\n")
    assert None is render_canned_stream("/nowhere", 3)

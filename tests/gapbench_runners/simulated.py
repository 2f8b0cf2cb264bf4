"""A sim server within the test's own loop, and a small answer book."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import orjson

from gapbench.values import GroundTruth, Message, Text, prompt_sha256
from gapbench_runners.sim_server.answer_book import make_answer_book
from gapbench_runners.sim_server.persona import Persona
from gapbench_runners.sim_server.reply import SimRequest
from gapbench_runners.sim_server.server import SimConnection
from gapbench_runners.sim_server.sim_model import SimModel
from gapbench_runners.sim_server.state import Simulation

AT_ONCE: Mapping[str, Any] = {"ttft_s": 0, "gap_s": 0}
QUESTION = "What is 6 x 7?"
REFERENCE = "The answer is 42."  # 17 characters: 5 tokens
DECOY = "The answer is 41."
CHAT = {"model": "m", "messages": [{"role": "user", "content": QUESTION}]}


def user(text: str) -> tuple[Message, ...]:
    return (Message("user", (Text(text),)),)


def truth(text: str = QUESTION, category: str = "reasoning") -> GroundTruth:
    return GroundTruth(prompt_sha256(user(text)), category, REFERENCE, DECOY)


def mind(*book: GroundTruth, **persona: Any) -> SimModel:
    """Return a persona that answers at once and rightly, unless told otherwise."""
    settings = {**AT_ONCE, "skill": 1, **persona}
    return SimModel(Persona.from_mapping(settings), make_answer_book(book or (truth(),)))


def asked(text: str = QUESTION, max_tokens: int | None = None) -> SimRequest:
    return SimRequest(user(text), max_tokens, True, True, "m")


@asynccontextmanager
async def served(*, key: str | None = None, **minds: SimModel) -> AsyncIterator[tuple[str, Simulation]]:
    """Serve on loopback; yields address and simulation. Minds by model name; none: one for any."""
    simulation = Simulation(minds or {"": mind()}, key)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SimConnection(simulation), "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", simulation
    finally:
        server.close()


@asynccontextmanager
async def talking(**minds: SimModel) -> AsyncIterator[tuple[httpx2.AsyncClient, Simulation]]:
    """Serve, with a plain HTTP client."""
    async with (
        served(key=None, **minds) as (url, simulation),
        httpx2.AsyncClient(base_url=url, timeout=120) as client,
    ):
        yield client, simulation


def logged(simulation: Simulation) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in simulation.recent_log]


def events(body: bytes) -> list[dict[str, Any]]:
    """Return the JSON of each event of a stream; ``[DONE]`` is left out."""
    blocks: Iterable[bytes] = body.decode().encode().split(b"\n\n")
    found = [block.rpartition(b"data: ")[2] for block in blocks if block]
    return [orjson.loads(data) for data in found if data != b"[DONE]"]

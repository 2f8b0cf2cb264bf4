"""CPU time to build one turn of an episode: by the vendor's SDK, and from the request that the SDK built once.

    .venv/bin/python benchmarks/conversation_requests.py        ten seconds, needs no server

The conversation has one call and its result in each turn, as an agent's has. Nothing is sent.
"""

from __future__ import annotations

import asyncio
import dataclasses
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from truth import write

from gapbench import transport
from gapbench.values import Params, Request, Session
from tests.gapbench_runners.conversations import TOOLS
from tests.gapbench_runners.test_streams import VENDORS
from tests.gapbench_runners.test_transports import grown

TURNS = (2, 20, 40)
TIMES = 50


async def cpu_ms(step: Callable[[], Awaitable[Any]]) -> float:
    """Return the CPU milliseconds of a step, the mean of several."""
    await step()
    began_s = time.thread_time()
    for _ in range(TIMES):
        await step()
    return round((time.thread_time() - began_s) / TIMES * 1e3, 3)


async def measure(name: str, folder: Path) -> dict[str, dict[str, float]]:
    """Return the times of one API by the number of turns."""
    kind, model, path = VENDORS[name]
    runner = kind(dataclasses.replace(model, base_url="http://127.0.0.1:9" + path))
    await runner.open(Session(folder))
    templates = runner._templates  # noqa: SLF001 - measures what is inside
    found = {}
    for turns in TURNS:
        request = Request(runner.model, grown(turns, "Rome")[-1], Params(max_tokens=16), tools=TOOLS)
        call = runner.prepare(request)

        async def by_sdk(call: Any = call) -> None:
            await templates._capture_request(call.body)  # noqa: SLF001 - as above

        with transport.record_exchange():
            template = await templates._build_template(call)  # noqa: SLF001 - as above

            async def filled(call: Any = call, template: Any = template) -> None:
                assert template.fill(call) is not None

            found[f"{turns} turns"] = {"sdk_ms": await cpu_ms(by_sdk), "filled_ms": await cpu_ms(filled)}
    await runner.close()
    return found


async def main() -> None:
    """Measure all four APIs and keep the times."""
    with TemporaryDirectory() as folder:
        write(
            "conversation_requests",
            {"cpu": {name: await measure(name, Path(folder)) for name in VENDORS}},
        )


if __name__ == "__main__":
    asyncio.run(main())

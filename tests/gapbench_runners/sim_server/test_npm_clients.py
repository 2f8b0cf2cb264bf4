"""The vendors' own clients for JavaScript play an episode, where `make test-npm` has installed them."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.gapbench_runners.episodes import DONE, RESULTS, TASK, TOOLS, shop_truth
from tests.gapbench_runners.sim_server.test_tool_clients import PLAYED
from tests.gapbench_runners.simulated import mind, served

CLIENTS = Path(__file__).parents[1] / "npm_clients"
pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (CLIENTS / "node_modules").is_dir(),
    reason="needs node and the clients that `make test-npm` installs",
)


def play(vendor: str, **persona: Any) -> dict[str, Any]:
    """Return what the client got."""

    async def main() -> bytes:
        async with served(m=mind(shop_truth(), **persona)) as (url, _):
            given = {
                "url": url,
                "vendor": vendor,
                "task": TASK,
                "results": RESULTS,
                "tools": TOOLS.as_json()["tools"],
            }
            process = await asyncio.create_subprocess_exec(
                "node", "play.mjs", cwd=CLIENTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            out, _ = await process.communicate(json.dumps(given).encode())
            assert process.returncode == 0
            return out

    found: dict[str, Any] = json.loads(asyncio.run(main()))
    return found


@pytest.mark.parametrize("thinks", [False, True], ids=["plain", "thinking"])
@pytest.mark.parametrize("vendor", ["chat", "responses", "messages", "google"])
def test_a_javascript_client_plays_the_episode(vendor: str, thinks: bool) -> None:
    """The same calls and the same last text as Python's clients get."""
    persona = {"reasoning": {"tokens": 12, "shown": "verbatim"}} if thinks else {}

    assert play(vendor, **persona) == {"made": json.loads(json.dumps(PLAYED)), "text": DONE}

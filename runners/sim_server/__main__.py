"""Runs the simulated providers as a process of their own: ``python -m runners.sim_server --port 8100``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import json
import signal
import sys
from pathlib import Path
from typing import Any

import orjson

from harness.errors import InputError
from harness.values import Truth
from runners.sim_server.persona import Persona
from runners.sim_server.reply import Mind
from runners.sim_server.server import Connection
from runners.sim_server.simulation import Simulation

EXAMPLES = """\
# OpenAI      curl -N {url}/v1/chat/completions -H 'content-type: application/json' -d '{{"model":"sim","stream":true,"messages":[{{"role":"user","content":"hello"}}]}}'
# Responses   curl -N {url}/v1/responses -H 'content-type: application/json' -d '{{"model":"sim","stream":true,"input":"hello"}}'
# Anthropic   curl -N {url}/v1/messages -H 'content-type: application/json' -d '{{"model":"sim","max_tokens":64,"stream":true,"messages":[{{"role":"user","content":"hello"}}]}}'
# Google      curl -N '{url}/v1beta/models/sim:streamGenerateContent?alt=sse' -H 'content-type: application/json' -d '{{"contents":[{{"role":"user","parts":[{{"text":"hello"}}]}}]}}'
# What it wrote when: {url}/sim/log
"""
PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(
        prog="bench sim", description="Simulated providers over real HTTP and SSE."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on  [default: 127.0.0.1]")
    parser.add_argument("--port", type=int, default=8100, help="0 picks a free one  [default: 8100]")
    parser.add_argument("--persona", type=Path, help="JSON or YAML: one persona, or {model: persona}")
    parser.add_argument(
        "--truth", type=Path, help="answer book: JSON lines of prompt_sha256, category, reference, decoy"
    )
    parser.add_argument("--model", action="append", default=[], help="model name to answer for; default: any")
    parser.add_argument(
        "--log", type=Path, help="write each request's true times here, one JSON object a line"
    )
    parser.add_argument("--key", help="the API key that is accepted; default: any")
    parser.add_argument(
        "--with-parent", action="store_true", help="stop when the process that started this one ends"
    )
    options = parser.parse_args()
    if options.with_parent and sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    try:
        simulation = _simulation(options)
    except (InputError, OSError, ValueError, KeyError, TypeError) as exc:
        parser.error(str(exc))
    loop_runner: Any = asyncio.run
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: PLC0415 - faster where there is one

        loop_runner = uvloop.run
    loop_runner(_serve(simulation, options.host, options.port))


def _simulation(options: argparse.Namespace) -> Simulation:
    given = _document(options.persona) if options.persona else {}
    by_model = given and all(
        isinstance(value, dict) and key not in _PERSONA_MAPPINGS for key, value in given.items()
    )
    named = given if by_model else dict.fromkeys(options.model or [""], given)
    book: dict[str, Truth] = {}
    if options.truth:
        for line in options.truth.read_bytes().splitlines():
            truth = Truth(**orjson.loads(line))
            book[truth.prompt_sha256] = truth
    minds = {model: Mind(Persona.of(persona, model or "sim"), book) for model, persona in named.items()}
    log = options.log.open("ab", buffering=0) if options.log else None
    return Simulation(minds, options.key, log)


_PERSONA_MAPPINGS = {"skill", "reasoning", "capacity", "faults"}


def _document(path: Path) -> dict[str, Any]:
    if path.suffix == ".json":
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    else:
        import yaml  # noqa: PLC0415 - not needed when a runner starts the server

        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


async def _serve(simulation: Simulation, host: str, port: int) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = await loop.create_server(lambda: Connection(simulation), host, port, backlog=4_096)
    bound = server.sockets[0].getsockname()[1]
    url = f"http://{f'[{host}]' if ':' in host else host}:{bound}"
    sys.stdout.write(f"listening {url}\n")
    sys.stdout.flush()
    if sys.stderr.isatty():
        sys.stderr.write(EXAMPLES.format(url=url))
    await stop.wait()
    server.close()


if __name__ == "__main__":
    main()

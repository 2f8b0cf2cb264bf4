"""Runs the simulated providers as a separate process: ``python -m gapbench_runners.sim_server --port 8100``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import gc
import json
import math
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gapbench.errors import InputError
from gapbench.values import GroundTruth
from gapbench_runners.sim_server.answer_book import AnswerBook, make_answer_book, parse_truth
from gapbench_runners.sim_server.canned_streams import LeanConnection, Schedule, StreamScheduler
from gapbench_runners.sim_server.persona import NESTED_SETTINGS, Persona
from gapbench_runners.sim_server.server import SimConnection
from gapbench_runners.sim_server.sim_model import SimModel
from gapbench_runners.sim_server.state import Simulation

EXAMPLES = """\
# OpenAI      curl -N {url}/v1/chat/completions -H 'content-type: application/json' -d '{{"model":"sim","stream":true,"messages":[{{"role":"user","content":"hello"}}]}}'
# Responses   curl -N {url}/v1/responses -H 'content-type: application/json' -d '{{"model":"sim","stream":true,"input":"hello"}}'
# Anthropic   curl -N {url}/v1/messages -H 'content-type: application/json' -d '{{"model":"sim","max_tokens":64,"stream":true,"messages":[{{"role":"user","content":"hello"}}]}}'
# Google      curl -N '{url}/v1beta/models/sim:streamGenerateContent?alt=sse' -H 'content-type: application/json' -d '{{"contents":[{{"role":"user","parts":[{{"text":"hello"}}]}}]}}'
# What it wrote when: {url}/sim/log
"""
PR_SET_PDEATHSIG = 1
PARENT_POLL_S = 0.5
MAX_TOKENS = 100_000


def main() -> None:
    """Serve until a signal stops the server."""
    parser = argparse.ArgumentParser(
        prog="bench sim", description="Simulated providers over real HTTP and SSE."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on  [default: 127.0.0.1]")
    parser.add_argument("--port", type=int, default=8100, help="0 picks a free one  [default: 8100]")
    parser.add_argument("--persona", type=Path, help="JSON or YAML: one persona, or {model: persona}")
    parser.add_argument(
        "--truth",
        type=Path,
        help="answer book: JSON lines of prompt_sha256, category, reference, decoy, reference_turns, decoy_turns, "
        "user_lines, tool_names, rung",
    )
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        help="model name to answer for, may be repeated; default: the persona file's names, else any",
    )
    parser.add_argument(
        "--log", type=Path, help="write each request's true times here, one JSON object a line"
    )
    parser.add_argument("--key", help="the API key that is accepted; default: any")
    parser.add_argument(
        "--parent", type=int, metavar="PID", help="the process that starts this one: stop when it ends"
    )
    lean = parser.add_argument_group("lean", "canned streams on a known schedule, to check clients with")
    lean.add_argument("--lean", action="store_true", help="no personas: every request gets the same tokens")
    lean.add_argument(
        "--tokens", type=_parse_token_count, default=64, help="tokens of a reply  [default: 64]"
    )
    lean.add_argument(
        "--first-ms", type=_parse_non_negative, default=200.0, help="median time to the first  [default: 200]"
    )
    lean.add_argument(
        "--sigma",
        type=_parse_non_negative,
        default=0.0,
        help="standard deviation of that time's logarithm  [default: 0]",
    )
    lean.add_argument(
        "--gap-ms", type=_parse_non_negative, default=10.0, help="between tokens; 0: at once  [default: 10]"
    )
    lean.add_argument("--seed", type=int, default=1, help="seed of the first tokens' times  [default: 1]")
    options = parser.parse_args()
    if options.parent is not None:
        _die_with_parent()
    try:
        service = _lean_service(options) if options.lean else _persona_service(_build_simulation(options))
    except (InputError, OSError) as exc:
        parser.error(str(exc))
    # The answer book stays; without this a full collection would look at all of it in the middle of a stream.
    gc.freeze()
    loop_runner: Any = asyncio.run
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: PLC0415 - faster where there is one

        loop_runner = uvloop.run
    try:
        loop_runner(_serve(service, options))
    except OSError as exc:
        parser.exit(1, f"bench sim: cannot listen on {options.host}:{options.port}: {exc.strerror or exc}\n")


def _parse_token_count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= MAX_TOKENS:
        raise argparse.ArgumentTypeError(f"found {text}; expected 1 to {MAX_TOKENS}")
    return value


def _parse_non_negative(text: str) -> float:
    value = float(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"found {text}; expected 0 or more")
    return value


ServiceFactory = Callable[[], tuple[Callable[[], asyncio.Protocol], Callable[[], None]]]
"""Called in the loop: returns what makes a connection, and what is to be done at the end."""


def _persona_service(simulation: Simulation) -> ServiceFactory:
    return lambda: (lambda: SimConnection(simulation), lambda: None)


def _lean_service(options: argparse.Namespace) -> ServiceFactory:
    """Return the service of the lean mode."""
    schedule = Schedule(options.tokens, options.first_ms / 1e3, options.sigma, options.gap_ms / 1e3)
    log = options.log.open("ab") if options.log else None

    def begun() -> tuple[Callable[[], asyncio.Protocol], Callable[[], None]]:
        pacer = StreamScheduler(schedule, options.seed, log)
        routes: dict[str, list[bytes] | None] = {}

        def ended() -> None:
            pacer.report_lateness(0.0)
            if log is not None:
                log.close()

        return lambda: LeanConnection(pacer, routes), ended

    return begun


def _die_with_parent() -> None:
    """Ask Linux to end this process with its parent; ``_serve`` looks for itself too, for other systems."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _build_simulation(options: argparse.Namespace) -> Simulation:
    given = _read_persona_document(options.persona) if options.persona else {}
    by_model = given and all(
        isinstance(value, dict) and key not in _PERSONA_MAPPINGS for key, value in given.items()
    )
    named = given if by_model else dict.fromkeys(options.model or [""], given)
    if by_model:
        for model in options.model:
            if model not in named:
                raise InputError(
                    f"--model: {model!r} has no persona in {options.persona}; there are: {', '.join(named)}"
                )
    book = _read_answer_book(options.truth) if options.truth else {}
    minds = {
        model: SimModel(Persona.from_mapping(persona, model or "sim"), book)
        for model, persona in named.items()
    }
    log = options.log.open("ab", buffering=0) if options.log else None
    return Simulation(minds, options.key, log)


_PERSONA_MAPPINGS = {"skill", "half_at_rung", *NESTED_SETTINGS}


def _read_answer_book(path: Path) -> AnswerBook:
    truths: list[GroundTruth] = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            truths.append(parse_truth(line))
        except (AttributeError, KeyError, TypeError, ValueError) as exc:
            raise InputError(
                f"{path}:{number}: {exc}; expected a JSON object of {', '.join(GroundTruth.__slots__)}"
            ) from exc
    return make_answer_book(truths)


def _read_persona_document(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        try:
            document: Any = json.loads(text)
        except ValueError as exc:
            raise InputError(f"{path}: not JSON: {exc}") from exc
    else:
        import yaml  # noqa: PLC0415 - not needed when a runner starts the server

        try:
            document = yaml.safe_load(text)
        except yaml.YAMLError as exc:
            raise InputError(f"{path}: not YAML: {exc}") from exc
    if not isinstance(document, dict):
        raise InputError(f"{path}: found {document!r:.60}; expected a persona, or {{model: persona}}")
    return document


async def _serve(service: ServiceFactory, options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    host = options.host
    connected, ended = service()
    server = await loop.create_server(connected, host, options.port, backlog=4_096)
    bound = server.sockets[0].getsockname()[1]
    url = f"http://{f'[{host}]' if ':' in host else host}:{bound}"
    sys.stdout.write(f"listening {url}\n")
    sys.stdout.flush()
    if options.parent is None:
        sys.stderr.write(EXAMPLES.format(url=url))
        sys.stderr.flush()
    while not stop.is_set() and options.parent in {None, os.getppid()}:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), None if options.parent is None else PARENT_POLL_S)
    server.close()
    ended()


if __name__ == "__main__":
    main()

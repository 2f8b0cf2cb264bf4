"""`bench sim`: start the simulated providers as a server."""

from __future__ import annotations

import os
import sys

import click


@click.command(
    "sim",
    context_settings={"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  bench sim --port 8100
  bench sim --port 8100 --persona persona.yaml --log times.jsonl
  bench sim --lean --tokens 64 --first-ms 200 --gap-ms 10 --log times.jsonl
  bench sim -- --help       every option of the server""",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sim_command(arguments: tuple[str, ...]) -> None:
    """Start the simulated providers as a server: OpenAI, Responses, Anthropic and Gemini over real HTTP and SSE.

    ARGUMENTS are passed to the server: --host, --port, --persona FILE, --truth FILE, --log FILE, --key KEY.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    # The server takes this process over, so that every signal to `bench sim` reaches it and none can leave it behind.
    os.execv(  # noqa: S606 - no shell, and the program is this interpreter
        sys.executable, [sys.executable, "-m", "gapbench_runners.sim_server", *arguments]
    )

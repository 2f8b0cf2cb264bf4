"""`bench init` and `bench sim`: something to start from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click


@click.command(
    "init",
    epilog="""\b
Examples:
  bench init my-suite.yaml
  bench init tickets.yaml --from tickets.jsonl""",
)
@click.argument("suite", type=click.Path(path_type=Path), default=Path("suite.yaml"))
@click.option(
    "--from",
    "data",
    type=click.Path(path_type=Path),
    help="Your JSON, CSV or Parquet: columns and scorer are guessed.",
)
@click.option("--force", is_flag=True, help="Write over an existing file.")
def init_command(suite: Path, data: Path | None, *, force: bool) -> None:
    """Write a commented SUITE to start from, over your own data where it is named."""
    from gapbench.errors import InputError
    from gapbench.suite.scaffold import suite_scaffold

    if suite.exists() and not force:
        raise InputError(f"{suite} exists; name another file, or --force to write over it")
    content = suite_scaffold(suite, data)
    try:
        suite.parent.mkdir(parents=True, exist_ok=True)
        suite.write_text(content, encoding="utf-8")
    except OSError as exc:
        raise InputError(f"cannot write {suite}: {exc.strerror}; choose another place") from exc
    click.echo(f"{suite} written; next: bench validate {suite} && bench plan {suite}")


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
def sim_command(arguments: tuple[str, ...]) -> int:
    """Start the simulated providers alone: OpenAI, Responses, Anthropic and Gemini over real HTTP and SSE.

    ARGUMENTS go to the server: --host, --port, --persona FILE, --truth FILE, --log FILE, --key KEY.
    """
    process = subprocess.Popen([sys.executable, "-m", "gapbench_runners.sim_server", *arguments])
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        return 0

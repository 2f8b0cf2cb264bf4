"""`bench record`: a proxy between your clients and their models that records the traffic."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gapbench.commands.options import POSITIVE

if TYPE_CHECKING:
    from gapbench.traffic.recording.protocols import Upstream
    from gapbench.traffic.recording.record_file import RecordFile
    from gapbench.traffic.recording.writer import RecordWriter

SWITCH_INTERVAL_S = 0.0005
"""How long the thread that writes lines may hold up the streams; Python's default is 5 ms."""


@click.command(
    "record",
    epilog="""\b
Examples:
  bench record --to traffic.jsonl                                 to OpenAI, Anthropic and Google
  bench record --to traffic.jsonl --upstream http://127.0.0.1:8000    to your own vLLM or LiteLLM
  bench record --to traffic.jsonl --no-text                       lengths and times, no word
Then point the clients at it:
  export OPENAI_BASE_URL=http://127.0.0.1:8400/v1 ANTHROPIC_BASE_URL=http://127.0.0.1:8400
And read what was recorded:
  bench traffic import traffic.jsonl""",
)
@click.option(
    "--to",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="JSON lines, one a request; a recording that exists is continued.",
)
@click.option(
    "--listen",
    default="127.0.0.1:8400",
    show_default=True,
    metavar="HOST:PORT",
    help="Address to listen on; port 0 picks a free one.",
)
@click.option(
    "--upstream",
    metavar="URL",
    help="Where all requests go.  [default: OpenAI, Anthropic or Google, by the path]",
)
@click.option(
    "--no-text",
    is_flag=True,
    help="Write no prompt, reply or tool: their lengths, and keyed hashes of the blocks that prompts start with.",
)
@click.option(
    "--hash-key-env",
    metavar="NAME",
    help="Environment variable with the key of the hashes, so that recordings can be joined.  [default: a random key]",
)
@click.option(
    "--max-gib", type=POSITIVE, metavar="N", help="Stop recording, not serving, when FILE is this large."
)
@click.option(
    "--allow-remote",
    is_flag=True,
    help="Listen on an address that other machines reach. Their keys pass through without encryption.",
)
def record_command(
    file: Path,
    listen: str,
    upstream: str | None,
    hash_key_env: str | None,
    max_gib: float | None,
    *,
    no_text: bool,
    allow_remote: bool,
) -> int:
    """Pass requests on to their models unchanged, and record them in a file for `bench traffic import`.

    Chat Completions, Responses, Messages and generateContent are recorded; every other request is only passed on. Keys
    stay in the clients' requests and are never written. The header x-gapbench-route names the feature that a request is
    of; it is not passed on, nor are x-gapbench-user and x-gapbench-session, which are stored as hashes.
    """
    from gapbench.errors import InputError
    from gapbench.formatting import count_of
    from gapbench.traffic.identities import IdentityHasher
    from gapbench.traffic.recording.line_builder import LineBuilder
    from gapbench.traffic.recording.protocols import parse_upstream
    from gapbench.traffic.recording.record_file import RecordFile
    from gapbench.traffic.recording.writer import RecordWriter

    host, port = _parse_listen(listen, allow_remote=allow_remote)
    target = None if upstream is None else parse_upstream(upstream)
    if target is not None and port == target.port and target.host in {host, "localhost", "127.0.0.1", "::1"}:
        raise InputError(
            f"--upstream {upstream} is where the recorder itself listens; give it the models' address"
        )
    hasher = IdentityHasher(hash_key_env)
    max_bytes = None if max_gib is None else int(max_gib * 2**30)
    with RecordFile(file, max_bytes) as opened:
        if opened.cut_bytes:
            click.echo(
                f"{file}: cut off {opened.cut_bytes:,} bytes of a line that was never finished", err=True
            )
        writer = RecordWriter(
            lambda: LineBuilder(hasher, keep_texts=not no_text),
            opened,
            lambda line: click.echo(line, err=True),
        )
        try:
            _serve(writer, target, host, port, opened)
        finally:
            writer.close()
        lost = f", {writer.sizes_only:,} of them with sizes only" if writer.sizes_only else ""
        lost += f", {writer.lost:,} not recorded" if writer.lost else ""
        click.echo(f"{file}: {count_of(writer.written, 'request')} recorded{lost}")
    return 1 if writer.lost else 0


def _parse_listen(listen: str, *, allow_remote: bool) -> tuple[str, int]:
    """Return host and port.

    Raises:
        InputError: It is not an address, or other machines reach it and the user did not say so.
    """
    import ipaddress

    from gapbench.errors import InputError

    host, colon, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) > 65_535:
        raise InputError(f"--listen {listen!r} is not an address; expected HOST:PORT, such as 127.0.0.1:8400")
    try:
        is_local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_local = host == "localhost"
    if not is_local and not allow_remote:
        raise InputError(
            f"--listen {listen}: other machines reach this address, and their keys would pass through it without "
            "encryption; listen on 127.0.0.1, or add --allow-remote"
        )
    return host, int(port)


def _serve(writer: RecordWriter, upstream: Upstream | None, host: str, port: int, file: RecordFile) -> None:
    """Serve until Ctrl-C or SIGTERM; requests in progress may end, and a second Ctrl-C cuts them."""
    import asyncio
    import signal
    import sys

    from gapbench.execution.event_loop import run_on_event_loop
    from gapbench.traffic.recording.proxy import STOP_WAIT_S, RecordingProxy

    async def serve() -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        proxy = RecordingProxy(writer, upstream)
        address = await proxy.start(host, port)
        goes_to = upstream.root if upstream is not None else "OpenAI, Anthropic or Google"
        click.echo(f"recording {address} -> {goes_to} into {file.path}; stop with Ctrl-C")
        await stopped.wait()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
        click.echo(f"stopping; requests in progress have {STOP_WAIT_S:.0f} s to end", err=True)
        await proxy.stop()

    sys.setswitchinterval(SWITCH_INTERVAL_S)
    run_on_event_loop(serve())

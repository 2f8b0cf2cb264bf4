"""`bench worker`: join a run that another machine conducts."""

from __future__ import annotations

from pathlib import Path

import click

from gapbench.commands.options import Finite


@click.command(
    "worker",
    epilog="""\b
Examples:
  export GAPBENCH_TOKEN=…                       the same on all machines: openssl rand -base64 32
  bench run my.yaml --machines 'listen://0.0.0.0:7000?machines=2'    on the one that conducts
  bench worker --join 10.0.0.5:7000                                  on each of the others
  srun --ntasks-per-node=1 bench worker --join $HEAD:7000            or on the nodes of Slurm""",
)
@click.option(
    "--join",
    "place",
    metavar="HOST:PORT",
    required=True,
    help="Where `bench run --machines listen://…` listens.",
)
@click.option(
    "--token-env",
    default="GAPBENCH_TOKEN",
    show_default=True,
    metavar="NAME",
    help="Environment variable with the run's token, or NAME_FILE with the path of a file that holds it.",
)
@click.option("--name", metavar="NAME", help="Name of this machine in the run.  [default: its host name]")
@click.option(
    "--suite",
    metavar="FILE",
    help="Work for a run of this suite only: refuse one whose suite has another content.",
)
@click.option(
    "--wait",
    "wait_s",
    type=Finite(0, 86_400),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to try while nothing listens there.",
)
def worker_command(place: str, token_env: str, name: str | None, suite: str | None, wait_s: float) -> int:
    """Join a run on another machine and send a part of its load, until the run ends.

    The models' keys are read from this machine's environment, by the names that the suite gives. Answers, and all that is
    written, go to the machine that conducts; nothing is stored here.
    """
    import platform

    from gapbench import credentials
    from gapbench.execution.event_loop import run_on_event_loop
    from gapbench.execution.machines.address import parse_host_port, read_token
    from gapbench.execution.machines.join import Joining, serve_conductor

    host, port = parse_host_port(place)
    suite_sha256 = None
    if suite is not None:
        from gapbench.suite.suite import load_suite

        suite_sha256 = load_suite(Path(suite)).sha256
    joining = Joining(
        host,
        port,
        read_token(token_env),
        token_env,
        name or platform.node() or "machine",
        wait_s,
        suite_sha256,
    )
    run_on_event_loop(serve_conductor(joining, lambda line: click.echo(credentials.redact(line))))
    return 0

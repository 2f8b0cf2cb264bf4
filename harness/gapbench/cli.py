"""The `bench` command: the only module that prints errors and sets exit codes.

Exit codes: 0 done, 1 the run failed or is incomplete, 2 bad input, 3 a regression, 130 interrupted.
Each command is a module of :mod:`gapbench.commands`, named after it and imported when the command is called.
So `bench --help` imports nothing but click.
"""

from __future__ import annotations

import errno
import gc
import importlib
import keyword
import os
import sys
from typing import Any, TextIO

import click

from gapbench import heap
from gapbench.execution.attempts import gc_tuning

# The one-line descriptions are here and not in the commands, so that `bench --help` need not import them.
SECTIONS: dict[str, dict[str, str]] = {
    "Run": {
        "run": "Run a suite and print its gap table.",
        "plan": "Show a suite's cells and cost bound without sending a request.",
        "emit": "Write a suite's shards as jobs for Kubernetes, Slurm or Ray.",
        "validate": "Check a suite, its tasks and their data.",
        "try": "Run one sample end to end and show every step.",
        "batch": "Show, read or cancel a run's batches at the vendors.",
        "init": "Write a commented suite to start from.",
    },
    "Read results": {
        "report": "Summarize runs as text, HTML, Markdown, CSV or plots.",
        "gap": "Compare open and closed models: intervals and a verdict.",
        "capacity": "Find the highest request rate that meets a service level.",
        "view": "List, compare, search and annotate runs in a browser.",
        "runs": "List runs, check and repair them, or merge shards.",
        "list": "List runners, tasks, suites, models, scorers, runs or public generators.",
        "schema": "Show the Parquet columns, or the JSON Schema of a suite.",
    },
    "Score answers": {
        "score": "Score stored answers again without sending a request.",
        "judge": "Have a judge model grade stored answers.",
        "arena": "Rate models by comparing their answers in pairs.",
    },
    "Money": {
        "cost": "Show the cost per task and per correct task.",
        "prices": "Show known prices, and compare price sources.",
        "tco": "Compare a closed API, hosting and self-hosting by volume.",
        "tiers": "Evaluate routers and cascades between two models.",
        "advise": "Recommend an API, hosting or a mix, and show the numbers.",
        "fleet": "Plan GPUs, APIs and batches by the hour for your own traffic.",
    },
    "Compare": {
        "diff": "Show what changed from one run to another.",
        "compare": "Compare a run with a baseline; exit 3 on a regression.",
        "baseline": "Name a run as a baseline, or list the baselines.",
        "trend": "Show quality, speed and cost night by night, and since when they changed.",
    },
    "Data": {
        "import": "Import logs of lm-eval, Inspect or HELM as a run.",
        "traffic": "Read the logs of the requests that you send, and audit them.",
        "record": "Record the requests that you send, by a proxy that passes them on.",
        "article": "Compare the article's figures with published evidence.",
        "evidence": "Check published figures and their sources, or add one.",
    },
    "Machine": {
        "doctor": "Check this machine's setup.",
        "calibrate": "Measure how accurate this machine's timings are under load.",
        "worker": "Join a run on another machine and send a part of its load.",
        "sim": "Start the simulated providers as a server.",
        "serve-metrics": "Serve the runs of a results folder as Prometheus metrics.",
    },
}

COMMANDS: dict[str, str] = {name: line for section in SECTIONS.values() for name, line in section.items()}
"""The one-line description of each command."""

_START_NOTHING = frozenset(
    name for section in ("Read results", "Money", "Compare") for name in SECTIONS[section]
)
"""Commands that start no other program, which would inherit the environment."""


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Errors of a disk, or of a file such as `bench gap > FILE`, that takes no more."""


class Commands(click.Group):
    """A group that imports a command's module when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names, section by section."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        if cmd_name in _START_NOTHING:
            # OpenBLAS's threads wait for each other longer than they compute: a sixth of the CPU time of a large table.
            os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
            if cmd_name != "view":  # It stays, and gives back what a large run took.
                heap.share_one_heap()
        name = cmd_name.replace("-", "_")
        module = importlib.import_module(f"gapbench.commands.{_module_name(name)}")
        command: click.Command = getattr(module, f"{name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write a table for each section, without importing the commands."""
        width = max(map(len, COMMANDS))
        for section, commands in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name.ljust(width), line) for name, line in commands.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the nearest name when there is no such command."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            import difflib

            near = difflib.get_close_matches(name, COMMANDS, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(COMMANDS)}"
            ctx.fail(f"no command {name!r}; {hint}")
        return super().resolve_command(ctx, args)


def _module_name(command: str) -> str:
    """Return the module of a command: its name, with an underscore if Python reserves it."""
    return f"{command}_" if keyword.iskeyword(command) else command


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="""\b
Examples:
  bench run quickstart --yes                   simulated models, no key needed
  bench init my-suite.yaml --from data.jsonl   a suite over your own data
  bench run my-suite.yaml --max-usd 5          asks before the first paid call
  bench gap results/RUN --json                 for scripts

Completion: eval "$(_BENCH_COMPLETE=bash_source bench)"  (zsh_source, fish_source)""",
)
@click.version_option(package_name="gapbench", prog_name="bench")
def bench() -> None:
    """Is the open model that you host good enough, fast enough and cheaper than the closed API, and how sure is that?"""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit; the entry point of the console script."""
    # A short run mostly imports modules, which stay alive: collecting garbage often costs time and finds nothing.
    with gc_tuning.restore_thresholds():
        gc.set_threshold(*gc_tuning.GC_THRESHOLDS)
        sys.exit(invoke(arguments))


def invoke(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code; every expected error is one line on stderr."""
    try:
        result: Any = bench.main(args=arguments, prog_name="bench", standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt) as exc:
        if isinstance(exc.__cause__, EOFError):  # Click takes any end of a file for an end of the input.
            return _print_error(exc.__cause__)
        click.echo("interrupted", err=True)
        return 130
    except click.exceptions.NoArgsIsHelpError as exc:
        click.echo(exc.format_message(), err=True)
        return 2
    except click.UsageError as exc:
        command = exc.ctx.command_path if exc.ctx else "bench"
        click.echo(f"bench: {exc.format_message().rstrip('.')} (see `{command} --help`)", err=True)
        return 2
    except click.ClickException as exc:
        click.echo(f"bench: {exc.format_message()}", err=True)
        return 2
    except (BrokenPipeError, SystemExit) as exc:
        # The reader of a pipe such as `bench ... | head` has closed it; click and rich make a SystemExit of it.
        if isinstance(exc, SystemExit) and not (
            isinstance(exc.__context__, BrokenPipeError) or _is_unread(sys.stdout)
        ):
            raise
        _silence_stdout()
        return 0
    except Exception as exc:  # noqa: BLE001 - Python's own traceback would print a key contained in a message
        return _print_error(exc)
    return result if isinstance(result, int) else 0


def _is_unread(stream: TextIO) -> bool:
    """Return whether a stream is a pipe whose reader has closed it."""
    import select

    poll = select.poll()
    poll.register(stream.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _silence_stdout() -> None:
    """Discard what is still to be printed: what stdout cannot take would be an error again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_error(error: Exception) -> int:
    """Print an error without API keys, with a traceback if it is unexpected, and return the exit code."""
    from gapbench import credentials
    from gapbench.errors import BenchError

    if isinstance(error, OSError) and error.errno in _FULL:
        from gapbench.atomic_write import write_advice

        _silence_stdout()
        place = error.filename or "the output"
        click.echo(f"bench: cannot write {place}: {error.strerror}; {write_advice(error)}", err=True)
        return 1
    if isinstance(error, EOFError) and "marshal" in str(error):
        # Python 3.11 writes what a full disk takes of a module that it compiled, and sees no error.
        click.echo(
            f"bench: a compiled Python module is cut ({error}), as after a full disk; "
            f"remove the folders __pycache__ below {sys.prefix} and of gapbench",
            err=True,
        )
        return 1

    credentials.remember_environment_keys()
    if not isinstance(error, BenchError) or os.environ.get("BENCH_TRACEBACK"):
        import traceback

        click.echo(credentials.redact("".join(traceback.format_exception(error))), err=True)
        return 1
    from gapbench.formatting import escape_invisible

    click.echo(f"bench: {escape_invisible(credentials.redact(str(error)))}", err=True)
    return error.exit_code


if __name__ == "__main__":
    main()

"""The `bench` command: the only printer and the only exit code.

Exit codes: 0 done, 1 the run broke or is incomplete, 2 bad input, 3 a regression, 130 interrupted.
Commands live in :mod:`gapbench.commands` and are imported when called, so that `bench --help` costs
no more than click.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from typing import Any

import click

from gapbench.execution.attempts import gc_tuning

# name -> (module, one line for `bench --help`); a test holds the lines against the commands.
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("gapbench.commands.run", "Run a suite and print its gap table."),
    "plan": (
        "gapbench.commands.plan_validate",
        "Show the cells, calls and cost bound of a suite; call nobody.",
    ),
    "validate": ("gapbench.commands.plan_validate", "Check a suite, its tasks and their data."),
    "try": ("gapbench.commands.try_sample", "One sample all the way: messages, answer, score and why."),
    "report": (
        "gapbench.commands.report",
        "Summary of finished runs, as text, HTML, Markdown, CSV or plots.",
    ),
    "gap": ("gapbench.commands.gap", "Open-versus-closed table with intervals and a verdict."),
    "cost": (
        "gapbench.commands.cost",
        "Cost per task and per correct task, API dollars beside GPU hours.",
    ),
    "diff": ("gapbench.commands.diff", "What flipped and drifted from one run to the next."),
    "capacity": ("gapbench.commands.capacity", "The highest rate that keeps a service level."),
    "article": ("gapbench.commands.article", "The article's figures against published evidence."),
    "evidence": ("gapbench.commands.article", "Check published figures and their sources, or add one."),
    "judge": ("gapbench.commands.judge_arena", "Have stored answers graded by a judge model."),
    "arena": (
        "gapbench.commands.judge_arena",
        "Set models' answers against each other: ratings with intervals.",
    ),
    "score": ("gapbench.commands.score", "Score stored answers again, without one call."),
    "prices": ("gapbench.commands.prices", "What the price book knows, and where sources disagree."),
    "tco": (
        "gapbench.commands.tco",
        "Closed API, hosted and self-hosted over volume, and where they break even.",
    ),
    "tiers": ("gapbench.commands.tiers", "Routers and cascades between an open and a closed model."),
    "advise": ("gapbench.commands.advise", "A recommendation with its numbers, and what would change it."),
    "compare": ("gapbench.commands.compare", "Hold a run against a baseline; exit 3 on a regression."),
    "baseline": ("gapbench.commands.compare", "Keep a run as a baseline, or show those kept."),
    "import": ("gapbench.commands.import_logs", "Read logs of lm-eval, Inspect or HELM into a run."),
    "runs": ("gapbench.commands.runs", "List runs, or check and repair them."),
    "serve-metrics": (
        "gapbench.commands.serve_metrics",
        "Serve every run of a results folder as Prometheus metrics.",
    ),
    "list": ("gapbench.commands.list_doctor", "List runners, tasks, suites, models, scorers or runs."),
    "schema": ("gapbench.commands.list_doctor", "The Parquet columns; the JSON Schema of the suite."),
    "doctor": ("gapbench.commands.list_doctor", "What is there on this machine, and what is missing."),
    "init": ("gapbench.commands.init_sim", "Write a commented suite to start from."),
    "calibrate": (
        "gapbench.commands.calibrate",
        "Hold this machine's figures against a simulated server of known truth.",
    ),
    "sim": ("gapbench.commands.init_sim", "Start the simulated providers alone."),
}


class Commands(click.Group):
    """Imports a command's module when it is called for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(
            importlib.import_module(COMMANDS[cmd_name][0]), f"{cmd_name.replace('-', '_')}_command"
        )
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the table of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command when there is none of that name."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            import difflib

            near = difflib.get_close_matches(name, COMMANDS, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(COMMANDS)}"
            ctx.fail(f"no command {name!r}; {hint}")
        return super().resolve_command(ctx, args)


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="""\b
Examples:
  bench run quickstart --yes                   simulated models, no key needed
  bench init my-suite.yaml --from data.jsonl   a suite over your own data
  bench run my-suite.yaml --max-usd 5          asks before the first paid call
  bench gap results/RUN --json                 for a script

Completion: eval "$(_BENCH_COMPLETE=bash_source bench)"  (zsh_source, fish_source)""",
)
@click.version_option(package_name="gapbench", prog_name="bench")
def bench() -> None:
    """Is the open model that you host good enough, fast enough and cheaper than the closed API, and how sure is that?"""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit; the console script's entry point."""
    # A short run is mostly imports: what they make stays, and looking it over for garbage again and again finds none.
    gc.set_threshold(*gc_tuning.GC_THRESHOLDS)
    sys.exit(invoke(arguments))


def invoke(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code; every foreseen error is one line on stderr."""
    try:
        result: Any = bench.main(args=arguments, prog_name="bench", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        return 130
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        return 130
    except click.UsageError as exc:
        command = exc.ctx.command_path if exc.ctx else "bench"
        click.echo(f"{exc.format_message()}  (see `{command} --help`)", err=True)
        return 2
    except click.ClickException as exc:
        click.echo(exc.format_message(), err=True)
        return 2
    except BrokenPipeError:
        # `bench ... | head`: the reader has seen enough. Point stdout away so that exit stays silent.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as exc:  # noqa: BLE001 - Python's own traceback would print a key that stands in a message
        from gapbench import credentials
        from gapbench.errors import BenchError

        credentials.remember_environment_keys()
        if not isinstance(exc, BenchError) or os.environ.get("BENCH_TRACEBACK"):
            import traceback

            click.echo(credentials.redact(traceback.format_exc()), err=True)
            return 1
        from gapbench.formatting import escape_invisible

        click.echo(f"bench: {escape_invisible(credentials.redact(str(exc)))}", err=True)
        return exc.exit_code
    return result if isinstance(result, int) else 0


if __name__ == "__main__":
    main()

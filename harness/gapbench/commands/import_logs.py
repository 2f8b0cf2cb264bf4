"""`bench import`: logs of lm-eval, Inspect and HELM as a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gapbench.commands.options import POSITIVE
from gapbench.commands.storage_paths import ResultsPath

if TYPE_CHECKING:
    from gapbench.store.importers.run_builder import Weights


@click.command(
    "import",
    epilog="""\b
Examples:
  bench import out/results_2026-02-12T10-00-00.json --weights open
  bench import logs/llama.eval logs/gpt.eval --weights openai/gpt-5.2=closed --weights vllm/llama=open
  bench import runs/mmlu/per_instance_stats.json --weights closed --metric exact_match
  bench gap results/IMPORTED results/OTHER""",
)
@click.argument("logs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--weights",
    "weights",
    multiple=True,
    metavar="[MODEL=]open|closed",
    help="Whether the weights are open or closed: for all, or for one model. Repeatable.",
)
@click.option(
    "--out",
    type=ResultsPath(),
    default=Path("results"),
    show_default=True,
    help="Results folder, or s3://BUCKET/PREFIX.",
)
@click.option("--category", default="imported", show_default=True, help="Row of the gap table.")
@click.option("--name", default="import", show_default=True, help="Begins the run's id.")
@click.option("--model", help="Name of the model, where a log does not say it or says it otherwise.")
@click.option("--metric", help="Metric that is the score.  [default: the first that is a share of 1]")
@click.option(
    "--margin",
    type=POSITIVE,
    default=1.7,
    show_default=True,
    help="Gap that makes no difference, in points.",
)
def import_command(
    logs: tuple[Path, ...],
    weights: tuple[str, ...],
    out: Path,
    category: str,
    name: str,
    model: str | None,
    metric: str | None,
    margin: float,
) -> None:
    """Read per-sample LOGS of lm-eval, Inspect or HELM into one run, and print its folder.

    Scores, prompts and tokens are the logs' own. Times are unknown and stay so.
    """
    from gapbench.commands.storage_paths import check_results_writable, upload_run
    from gapbench.store.importers import run_builder

    told, everyone = _weights(weights)
    found = [log for path in logs for log in run_builder.read_logs(path, model, metric)]
    known = run_builder.resolve_weights(found, told, everyone)
    check_results_writable(out)
    run = run_builder.write_run(found, out, known, category, name, margin)
    click.echo(str(run))
    upload_run(run)


def _weights(given: tuple[str, ...]) -> tuple[dict[str, Weights], Weights | None]:
    from gapbench.errors import InputError

    told: dict[str, Weights] = {}
    everyone: Weights | None = None
    for one in given:
        name, _, kind = one.rpartition("=")
        if kind == "open":
            found: Weights = "open"
        elif kind == "closed":
            found = "closed"
        else:
            raise InputError(f"--weights {one!r}: expected open, closed, or MODEL=open")
        if name:
            told[name] = found
        else:
            everyone = found
    return told, everyone

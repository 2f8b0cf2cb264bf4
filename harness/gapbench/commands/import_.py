"""`bench import`: turn per-sample logs of lm-eval, Inspect and HELM into a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gapbench.commands.options import POSITIVE, out_option

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
    help="Whether the weights are open or closed, for all models or for one. Repeatable.",
)
@out_option
@click.option(
    "--category",
    default="imported",
    show_default=True,
    help="Category of the samples, a row of the gap table.",
)
@click.option("--name", default="import", show_default=True, help="Prefix of the run id.")
@click.option("--model", help="Name of the model; replaces the name in the log.")
@click.option("--metric", help="Metric to use as the score.  [default: the first with values in 0 to 1]")
@click.option(
    "--margin",
    type=POSITIVE,
    default=1.7,
    show_default=True,
    metavar="POINTS",
    help="Equivalence margin in percentage points.",
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
    """Import per-sample LOGS of lm-eval, Inspect or HELM as one run, and print its folder.

    Scores, prompts and token counts are taken from the logs. Times are not known and stay empty.
    """
    from gapbench.commands.storage_paths import check_results_writable, upload_run
    from gapbench.store.importers import run_builder

    by_model, default = _parse_weights(weights)
    samples = [log for path in logs for log in run_builder.read_logs(path, model, metric)]
    known = run_builder.resolve_weights(samples, by_model, default)
    check_results_writable(out)
    run = run_builder.write_run(samples, out, known, category, name, margin)
    click.echo(str(run))
    upload_run(run)


def _parse_weights(given: tuple[str, ...]) -> tuple[dict[str, Weights], Weights | None]:
    """Return the weights given for single models, and those given for all models (None: not given)."""
    from gapbench.errors import InputError

    kinds: dict[str, Weights] = {"open": "open", "closed": "closed"}
    by_model: dict[str, Weights] = {}
    default: Weights | None = None
    for option in given:
        name, _, kind = option.rpartition("=")
        if kind not in kinds:
            raise InputError(f"--weights {option!r}: expected open, closed, or MODEL=open")
        if name:
            by_model[name] = kinds[kind]
        else:
            default = kinds[kind]
    return by_model, default

"""`bench compare`: fail a nightly job when a run is worse than its baseline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gapbench.commands.options import json_option, out_option, weights_option
from gapbench.commands.output_file import write_output_file
from gapbench.commands.price_options import PriceOptions, price_options
from gapbench.commands.storage_paths import RunPath, find_run_or_baseline
from gapbench.commands.webhook import notify, webhook_address, webhook_options

if TYPE_CHECKING:
    from gapbench.analysis.weighting import Weighting


@click.command(
    "compare",
    epilog="""\b
Examples:
  bench compare results/MONDAY results/TUESDAY
  bench compare nightly results/NEW --fail-on "accuracy<-2pp" --fail-on "p95_response>+20%"
  bench compare nightly results/NEW --fail-on "cost_per_correct>+10%" --junit gate.xml --md "$GITHUB_STEP_SUMMARY"

Exit codes: 0 pass, 1 broken (part of the baseline could not be checked, or the new run is not complete), 2 bad input, 3 regression.""",
)
@click.argument("base", type=RunPath())
@click.argument("new", type=RunPath())
@click.option(
    "--fail-on",
    "rules",
    multiple=True,
    metavar="RULE",
    help="Largest change allowed, such as accuracy<-2pp. Repeatable.  [default: accuracy<-2pp, coverage<-1pp]",
)
@click.option("--junit", type=click.Path(path_type=Path), help="Write the result as JUnit XML.")
@click.option(
    "--md",
    type=click.Path(path_type=Path),
    help="Append the result as Markdown to this file, such as $GITHUB_STEP_SUMMARY.",
)
@webhook_options
@out_option
@weights_option
@price_options
@json_option
def compare_command(
    base: Path,
    new: Path,
    rules: tuple[str, ...],
    junit: Path | None,
    md: Path | None,
    webhook: str | None,
    webhook_format: str,
    out: Path,
    weighting: Weighting | None,
    *,
    prices: PriceOptions,
    as_json: bool,
) -> int:
    """Compare run NEW with run BASE and exit 3 if it regressed.

    BASE and NEW are run folders or run ids; BASE may also be the name of a baseline. Requests are compared in pairs.
    A rule fails only if a paired test at the 5 % level shows a change beyond its limit, so noise alone does not fail.
    Requests of BASE that NEW lacks count as broken, not as passed.
    """
    from gapbench.analysis.regression.compare import compare_runs
    from gapbench.analysis.regression.threshold import DEFAULT_RULES, RegressionRule
    from gapbench.report import regression

    address = webhook_address(webhook)
    parsed = [RegressionRule.parse(rule) for rule in rules or DEFAULT_RULES]
    before, after = prices.read_pair(
        [find_run_or_baseline(out, base)], [find_run_or_baseline(out, new)], weighting
    )
    comparison = compare_runs(before, after, parsed)
    if junit is not None:
        write_output_file(junit, regression.comparison_junit(comparison))
    if md is not None:
        write_output_file(md, regression.comparison_markdown(comparison), append=True)
    if as_json:
        click.echo(json.dumps(comparison.to_json()))
    else:
        from rich.console import Console

        Console().print(regression.comparison_text(comparison))
    if address is not None:
        from gapbench.report.notification import comparison_notice

        notify(address, webhook_format, comparison_notice(comparison))
    return {"pass": 0, "broken": 1, "regression": 3}[comparison.verdict]

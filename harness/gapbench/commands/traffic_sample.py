"""`bench traffic sample`: a weighted sample of logged requests as a suite."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gapbench.commands.options import Finite, json_option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gapbench.traffic.redaction import Redaction
    from gapbench.traffic.sample import TrafficSample
    from gapbench.traffic.sampling_frame import SamplingFrame

_MOST_SHOWN = 20


@click.command(
    "sample",
    epilog="""\b
Examples:
  bench traffic sample traffic.parquet
  bench traffic sample traffic.parquet -n 400 --by route,length,tools --out my-suite.yaml --holdout 0.2
  bench traffic sample april.parquet may.parquet --allocate equal --redact rules.yaml""",
)
@click.argument("tables", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="TABLE...")
@click.option(
    "-n", "size", type=click.IntRange(min=1), default=400, show_default=True, help="Prompts to draw."
)
@click.option(
    "--by",
    default="route,length,tools",
    show_default=True,
    metavar="FEATURES",
    help="Features of the strata: route, length, tools, model. Route and kind of check always count.",
)
@click.option(
    "--allocate",
    "allocation",
    type=click.Choice(("proportional", "equal")),
    default="proportional",
    show_default=True,
    help="Prompts of each stratum: by its requests, at least 5; or the same number.",
)
@click.option(
    "--holdout",
    type=Finite(min=0, max=0.9),
    default=0.0,
    show_default=True,
    metavar="SHARE",
    help="Share of the prompts for a second suite that is kept apart, by whole sessions.",
)
@click.option(
    "--redact",
    "rules",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="RULES.yaml",
    help="Rules that take personal data out of texts. Secrets are always removed.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("traffic-suite.yaml"),
    show_default=True,
    help="The suite to write; its data goes to a folder next to it.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=7,
    show_default=True,
    help="Equal seeds draw equal samples.",
)
@click.option("--force", is_flag=True, help="Overwrite existing files.")
@click.option("--yes", "-y", is_flag=True, help="Write what the rules changed without asking.")
@json_option
def sample_command(
    tables: tuple[Path, ...],
    size: int,
    by: str,
    allocation: Any,
    holdout: float,
    rules: Path | None,
    out: Path,
    seed: int,
    *,
    force: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Draw a stratified sample of the requests in traffic TABLES, and write it as a suite with weights.

    Each distinct prompt is one item, whose weight is how many requests it stands for. So `bench gap`, `report`, `cost` and
    `compare` tell what your traffic would get, not what the file gets. The logged replies become targets where a
    program can check them, or references for a judge. Nothing is sent anywhere.
    """
    from typing import get_args

    from gapbench.errors import InputError
    from gapbench.traffic.redaction import read_redaction
    from gapbench.traffic.sample import SampleOptions, draw_sample
    from gapbench.traffic.sample_suite import write_sample
    from gapbench.traffic.sampling_frame import Feature, read_sampling_frame

    names = [name.strip() for name in by.split(",") if name.strip()]
    features = get_args(Feature)
    unknown = next((name for name in names if name not in features), None)
    if unknown is not None:
        raise InputError(f"--by {unknown!r} is not a feature; expected some of {', '.join(features)}")
    if out.suffix not in {".yaml", ".yml"}:
        raise InputError(f"--out {out}: a suite ends in .yaml")
    redaction = read_redaction(rules)
    frame = read_sampling_frame(tables)
    by_features = tuple(feature for feature in features if feature in names)
    options = SampleOptions(size, by_features, allocation, holdout, seed)
    sample = draw_sample(tables, frame, options, redaction)
    if redaction.changes and not yes:
        _confirm(redaction, as_json=as_json)
    budget = max(1024, -(-frame.output_tokens * 3 // 2 // 256) * 256)
    suites = write_sample(out, sample, max_tokens=budget, simulated=frame.simulated, overwrite=force)
    if as_json:
        click.echo(json.dumps(_to_json(frame, sample, redaction, suites)))
        return
    from gapbench.formatting import escape_invisible

    for line in _describe(frame, sample, redaction, suites):
        click.echo(escape_invisible(line))


def _confirm(redaction: Redaction, *, as_json: bool) -> None:
    """Show what the rules changed and ask before it is written."""
    from gapbench.errors import InputError
    from gapbench.formatting import escape_invisible

    for change in redaction.changes[:_MOST_SHOWN]:
        for mark, text in (("-", change.before), ("+", change.after)):
            click.echo(escape_invisible(f"{mark} {change.rule}: {' '.join(text.split())}"), err=as_json)
    total = sum(redaction.counts.values())
    if total > _MOST_SHOWN:
        click.echo(f"  and {total - _MOST_SHOWN:,} more", err=as_json)
    counts = ", ".join(f"{name} {count:,}" for name, count in redaction.counts.items())
    if not sys.stdin.isatty():
        raise InputError(
            f"the rules changed {total:,} places ({counts}); look at them above, and give --yes to write the suite"
        )
    click.confirm(f"The rules changed {total:,} places ({counts}). Write the suite?", abort=True, err=as_json)


def _describe(
    frame: SamplingFrame, sample: TrafficSample, redaction: Redaction, suites: list[Path]
) -> Iterator[str]:
    """Yield the lines that tell what was drawn and what it covers."""
    from gapbench.formatting import count_of, format_percent

    covered = frame.covered
    stand = "stands" if len(sample.items) == 1 else "stand"
    yield (
        f"{suites[0]}: {count_of(len(sample.items), 'item')} {stand} for {count_of(covered, 'request')}, "
        f"{format_percent(covered / frame.rows)} of {frame.rows:,}"
    )
    if len(suites) > 1:
        yield f"{suites[1]}: {count_of(len(sample.holdout), 'item')} kept apart, by whole sessions and templates"
    for reason, count in frame.left_out.most_common():
        yield f"  not covered  {count_of(count, 'request')} ({format_percent(count / frame.rows)}): {reason}"
    strata = "1 stratum" if len(sample.strata) == 1 else f"{len(sample.strata):,} strata"
    yield f"  prompts      {count_of(len(frame.prompts), 'distinct one')}, in {strata}"
    tasks: dict[str, list[Any]] = {}
    for item in sample.items:
        tasks.setdefault(item.task, []).append(item)
    for task, items in tasks.items():
        requests = sum(float(item.row["weight"]) for item in items)
        yield (
            f"  task         {task}: {count_of(len(items), 'item')} for {count_of(round(requests), 'request')} "
            f"({format_percent(requests / covered)}), {_CHECKS[items[0].check]}"
        )
    if redaction.secrets:
        yield f"  secrets      {redaction.secrets:,} removed"
    yield from (f"  redacted     {count:,} by the rule {name}" for name, count in redaction.counts.items())
    if sample.empty_holdout and not sample.holdout:
        yield "  holdout      none: no session or template is small enough to be kept apart as a whole; give a larger -n or --holdout"
    elif sample.empty_holdout:
        strata = "stratum has" if len(sample.empty_holdout) == 1 else "strata have"
        yield f"  holdout      {len(sample.empty_holdout):,} {strata} no item in it, being small or of one session or template: use it for the whole traffic only"
    if frame.simulated:
        yield "  simulated    a simulated provider answered some of these requests"
    yield f"Next: name your models in it, then bench validate {suites[0]}"


_CHECKS = {
    "calls": "checked by the logged tool calls",
    "schema": "checked by the JSON Schema of the request",
    "label": "compared with the logged label",
    "judge": "for a judge, with the logged reply as reference",
    "none": "timed, not scored",
}


def _to_json(
    frame: SamplingFrame, sample: TrafficSample, redaction: Redaction, suites: list[Path]
) -> dict[str, Any]:
    return {
        "schema": 1,
        "suites": [str(suite) for suite in suites],
        "requests": frame.rows,
        "covered": frame.covered,
        "left_out": dict(frame.left_out),
        "prompts": len(frame.prompts),
        "items": len(sample.items),
        "holdout": len(sample.holdout),
        "strata": [
            {"stratum": name, "requests": requests, "prompts": prompts, "drawn": drawn}
            for name, (requests, prompts, drawn) in sample.strata.items()
        ],
        "redacted": redaction.counts,
        "secrets": redaction.secrets,
        "simulated": frame.simulated,
    }

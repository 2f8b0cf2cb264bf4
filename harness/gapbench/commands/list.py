"""`bench list`: names of runners, tasks, suites, models, scorers, runs and public generators, with a line about each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click

from gapbench.commands.options import DEFAULT_LAST, json_option

KINDS = ("runners", "tasks", "suites", "models", "scorers", "runs", "reasoning_gym")


@click.command("list", epilog="Examples: bench list tasks; bench list models tasks/suites/quickstart.yaml")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("suite", required=False)
@json_option
def list_command(kind: str, suite: str | None, *, as_json: bool) -> None:
    """List the names of one KIND, with a line about each.

    `models` lists the models of SUITE or, without SUITE, those with a known price. `reasoning_gym` lists the generators
    of the installed package with their levels.
    """
    if kind == "runs":
        from gapbench.commands.run_list import print_run_list

        print_run_list(Path("results"), DEFAULT_LAST, as_json=as_json)
        return
    lines_by_name = dict(list_names(kind, suite))
    if as_json:
        click.echo(json.dumps(lines_by_name))
        return
    width = max((len(name) for name in lines_by_name), default=0)
    for name, line in lines_by_name.items():
        click.echo(f"{name.ljust(width)}  {line}".rstrip())


def list_names(kind: str, suite: str | None = None) -> Iterator[tuple[str, str]]:
    """Yield each name of a kind with a line about it.

    Args:
        kind: One of ``KINDS`` but ``runs``.
        suite: Suite file whose models are listed. None: the models of the price book. Ignored for other kinds.
    """
    if kind == "runners":
        from gapbench.runner import installed_runners

        for name, point in installed_runners().items():
            package = point.dist.name if point.dist else "?"
            yield name, f"{point.value}  ({package})"
    elif kind == "tasks":
        from gapbench.suite.tasks.loader import builtin_tasks, find_builtin_task, read_task

        for name in builtin_tasks():
            document, _ = read_task(find_builtin_task(name))
            line = document.description.strip().split(". ")[0].rstrip(".") or document.category
            yield name, f"{line} [ladder]" if document.ladder is not None else line
    elif kind == "suites":
        from gapbench.suite.suite import builtin_suites

        yield from builtin_suites().items()
    elif kind == "scorers":
        from gapbench import scoring

        yield from scoring.scorer_descriptions().items()
    elif kind == "reasoning_gym":
        from gapbench.suite.reasoning_gym.package import describe_package

        for name, generator in describe_package().generators.items():
            levels = f"levels 0 to {generator.levels - 1}" if generator.levels else "no levels"
            yield name, f"{generator.folder}, {levels}"
    elif suite is not None:
        from gapbench.suite.suite import load_suite

        for model in load_suite(Path(suite)).models:
            yield model.id, f"{model.runner}, {model.weights} weights"
    else:
        from gapbench.pricing import price_book_models

        yield from price_book_models().items()

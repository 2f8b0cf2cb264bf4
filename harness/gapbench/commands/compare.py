"""`bench compare` and `bench baseline`: the gate of a nightly job."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gapbench.commands.options import json_option, out_option
from gapbench.commands.storage_paths import RunPath


@click.command(
    "compare",
    epilog="""\b
Examples:
  bench compare results/MONDAY results/TUESDAY
  bench compare nightly results/NEW --fail-on "accuracy<-2pp" --fail-on "p95_response>+20%"
  bench compare nightly results/NEW --fail-on "cost_per_correct>+10%" --junit gate.xml --md "$GITHUB_STEP_SUMMARY"

Exit codes: 0 pass, 1 broken (something of the baseline could not be checked, or the new run is not complete), 2 bad input, 3 regression.""",
)
@click.argument("base", type=RunPath())
@click.argument("new", type=RunPath())
@click.option(
    "--fail-on",
    "rules",
    multiple=True,
    metavar="RULE",
    help="How much worse is too much, such as accuracy<-2pp. Repeatable.  [default: accuracy<-2pp, coverage<-1pp]",
)
@click.option("--junit", type=click.Path(path_type=Path), help="Write JUnit XML.")
@click.option(
    "--md", type=click.Path(path_type=Path), help="Append Markdown, such as to $GITHUB_STEP_SUMMARY."
)
@out_option
@json_option
def compare_command(
    base: Path,
    new: Path,
    rules: tuple[str, ...],
    junit: Path | None,
    md: Path | None,
    out: Path,
    *,
    as_json: bool,
) -> int:
    """Hold a run against a baseline; exit 3 on a regression.

    BASE and NEW are run folders or run ids; BASE may be a baseline's name. Requests are paired one by one. A rule fails when a paired test at 5 % says that the change is beyond it: noise fails nothing. What BASE has and NEW lacks is no pass.
    """
    from gapbench.analysis.regression.compare import compare_runs
    from gapbench.analysis.regression.threshold import DEFAULT_RULES, RegressionRule
    from gapbench.report import regression

    parsed = [RegressionRule.parse(rule) for rule in rules or DEFAULT_RULES]
    found = compare_runs([_find_run_folder(out, base)], [_find_run_folder(out, new)], parsed)
    if junit is not None:
        _write(junit, regression.comparison_junit(found), append=False)
    if md is not None:
        _write(md, regression.comparison_markdown(found), append=True)
    if as_json:
        click.echo(json.dumps(found.to_json()))
    else:
        from rich.console import Console

        Console().print(regression.comparison_table(found))
    return {"pass": 0, "broken": 1, "regression": 3}[found.verdict]


@click.command(
    "baseline",
    epilog="""\b
Examples:
  bench baseline set results/RUN                  as the baseline `nightly`
  bench baseline set results/RUN --name release
  bench baseline show                             all of them; one: bench baseline show release""",
)
@click.argument("action", type=click.Choice(("set", "show")))
@click.argument("run", required=False, type=RunPath(), metavar="[RUN|NAME]")
@click.option("--name", help="Name of the baseline.  [default: nightly; show: all]")
@out_option
@json_option
def baseline_command(action: str, run: Path | None, name: str | None, out: Path, *, as_json: bool) -> None:
    """Keep a run as a baseline, or show those kept.

    `set` takes a run folder or run id, `show` the name of a baseline.
    """
    from gapbench.commands.storage_paths import display_path
    from gapbench.errors import InputError, ResultsError
    from gapbench.store import read_manifest
    from gapbench.store.baselines import find_baseline, read_baselines, set_baseline

    if display_path(out) != str(out):
        raise InputError(
            "baselines are kept on this disk, such as in a repository; leave --out away and name the run by its address"
        )
    if action == "set":
        if run is None:
            raise InputError("bench baseline set needs a RUN: a folder or a run id")
        folder = _find_run_folder(out, run)
        manifest = read_manifest(folder)
        if manifest.state != "complete":
            raise ResultsError(
                f"{folder} is {manifest.state}, not complete; a baseline must have every figure"
            )
        set_baseline(out, name or "nightly", folder, manifest.suite)
        click.echo(f"baseline {name or 'nightly'}: {display_path(folder)}")
        return
    if run is not None and name not in {None, str(run)}:
        raise InputError(f"bench baseline show: two names, '{run}' and --name {name!r}; leave one out")
    name = name or (str(run) if run else None)
    if name is not None:
        find_baseline(out, name)
    known = {key: entry for key, entry in read_baselines(out).items() if name in {None, key}}
    if as_json:
        click.echo(json.dumps(known))
        return
    for key, entry in known.items():
        where = entry["run"] if "://" in entry["run"] else out / entry["run"]
        click.echo(f"{key}  {where}  ({entry['suite']})")


def _find_run_folder(results: Path, given: Path) -> Path:
    """Return a run folder given by path, by run id, or by the name of a baseline."""
    from gapbench.commands.storage_paths import display_path, find_run_folder
    from gapbench.errors import ResultsError
    from gapbench.store.baselines import find_baseline

    folder = find_run_folder(results, given)
    if folder is not None:
        return folder
    try:
        return find_baseline(results, str(given))
    except ResultsError as exc:
        raise ResultsError(
            f"{str(given)!r} is no run folder and no run id in {display_path(results)}: {exc}"
        ) from exc


def _write(path: Path, content: str, *, append: bool) -> None:
    from gapbench.errors import ResultsError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if append else "w", encoding="utf-8") as file:
            file.write(content)
    except OSError as exc:
        raise ResultsError(f"cannot write {path}: {exc.strerror}; choose another place") from exc

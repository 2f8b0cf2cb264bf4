"""One self-contained page that a lead reads in a minute: no network, no script, light and dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from harness.analysis.cost import CostTable, cost
from harness.analysis.frames import Runs, read, records
from harness.analysis.gap import OVERALL, GapTable, gap
from harness.analysis.pricing import bill
from harness.analysis.summary import Summary, summarize
from harness.prices import book_version
from harness.report import svg, units


def report(runs: Runs | Sequence[Path]) -> str:
    """Return the page of runs.

    Raises:
        ResultsError: A folder is no run.
    """
    read_runs = read(runs)
    billed = bill(read_runs)
    costs = cost(read_runs, billed)
    return page(read_runs, summarize(read_runs, costs), gap(read_runs, billed=billed), costs)


def page(runs: Runs, summary: Summary, gaps: GapTable, costs: CostTable) -> str:
    """Return the page of tables at hand."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("harness.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: units.NOTHING if value is None else value,
    )
    environment.filters.update(
        clean=units.clean,
        count=units.count,
        number=units.number,
        percent=units.percent,
        seconds=units.seconds,
        usd=units.usd,
        p=units.p_value,
    )
    models, categories = records(summary.level("model")), records(summary.level("category"))
    rows = records(gaps.frame)
    accuracy = [row for row in rows if row["metric"] == "accuracy"]
    axis = svg.scale(accuracy, gaps.margin_points)
    longest = max((float(row["response_p95_s"]) for row in models if row["response_p95_s"]), default=0.0)
    return environment.get_template("report.html.j2").render(
        title=", ".join(dict.fromkeys(str(manifest["suite"]) for manifest in runs.manifests)),
        simulated=summary.simulated,
        headline=gaps.headline(),
        tone=_tone(accuracy),
        margin=gaps.margin_points,
        accuracy=[{**row, "drawn": svg.gap_interval(row, axis, gaps.margin_points)} for row in accuracy],
        others=[row for row in rows if row["metric"] != "accuracy"],
        axis_words=(units.gap_value("points", axis[0]), units.gap_value("points", axis[1])),
        metrics=units.METRICS,
        value=units.metric_value,
        gap_value=units.gap_value,
        interval=units.interval,
        share=units.accuracy,
        fairness=gaps.fairness,
        warnings=list(dict.fromkeys([*summary.warnings, *gaps.warnings])),
        models=[{**row, "bar": svg.outcome_bar(row), "times": svg.latency(row, longest)} for row in models],
        blocks=_blocks(categories, models),
        longest=longest,
        outcomes=[kind for kind in svg.OUTCOMES if any(row[kind] for row in models)],
        scatter=svg.scatter(models),
        costs=records(costs.frame),
        price_book=book_version(),
        runs=[_run(manifest) for manifest in runs.manifests],
    )


def _tone(accuracy: Sequence[Mapping[str, Any]]) -> str:
    """Return which side the verdict sentence is coloured for."""
    overall = [row for row in accuracy if row["category"] == OVERALL] or list(accuracy)
    verdict = str(overall[0]["verdict"]) if overall else ""
    return {"closed ahead": "closed", "open ahead": "open"}.get(verdict, "even")


def _blocks(
    categories: Sequence[Mapping[str, Any]], models: Sequence[Mapping[str, Any]]
) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Return the summary's rows under each category, and under all of them when there are several."""
    names = list(dict.fromkeys(str(row["category"]) for row in categories))
    blocks = [(name, [row for row in categories if row["category"] == name]) for name in names]
    return [*blocks, (OVERALL, list(models))] if len(names) > 1 else blocks


def _run(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a reader needs to repeat a run."""
    machine = manifest["machine"]
    return {
        "run_id": manifest["run_id"],
        "state": manifest["state"],
        "facts": [
            ("suite", f"{manifest['suite']} ({str(manifest['suite_sha256'])[:12]})"),
            ("began", manifest["started_at"]),
            ("ended", manifest["ended_at"]),
            ("seed and repeats", f"{manifest['seed']}, {manifest['repeats']}"),
            ("machine", f"{machine.get('platform')}; {machine.get('cpu')}; {machine.get('cores')} cores"),
            ("versions", ", ".join(f"{name} {number}" for name, number in manifest["versions"].items())),
            (
                "models",
                "; ".join(
                    f"{model['id']}: {model['name']} through {model['runner']}, {model['weights']} weights"
                    + (" (SIMULATED)" if model.get("simulated") else "")
                    for model in manifest["models"]
                ),
            ),
            (
                "tasks",
                "; ".join(f"{task['name']} ({task['samples']} samples)" for task in manifest["tasks"]),
            ),
        ],
    }

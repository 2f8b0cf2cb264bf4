"""A report as one self-contained page: it loads nothing, is light or dark, and its one script is the sample browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

from gapbench import formatting
from gapbench.analysis.frames import Runs
from gapbench.analysis.performance.distributions import latency_quantiles, pareto_front
from gapbench.analysis.performance.load_levels import NO_SLO, load_levels
from gapbench.analysis.quality.gap import OVERALL, GapTable
from gapbench.analysis.samples import MAX_ITEMS, collect_samples
from gapbench.report import page_charts, page_sparklines, sample_browser
from gapbench.report.page_sentences import render_sentence
from gapbench.report.page_tables import render_table
from gapbench.report.results import Results, ResultTables, load_results
from gapbench.report.rung_charts import draw_rung_curves
from gapbench.report.style_sheets import read_style_sheet
from gapbench.report.tables.gap import accuracy_gap_table, equal_quality_lines, time_cost_gap_table
from gapbench.report.tables.summary import describe_outcomes
from gapbench.store import RunManifest
from gapbench.store.json_records import records

_PLACED = frozenset(("summary", "ladders", "passes", "gap", "cost", "ways"))
"""The tables whose place on the page is fixed; any other comes after them."""


def html_report(runs: Results, most_samples: int = MAX_ITEMS) -> str:
    """Return the page of runs.

    Args:
        runs: Run folders, what was read from them, or their results.
        most_samples: Requests in the sample browser; 0 leaves it out, and with it the page's script.

    Raises:
        ResultsError: A folder is not a run.
    """
    results = load_results(runs).compute()
    samples = collect_samples(results.runs, most_samples) if most_samples else None
    packed = sample_browser.pack_samples(samples, results.runs.folders) if samples and samples.total else None
    return page_template().render(_view(results, packed))


def page_template() -> jinja2.Template:
    """Return the template of the page."""
    return page_environment().get_template("report.html.j2")


@cache
def page_environment() -> jinja2.Environment:
    """Return the environment of every page: it escapes what is put in, and a missing value is an error."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("gapbench.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: formatting.NOTHING if value is None else value,
    )
    environment.filters.update(
        clean=formatting.strip_controls,
        sentence=render_sentence,
        count=formatting.format_count,
        seconds=formatting.format_seconds,
    )
    environment.globals["result_table"] = render_table
    environment.globals["style_sheet"] = lambda name: Markup(read_style_sheet(name))  # noqa: S704 - our own file
    return environment


def _view(results: ResultTables, packed: sample_browser.PackedSamples | None) -> dict[str, Any]:
    """Return what the template shows, one entry for each part of the page."""
    manifests = results.runs.manifests
    tables = {key: table for key, table in results.tables.items() if "page" in table.outputs}
    return {
        "title": ", ".join(dict.fromkeys(str(manifest.suite) for manifest in manifests)),
        "simulated": results.shown_summary.simulated,
        "warnings": results.warnings,
        "answer": results.answer.lines(),
        "gap": _gap_view(results.gap),
        "charts": _chart_view(results),
        "models": _model_view(results),
        "tables": tables,
        "other_tables": [table for key, table in tables.items() if key not in _PLACED],
        "samples": _sample_view(packed),
        "runs": [_run_facts(manifest) for manifest in manifests],
    }


def _gap_view(gap: GapTable) -> dict[str, Any]:
    accuracy = accuracy_gap_table(gap)
    return {
        "headline": gap.headline(),
        "side": _leading_side(accuracy.rows),
        "accuracy": accuracy,
        "time_cost": time_cost_gap_table(gap),
        "fairness": gap.fairness,
        "equal_quality": equal_quality_lines(gap),
    }


def _leading_side(accuracy: Sequence[Mapping[str, Any]]) -> str:
    """Return the side whose colour the headline has: the winner overall, or ``even``."""
    overall = [row for row in accuracy if row["category"] == OVERALL] or list(accuracy)
    verdict = str(overall[0]["verdict"]) if overall else ""
    return {"closed ahead": "closed", "open ahead": "open"}.get(verdict, "even")


def _chart_view(results: ResultTables) -> dict[str, Any]:
    models = results.shown_summary.level("model")
    # Times that this client delayed say nothing about a model: it is drawn, marked, and no rival on the front.
    is_valid = models["invalid"].isna()
    front = iter(pareto_front(models[is_valid].reset_index(drop=True), "response_p95_s"))
    time_front = [bool(valid) and next(front) for valid in is_valid]
    return {
        "by_cost": page_charts.draw_scatter(
            records(models),
            "usd_per_correct",
            pareto_front(models, "usd_per_correct"),
            formatting.METRICS["usd_per_correct"],
            formatting.format_usd_per_1000,
        ),
        "by_time": page_charts.draw_scatter(
            records(models),
            "response_p95_s",
            time_front,
            formatting.METRICS["response_p95_s"],
            formatting.format_seconds,
            is_invalid=[not valid for valid in is_valid],
        ),
        "under_load": _load_charts(results.runs),
        "ladders": [(ladder.task, draw_rung_curves(ladder)) for ladder in results.gap.ladders],
    }


def _model_view(results: ResultTables) -> dict[str, Any]:
    """Return the bars and strips of each model: outcomes and times."""
    models = records(results.shown_summary.level("model"))
    quantiles = _time_quantiles(results.runs)
    longest = max((found["response_s"][0.99] for found in quantiles.values()), default=0.0)
    for model in models:
        times = quantiles.get(model["model_id"], {})
        model["outcome_bar"] = page_sparklines.draw_outcome_bar(model)
        model["ttft_strip"] = page_charts.draw_distribution(times.get("ttft_s", {}), longest, "ttft")
        model["response_strip"] = page_charts.draw_distribution(
            times.get("response_s", {}), longest, str(model["weights"])
        )
    return {
        "rows": models,
        "any_invalid": any(model["invalid"] for model in models),
        "longest_s": longest,
        "outcomes": [kind for kind in page_sparklines.OUTCOMES if any(model[kind] for model in models)],
        "outcome_lines": describe_outcomes(models),
    }


def _sample_view(packed: sample_browser.PackedSamples | None) -> dict[str, Any]:
    return {
        "packed": packed,
        "script": Markup(sample_browser.page_script()) if packed else "",  # noqa: S704 - our own file, of a known hash
        "script_hash": sample_browser.page_script_hash(),
    }


def _load_charts(runs: Runs) -> list[dict[str, Any]]:
    """Return a chart of throughput for each task and kind of load that has several levels."""
    found = load_levels(runs)
    if found is None:
        return []
    rows = [{**row, "weights": runs.model(row["model_id"]).weights} for row in records(found.frame)]
    charts: list[dict[str, Any]] = []
    for task in dict.fromkeys(str(row["task"]) for row in rows):
        of_task = [row for row in rows if row["task"] == task]
        limits = {rate.model_id: rate.rate_rps for rate in found.rates if rate.task == task and rate.rate_rps}
        level = "" if found.slo == NO_SLO else str(found.slo)
        for x_column, label in (
            ("offered_rps", "requests offered per second"),
            ("concurrency", "requests in flight"),
        ):
            by_rate = limits if level and x_column == "offered_rps" else {}
            chart = page_charts.draw_load_levels(of_task, x_column, f"{label}, logarithmic", by_rate)
            if chart:
                late = any(row["invalid"] for row in of_task)
                charts.append({"task": task, "label": label, "level": level, "chart": chart, "late": late})
    return charts


def _time_quantiles(runs: Runs) -> dict[str, dict[str, dict[float, float]]]:
    """Return each model's quantiles of each time, in seconds, by model, metric and share."""
    found: dict[str, dict[str, dict[float, float]]] = {}
    for row in records(latency_quantiles(runs)):
        found.setdefault(row["model_id"], {}).setdefault(row["metric"], {})[row["share"]] = row["value_s"]
    return {name: metrics for name, metrics in found.items() if "response_s" in metrics}


def _run_facts(manifest: RunManifest) -> dict[str, Any]:
    """Return what a reader needs to repeat a run."""
    machine = manifest.machine
    return {
        "run_id": manifest.run_id,
        "state": manifest.state,
        "facts": [
            ("suite", f"{manifest.suite} ({str(manifest.suite_sha256)[:12]})"),
            ("began", manifest.started_at),
            ("ended", manifest.ended_at),
            ("seed and repeats", f"{manifest.seed}, {manifest.repeats}"),
            ("machine", f"{machine.get('platform')}; {machine.get('cpu')}; {machine.get('cores')} cores"),
            ("versions", ", ".join(f"{name} {number}" for name, number in manifest.versions.items())),
            (
                "models",
                "; ".join(
                    f"{model.id}: {model.name} through {model.runner}, {model.weights} weights"
                    + (" (SIMULATED)" if model.simulated else "")
                    for model in manifest.models
                ),
            ),
            (
                "tasks",
                "; ".join(f"{task.name} ({task.samples} samples)" for task in manifest.tasks),
            ),
        ],
    }

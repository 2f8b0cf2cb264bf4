"""One self-contained page that a lead reads in a minute: no network, light and dark; its one script is the sample browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
from markupsafe import Markup

from gapbench import formatting
from gapbench.analysis.cost.attempt_costs import bill
from gapbench.analysis.cost.cost import CostTable, cost
from gapbench.analysis.frames import Folders, Runs, load_runs
from gapbench.analysis.performance.distributions import latency_quantiles, pareto_front
from gapbench.analysis.performance.load_levels import NO_SLO, load_levels
from gapbench.analysis.quality.gap import OVERALL, GapTable, gap
from gapbench.analysis.quality.gap_metrics import remarks
from gapbench.analysis.quality.pass_at_k import PassAtK, summarize_pass_at_k
from gapbench.analysis.quality.summary import Summary, summarize
from gapbench.analysis.samples import MAX_ITEMS, collect_samples
from gapbench.pricing import price_book_version
from gapbench.report import cost_tables, page_charts, page_sparklines, sample_browser
from gapbench.report import pass_at_k as pass_cells
from gapbench.report.columns import COST_COLUMNS, SUMMARY_COLUMNS, describe_outcomes
from gapbench.report.equal_quality import describe_equal_quality, describe_lag
from gapbench.report.lm_eval_metrics import lm_eval_metrics
from gapbench.store import RunManifest
from gapbench.store.json_records import records


def html_report(runs: Runs | Folders, most_samples: int = MAX_ITEMS) -> str:
    """Return the page of runs.

    Args:
        runs: Run folders, or what was read from them.
        most_samples: Requests in the sample browser; 0 leaves it out.

    Raises:
        ResultsError: A folder is no run.
    """
    read_runs = load_runs(runs)
    billed = bill(read_runs)
    costs = cost(read_runs, billed)
    looked = collect_samples(read_runs, most_samples) if most_samples else None
    packed = (
        sample_browser.pack_samples(looked, read_runs.folders)
        if looked is not None and looked.total
        else None
    )
    return render_page(
        read_runs,
        summarize(read_runs, costs),
        gap(read_runs, billed=billed),
        costs,
        summarize_pass_at_k(read_runs),
        packed,
    )


def render_page(
    runs: Runs,
    summary: Summary,
    gaps: GapTable,
    costs: CostTable,
    pass_at_k: PassAtK,
    packed: sample_browser.PackedSamples | None = None,
) -> str:
    """Return the page of tables at hand; without ``packed`` it has no sample browser and no script."""
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
        count=formatting.format_count,
        number=formatting.format_number,
        percent=formatting.format_percent,
        seconds=formatting.format_seconds,
        usd=formatting.format_usd,
        p=formatting.format_p_value,
    )
    models, categories = records(summary.level("model")), records(summary.level("category"))
    rows = records(gaps.frame)
    accuracy = [row for row in rows if row["metric"] == "accuracy"]
    axis = page_sparklines.axis_range(accuracy, gaps.margin_points)
    spreads = _time_quantiles(runs)
    longest = max((found["response_s"][0.99] for found in spreads.values()), default=0.0)
    by_model = summary.level("model")
    # A time that this client made is no reason to choose or to leave a model.
    timed = by_model[by_model["invalid"].isna()].reset_index(drop=True)
    return environment.get_template(
        "report.html.j2"
    ).render(
        title=", ".join(dict.fromkeys(str(manifest.suite) for manifest in runs.manifests)),
        simulated=summary.simulated,
        headline=gaps.headline(),
        tone=_tone(accuracy),
        margin=gaps.margin_points,
        accuracy=[
            {**row, "drawn": page_sparklines.draw_gap_interval(row, axis, gaps.margin_points)}
            for row in accuracy
        ],
        others=[row for row in rows if row["metric"] != "accuracy"],
        axis_words=(formatting.format_gap("points", axis[0]), formatting.format_gap("points", axis[1])),
        metrics=formatting.METRICS,
        value=formatting.format_metric,
        gap_value=formatting.format_gap,
        interval=formatting.format_interval,
        remarks=remarks,
        held=[*map(describe_equal_quality, gaps.matched), *map(describe_lag, gaps.lag)],
        invalid=any(row["invalid"] for row in models),
        share=formatting.format_accuracy,
        fairness=gaps.fairness,
        warnings=list(dict.fromkeys([*summary.warnings, *gaps.warnings])),
        models=[
            {
                **row,
                "bar": page_sparklines.draw_outcome_bar(row),
                "first": page_charts.draw_distribution(
                    spreads.get(row["model_id"], {}).get("ttft_s", {}), longest, "ttft"
                ),
                "whole": page_charts.draw_distribution(
                    spreads.get(row["model_id"], {}).get("response_s", {}), longest, str(row["weights"])
                ),
            }
            for row in models
        ],
        blocks=_blocks(categories, models),
        longest=longest,
        otherwise=describe_outcomes(models),
        outcomes=[kind for kind in page_sparklines.OUTCOMES if any(row[kind] for row in models)],
        by_cost=page_charts.draw_scatter(
            models,
            "usd_per_correct",
            pareto_front(by_model, "usd_per_correct"),
            formatting.METRICS["usd_per_correct"],
            formatting.format_usd,
        ),
        by_time=page_charts.draw_scatter(
            records(timed),
            "response_p95_s",
            pareto_front(timed, "response_p95_s"),
            formatting.METRICS["response_p95_s"],
            formatting.format_seconds,
        ),
        under_load=_load_charts(runs),
        packed=packed,
        script=Markup(sample_browser.page_script()) if packed else "",  # noqa: S704 - our own file, of a known hash
        script_hash=sample_browser.page_script_hash(),
        passed=records(pass_at_k.frame),
        ks=pass_at_k.ks,
        pass_share=pass_cells.format_pass_at_k,
        pass_note=pass_cells.pass_at_k_note(pass_at_k),
        tested=pass_at_k.has_hidden_tests,
        costs=_cost_rows(costs),
        summary_columns=SUMMARY_COLUMNS[1:],
        cost_columns=COST_COLUMNS,
        scope=formatting.category_name,
        legs=records(costs.legs),
        leg_names=cost_tables.LEG_NAMES,
        leg_range=cost_tables.format_leg_range,
        leg_words=cost_tables.describe_leg,
        price_book=price_book_version(),
        runs=[_run_facts(manifest) for manifest in runs.manifests],
    )


def _cost_rows(costs: CostTable) -> list[dict[str, Any]]:
    """Return the rows of the cost table, each with the place of its model among the models."""
    rows = records(costs.frame)
    order = list(dict.fromkeys(row["model_id"] for row in rows))
    return [{**row, "place": order.index(row["model_id"])} for row in rows]


def _load_charts(runs: Runs) -> list[dict[str, Any]]:
    """Return a chart of throughput for each task and kind of load that has several levels."""
    found = load_levels(runs)
    if found is None:
        return []
    rows = [{**row, "weights": runs.model(row["model_id"]).weights} for row in records(found.frame)]
    drawn: list[dict[str, Any]] = []
    for task in dict.fromkeys(str(row["task"]) for row in rows):
        mine = [row for row in rows if row["task"] == task]
        limits = {rate.model_id: rate.rate_rps for rate in found.rates if rate.task == task and rate.rate_rps}
        level = "" if found.slo == NO_SLO else str(found.slo)
        for across, label in (
            ("offered_rps", "requests offered per second"),
            ("concurrency", "requests in flight"),
        ):
            by_rate = limits if level and across == "offered_rps" else {}
            chart = page_charts.draw_load_levels(mine, across, f"{label}, logarithmic", by_rate)
            if chart:
                late = any(row["invalid"] for row in mine)
                drawn.append({"task": task, "label": label, "level": level, "chart": chart, "late": late})
    return drawn


def _time_quantiles(runs: Runs) -> dict[str, dict[str, dict[float, float]]]:
    """Return each model's quantiles of each time."""
    found: dict[str, dict[str, dict[float, float]]] = {}
    for row in records(latency_quantiles(runs)):
        found.setdefault(row["model_id"], {}).setdefault(row["metric"], {})[row["share"]] = row["value_s"]
    return {name: metrics for name, metrics in found.items() if "response_s" in metrics}


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
            *(
                (formatting.strip_controls(f"lm-eval: {task}, {who}"), f"{metric}: {value}")
                for who, task, metric, value in lm_eval_metrics([manifest])
            ),
        ],
    }

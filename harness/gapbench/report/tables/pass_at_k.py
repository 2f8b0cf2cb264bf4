"""The table of pass@k, pass^k, the noise of a repetition, and partial credit."""

from __future__ import annotations

from functools import partial

from gapbench import formatting
from gapbench.analysis.quality.pass_at_k import PassAtK
from gapbench.report.table import Column, Row, Sections, Span, Table
from gapbench.report.tables.summary import weights_tone
from gapbench.store.json_records import records

_TASK = Column("task", "task", lambda row: str(row["task"]), is_text=True)


def pass_at_k_table(pass_at_k: PassAtK) -> Table | None:
    """Return one row for each task and model. None: no task has repeats or hidden tests."""
    if pass_at_k.frame.empty:
        return None
    columns = [
        Column("model_id", "model", lambda row: str(row["model_id"]), is_text=True, min_width=16, tone=weights_tone),
        Column("samples", "samples", lambda row: formatting.format_count(row["samples"])),
        Column("repeats", "repeats", lambda row: formatting.format_count(row["repeats"])),
        # The first and the last k stay longest: between them the shares only rise.
        *(
            Column(f"pass_at_{k}", f"pass@{k} %", partial(format_pass_at_k, k=k), len(pass_at_k.ks) - place if place else 0)
            for place, k in enumerate(pass_at_k.ks)
        ),
    ]  # fmt: skip
    if any(f"pass_hat_{k}" in pass_at_k.frame for k in pass_at_k.ks):
        columns += [
            *(
                Column(
                    f"pass_hat_{k}", f"pass^{k} %", partial(format_pass_at_k, k=k, name="pass_hat"), 20 + k
                )
                for k in pass_at_k.ks
                if f"pass_hat_{k}" in pass_at_k.frame
            ),
            Column("noise_floor", "noise, points", _noise_points, 18),
            Column("icc", "ICC", lambda row: formatting.format_number(row["icc"], 2), 19),
        ]
    if pass_at_k.has_hidden_tests:
        columns.append(Column("partial", "partial", lambda row: formatting.format_percent(row["partial"])))
    note = pass_at_k_note(pass_at_k)
    return Table(
        "passes",
        "pass@k and pass^k over repeats" if "pass_hat_2" in pass_at_k.frame else "pass@k over repeats",
        tuple(columns),
        records(pass_at_k.frame),
        Sections(lambda row: row["task"], _heading, (_TASK,)),
        simulated=pass_at_k.simulated,
        notes=tuple((line, "dim") for line in [*pass_at_k.weights.describe_traffic(), note]),
        lead="Shares in percent, with their 95 % interval.",
    )


def _heading(row: Row) -> tuple[Span, ...]:
    return ((str(row["task"]), "headline"),)


def pass_at_k_note(pass_at_k: PassAtK) -> str:
    """Return what the columns mean; hidden tests are named only where a task has some."""
    meaning = "pass@k: chance that at least one of k answers is right (unbiased, Chen et al. 2021)"
    if "pass_hat_2" in pass_at_k.frame:
        meaning += (
            "; pass^k: chance that all of k answers are right (tau-bench, 2024); noise: standard deviation of pass@1 from "
            "one run of the same samples to the next; ICC: share of the variance that lies between samples"
        )
    tail = "; partial: mean share of hidden tests that passed." if pass_at_k.has_hidden_tests else "."
    return meaning + tail


def _noise_points(row: Row) -> str:
    floor = row["noise_floor"]
    return f"{floor * 100:.1f}" if formatting.is_known(floor) else formatting.NOTHING


def format_pass_at_k(row: Row, k: int, name: str = "pass_at") -> str:
    """Return pass@k, or pass^k, of a row with its interval, both in percent."""
    name = f"{name}_{k}"
    return formatting.format_accuracy(
        {
            "accuracy": row.get(name),
            "accuracy_low": row.get(f"{name}_low"),
            "accuracy_high": row.get(f"{name}_high"),
        }
    )

"""The importer ``csvlog``: a CSV file with the columns model, task, id, prompt, reply and score."""

import csv
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from gapbench.store.importers.sample_log import (
    LogImporter,
    SampleLog,
    SampleResult,
    message_of_turn,
    outcome_of_score,
    unit_score,
)


def read_csv_log(file: Path, model: str | None, metric: str | None) -> Iterator[SampleLog]:
    """Yield one log for each model and task of a file."""

    def cell(row: dict[str, str]) -> tuple[str, str]:
        return row["model"], row["task"]

    with file.open(newline="", encoding="utf-8") as lines:
        rows = sorted(csv.DictReader(lines), key=cell)
    for (name, task), group in groupby(rows, key=cell):
        items = [_result(row) for row in group]
        yield SampleLog("csvlog", file, model or name, task, None, None, metric or "score", {}, items)


def _result(row: dict[str, str]) -> SampleResult:
    score = unit_score(float(row["score"]))
    prompt = (message_of_turn("user", row["prompt"]),)
    return SampleResult(row["id"], 0, prompt, None, row["reply"], score, outcome_of_score(score))


IMPORTER = LogImporter(
    name="csvlog",
    description="*.csvlog with model, task, id, prompt, reply and score",
    patterns=("*.csvlog",),
    suffixes=(".csvlog",),
    accepts=lambda _: False,
    read=read_csv_log,
)

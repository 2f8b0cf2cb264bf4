"""Writes samples.jsonl from the questions: ``python make_samples.py``; the same bytes every time.

Each question is checked while it is written: the reference gives rows on some database, its columns are
those that the prompt names, and the plausible wrong query differs on some database.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from questions import QUESTIONS, Question
from schemas import SCHEMAS, databases

from gapbench.sandbox.guest.sql import query_rows, results_equal
from gapbench.scoring.scorers.sql import has_order_by

HERE = Path(__file__).parent


def query_columns(setup: str, query: str) -> list[str]:
    """Return the names of a query's columns."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(setup)
        return [column[0] for column in database.execute(query).description]


def row(number: int, question: Question) -> dict[str, Any]:
    """Return one line of samples.jsonl."""
    setups = databases(question.schema, number)
    ordered = has_order_by(question.solution)
    results = [query_rows(setup, question.solution) for setup in setups]
    wrong = [
        results_equal(query_rows(setup, question.decoy), found, ordered=ordered)
        for setup, found in zip(setups, results, strict=True)
    ]
    if not any(results) or all(wrong):
        raise SystemExit(
            f"question {number}: {[len(found) for found in results]} rows, decoy agrees {wrong}: {question.text}"
        )
    return {
        "id": f"sql-{number:03}",
        "tier": question.tier,
        "family": question.schema,
        "question": question.text,
        "schema": SCHEMAS[question.schema][0],
        "columns": ", ".join(query_columns(setups[0], question.solution)),
        "setup": setups,
        "ordered": ordered,
        "solution": question.solution,
        "decoy": question.decoy,
    }


def render() -> str:
    """Return the whole file."""
    lines = [row(number, question) for number, question in enumerate(QUESTIONS, 1)]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def main() -> None:
    """Write the file."""
    text = render()
    (HERE / "samples.jsonl").write_text(text, encoding="utf-8", newline="\n")
    print(f"samples.jsonl: {text.count(chr(10))} problems")


if __name__ == "__main__":
    main()

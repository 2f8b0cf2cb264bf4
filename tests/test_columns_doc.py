"""The reference of the Parquet columns: derived columns are those of the code, and the DuckDB query gives what Python gives."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb

import gapbench as gb
from gapbench.store.derived_columns import DERIVED
from gapbench.store.score_overlay import write_scores
from tests.run_folders import make_answers, write_run

PAGE = (Path(__file__).parents[1] / "docs" / "reference" / "columns.md").read_text(encoding="utf-8")


def test_the_derived_columns_are_listed() -> None:
    """By the names that `attempts` takes."""
    listed = PAGE.partition("### Derived on reading")[2].partition("## Payload")[0]

    assert set(DERIVED) == set(re.findall(r"^\| `(\w+)` \|", listed, re.MULTILINE))


def test_the_query_of_the_page_gives_the_newest_scores(tmp_path: Path) -> None:
    """Finding 39: of four answers, two right; a later score makes the fourth right, and a newer one the third."""
    run = write_run(tmp_path / "RUN", make_answers("closed-a", 2, 4))
    key = {"run_id": "RUN", "cell_id": "closed-a|reasoning/sums|c8", "repeat": 0, "attempt": 1}
    for sample_id in ("3", "2"):
        score = {"scorer": "exact", "outcome": "correct", "score": 1.0, "answer": "4", "reason": "read again"}
        write_scores(run, [{**key, "sample_id": sample_id, **score}])
    (query,) = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    found = duckdb.sql(query.replace("results/RUN", str(run)))
    assert found is not None
    rows = found.df().sort_values("sample_id")

    assert [1.0, 1.0, 1.0, 1.0] == list(rows["score"])
    assert list(gb.read(run).attempts(["score"])["score"]) == list(rows["score"])
    assert ["", "", "read again", "read again"] == list(rows["reason"])

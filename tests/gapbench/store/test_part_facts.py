"""What the footers of parts tell of their rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gapbench.store.part_facts import PartFacts, read_part_facts
from gapbench.store.schema import ATTEMPT_SCHEMA


def facts_of(folder: Path, columns: dict[str, list[Any]], **options: Any) -> PartFacts:
    """Write a part with some columns of the attempt row, and return its facts."""
    schema = pa.schema([ATTEMPT_SCHEMA.field(name) for name in columns])
    path = folder / "attempts-000001.parquet"
    pq.write_table(pa.table(columns, schema=schema), path, **options)
    (found,) = read_part_facts([path])
    return found


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["math", "math"], "math"),
        ([None, None], None),
    ],
)
def test_a_label_that_all_rows_share_is_known(tmp_path: Path, values: list[Any], expected: Any) -> None:
    """Its one value, or None where it is unknown in all rows."""
    assert facts_of(tmp_path, {"service_tier": values}).constants["service_tier"] == expected


@pytest.mark.parametrize("values", [["math", "code"], ["math", None]])
def test_a_label_that_differs_between_rows_is_no_constant(tmp_path: Path, values: list[Any]) -> None:
    """An unknown value is another one."""
    assert "service_tier" not in facts_of(tmp_path, {"service_tier": values}).constants


def test_a_label_that_differs_between_row_groups_is_no_constant(tmp_path: Path) -> None:
    """Each row group has one value, and the two differ."""
    assert "task" not in facts_of(tmp_path, {"task": ["math", "code"]}, row_group_size=1).constants


def test_a_part_without_statistics_has_no_constants(tmp_path: Path) -> None:
    """Nothing is known without reading its rows."""
    assert "task" not in facts_of(tmp_path, {"task": ["math", "math"]}, write_statistics=False).constants


def test_a_column_that_an_older_part_lacks_is_null_in_all_rows(tmp_path: Path) -> None:
    """The part has no column ``scorer``."""
    assert facts_of(tmp_path, {"task": ["math"]}).constants["scorer"] is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([["a became b"], ["a became b"]], "a became b"),
        ([[], []], ""),
    ],
)
def test_changes_of_parameters_are_one_text(tmp_path: Path, values: list[Any], expected: str) -> None:
    """As a query returns them."""
    assert facts_of(tmp_path, {"params_changes": values}).constants["params_changes"] == expected


@pytest.mark.parametrize("values", [[["a"], ["a", "a"]], [["a", "a"], []], [["a"], []], [["a", "a"]]])
def test_lists_of_other_lengths_are_no_constant(tmp_path: Path, values: list[Any]) -> None:
    """All their values are equal, the lists are not, or the footer does not tell that they are."""
    assert "params_changes" not in facts_of(tmp_path, {"params_changes": values}).constants


def test_columns_that_most_runs_leave_empty_are_known_to_have_values(tmp_path: Path) -> None:
    """One of two rows has a weight, none is a turn."""
    assert facts_of(tmp_path, {"weight": [None, 2.0], "turn": [None, None]}).filled == {"weight"}

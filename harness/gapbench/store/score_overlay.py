"""Scores given after a run: they are stored next to its rows and applied when the rows are read.

Attempt rows are facts and are never rewritten. Scoring stored answers again, or having them judged, writes a separate table such as
``scores-00001.parquet``. A reader sees the newest score of each attempt; deleting the table restores the older ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from gapbench.atomic_write import write_advice
from gapbench.errors import ResultsError
from gapbench.store.run_folder import write_table
from gapbench.store.schema import SCORE_SCHEMA, value_type
from gapbench.values import ATTEMPT_KEY

if TYPE_CHECKING:
    import pandas as pd

REPLACED_IN: Mapping[str, tuple[str, ...]] = {
    "attempts": ("scorer", "outcome", "score", "answer", "isolation"),
    "payload": ("reason",),
    "trajectories": ("outcome", "score", "success"),
}
"""Columns of each table that a later score replaces."""


def write_scores(run: Path, rows: Sequence[Mapping[str, Any]]) -> Path | None:
    """Write one more table of scores and return its path, or None if every score is already the current one.

    A table of equal scores would make ``bench score --undo`` undo nothing.

    Args:
        run: The run folder.
        rows: One for each attempt that was scored, with the columns of :data:`gapbench.store.schema.SCORE_SCHEMA`.

    Raises:
        ResultsError: It cannot be written, or an older table cannot be read.
    """
    table = pa.Table.from_pylist(list(rows), schema=SCORE_SCHEMA)
    current = pa.Table.from_pandas(read_scores(run), schema=SCORE_SCHEMA, preserve_index=False)
    known = _rows_by_key(current)
    if all(known.get(key) == row for key, row in _rows_by_key(table).items()):
        return None
    number = max((int(path.stem.rsplit("-", 1)[1]) for path in score_tables(run)), default=0) + 1
    final = run / f"scores-{number:05d}.parquet"
    try:
        write_table(final, table)
    except OSError as exc:
        raise ResultsError(
            f"cannot write {final}: {exc.strerror or exc}; {write_advice(exc)} and score again"
        ) from exc
    return final


def _rows_by_key(table: pa.Table) -> dict[tuple[Any, ...], dict[str, Any]]:
    return {tuple(row[name] for name in ATTEMPT_KEY): row for row in table.to_pylist()}


def score_tables(run: Path) -> list[Path]:
    """Return a run's tables of later scores, oldest first."""
    return sorted(path for path in run.glob("scores-*.parquet") if path.stem.rsplit("-", 1)[1].isdecimal())


def read_scores(run: Path) -> pd.DataFrame:
    """Return the newest later score of each attempt of a run, in the columns of the score table.

    Raises:
        ResultsError: A table cannot be read.
    """
    import pandas as pd  # noqa: PLC0415 - half a second, which writing a run does not need

    frames: list[pd.DataFrame] = []
    for path in score_tables(run):
        try:
            frames.append(pq.read_table(path.absolute(), page_checksum_verification=True).to_pandas())
        except (pa.ArrowInvalid, OSError) as exc:
            raise ResultsError(f"{path} cannot be read ({exc}); move it away and score again") from exc
    if not frames:
        return pd.DataFrame(columns=SCORE_SCHEMA.names)
    plain = [
        frame.astype({name: object for name in frame.columns if frame[name].dtype.name == "category"})
        for frame in frames
    ]
    return pd.concat(plain, ignore_index=True).drop_duplicates(list(ATTEMPT_KEY), keep="last")


def read_with_later_scores(
    read: Callable[[], pa.Table], run: Path, replaced: Sequence[str], columns: Sequence[str]
) -> pa.Table:
    """Return the table that ``read`` returns, with later scores in ``replaced``, reduced to ``columns``."""
    return apply_later_scores(read(), run, replaced).select(list(columns))


def apply_later_scores(table: pa.Table, run: Path, columns: Sequence[str]) -> pa.Table:
    """Return attempts or payloads with later scores in place of the original ones.

    Args:
        table: Rows of one run, with the key columns.
        run: The run folder.
        columns: Columns to replace, where the table has them.
    """
    import pandas as pd  # noqa: PLC0415 - half a second, which writing a run does not need

    scores = read_scores(run)
    scores["success"] = [None if pd.isna(score) else float(score) == 1.0 for score in scores["score"]]
    index = pd.MultiIndex.from_frame(
        table.select(list(ATTEMPT_KEY)).to_pandas().astype(dict.fromkeys(ATTEMPT_KEY, str))
    )
    given = pd.MultiIndex.from_frame(scores[list(ATTEMPT_KEY)].astype(dict.fromkeys(ATTEMPT_KEY, str)))
    places = given.get_indexer(index)
    if not (places >= 0).any():
        return table
    for name in columns:
        if name not in table.column_names:
            continue
        field = table.schema.field(name)
        old = table.column(name).to_pylist()
        new = scores[name].tolist()
        values = [
            before if place < 0 else None if pd.isna(new[place]) else new[place]
            for before, place in zip(old, places, strict=True)
        ]
        at = table.column_names.index(name)
        table = table.set_column(at, field, pa.array(values, type=value_type(field.type)).cast(field.type))
    return table

"""Rows of an :class:`AttemptRelation` as a data frame: labels as categories, numbers as stored, in the order written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from gapbench.errors import ResultsError
from gapbench.store.attempt_relation import BATCH_ROWS, AttemptRelation
from gapbench.store.derived_columns import DERIVED
from gapbench.store.frame_builder import FrameBuilder
from gapbench.store.part_facts import LABELS
from gapbench.store.schema import ATTEMPT_SCHEMA

_LABEL = pa.dictionary(pa.int32(), pa.string())
_ORD = pa.field("ord", pa.int64())
_TOGETHER = (("sample_id", "cluster_id", "prompt_sha256"), ("trajectory_id",), ("params_sent",))
"""Texts of which there are many, each group apart from the others."""
_DERIVED_TYPES = {
    "timed": pa.bool_(),
    "retried": pa.bool_(),
    "scored": pa.bool_(),
    "has_cached_reply": pa.bool_(),
    "load": _LABEL,
}


def read_frame(
    attempts: AttemptRelation,
    columns: Sequence[str],
    categorical: Collection[str] = (),
    *,
    hashed: Collection[str] = (),
    model_id: str | None = None,
    where: str = "true",
    where_columns: Collection[str] = (),
    values: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Return attempts, one row each, in the order in which they were written.

    Args:
        attempts: The attempts.
        columns: Stored and derived columns, and ``ord``.
        categorical: Texts to return as categories: a tenth of the memory where they repeat. A list of texts becomes one
            text of lines.
        hashed: Texts to return as categories of their hashes of 64 bits: where it only counts which of them are equal.
        model_id: Only the rows of a model. None: all.
        where: Condition in SQL on the attempts ``a``.
        where_columns: The columns that it uses.
        values: Values of its placeholders.

    Returns:
        Labels are categories in the order of their first row; numbers are as stored, floats where one is unknown.

    Raises:
        ResultsError: A part cannot be read.
    """
    names = [name for name in columns if name != "ord"]
    categorical, hashed = ([name for name in names if name in some] for some in (categorical, hashed))
    shared = _PartLabels(attempts, names, categorical)
    stored = [name for name in names if name not in shared.names]
    chosen = _Chosen(attempts, where, tuple(where_columns), dict(values or {}), model_id)
    texts = [name for name in stored if name in categorical]
    groups = [_Group(chosen, number, group) for number, group in enumerate(_grouped(texts))]
    others = [name for name in stored if name not in texts]
    labels = [name for name in others if _is_label(name)]
    shown = [
        "a.ord",
        *(f"g{group.number}.place AS g{group.number}" for group in groups),
        *(f'hash(a."{name}") AS "{name}"' if name in hashed else f'a."{name}"' for name in others),
    ]
    joins = "".join(
        f" JOIN codes{group.number} g{group.number} ON g{group.number}.code = {group.code}"
        for group in groups
    )
    rows = attempts.rows_of(model_id) if where == "true" else 0
    schema = pa.schema([*(_field(name, name in categorical, name in hashed) for name in stored), _ORD])

    def build(batches: Iterable[pa.RecordBatch]) -> pd.DataFrame:
        builder = FrameBuilder(schema, {*categorical}, rows)
        for table in _gathered(batches):
            found: dict[str, pa.Array | pa.ChunkedArray] = {name: table[name] for name in ("ord", *others)}
            found |= {name: found[name].dictionary_encode() for name in labels}
            for group in groups:
                found |= group.columns(table[f"g{group.number}"])
            builder.add(
                pa.Table.from_arrays([found[name] for name in schema.names], names=schema.names).cast(schema)
            )
        return builder.build()

    frame = attempts.read_batches(
        f"SELECT {', '.join(shown)} FROM attempts a{joins} WHERE {where}",
        {*stored, *where_columns},
        build,
        values=values,
        tables={f"codes{group.number}": group.table for group in groups},
        model_id=model_id,
    )
    places = frame["ord"].to_numpy()
    if len(places) > 1 and not (places[1:] > places[:-1]).all():
        # A join gives rows in any order.
        frame = frame.iloc[np.argsort(places, kind="stable")].reset_index(drop=True)
        frame = frame.assign(**{name: _by_first_row(frame[name]) for name in labels})
    of_parts = shared.columns(frame["ord"].to_numpy())
    return pd.DataFrame(
        {name: of_parts[name] if name in of_parts else frame[name] for name in columns}, copy=False
    )


def _gathered(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield batches together: each has the rows of one part, of which there may be thousands."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        if rows >= BATCH_ROWS:
            yield pa.Table.from_batches(waiting)
            waiting, rows = [], 0
    if waiting:
        yield pa.Table.from_batches(waiting)


class _Chosen(NamedTuple):
    """Which attempts are read."""

    attempts: AttemptRelation
    where: str
    where_columns: tuple[str, ...]
    values: Mapping[str, Any]
    model_id: str | None


def _grouped(coded: Collection[str]) -> list[list[str]]:
    """Return texts in groups whose values go together, so that a group has few distinct rows."""
    names = {name: next((k for k, group in enumerate(_TOGETHER) if name in group), -1) for name in coded}
    return [
        found for k in range(-1, len(_TOGETHER)) if (found := [name for name in coded if names[name] == k])
    ]


class _PartLabels:
    """The columns in which all attempts of each part agree: the footers of the parts have them, so no row is read for them."""

    def __init__(
        self, attempts: AttemptRelation, columns: Sequence[str], categorical: Collection[str]
    ) -> None:
        # The load is the end of the cell's name.
        sources = {name: "cell_id" if name == "load" else name for name in columns}
        sources = {name: source for name, source in sources.items() if source in LABELS}
        table, varying = attempts.labels_of_parts(list(dict.fromkeys(sources.values())))
        table = table.sort_by("part")
        self._parts = table["part"].to_numpy()
        self._columns: dict[str, pd.Series[Any]] = {}
        for name, source in sources.items():
            if source in varying:
                continue
            is_text = _is_label(name) or name in categorical
            if is_text or (table[source].null_count == 0 and not pa.types.is_string(table[source].type)):
                values = table[source].to_pandas()
                self._columns[name] = values.str.rsplit("|", n=1).str[-1] if name == "load" else values
        self.names = frozenset(self._columns)
        self._texts = frozenset(name for name in self.names if _is_label(name) or name in categorical)

    def columns(self, numbers: np.ndarray[Any, Any]) -> Mapping[str, Any]:
        """Return the columns of attempts by their ``ord``, ascending."""
        if not self._columns:
            return {}
        counts = np.diff(np.searchsorted(numbers, self._parts << 32), append=len(numbers))
        # Parts without such an attempt add no label.
        at = np.flatnonzero(counts)
        rows = np.repeat(np.arange(len(at)), counts[at])
        found: dict[str, Any] = {}
        for name, of_parts in self._columns.items():
            values = of_parts.take(at)
            if name in self._texts:
                codes, texts = pd.factorize(values)
                labels = pd.Index(texts) if len(texts) else pd.Index([], dtype=object)
                narrow = codes.astype(np.min_scalar_type(-max(1, len(labels))))
                # A column with one value takes no memory.
                of_rows = narrow.take(rows) if len(labels) > 1 else np.broadcast_to(narrow[:1], len(rows))
                found[name] = pd.Categorical.from_codes(of_rows, labels)
            else:
                found[name] = values.array.take(rows)
        return found


def _by_first_row(labels: pd.Series[Any]) -> pd.Categorical[Any]:
    """Return labels with their categories in the order of their first row."""
    codes = labels.cat.codes.to_numpy()
    order = pd.unique(codes[codes >= 0])
    # The last one is for unknown labels, whose code is -1.
    place = np.full(len(labels.cat.categories) + 1, -1, dtype=codes.dtype)
    place[order] = np.arange(len(order))
    return pd.Categorical.from_codes(place[codes], labels.cat.categories.take(order))


def _labelled(codes: np.ndarray[Any, Any], texts: pa.Array) -> pa.DictionaryArray:
    """Return texts by their codes; -1 is null."""
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), texts)


class _Group:
    """The distinct rows of some columns of texts: each attempt then has one number in place of all of them."""

    def __init__(self, chosen: _Chosen, number: int, names: Sequence[str]) -> None:
        self.number = number
        texts = [_text(name) for name in names]
        self.code = f"hash({', '.join(texts)})"
        listed = ", ".join(texts)
        shown = ", ".join(f'{text} AS "{name}"' for text, name in zip(texts, names, strict=True))
        found = chosen.attempts.table(
            f"SELECT {self.code} AS code, {shown}, min(a.ord) AS first FROM attempts a WHERE {chosen.where} "
            f"GROUP BY {listed} ORDER BY first",
            {*names, *chosen.where_columns},
            values=chosen.values,
            model_id=chosen.model_id,
        )
        # Rows are joined by the code alone, so no two groups may share one.
        if len(found["code"].unique()) < found.num_rows:
            raise ResultsError("two groups of texts have one code of 64 bits; read fewer runs at once")
        places = np.arange(found.num_rows, dtype=np.int32)
        self.table = pd.DataFrame({"code": found["code"].to_numpy(), "place": places})
        self._columns: dict[str, tuple[np.ndarray[Any, Any], pa.Array]] = {}
        for name in names:
            column = found[name].combine_chunks().dictionary_encode()
            codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            self._columns[name] = (codes, column.dictionary)

    def columns(self, places: pa.ChunkedArray) -> Mapping[str, pa.Array]:
        """Return the columns of some attempts."""
        at = places.to_numpy()
        found: dict[str, pa.Array] = {}
        for name, (codes, texts) in self._columns.items():
            found[name] = _labelled(codes[at], texts)
        return found


def _text(name: str) -> str:
    return f'array_to_string(a."{name}", chr(10))' if _is_list(name) else f'a."{name}"'


def _field(name: str, is_categorical: bool, is_hashed: bool) -> pa.Field:
    if is_hashed:
        return pa.field(name, pa.uint64())
    if name in DERIVED:
        return pa.field(name, _DERIVED_TYPES.get(name, pa.float64()))
    stored = ATTEMPT_SCHEMA.field(name)
    return pa.field(name, _LABEL if is_categorical else stored.type)


def _is_label(name: str) -> bool:
    """Return whether a column has few different texts."""
    kind = _DERIVED_TYPES.get(name, pa.float64()) if name in DERIVED else ATTEMPT_SCHEMA.field(name).type
    return bool(pa.types.is_dictionary(kind))


def _is_list(name: str) -> bool:
    return name not in DERIVED and bool(pa.types.is_list(ATTEMPT_SCHEMA.field(name).type))

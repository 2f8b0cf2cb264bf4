"""Rows of an :class:`AttemptRelation` as a data frame: labels as categories, numbers as stored, in the order written."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from gapbench.errors import ResultsError
from gapbench.store.attempt_relation import AttemptRelation
from gapbench.store.derived_columns import DERIVED
from gapbench.store.frame_builder import FrameBuilder
from gapbench.store.part_facts import LABELS
from gapbench.store.schema import ATTEMPT_SCHEMA

_LABEL = pa.dictionary(pa.int32(), pa.string())
_ORD = pa.field("ord", pa.int64())
_TOGETHER = (("sample_id", "cluster_id", "prompt_sha256"), ("trajectory_id",), ("params_sent",))
"""Texts of which there are many, each group apart from the labels."""
_DERIVED_TYPES = {"timed": pa.bool_(), "retried": pa.bool_(), "scored": pa.bool_(), "load": _LABEL}


def read_frame(
    attempts: AttemptRelation,
    columns: Sequence[str],
    categorical: Collection[str] = (),
    *,
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
        model_id: Only the rows of a model. None: all.
        where: Condition in SQL on the attempts ``a``.
        where_columns: The columns that it uses.
        values: Values of its placeholders.

    Returns:
        Labels are categories in the order of their first row; numbers are as stored, floats where one is unknown.

    Raises:
        ResultsError: A part cannot be read.
    """
    keeps_ord = "ord" in columns
    columns = [name for name in columns if name != "ord"]
    needed = {*columns, *where_columns}
    schema = pa.schema([*(_field(name, name in categorical) for name in columns), _ORD])
    chosen = _Chosen(attempts, where, tuple(where_columns), dict(values or {}), model_id)
    shared = _PartLabels(attempts, [name for name in columns if _is_label(name)])
    coded = [
        name for name in columns if (_is_label(name) or name in categorical) and name not in shared.names
    ]
    groups = [_Group(chosen, number, names) for number, names in enumerate(_grouped(coded))]
    others = [name for name in columns if name not in coded and name not in shared.names]
    needed -= {*shared.names} - {*where_columns}
    shown = [
        "a.ord",
        *(f"g{group.number}.place AS g{group.number}" for group in groups),
        *(f'a."{name}"' for name in others),
    ]
    joins = "".join(
        f" JOIN codes{group.number} g{group.number} ON g{group.number}.code = {group.code}"
        for group in groups
    )
    rows = attempts.rows if model_id is None and where == "true" else 0
    builder = FrameBuilder(schema, {*categorical}, rows)
    for batch in attempts.batches(
        f"SELECT {', '.join(shown)} FROM attempts a{joins} WHERE {where}",
        needed,
        values=values,
        tables={f"codes{group.number}": group.table for group in groups},
        model_id=model_id,
    ):
        found = {name: batch[name] for name in ("ord", *others)}
        for group in groups:
            found |= group.columns(batch[f"g{group.number}"])
        found |= shared.columns(batch["ord"])
        builder.add(
            pa.Table.from_arrays([found[name] for name in schema.names], names=schema.names).cast(schema)
        )
    frame = builder.build()
    places = frame["ord"].to_numpy()
    if len(places) > 1 and not (places[1:] > places[:-1]).all():
        frame = frame.iloc[np.argsort(places, kind="stable")].reset_index(drop=True)
    return frame if keeps_ord else frame.drop(columns="ord")


class _Chosen(NamedTuple):
    """Which attempts are read."""

    attempts: AttemptRelation
    where: str
    where_columns: tuple[str, ...]
    values: Mapping[str, Any]
    model_id: str | None


def _grouped(coded: Collection[str]) -> list[list[str]]:
    """Return columns in groups whose values go together, so that a group has few distinct rows."""
    names = {name: next((k for k, group in enumerate(_TOGETHER, 1) if name in group), 0) for name in coded}
    return [
        found for k in range(len(_TOGETHER) + 1) if (found := [name for name in coded if names[name] == k])
    ]


class _PartLabels:
    """The labels that all attempts of a part share: the footers of the parts have them, so no row is read for them."""

    def __init__(self, attempts: AttemptRelation, labels: Sequence[str]) -> None:
        # The load is the end of the cell's name.
        sources = {name: "cell_id" if name == "load" else name for name in labels}
        sources = {name: source for name, source in sources.items() if source in LABELS}
        table, varying = attempts.labels_of_parts(list(dict.fromkeys(sources.values())))
        self.names = [name for name, source in sources.items() if source not in varying]
        self._parts = table["part"].to_numpy()
        self._columns: dict[str, tuple[np.ndarray[Any, Any], pa.Array]] = {}
        for name in self.names:
            column = table[sources[name]].combine_chunks()
            if name == "load":
                column = pa.array([text.rsplit("|", 1)[-1] for text in column.to_pylist()], pa.string())
            encoded = column.dictionary_encode()
            codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            self._columns[name] = (codes, encoded.dictionary)

    def columns(self, numbers: pa.Array) -> Mapping[str, pa.Array]:
        """Return the columns of a batch of attempts, by their ``ord``."""
        if not self.names:
            return {}
        at = np.searchsorted(self._parts, numbers.to_numpy(zero_copy_only=False) >> 32)
        return {name: _labelled(codes[at], texts) for name, (codes, texts) in self._columns.items()}


def _labelled(codes: np.ndarray[Any, Any], texts: pa.Array) -> pa.DictionaryArray:
    """Return labels by their codes; -1 is null."""
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

    def columns(self, places: pa.Array) -> Mapping[str, pa.Array]:
        """Return the columns of a batch of attempts."""
        at = places.to_numpy(zero_copy_only=False)
        found: dict[str, pa.Array] = {}
        for name, (codes, texts) in self._columns.items():
            found[name] = _labelled(codes[at], texts)
        return found


def _text(name: str) -> str:
    return f'array_to_string(a."{name}", chr(10))' if _is_list(name) else f'a."{name}"'


def _field(name: str, is_categorical: bool) -> pa.Field:
    if name in DERIVED:
        return pa.field(name, _DERIVED_TYPES.get(name, pa.float64()))
    stored = ATTEMPT_SCHEMA.field(name)
    return pa.field(name, _LABEL if is_categorical else stored.type)


def _is_label(name: str) -> bool:
    """Return whether a column has few different texts, or is an instant that all rows of a cell share."""
    kind = _DERIVED_TYPES.get(name, pa.float64()) if name in DERIVED else ATTEMPT_SCHEMA.field(name).type
    return bool(pa.types.is_dictionary(kind))


def _is_list(name: str) -> bool:
    return name not in DERIVED and bool(pa.types.is_list(ATTEMPT_SCHEMA.field(name).type))

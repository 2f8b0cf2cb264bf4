"""The shapes of what a run folder holds as JSON: ``run.json``, and the rows of a journal.

What every run has had is checked once, here, so that whoever reads a run can rely on it. Keys that are not listed are
left alone: a newer gapbench may add some under the same schema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from gapbench.store.schema import ATTEMPT_SCHEMA, PAYLOAD_SCHEMA

JsonShape = str | list[Any] | dict[str, Any] | tuple[Any]
"""A word of :data:`_VALUE_CHECKS`, ``… or null`` behind it; [the shape of each]; {key: shape}, a key that may lack ends in ``?``;
(the shape of what may be null,)."""

_MAX_EXACT_INT = 2**53
"""Up to here a float holds every whole number."""


def _is_number(value: Any) -> bool:
    return type(value) is float or (type(value) is int and abs(value) <= _MAX_EXACT_INT)


def _is_instant(value: Any) -> bool:
    try:
        datetime.fromisoformat(value).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def _is_day(value: Any) -> bool:
    try:
        date.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return True


_VALUE_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "a text": lambda value: isinstance(value, str),
    "a plain name": lambda value: (
        isinstance(value, str) and value not in {"", ".", ".."} and not {"/", "\0"} & set(value)
    ),
    "a number": _is_number,
    "a whole number": lambda value: type(value) is int,
    "a count": lambda value: type(value) is int and 0 <= value <= _MAX_EXACT_INT,
    "true or false": lambda value: type(value) is bool,
    "a time": _is_instant,
    "a day": _is_day,
    "a mapping": lambda value: isinstance(value, dict),
    "numbers by name": lambda value: isinstance(value, dict) and all(map(_is_number, value.values())),
    "open or closed": lambda value: value in ("open", "closed"),
}

_COST: JsonShape = {
    "gpus?": "a number", "usd_per_gpu_hour?": "a number or null", "usd_per_gpu_hour_low?": "a number or null",
    "usd_per_gpu_hour_high?": "a number or null", "input_usd_per_mtok?": "a number", "output_usd_per_mtok?": "a number",
    "cached_input_usd_per_mtok?": "a number or null",
}  # fmt: skip
_MODEL: JsonShape = {
    "id": "a text", "runner": "a text", "name": "a text", "weights": "open or closed", "released": "a day or null",
    "base_url": "a text or null", "simulated": "true or false", "params": "a mapping", "options": "a mapping",
    "cost": (_COST,), "facts": "a mapping",
}  # fmt: skip
_CELL: JsonShape = {
    "cell_id": "a text", "model_id": "a text", "task": "a text", "category": "a text", "load_kind": "a text",
    "load_value": "a number", "load?": "a mapping or null", "planned": "a count", "started_at": "a time or null",
    "wall_s": "a number or null", "stretches_s?": "numbers by name or null", "counters_before": "a mapping or null", "counters_after": "a mapping or null",
    "lag_p99_s": "a number or null", "workers?": ([{"cpu_share": "a number"}],),
}  # fmt: skip
_RUN: JsonShape = {
    "run_id": "a plain name", "suite": "a text", "suite_sha256": "a text", "selection?": "a mapping",
    "seed": "a whole number or null", "repeats": "a count or null", "margin_points": "a number", "started_at": "a time",
    "ended_at": "a time or null", "state": "a text", "reason": "a text or null", "versions": "a mapping",
    "machine": "a mapping", "calibration?": "a mapping or null",
    "models": [_MODEL],
    "tasks": [{"name": "a text", "category": "a text", "sha256": "a text", "samples": "a count"}],
    "cells": [_CELL],
    "searches?": [{"search_id": "a text", "model_id": "a text", "is_done": "true or false"}],
    "graded?": ["a mapping"],
    "failures": [{"model_id": "a text", "message": "a text"}],
}  # fmt: skip


def manifest_error(manifest: Any) -> str | None:
    """Return what is wrong with what ``run.json`` holds: the key, what was found and what belongs there. None: nothing."""
    fault = next(_shape_errors(manifest, _RUN, ""), None)
    if fault is not None:
        return fault
    models = {model["id"] for model in manifest["models"]}
    tasks = {task["name"] for task in manifest["tasks"]}
    for place, cell in enumerate(manifest["cells"]):
        for key, names, listed in (("model_id", models, "models"), ("task", tasks, "tasks")):
            if cell[key] not in names:
                return f"cells[{place}].{key}: {cell[key]!r} is not among the {listed}"
    for place, search in enumerate(manifest.get("searches", ())):
        if search["model_id"] not in models:
            return f"searches[{place}].model_id: {search['model_id']!r} is not among the models"
    return None


def _shape_errors(value: Any, shape: JsonShape, key: str) -> Iterator[str]:
    if isinstance(shape, str):
        word = shape.removesuffix(" or null")
        if not (_VALUE_CHECKS[word](value) or (value is None and word != shape)):
            yield f"{key}: found {_excerpt(value)}; expected {shape}"
    elif isinstance(shape, tuple):
        if value is not None:
            yield from _shape_errors(value, shape[0], key)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield f"{key}: found {_excerpt(value)}; expected a list"
            return
        for place, part in enumerate(value):
            yield from _shape_errors(part, shape[0], f"{key}[{place}]")
    elif not isinstance(value, dict):
        yield f"{key or 'it'}: found {_excerpt(value)}; expected a mapping"
    else:
        for name, part in shape.items():
            plain = name.removesuffix("?")
            at = f"{key}.{plain}" if key else plain
            if plain in value:
                yield from _shape_errors(value[plain], part, at)
            elif plain == name:
                yield f"{at}: is not there"


def _excerpt(value: Any) -> str:
    said = repr(value)
    return said if len(said) <= 60 else f"{said[:57]}..."


def _column_check(kind: pa.DataType) -> Callable[[Any], bool]:
    """Return whether a JSON value fits into a column of this type."""
    if pa.types.is_list(kind):
        each = _column_check(kind.value_type)
        return lambda value: isinstance(value, list) and all(map(each, value))
    if pa.types.is_integer(kind):
        most: int = 2 ** (kind.bit_width - 1)
        return lambda value: type(value) is int and -most <= value < most
    if pa.types.is_floating(kind):
        return _is_number
    if pa.types.is_boolean(kind):
        return _VALUE_CHECKS["true or false"]
    return _is_instant if pa.types.is_timestamp(kind) else _VALUE_CHECKS["a text"]


_COLUMN_CHECKS = tuple(
    tuple((field.name, field.nullable, _column_check(field.type)) for field in schema)
    for schema in (ATTEMPT_SCHEMA, PAYLOAD_SCHEMA)
)


def is_journal_row(value: Any) -> bool:
    """Return whether a line of a journal is an attempt with its payload; columns that may be null may lack."""
    return (
        isinstance(value, list)
        and len(value) == len(_COLUMN_CHECKS)
        and all(_is_row(row, columns) for row, columns in zip(value, _COLUMN_CHECKS, strict=True))
    )


def _is_row(row: Any, columns: Iterable[tuple[str, bool, Callable[[Any], bool]]]) -> bool:
    if not isinstance(row, dict):
        return False
    for name, nullable, holds in columns:
        value = row.get(name)
        if not (nullable if value is None else holds(value)):
            return False
    return True

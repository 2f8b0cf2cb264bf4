"""The rows of a task: JSON, CSV, Parquet or a Hugging Face data set."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import itertools
import json
import logging
import os.path
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gapbench.errors import DocumentError, SetupError
from gapbench.suite.documents.json_text import JsonError, parse_json
from gapbench.suite.tasks.plain_values import Row, UnstorableValueError, plain_row
from gapbench.suite.tasks.template import find_column, format_names
from gapbench.values import canonical_json, sha256

Choose = Callable[[Iterable[Row]], Iterable[int]]
"""Returns the positions of the rows to keep, from 0, given all rows."""
FORMATS = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
MAX_CSV_FIELD_CHARS = 2**27
"""Of a CSV field; the csv module's own bound of 131 072 is less than a long document."""
_ROWS_AT_ONCE = 256


def read_rows(file: Path, choose: Choose | None) -> tuple[list[Row], str]:
    """Return the chosen rows of a file, in file order, and the hash of all its bytes.

    Args:
        file: JSON lines or a JSON array, CSV or TSV with a header, or Parquet; all but an array is read row by row.
        choose: See :data:`Choose`. The file is read a second time for the chosen rows, which may be none. None: all rows.

    Raises:
        DocumentError: Missing, of another format, damaged, or without rows.
    """
    if os.path.isdir(file):  # noqa: PTH112 - Path.is_dir raises on a name that is too long
        raise DocumentError(describe_folder_problem(file), file=file)
    readers = (_read_json, _read_json, _read_csv, _read_csv, _read_parquet)
    reader = dict(zip(FORMATS, readers, strict=True)).get(file.suffix.lower())
    if reader is None:
        found = f"a {file.suffix} file" if file.suffix else "a file without ending"
        raise DocumentError(
            f"cannot read {found}; expected {', '.join(FORMATS)}: save it as one of them", file=file
        )
    try:
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        if choose is None:
            rows = list(reader(file))
        else:
            chosen = set(choose(reader(file)))
            needed = itertools.islice(reader(file), max(chosen, default=-1) + 1)
            rows = [row for place, row in enumerate(needed) if place in chosen]
    except (OSError, ValueError) as exc:  # ValueError: a NUL in the name
        said = getattr(exc, "strerror", None) or str(exc)
        raise DocumentError(f"cannot be read: {said}; check the path and its permissions", file=file) from exc
    if not rows and (choose is None or next(iter(reader(file)), None) is None):
        raise DocumentError("no rows; a task needs at least one", file=file)
    return rows, digest


def describe_folder_problem(folder: Path) -> str:
    """Return that a folder was given in place of a data file, with the data files in it."""
    try:
        inside = sorted(name for name in os.listdir(folder) if name.lower().endswith(FORMATS))  # noqa: PTH208 - names alone
    except OSError:
        inside = []
    there = f"there are: {', '.join(inside[:5])}" if inside else f"none in it ends in {', '.join(FORMATS)}"
    return f"is a folder; name a file in it; {there}"


def _read_lines(file: Path) -> Generator[str, None, None]:
    """Yield the lines of a UTF-8 file with their ends; only a line feed ends a line."""
    with file.open("rb") as opened:
        for number, line in enumerate(opened, 1):
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as exc:
                raise DocumentError(
                    f"byte {line[exc.start]:#x} is not UTF-8; save the file as UTF-8", file=file, line=number
                ) from exc


def _read_json(file: Path) -> Iterator[Row]:
    """Read JSON lines, or an array of objects: what a file holds counts more than how it ends."""
    with contextlib.closing(_read_lines(file)) as lines:
        first = next((line for line in lines if line.strip()), "")
    return _read_json_array(file) if first.lstrip().startswith("[") else _read_json_lines(file)


def _read_json_array(file: Path) -> Iterator[Row]:
    rows = _parse("".join(_read_lines(file)), file, 1, "expected an array of objects, or one object a line")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise DocumentError(
                f"item {number} is {json.dumps(row)[:40]}; each item is one JSON object", file=file
            )
        yield row


def _read_json_lines(file: Path) -> Iterator[Row]:
    expected = "each line is one JSON object, or the whole file an array of them"
    with contextlib.closing(_read_lines(file)) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            row = _parse(line.rstrip(), file, number, expected)
            if not isinstance(row, dict):
                raise DocumentError(
                    f"found {line.strip()[:40]!r}; each line is one JSON object", file=file, line=number
                )
            yield row


def _parse(text: str, file: Path, first_line: int, expected: str) -> Any:
    """Return the value of a JSON text that begins at a line of a file."""
    try:
        return parse_json(text)
    except JsonError as exc:
        line = first_line + (exc.line or 1) - 1
        problem = exc.problem if exc.key is not None else f"{exc.problem}; {expected}"
        raise DocumentError(problem, file=file, line=line, key=exc.key) from exc


_SEPARATOR_NAMES = {",": "comma", ";": "semicolon", "\t": "tab"}


def _detect_separator(file: Path) -> str:
    """Return the separator of the header's names: the first of the three that gives more than one name."""
    with contextlib.closing(_read_lines(file)) as lines:
        header = next(lines, "")
    for separator in _SEPARATOR_NAMES:
        with contextlib.suppress(csv.Error):  # said below, with its line
            if len(next(csv.reader([header], delimiter=separator), [])) > 1:
                return separator
    return ","


def _read_csv(file: Path) -> Iterator[Row]:
    # The bound is the csv module's only setting that is global; a larger one changes nothing else.
    csv.field_size_limit(max(MAX_CSV_FIELD_CHARS, csv.field_size_limit()))
    separator = _detect_separator(file)
    with contextlib.closing(_read_lines(file)) as lines:
        reader = csv.reader(lines, delimiter=separator, strict=True)
        try:
            # Blanks beside a separator are no part of a name; scorers look for columns by exact names.
            header = [name.strip() for name in next(reader, [])]
            _check_header(header, file)
            for fields in reader:
                if not fields:
                    continue
                if len(fields) != len(header):
                    raise DocumentError(
                        f"found {len(fields)} fields where the header names {len(header)}; put a field that holds "
                        f"a {_SEPARATOR_NAMES[separator]} or a line end in double quotes",
                        file=file,
                        line=reader.line_num,
                    )
                yield dict(zip(header, fields, strict=True))
        except csv.Error as exc:
            raise DocumentError(
                f"not CSV: {exc}; check the quotes on this line and before it",
                file=file,
                line=reader.line_num,
            ) from exc


def _check_header(header: list[str], file: Path) -> None:
    """Raise DocumentError if a column has no name, or two have one that a template cannot tell apart."""
    for name in header:
        if not name.strip():
            problem = "an empty name"
        elif header.count(name) > 1:
            problem = f"the same name twice, {name!r}"
        elif find_column(name.strip(), [other for other in header if other != name]) is not None:
            problem = f"two names that differ only in blanks, {name!r} being one"
        else:
            continue
        raise DocumentError(
            f"the header {format_names(header)} has {problem}; name each column once", file=file, line=1
        )


def _read_parquet(file: Path) -> Iterator[Row]:
    from gapbench.suite.tasks.arrow_rows import (  # noqa: PLC0415 - a tenth of a second that other formats need not pay
        ParquetError,
        parquet_rows,
    )

    rows = parquet_rows(file, _ROWS_AT_ONCE, lambda names: _check_header(names, file))
    try:
        for number, row in enumerate(rows, 1):
            yield _plain_row(row, number, file)
    except ParquetError as exc:
        raise DocumentError(f"not Parquet: {_first_line(exc)}; write it again", file=file) from exc


def _plain_row(row: Mapping[str, Any], number: int, file: Path) -> Row:
    try:
        return plain_row(row)
    except UnstorableValueError as exc:
        raise DocumentError(f"row {number}: {exc}", file=file) from exc


def read_hugging_face(
    source: Mapping[str, Any], choose: Choose | None, columns: Collection[str] = ()
) -> tuple[list[Row], str]:
    """Return the chosen rows of a Hugging Face data set and a hash of its name, revision and content mark.

    Args:
        source: ``hf`` (name), and ``config``, ``files``, ``split``, ``revision`` where given.
        choose: See :data:`Choose`. It is given rows that have only ``columns``, so that no image is loaded for it. None:
            all rows.
        columns: The columns that ``choose`` needs.

    Raises:
        SetupError: It cannot be loaded: no network, no such set, no package, no rows.
    """
    name = source["hf"]
    try:
        import datasets  # noqa: PLC0415 - a second of imports
    except ImportError as exc:
        raise SetupError(
            f"data set {name!r}: the package `datasets` is missing; pip install datasets"
        ) from exc
    # Its client logs each retry; what went wrong is said once, below.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        dataset = datasets.load_dataset(**_loading_arguments(source))
        from gapbench.suite.tasks.arrow_rows import batch_rows  # noqa: PLC0415 - imports pyarrow

        needed = [name for name in dataset.column_names if name in columns]
        labels = dataset.select_columns(needed) if needed else ({} for _ in range(len(dataset)))
        chosen = range(len(dataset)) if choose is None else sorted(choose(map(dict, labels)))
        # As stored, so that images are bytes, also those in lists, and not decoded pictures.
        stored = dataset.with_format("arrow")
        found = [
            row
            for start in range(0, len(chosen), _ROWS_AT_ONCE)
            for batch in stored[list(chosen[start : start + _ROWS_AT_ONCE])].to_batches()
            for row in batch_rows(batch)
        ]
        mark = dataset._fingerprint  # noqa: SLF001 - the only content mark it has
    except Exception as exc:  # the hub's client raises over a dozen unrelated classes
        raise SetupError(
            f"data set {name!r} cannot be loaded: {_first_line(exc)}; "
            "check the name, the split and the network, or bring a file"
        ) from exc
    if not found:
        raise SetupError(f"data set {name!r} has no rows in this split; name another split")
    rows = []
    for number, row in enumerate(found, 1):
        try:
            rows.append(plain_row(row))
        except UnstorableValueError as exc:
            raise SetupError(f"data set {name!r}: row {number}: {exc}") from exc
    return rows, sha256(canonical_json({**source, "fingerprint": mark}))


def _loading_arguments(source: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``datasets.load_dataset`` is given.

    Named files are read as what they end in, by their addresses: a repository that has a script of its own cannot be
    loaded by its name, because scripts of data sets are never run.
    """
    name, split, revision = source["hf"], source.get("split", "test"), source.get("revision")
    if not source.get("files"):
        return {"path": name, "name": source.get("config"), "split": split, "revision": revision}
    folder = name if os.path.isdir(name) else f"hf://datasets/{name}@{revision or 'main'}"  # noqa: PTH112 - as above
    files = [f"{folder}/{file}" for file in source["files"]]
    kind = Path(files[0]).suffix.removeprefix(".")
    return {"path": "json" if kind == "jsonl" else kind, "data_files": {split: files}, "split": split}


def _first_line(exc: Exception) -> str:
    said = str(exc).strip()
    return said.splitlines()[0][:300] if said else type(exc).__name__

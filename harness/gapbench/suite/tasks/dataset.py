"""A task's own bytes: rows of JSON, CSV, Parquet or a Hugging Face data set, and images beside them."""

from __future__ import annotations

import base64
import contextlib
import csv
import hashlib
import json
import logging
import os.path
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from gapbench.errors import DocumentError, SetupError
from gapbench.suite.tasks.image_download import ImageDownloadError, download_image
from gapbench.suite.tasks.template import format_names
from gapbench.values import canonical_json, sha256

Row = dict[str, Any]
Choose = Callable[[Iterable[Row]], Iterable[int]]
"""Returns the positions of the rows to keep, from 0, given all rows."""
FORMATS = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
MAX_IMAGE_BYTES = 20 * 2**20
MAX_CSV_FIELD_CHARS = 2**27
"""Of a CSV field; the csv module's own bound of 131 072 is less than a long document."""


class ImageError(ValueError):
    """An image cannot be read, or is none."""


def read_rows(file: Path, choose: Choose | None) -> tuple[list[Row], str]:
    """Return the chosen rows of a file, in file order, and the hash of all its bytes.

    Args:
        file: JSON lines or a JSON array, CSV or TSV with a header, or Parquet; all but an array is read row by row.
        choose: See :data:`Choose`. The file is read a second time for the chosen rows. None: all rows.

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
            until = islice(reader(file), max(chosen, default=-1) + 1)
            rows = [row for place, row in enumerate(until) if place in chosen]
    except (OSError, ValueError) as exc:  # ValueError: a NUL in the name
        said = getattr(exc, "strerror", None) or str(exc)
        raise DocumentError(f"cannot be read: {said}; check the path and its permissions", file=file) from exc
    if not rows:
        raise DocumentError("no rows; a task needs at least one", file=file)
    return rows, digest


def describe_folder_problem(folder: Path) -> str:
    """Return that a folder stands where a file of rows is wanted, with those that lie in it."""
    try:
        inside = sorted(name for name in os.listdir(folder) if name.lower().endswith(FORMATS))  # noqa: PTH208 - names alone
    except OSError:
        inside = []
    there = f"there are: {', '.join(inside[:5])}" if inside else f"none in it ends in {', '.join(FORMATS)}"
    return f"is a folder; name a file in it; {there}"


def _read_lines(file: Path) -> Iterator[str]:
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
    first = next((line for line in _read_lines(file) if line.strip()), "")
    return _read_json_array(file) if first.lstrip().startswith("[") else _read_json_lines(file)


def _read_json_array(file: Path) -> Iterator[Row]:
    text = "".join(_read_lines(file))
    try:
        rows = json.loads(text, parse_constant=_refuse_constant)
        if "\\u" in text:
            json.dumps(rows, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as exc:
        raise DocumentError(
            f"not JSON: {_describe_json_error(exc)}; expected an array of objects, or one object a line",
            file=file,
            line=exc.lineno if isinstance(exc, json.JSONDecodeError) else 1,
        ) from exc
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise DocumentError(
                f"item {number} is {json.dumps(row)[:40]}; each item is one JSON object", file=file
            )
        yield row


def _read_json_lines(file: Path) -> Iterator[Row]:
    for number, line in enumerate(_read_lines(file), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line.rstrip(), parse_constant=_refuse_constant)
            if "\\u" in line:  # half a surrogate pair is no text: it could neither be hashed nor sent
                json.dumps(row, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as exc:
            raise DocumentError(
                f"not JSON: {_describe_json_error(exc)}; each line is one JSON object, or the whole file an array of them",
                file=file,
                line=number,
            ) from exc
        if not isinstance(row, dict):
            raise DocumentError(
                f"found {line.strip()[:40]!r}; each line is one JSON object", file=file, line=number
            )
        yield row


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON, write null")


def _describe_json_error(exc: Exception) -> str:
    if isinstance(exc, json.JSONDecodeError):
        return f"{exc.msg} at character {exc.colno}"
    if isinstance(exc, UnicodeEncodeError):
        return "half a surrogate pair is no text"
    if isinstance(exc, RecursionError):
        return "nested too deep"
    return str(exc).partition(";")[0]


_SEPARATOR_NAMES = {",": "comma", ";": "semicolon", "\t": "tab"}


def _detect_separator(file: Path) -> str:
    """Return what the header's names stand between: the first of the three that gives more than one name."""
    header = next(_read_lines(file), "")
    for separator in _SEPARATOR_NAMES:
        with contextlib.suppress(csv.Error):  # said below, with its line
            if len(next(csv.reader([header], delimiter=separator), [])) > 1:
                return separator
    return ","


def _read_csv(file: Path) -> Iterator[Row]:
    # The bound is the csv module's only setting that is global; a larger one changes nothing else.
    csv.field_size_limit(max(MAX_CSV_FIELD_CHARS, csv.field_size_limit()))
    separator = _detect_separator(file)
    reader = csv.reader(_read_lines(file), delimiter=separator, strict=True)
    try:
        header = next(reader, [])
        for name in header:
            if not name or header.count(name) > 1:
                raise DocumentError(
                    f"the header {format_names(header)} has {'an empty' if not name else 'the same'} name"
                    f"{'' if not name else ' twice, ' + repr(name)}; name each column once",
                    file=file,
                    line=1,
                )
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
            f"not CSV: {exc}; check the quotes on this line and before it", file=file, line=reader.line_num
        ) from exc


def _read_parquet(file: Path) -> Iterator[Row]:
    import pyarrow as pa  # noqa: PLC0415 - costs a tenth of a second that other formats need not pay
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        with pq.ParquetFile(file.absolute()) as table:
            for batch in table.iter_batches(batch_size=256):
                yield from batch.to_pylist()
    except (pa.ArrowException, UnicodeDecodeError) as exc:
        raise DocumentError(f"not Parquet: {_first_line(exc)}; write it anew", file=file) from exc


def read_hugging_face(
    source: Mapping[str, Any], choose: Choose | None, columns: Collection[str] = ()
) -> tuple[list[Row], str]:
    """Return the chosen rows of a Hugging Face data set and a hash of its name, revision and content mark.

    Args:
        source: ``hf`` (name), and ``config``, ``split``, ``revision`` where given.
        choose: See :data:`Choose`. It is given rows that have only ``columns``, so that no image is loaded for it. None:
            all rows.
        columns: The columns that ``choose`` needs.

    Raises:
        SetupError: It cannot be had: no network, no such set, no package, no rows.
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
        dataset = datasets.load_dataset(
            name, source.get("config"), split=source.get("split", "test"), revision=source.get("revision")
        )
        for column, feature in dataset.features.items():
            if isinstance(feature, datasets.Image):  # the very bytes, not a decoded picture
                dataset = dataset.cast_column(column, datasets.Image(decode=False))
        needed = [name for name in dataset.column_names if name in columns]
        labels = dataset.select_columns(needed) if needed else ({} for _ in range(len(dataset)))
        chosen = range(len(dataset)) if choose is None else sorted(choose(map(dict, labels)))
        rows = [dict(dataset[index]) for index in chosen]
        mark = dataset._fingerprint  # noqa: SLF001 - the only content mark it has
    except Exception as exc:  # the hub's client raises over a dozen unrelated classes
        raise SetupError(
            f"data set {name!r} cannot be had: {_first_line(exc)}; "
            "check the name, the split and the network, or bring a file"
        ) from exc
    if not rows:
        raise SetupError(f"data set {name!r} has no rows in this split; name another split")
    return rows, sha256(canonical_json({**source, "fingerprint": mark}))


def _first_line(exc: Exception) -> str:
    said = str(exc).strip()
    return said.splitlines()[0][:300] if said else type(exc).__name__


def read_image(given: Any, base: Path, *, allow_urls: bool = False) -> tuple[str, bytes]:
    """Return an image's media type, from its first bytes, and its bytes.

    Args:
        given: A path relative to ``base``, a data URI, the bytes, or a mapping with ``bytes`` or ``path``
            as Hugging Face and Parquet files hold images.
        base: Nothing outside this folder is read, through links neither.
        allow_urls: Whether a public http or https address will do as well.

    Raises:
        ImageError: It cannot be read, is too large, or is no PNG, JPEG, GIF or WebP.
    """
    if isinstance(given, Mapping):
        given = given.get("bytes") or given.get("path") or ""
    if not isinstance(given, bytes):
        given = str(given)
    shown = repr(given[:60])
    data = given if isinstance(given, bytes) else _read_image_bytes(given, base, allow_urls=allow_urls)
    if len(data) > MAX_IMAGE_BYTES:
        raise ImageError(f"{shown} is larger than {MAX_IMAGE_BYTES} bytes; scale it down")
    kind = _detect_media_type(data)
    if kind is None:
        raise ImageError(f"{shown} is no PNG, JPEG, GIF or WebP; convert it to one")
    return kind, data


def _read_image_bytes(given: str, base: Path, *, allow_urls: bool) -> bytes:
    if given.startswith("data:"):
        head, _, body = given.partition(",")
        try:
            # Without its mark the rest is no base64 either: an asterisk is in no base64.
            return base64.b64decode(body if head.endswith(";base64") else "*", validate=True)
        except ValueError as exc:
            raise ImageError(f"{given[:40]!r}… is not base64; write data:image/png;base64,…") from exc
    if given.startswith(("http://", "https://")):
        if not allow_urls:
            raise ImageError(
                f"{given[:200]!r} is an address; save the image beside the data, so that every run sees the same bytes, "
                "or set `image_urls: true`"
            )
        try:
            return download_image(given, MAX_IMAGE_BYTES)
        except ImageDownloadError as exc:
            raise ImageError(str(exc)) from exc
    try:
        root = os.path.realpath(base)
        file = Path(os.path.realpath(os.path.join(root, given)))  # noqa: PTH118 - resolve() raises on loops of links
        is_inside = file.is_relative_to(root)
        data = b""
        if is_inside:
            with file.open("rb") as opened:
                data = opened.read(MAX_IMAGE_BYTES + 1)
    except (OSError, ValueError) as exc:  # ValueError: a NUL in the name
        said = getattr(exc, "strerror", None) or str(exc)
        raise ImageError(f"image {given[:200]!r} in {base} cannot be read: {said}; check the path") from exc
    if not is_inside:
        raise ImageError(f"{given[:200]!r} leaves the folder of the data; images must lie in it")
    return data


def _detect_media_type(data: bytes) -> str | None:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return None

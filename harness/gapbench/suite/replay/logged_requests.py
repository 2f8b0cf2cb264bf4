"""The requests of a traffic table that a replay sends: their times, sessions and sizes, without their texts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import orjson

from gapbench.errors import DocumentError
from gapbench.suite.loads.period import parse_period
from gapbench.suite.loads.schema import ReplayDocument

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

TrafficTable: TypeAlias = "pq.ParquetFile"
UNKNOWN = -1
"""Of a count, a route or a session that the log does not tell."""
_COLUMNS = (
    "time",
    "route",
    "session_hash",
    "endpoint",
    "service_tier",
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "response_s",
    "error",
    "http_status",
    "from_cache",
)
_LACKS_COLUMN = "prompt_lacks"
_TEXT_COLUMNS = ("messages", "tools", _LACKS_COLUMN)
_BLOCK_COLUMNS = ("prefix_blocks", "prefix_block_tokens")
_SHAPE_COLUMN = "text_shape"
_OTHER_ENDPOINTS = frozenset(
    {"embeddings", "embedding", "rerank", "moderation", "moderations", "images", "audio"}
)
_MAX_ROUTES_SHOWN = 8

Ints = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]

_PER_REQUEST = (
    "rows", "time_us", "route", "session", "input_tokens", "cached_tokens", "output_tokens", "response_s",
)  # fmt: skip
"""Fields of :class:`LoggedRequests` with a value for each request."""


@dataclass
class LoggedRequests:
    """Requests in the order in which they were sent. All arrays have one value for each of them.

    Attributes:
        rows: Row in the table, from 0.
        time_us: Microseconds since 1970, UTC.
        route: Place in ``routes``; -1: unknown.
        session: Number of the session; -1: none.
        input_tokens: Of the prompt; -1: unknown.
        cached_tokens: Those of them that the provider's cache answered; -1: unknown.
        output_tokens: Of the reply; -1: unknown.
        response_s: Seconds to the end of the reply; NaN: unknown.
        routes: Names of the routes.
        sessions: Hashes of the sessions.
        table_rows: Rows of the whole table.
        left_out: Requests that are not sent, by reason.
        out_of_order: Requests that stand behind a later one in the table.
        sessions_cut: Sessions with requests before the period.
    """

    rows: Ints
    time_us: Ints
    route: Ints
    session: Ints
    input_tokens: Ints
    cached_tokens: Ints
    output_tokens: Ints
    response_s: Floats
    routes: list[str]
    sessions: list[str]
    table_rows: int
    left_out: Counter[str] = field(default_factory=Counter)
    out_of_order: int = 0
    sessions_cut: int = 0

    def __len__(self) -> int:
        return len(self.rows)

    def select(self, chosen: Flags | Ints) -> None:
        """Keep the requests that are chosen: by flags, or by their places in the order wanted."""
        for name in _PER_REQUEST:
            setattr(self, name, getattr(self, name)[chosen])


def open_table(file: Path) -> TrafficTable:
    """Open a traffic table.

    Raises:
        DocumentError: It is missing, or none.
    """
    import pyarrow as pa  # noqa: PLC0415 - a tenth of a second that other loads need not pay
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    try:
        table = pq.ParquetFile(file, memory_map=True)
    except (OSError, pa.ArrowException) as exc:
        said = getattr(exc, "strerror", None) or str(exc).splitlines()[0]
        raise DocumentError(f"cannot be read as a traffic table: {said}", file=file) from exc
    missing = [name for name in _COLUMNS if name not in table.schema_arrow.names]
    if missing:
        raise DocumentError(
            f"is not a traffic table: it has no column {missing[0]}; `bench traffic import LOG --out {file.name}` writes one",
            file=file,
        )
    return table


def read_requests(table: TrafficTable, document: ReplayDocument, file: Path) -> LoggedRequests:
    """Return the requests of a table that a replay asks for, by time, without those that cannot be sent again.

    Args:
        table: The table.
        document: The replay: its period and routes.
        file: The table's file, for messages.

    Raises:
        DocumentError: The table is empty, has no times, lacks a route, or no request is left after the selection.
    """
    if table.metadata.num_rows == 0:
        raise DocumentError("holds no request, so there is nothing to replay", file=file)
    import pyarrow as pa  # noqa: PLC0415 - loaded by now

    found, unsent = _to_arrays(table.read(columns=list(_COLUMNS)))
    pa.default_memory_pool().release_unused()
    if not (found.time_us != UNKNOWN).any():
        raise DocumentError(
            "no request has a time, so there are no arrivals to replay; import a log with times, or send it under "
            "a rate or a concurrency",
            file=file,
        )
    _choose(found, unsent, document, file)
    order = np.argsort(found.time_us, kind="stable")
    found.out_of_order = int((np.diff(found.time_us) < 0).sum())
    found.select(order)
    return found


def _to_arrays(columns: pa.Table) -> tuple[LoggedRequests, list[tuple[str, Flags]]]:
    """Return all requests, and for each reason to leave some out, which."""
    import pyarrow as pa  # noqa: PLC0415 - loaded by now
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    def ints(name: str) -> Ints:
        values = pc.fill_null(pc.cast(columns[name], pa.int64()), UNKNOWN)
        found: Ints = values.to_numpy()
        return found

    def labels(name: str) -> tuple[Ints, list[str]]:
        encoded = pc.dictionary_encode(pc.cast(columns[name], pa.string())).combine_chunks()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = (
                encoded.chunk(0) if encoded.num_chunks else pa.array([], pa.string()).dictionary_encode()
            )
        numbers: Ints = pc.fill_null(pc.cast(encoded.indices, pa.int64()), UNKNOWN).to_numpy(
            zero_copy_only=False
        )
        return numbers, encoded.dictionary.to_pylist()

    def flags(mask: Any) -> Flags:
        found: Flags = pc.fill_null(mask, False).to_numpy().astype(bool)
        return found

    time_us = pc.fill_null(pc.cast(pc.cast(columns["time"], pa.timestamp("us", "UTC")), pa.int64()), UNKNOWN)
    routes, route_names = labels("route")
    sessions, session_names = labels("session_hash")
    response_s: Floats = pc.fill_null(pc.cast(columns["response_s"], pa.float64()), float("nan")).to_numpy()
    found = LoggedRequests(
        rows=np.arange(columns.num_rows, dtype=np.int64),
        time_us=time_us.to_numpy(),
        route=routes,
        session=sessions,
        input_tokens=ints("input_tokens"),
        cached_tokens=ints("cached_input_tokens"),
        output_tokens=ints("output_tokens"),
        response_s=response_s,
        routes=route_names,
        sessions=session_names,
        table_rows=columns.num_rows,
    )
    failed = flags(pc.is_valid(columns["error"])) | (ints("http_status") >= 400)
    endpoints = pc.utf8_lower(pc.cast(columns["endpoint"], pa.string()))
    unsent = [
        ("without a time", found.time_us == UNKNOWN),
        ("answered by a gateway's own cache", flags(pc.cast(columns["from_cache"], pa.bool_()))),
        ("sent in batches", flags(pc.equal(pc.cast(columns["service_tier"], pa.string()), "batch"))),
        (
            "for embeddings and similar endpoints",
            flags(pc.is_in(endpoints, pa.array(sorted(_OTHER_ENDPOINTS)))),
        ),
        ("failed in the log", failed),
    ]
    return found, unsent


def _choose(
    found: LoggedRequests, unsent: list[tuple[str, Flags]], document: ReplayDocument, file: Path
) -> None:
    """Keep the requests of the period and the routes, without those that are not sent.

    Raises:
        DocumentError: There is no such route, or nothing is left.
    """
    asked = np.ones(len(found), dtype=bool)
    if document.routes is not None:
        unknown = [name for name in document.routes if name not in found.routes]
        if unknown:
            there = ", ".join(sorted(found.routes)[:_MAX_ROUTES_SHOWN]) or "none"
            raise DocumentError(f"has no route {unknown[0]!r}; there are: {there}", file=file)
        numbers = [found.routes.index(name) for name in document.routes]
        asked &= np.isin(found.route, numbers)
    has_time = found.time_us != UNKNOWN
    if document.period is not None:
        period = parse_period(document.period)
        start_us, end_us = (int(instant.timestamp() * 1e6) for instant in period)
        before = asked & has_time & (found.time_us < start_us) & (found.session != UNKNOWN)
        inside = asked & has_time & (found.time_us >= start_us) & (found.time_us < end_us)
        found.sessions_cut = len(np.intersect1d(found.session[before], found.session[inside]))
        asked &= inside | ~has_time
        if not inside.any():
            first, last = (
                np.datetime64(int(bound), "us").item().strftime("%Y-%m-%dT%H:%M:%S")
                for bound in (found.time_us[has_time].min(), found.time_us[has_time].max())
            )
            raise DocumentError(
                f"has no request in the period {document.period}; its times are from {first} to {last} UTC",
                file=file,
            )
    for reason, which in unsent:
        left_out = asked & which
        if left_out.any():
            found.left_out[reason] = int(left_out.sum())
            asked &= ~which
    found.select(asked)


def read_texts(table: TrafficTable) -> Any:
    """Yield the messages and the tools of each row, as JSON text or None, and what its prompt lacks; a few hundred rows in memory at a time."""
    names = [name for name in _TEXT_COLUMNS if name in table.schema_arrow.names]
    if not names:
        return
    for batch in table.iter_batches(batch_size=500, columns=names):
        columns = [
            batch.column(names.index(name)).to_pylist() if name in names else [None] * batch.num_rows
            for name in _TEXT_COLUMNS
        ]
        yield from zip(*columns, strict=True)


def read_blocks(table: TrafficTable, requests: LoggedRequests) -> tuple[Any, Floats] | None:
    """Return the hashes of the prompts' blocks as one Arrow array, and the tokens of a block. None: the table has none.

    They are in ``prefix_blocks`` with ``prefix_block_tokens``, or in the ``text_shape`` of a recording without texts.
    There a block is of characters; its tokens are the median over the requests, because equal blocks must be equally long.
    """
    import pyarrow as pa  # noqa: PLC0415 - loaded by now
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    names = table.schema_arrow.names
    rows = pa.array(requests.rows)
    if all(name in names for name in _BLOCK_COLUMNS):
        columns = table.read(columns=list(_BLOCK_COLUMNS)).take(rows)
        hashes = columns["prefix_blocks"].combine_chunks()
        tokens: Floats = pc.fill_null(pc.cast(columns["prefix_block_tokens"], pa.float64()), 0.0).to_numpy()
        return hashes, tokens
    if _SHAPE_COLUMN not in names:
        return None
    blocks: list[list[str] | None] = []
    sizes: list[float] = []
    asked = [name for name in (_SHAPE_COLUMN, _LACKS_COLUMN) if name in names]
    shapes = table.read(columns=asked).take(rows).to_pylist()
    for row, tokens_in in zip(shapes, requests.input_tokens.tolist(), strict=True):
        # The shape of the last messages alone is not that of the prompt.
        is_whole = row.get(_LACKS_COLUMN) is None
        found, size = _blocks_of_shape(row[_SHAPE_COLUMN] if is_whole else None, tokens_in)
        blocks.append(found)
        if size is not None:
            sizes.append(size)
    if not sizes:
        return None
    return pa.array(blocks, pa.list_(pa.string())), np.full(len(blocks), float(np.median(sizes)))


def _blocks_of_shape(text: str | None, input_tokens: int) -> tuple[list[str] | None, float | None]:
    """Return the hashes of a prompt's blocks and the tokens of one block; None where the shape does not tell."""
    try:
        shape = orjson.loads(text or "null")
    except orjson.JSONDecodeError:
        return None, None
    if not isinstance(shape, dict) or not isinstance(shape.get("blocks"), list):
        return None, None
    chars, block = shape.get("prompt_chars"), shape.get("block_chars")
    hashes = [str(one) for one in shape["blocks"]]
    if type(chars) is not int or type(block) is not int or chars <= 0 or block <= 0 or input_tokens <= 0:
        return hashes, None
    return hashes, block * input_tokens / chars

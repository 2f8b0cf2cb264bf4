"""What can still be read of a damaged part: its row groups one by one, if its footer is whole.

A joined part holds up to 100,000 rows in row groups of 10,240, and one flipped bit makes only its own group unreadable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_READ_ERRORS = (pa.ArrowException, OSError, ValueError)
_Request = tuple[Any, ...]


def read_intact_groups(path: Path, check: Callable[[pa.Table], None]) -> tuple[pa.Table, int] | None:
    """Return the rows of the row groups that can be read, and how many rows the part had.

    Args:
        path: The part.
        check: Raises ``ValueError`` or ``ArrowException`` if rows are not as they should be.

    Returns:
        None: the footer is damaged, or no group can be read.
    """
    found: list[pa.Table] = []
    with suppress(*_READ_ERRORS):
        file = pq.ParquetFile(path.absolute(), page_checksum_verification=True)
        for number in range(file.num_row_groups):
            with suppress(*_READ_ERRORS):
                group = file.read_row_group(number)
                check(group)
                found.append(group)
        if found:
            return pa.concat_tables(found).unify_dictionaries(), int(file.metadata.num_rows)
    return None


def without_torn_requests(table: pa.Table, others: Iterable[pa.Table]) -> pa.Table:
    """Return rows without those of finished requests that lack an attempt: they are repeated, so that retries and turns count.

    Args:
        table: Rows of attempts that can be read of a damaged part.
        others: The rows of the other parts.
    """
    attempts: dict[_Request, set[int]] = {}
    for one in (table, *others):
        for request, attempt, _ in _requests(one):
            attempts.setdefault(request, set()).add(attempt)
    torn = {
        request for request, attempt, final in _requests(table) if final and len(attempts[request]) < attempt
    }
    kept = [request not in torn for request, _, _ in _requests(table)]
    return table.filter(pa.array(kept, pa.bool_()))


def _requests(table: pa.Table) -> Iterable[tuple[_Request, int, bool]]:
    """Yield the request of each attempt, the number of the attempt, and whether it is final."""
    names = ("cell_id", "sample_id", "repeat", "attempt", "final")
    columns = [table.column(name).to_pylist() for name in names]
    return ((tuple(key), int(attempt), bool(final)) for *key, attempt, final in zip(*columns, strict=True))

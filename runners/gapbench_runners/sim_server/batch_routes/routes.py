"""What the server asks of a vendor's batch routes, and what they have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, Protocol, TypeVar

import orjson

from gapbench_runners.sim_server.batch_store import LineResult
from gapbench_runners.sim_server.http_request import HttpRequest
from gapbench_runners.sim_server.protocols import VendorRefusalError, WireProtocol

JSON = "application/json"
JSON_LINES = "application/x-jsonl"
_Item = TypeVar("_Item")


class PlainReply(NamedTuple):
    """An unstreamed reply.

    Attributes:
        status: HTTP status.
        kind: Content type.
        body: Its body.
        headers: Other headers.
        is_cut: Whether the connection is closed in place of a reply.
    """

    status: int
    kind: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    is_cut: bool = False


class BatchRoutes(Protocol):
    """One vendor's routes."""

    protocol: WireProtocol

    def owns(self, request: HttpRequest) -> bool:
        """Return whether a request is for these routes."""

    def respond(self, request: HttpRequest) -> PlainReply:
        """Return the reply."""


def reply_json(value: Any, headers: tuple[tuple[str, str], ...] = (), *, is_cut: bool = False) -> PlainReply:
    """Return a reply of JSON."""
    return PlainReply(200, JSON, orjson.dumps(value), headers, is_cut)


def reply_error(protocol: WireProtocol, status: int, message: str, code: str | None = None) -> PlainReply:
    """Return an error in the vendor's form."""
    return PlainReply(status, JSON, orjson.dumps(protocol.render_error(status, message, code)))


def parse_body(request: HttpRequest) -> dict[str, Any]:
    """Return the JSON object of a request; {} for an empty body.

    Raises:
        VendorRefusalError: It is something else.
    """
    try:
        found = orjson.loads(request.body or b"{}")
    except orjson.JSONDecodeError as exc:
        raise VendorRefusalError(f"the body is not JSON: {exc}") from exc
    if not isinstance(found, dict):
        raise VendorRefusalError("the body must be a JSON object")
    return found


def json_line(value: Mapping[str, Any]) -> bytes:
    """Return a value as a line of a file."""
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def write_results(rows: Iterable[tuple[LineResult, Mapping[str, Any]]]) -> bytes:
    """Return a file of results: each line as often as it is to come, and cut off where it is garbled."""
    lines: list[bytes] = []
    for result, row in rows:
        line = json_line(row)
        lines += [line[: len(line) // 2] + b"\n" if result.is_garbled else line] * result.copies
    return b"".join(lines)


def page_of(
    items: list[_Item], ids: list[str], query: Mapping[str, str], after: str
) -> tuple[list[_Item], bool]:
    """Return a page of a list, and whether there are more.

    Args:
        items: All of them, in order.
        ids: Their ids.
        query: Has the cursor and the ``limit``.
        after: The name of the cursor: the id before the page.
    """
    start = ids.index(query[after]) + 1 if query.get(after) in ids else 0
    limit = int(query["limit"]) if query.get("limit", "").isdecimal() else 20
    return items[start : start + limit], len(items) > start + limit


def rfc3339(at: datetime | None) -> str | None:
    """Return an instant as Anthropic and Google write it."""
    return None if at is None else at.isoformat().replace("+00:00", "Z")

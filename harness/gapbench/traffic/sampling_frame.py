"""The distinct prompts of a traffic table: what a sample of it is drawn from, and which requests it cannot cover."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import orjson

from gapbench.errors import DocumentError, InputError, ResultsError
from gapbench.suite.tasks.conversations import ConversationError, MediaReader, last_turn, read_conversation
from gapbench.suite.tasks.json_schemas import find_schema_problem
from gapbench.suite.tasks.tool_declarations import ToolDeclarationError, read_tools
from gapbench.traffic.reply_labels import LabelCounts
from gapbench.traffic.traffic_table import check_no_overlap, check_tables, iterate_table

Check = Literal["calls", "schema", "label", "judge", "none"]
"""What a logged reply can be compared by: its tool calls, a JSON Schema, one of few labels, a judge, or nothing."""
Feature = Literal["route", "length", "tools", "model"]
"""What strata can be made of."""
READ_COLUMNS = (
    "route", "session_hash", "model_asked", "messages", "tools", "parameters", "reply", "reply_tool_calls", "output_tokens",
    "image_count", "error", "simulated", "prompt_lacks",
)  # fmt: skip
NO_ROUTE = "no-route"
OTHER_ROUTES = "other-routes"
_LEAST_SHARE = 0.005
"""A route with a smaller share of the requests joins the others."""
_BLANKS = re.compile(r"\s+")
_VARYING = re.compile(
    r"[\w.+-]+@[\w-]+\.[\w.-]+|https?://\S+|\b[0-9a-fA-F]{8,}\b|\b[0-9a-fA-F]{8}-[0-9a-fA-F-]{20,}\b|\d+(?:[.,:/-]\d+)*"
)
"""What differs between two fillings of one template: addresses, ids, dates and numbers."""


@dataclass(slots=True)
class LoggedPrompt:
    """A prompt that was sent at least once, on one route with the same tools and schema.

    Attributes:
        place: Number of its first row that has a reply, counted over all tables from 0.
        requests: How often it was sent.
        route: Its route.
        check: What its logged reply can be compared by.
        chars: Characters of its texts.
        has_tools: Whether tools were offered.
        model: Model that was asked first. None: the log does not tell.
        cluster: Its session, or else its template.
        has_reply: Whether the row at ``place`` has a reply.
    """

    place: int
    requests: int
    route: str
    check: Check
    chars: int
    has_tools: bool
    model: str | None
    cluster: str
    has_reply: bool


@dataclass(slots=True)
class SamplingFrame:
    """The prompts of some tables.

    Attributes:
        prompts: Each distinct prompt once, by its first row.
        rows: Requests of the tables.
        left_out: Requests that no prompt stands for, by the reason.
        output_tokens: The longest reply.
        simulated: Whether a simulated provider answered any of them.
    """

    prompts: list[LoggedPrompt] = field(default_factory=list)
    rows: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    output_tokens: int = 0
    simulated: bool = False

    @property
    def covered(self) -> int:
        """Requests that the prompts stand for."""
        return sum(prompt.requests for prompt in self.prompts)


def read_sampling_frame(tables: Sequence[Path]) -> SamplingFrame:
    """Return the distinct prompts of traffic tables.

    Two requests have one prompt if route, tools, schema and all texts are the same but for white space. The tables are read
    once; no text is kept.

    Raises:
        InputError: The tables have no prompts, because only metadata was logged or imported; or a request is in two of them.
        ResultsError: A file is missing, is no traffic table, or is of a newer version.
    """
    check_tables(tables)
    check_no_overlap(tables)
    reader = _FrameReader()
    for row in iterate_requests(tables):
        reader.add(row)
    frame = reader.finish()
    if not frame.rows:
        raise ResultsError(f"{tables[0]} has no requests; import a log with `bench traffic import`")
    if not frame.prompts:
        _refuse_empty(tables, frame)
    return frame


def _refuse_empty(tables: Sequence[Path], frame: SamplingFrame) -> None:
    reason, count = frame.left_out.most_common(1)[0]
    if reason == NO_TEXT:
        raise InputError(
            f"{tables[0]} has no prompts, only metadata: a suite needs what was asked. Import a log with texts, without --no-text"
        )
    raise InputError(
        f"{tables[0]}: none of its {frame.rows:,} requests can be asked again: {count:,} {reason}"
    )


def iterate_requests(
    tables: Sequence[Path], chosen: Collection[int] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the rows of traffic tables with :data:`READ_COLUMNS` and their number over all tables from 0, ``place``.

    Args:
        tables: The tables.
        chosen: Numbers of the rows to yield. None: all.

    Raises:
        ResultsError: A file is missing, is no traffic table, or is of a newer version.
    """
    start = 0
    for path in tables:
        for frame in iterate_table(path, READ_COLUMNS):
            frame = frame.astype(object).where(frame.notna(), None)  # noqa: PLW2901 - unknown is None from here on
            # A table of an earlier version lacks the newest columns.
            columns = [
                frame[name].tolist() if name in frame else [None] * len(frame) for name in READ_COLUMNS
            ]
            for number, values in enumerate(zip(*columns, strict=True), start):
                if chosen is None or number in chosen:
                    yield {**dict(zip(READ_COLUMNS, values, strict=True)), "place": number}
            start += len(frame)


NO_TEXT = "have no prompt in the table"
_FAILED = "failed or have no reply"
_IMAGES = "have images, which are logged as hashes"


class _FrameReader:
    def __init__(self) -> None:
        self._frame = SamplingFrame()
        self._found: dict[bytes, LoggedPrompt] = {}
        self._unusable: dict[bytes, str] = {}
        self._labels: defaultdict[str, LabelCounts] = defaultdict(LabelCounts)
        self._tools: dict[str, str | None] = {}

    def add(self, row: dict[str, Any]) -> None:
        frame = self._frame
        frame.rows += 1
        frame.simulated = frame.simulated or bool(row["simulated"])
        reason = self._add(row)
        if reason is not None:
            frame.left_out[reason] += 1
        elif row["output_tokens"] is not None:
            frame.output_tokens = max(frame.output_tokens, int(row["output_tokens"]))

    def _add(self, row: dict[str, Any]) -> str | None:
        """Count a request, or return why no prompt can stand for it."""
        if row["messages"] is None:
            return NO_TEXT
        if row["prompt_lacks"] is not None:
            return f"lack a part of their prompt that the provider keeps: {row['prompt_lacks']}"
        if row["image_count"]:
            return _IMAGES
        if row["error"] is not None or (row["reply"] is None and row["reply_tool_calls"] is None):
            return _FAILED
        try:
            messages = orjson.loads(row["messages"])
        except orjson.JSONDecodeError:
            return "have a prompt that is not JSON"
        text = text_of(messages)
        schema = schema_of(row["parameters"])
        route = str(row["route"] or NO_ROUTE)
        key = _hash(route, text, row["tools"] or "", "" if schema is None else orjson.dumps(schema).decode())
        known = self._found.get(key)
        if known is None:
            if key not in self._unusable:
                problem = self._problem(messages, row["tools"], schema)
                if problem is None:
                    known = self._found[key] = self._new_prompt(row, route, text, schema)
                else:
                    self._unusable[key] = problem
            if known is None:
                return self._unusable[key]
        known.requests += 1
        if known.check == "judge":
            self._labels[route].add(str(row["reply"]))
        return None

    def _problem(self, messages: Any, tools: str | None, schema: Any) -> str | None:
        """Return why a prompt cannot be asked again, by the rules of a suite. None: it can."""
        try:
            asked = last_turn(read_conversation(messages, MediaReader(_refuse_image)))
        except (
            ConversationError,
            ToolDeclarationError,
            DocumentError,
            TypeError,
            ValueError,
            RecursionError,
        ):
            return "have a conversation that no vendor would accept as logged"
        if asked.answer is not None:
            return "end with a turn of the assistant"
        if tools is not None and self._tools.setdefault(tools, _tools_problem(tools)) is not None:
            return "offer tools of the provider, or tools that cannot be declared"
        if schema is not None and find_schema_problem(schema) is not None:
            return "have a response schema that is not the schema of an object"
        return None

    def _new_prompt(self, row: dict[str, Any], route: str, text: str, schema: Any) -> LoggedPrompt:
        check: Check = "judge"
        if row["reply_tool_calls"] is not None:
            check = "calls" if row["tools"] is not None and calls_of(row["reply_tool_calls"]) else "none"
        elif schema is not None:
            check = "schema"
        elif not str(row["reply"]).strip():
            check = "none"
        session = row["session_hash"]
        return LoggedPrompt(
            place=row["place"],
            requests=0,
            route=route,
            check=check,
            chars=len(text),
            has_tools=row["tools"] is not None,
            model=row["model_asked"],
            cluster=f"session-{session}" if session else template_of(route, text),
            has_reply=True,
        )

    def finish(self) -> SamplingFrame:
        """Return the frame: routes whose replies are few short texts have labels, and the smallest routes are one."""
        frame = self._frame
        frame.prompts = sorted(self._found.values(), key=lambda prompt: prompt.place)
        labelled = {route for route, labels in self._labels.items() if labels.are_labels}
        by_route: Counter[str] = Counter()
        for prompt in frame.prompts:
            by_route[prompt.route] += prompt.requests
            if prompt.check == "judge" and prompt.route in labelled:
                prompt.check = "label"
        small = {route for route, count in by_route.items() if count < _LEAST_SHARE * by_route.total()}
        if len(small) > 1:
            for prompt in frame.prompts:
                if prompt.route in small:
                    prompt.route = OTHER_ROUTES
        return frame


def text_of(messages: Any) -> str:
    """Return all texts of a conversation, with single blanks."""
    return _BLANKS.sub(" ", "\n".join(_texts(messages))).strip()


def template_of(route: str, text: str) -> str:
    """Return a name for the template of a text on a route: the same if only addresses, ids, dates and numbers differ."""
    return f"template-{_hash(route, _VARYING.sub('#', text)).hex()}"


def schema_of(parameters: str | None) -> Any:
    """Return the JSON Schema that a request asked its reply to have. None: it asked for none.

    OpenAI's ``response_format`` of Chat Completions and ``text.format`` of Responses, and Anthropic's ``output_config.format``
    (https://platform.openai.com/docs/guides/structured-outputs, https://docs.anthropic.com/en/docs/build-with-claude/structured-outputs;
    November 2026).
    """
    found = _json(parameters)
    if not isinstance(found, dict):
        return None
    for outer in (found.get("response_format"), found.get("text"), found.get("output_config")):
        if not isinstance(outer, dict):
            continue
        inner = outer.get("format") if isinstance(outer.get("format"), dict) else outer
        if isinstance(inner, dict) and inner.get("type") == "json_schema":
            named = inner.get("json_schema")
            return named.get("schema") if isinstance(named, dict) else inner.get("schema")
    return None


def calls_of(logged: str) -> list[dict[str, Any]]:
    """Return logged tool calls as ``{name, arguments}``; [] if one of them is no call of a function."""
    found = _json(logged)
    calls: list[dict[str, Any]] = []
    for item in found if isinstance(found, list) else [found]:
        function = item.get("function", item) if isinstance(item, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            return []
        given = function.get("arguments", function.get("input", {}))
        arguments = _json(given) if isinstance(given, str) and given.strip() else given or {}
        if not isinstance(arguments, dict):
            return []
        calls.append({"name": function["name"], "arguments": arguments})
    return calls


def _json(text: Any) -> Any:
    try:
        return orjson.loads(text) if isinstance(text, str) else None
    except orjson.JSONDecodeError:
        return None


def _tools_problem(tools: str) -> str | None:
    try:
        read_tools(tools)
    except (ToolDeclarationError, TypeError, ValueError, RecursionError) as exc:
        return str(exc)
    return None


def _refuse_image(*_: Any) -> Any:
    raise ConversationError("an image")


def _texts(value: Any) -> Iterator[str]:
    """Yield every text of a JSON value in order, keys included: what tells two prompts apart."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            for name, inner in reversed(item.items()):
                stack += [inner, name]
        elif isinstance(item, list):
            stack += reversed(item)
        elif item is not None:
            yield str(item)


def _hash(*parts: str) -> bytes:
    return blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=12).digest()

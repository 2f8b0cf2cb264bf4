"""vLLM: the lines that ``--enable-log-requests`` and ``--enable-log-outputs`` write to the server's log."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from gapbench.traffic.draft import Draft, TokenCounts
from gapbench.traffic.forms.form import Form

MAX_WAITING = 200_000
"""Requests that wait for their reply's line; the oldest are given up beyond."""
_STAMP = re.compile(
    r"(?:INFO|DEBUG) (?:(?P<year>20[0-9]{2})-)?(?P<rest>[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2})"
)
_LINE = re.compile(
    r"Received request (?P<received>[^\s:]+): |Request (?P<details>[^\s:]+) details: "
    r"|Generated response (?P<generated>[^\s:]+)(?P<kind> \([a-z ]+\))?: output: "
)
"""The first such words of a line are the logger's; prompts and replies, which come after, may have any."""
_STRING = r"""'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*\""""
_STRINGS = re.compile(_STRING)
_PROMPT = re.compile(rf"prompt: (?P<text>{_STRING}|None), |{_STRING}")
_OUTPUT = re.compile(rf"(?P<text>{_STRING}|None), output_token_ids: ")
_PROMPT_IDS = re.compile(r"prompt_token_ids: \[(?P<ids>[0-9, ]*)\]")
_OUTPUT_IDS = re.compile(r"output_token_ids: (?:\[|array\([^\[]*\[)(?P<ids>[0-9, ]*)\]")
_FINISH = re.compile(r"finish_reason: (?P<reason>\w+)")
_PARAMETER = re.compile(r"\b(?P<name>temperature|top_p|top_k|min_p|max_tokens|seed|n)=(?P<value>-?[0-9.]+)\b")
_ENDPOINTS = {"chatcmpl": "chat", "cmpl": "completions", "embd": "embeddings", "resp": "responses"}


class VLLMForm(Form):
    """A request's line, joined with its reply's line by their id. Its prompts are those after the chat template.

    The log has no year and no zone; the year is that of the file's last change. Its times are whole seconds, so no
    latency is computed from them.
    """

    name = "vllm"
    about = "vLLM's log of requests, text"
    documentation = (
        "vllm/entrypoints/logger.py in github.com/vllm-project/vllm and https://docs.vllm.ai/en/latest/cli/serve/ "
        "(--enable-log-requests, --enable-log-outputs; November 2026)"
    )
    is_text = True

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[Draft, str, int]] = {}
        self._file = ""
        self._line = 0
        self._newest = date.max
        self._given_up = 0

    def matches(self, item: Any) -> bool:
        """By the words of the line."""
        return isinstance(item, str) and _LINE.search(item) is not None

    def open_file(self, path: Path, shown: str) -> None:
        """Take the file's last change as the time of its newest line."""
        self._file = shown
        self._newest = datetime.fromtimestamp(path.stat().st_mtime, UTC).date()

    def set_line(self, line: int) -> None:
        """See :class:`Form`."""
        self._line = line

    def read(self, item: str) -> Iterable[Draft]:
        """Return a request when its reply's line comes; other lines of the server say nothing about requests."""
        found = _LINE.search(item)
        if found is None:
            return ()
        start, text = item[: found.start()], item[found.end() :]
        # What is outside of strings: a prompt may say "prompt_token_ids: [1]" too.
        bare = _STRINGS.sub("''", text)
        if found["received"]:
            return self._start(found["received"], start, text, bare)
        if found["details"]:
            return self._add(found["details"], text, bare)
        return self._end(found, start, text, bare)

    def finish(self) -> Iterable[tuple[Draft, str, int]]:
        """Requests whose reply was not logged."""
        waiting = list(self._waiting.values())
        self._waiting.clear()
        return waiting

    def notes(self) -> Iterable[str]:
        """What the log leaves open."""
        yield "vLLM's log: the year is that of the file; prompts are those after the chat template; counts are too low under --max-log-len"
        if self._given_up:
            yield f"vLLM's log: {self._given_up:,} requests waited too long for their reply and have none"

    def _start(self, request_id: str, start: str, text: str, bare: str) -> Iterable[Draft]:
        draft: Draft = {
            "time": self._time(start),
            "request_id": request_id,
            "provider": "vllm",
            "endpoint": _ENDPOINTS.get(request_id.partition("-")[0]),
            "model_asked": None,
            "parameters": {match["name"]: _number(match["value"]) for match in _PARAMETER.finditer(bare)},
        }
        self._read_prompt(text, bare, draft)
        oldest: Draft | None = None
        if len(self._waiting) >= MAX_WAITING:
            oldest = self._waiting.pop(next(iter(self._waiting)))[0]
            self._given_up += 1
        self._waiting[request_id] = (draft, self._file, self._line)
        return () if oldest is None else (oldest,)

    def _add(self, request_id: str, text: str, bare: str) -> Iterable[Draft]:
        waiting = self._waiting.get(request_id)
        if waiting is not None:
            self._read_prompt(text, bare, waiting[0])
        return ()

    def _read_prompt(self, text: str, bare: str, draft: Draft) -> None:
        prompt = next((found for found in _PROMPT.finditer(text) if found["text"]), None)
        if prompt is not None:
            content = ast.literal_eval(prompt["text"])
            if content:
                draft["messages"] = [{"role": "user", "content": content}]
        counted = _count_ids(_PROMPT_IDS, bare)
        if counted is not None:
            draft["counts"] = TokenCounts(prompt=counted)

    def _end(self, found: re.Match[str], start: str, text: str, bare: str) -> Iterable[Draft]:
        request_id = found["generated"]
        kind = (found["kind"] or "").strip(" ()")
        if kind == "streaming delta":
            return ()
        draft, _, _ = self._waiting.pop(request_id, ({"request_id": request_id, "provider": "vllm"}, "", 0))
        draft["is_stream"] = kind.startswith("streaming")
        draft.setdefault("time", self._time(start))
        output = _OUTPUT.match(text)
        if output is not None:
            draft["reply"] = ast.literal_eval(output["text"])
        reason = _FINISH.search(bare)
        if reason is not None and reason["reason"] != "None":
            draft["finish_reason"] = reason["reason"]
        counts = draft.get("counts") or TokenCounts()
        draft["counts"] = counts._replace(output=_count_ids(_OUTPUT_IDS, bare))
        return (draft,)

    def _time(self, start: str) -> str | None:
        """Return a line's time; without a year it is the last such day before the file's last change."""
        stamp = _STAMP.search(start)
        if stamp is None:
            return None
        if stamp["year"]:
            return f"{stamp['year']}-{stamp['rest']}"
        year = self._newest.year
        # A day's room: the log's zone may be ahead of the file's time, which is UTC.
        last = (self._newest + timedelta(days=1)).isoformat() if self._newest < date.max else "9999"
        found = f"{year}-{stamp['rest']}"
        return found if found[:10] <= last else f"{year - 1}-{stamp['rest']}"


def _count_ids(pattern: re.Pattern[str], text: str) -> int | None:
    found = pattern.search(text)
    if found is None or not found["ids"].strip():
        return None
    return found["ids"].count(",") + 1


def _number(text: str) -> float | int | None:
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return None

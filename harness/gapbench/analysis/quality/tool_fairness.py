"""How each model was given its tools: what two compared models must have alike besides the prompt."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from gapbench.analysis.frames import Runs

_OF_ONE_TOOL = re.compile(r"^tool (?P<name>\S+): (?P<change>.+)$")
_SWITCHES = {"strict": "strict tools", "parallel_tool_calls": "parallel tool calls"}
_DEFAULT = "the provider's default"
_UNKNOWN = "unknown"


def tool_conditions(runs: Runs, model_id: str, part: pd.DataFrame) -> dict[str, Any] | None:
    """Return how a model was given its tools. None: it was given none.

    Fields: ``strict`` and ``parallel_tool_calls`` (values that were sent: ``on``, ``off``, ``mixed`` or
    ``the provider's default``), ``parser`` (the server's parser that reads the calls out of the text; ``unknown``: a vLLM
    that the suite gives no ``tool_parser``; null: the provider returns the calls itself).

    Args:
        runs: The runs.
        model_id: The model.
        part: Its measured replies, with ``params_sent``.
    """
    sent = [json.loads(str(params)) for params in part["params_sent"].unique()]
    given = [params for params in sent if params.get("tools")]
    if not given:
        return None
    facts = runs.model(model_id).facts
    parser = facts.get("tool_call_parser") or _UNKNOWN if "tool_call_parser" in facts else None
    return {
        **{key: sorted({_words(params.get(key)) for params in given}) for key in _SWITCHES},
        "parser": None if parser is None else str(parser),
    }


def different_tools(
    one: str, other: str, first: Mapping[str, Any] | None, second: Mapping[str, Any] | None
) -> Iterator[str]:
    """Yield a sentence for each thing about their tools that differs between two models."""
    if first is None or second is None:
        if first is not second:
            with_tools, without = (one, other) if first is not None else (other, one)
            yield f"{with_tools} was given tools and {without} was not."
        return
    for key, words in _SWITCHES.items():
        if first[key] != second[key]:
            yield f"{words} differ: {one} {' and '.join(first[key])}, {other} {' and '.join(second[key])}."
    if first["parser"] != second["parser"]:
        read = [f"{name} by {_reader(side)}" for name, side in ((one, first), (other, second))]
        yield f"tool calls are read out of the reply differently: {', '.join(read)}."


def group_tool_changes(lines: Iterable[str]) -> list[str]:
    """Return changes with those of several tools that are alike as one line."""
    tools: dict[str, list[str]] = {}
    for line in lines:
        found = _OF_ONE_TOOL.match(line)
        tools.setdefault(found["change"] if found else line, []).extend([found["name"]] if found else [])
    return [
        line if not names else f"{'tool' if len(names) == 1 else 'tools'} {_join(names)}: {line}"
        for line, names in tools.items()
    ]


def _words(value: Any) -> str:
    return _DEFAULT if value is None else "on" if value is True else "off" if value is False else str(value)


def _join(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _reader(side: Mapping[str, Any]) -> str:
    if side["parser"] == _UNKNOWN:
        return "a parser that the suite does not name (tool_parser)"
    return f"the parser {side['parser']}" if side["parser"] else "the provider"

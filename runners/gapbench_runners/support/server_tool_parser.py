"""The parser with which a compatible server reads tool calls out of a model's text; no route of a server tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gapbench.runner import RunnerOption
from gapbench.values import Model

SERVERS_TOOL_PARSER = RunnerOption(
    str, "the parser of tool calls of the server at base_url, such as hermes, for the report"
)


def servers_tool_parser(model: Model) -> Mapping[str, Any]:
    """Return the fact that ``run.json`` keeps of it; empty where the suite names none."""
    parser = model.options.get("tool_parser")
    return {} if parser is None else {"tool_call_parser": parser}

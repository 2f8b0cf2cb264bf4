"""Logs to draw samples from, and the rows that were drawn."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "find_order",
            "description": "Find an order",
            "parameters": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
        },
    }
]
SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}
LABELS = ("billing", "tech")


def line(route: str, text: str, message: dict[str, Any], **body: Any) -> dict[str, Any]:
    """Return a logged request with its reply."""
    metadata = {"route": route, "session_id": body.pop("session", None)}
    return {
        "request": {
            "model": "gpt-5.2",
            "metadata": metadata,
            "messages": [{"role": "user", "content": text}],
            **body,
        },
        "response": {
            "object": "chat.completion",
            "created": 1_767_225_600,
            "model": "gpt-5.2",
            "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
        },
    }


def triage(number: int, times: int = 1, **body: Any) -> list[dict[str, Any]]:
    """Return a labelled request, sent ``times`` times."""
    label = LABELS[number % 2]
    return [
        line(
            "triage",
            f"Sort this:{' ' * (copy + 1)}invoice {'x' * (number % 13)} {number}",
            {"content": label},
            **body,
        )
        for copy in range(times)
    ]


def order(number: int, **body: Any) -> dict[str, Any]:
    """Return a request that the model answered with a call."""
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "find_order", "arguments": json.dumps({"id": f"A{number}"})},
    }
    return line(
        "orders", f"Where is order A{number}?", {"content": None, "tool_calls": [call]}, tools=TOOLS, **body
    )


def invoice(number: int, **body: Any) -> dict[str, Any]:
    """Return a request for JSON of a schema."""
    form = {"type": "json_schema", "json_schema": {"name": "invoice", "schema": SCHEMA}}
    return line(
        "invoices",
        f"Read: total {number}",
        {"content": json.dumps({"total": number})},
        response_format=form,
        **body,
    )


def support(number: int, **body: Any) -> dict[str, Any]:
    """Return a request with a free reply."""
    return line(
        "support",
        f"Help me with {number}",
        {"content": f"Here is a long answer about {number}, with words"},
        **body,
    )


def traffic() -> list[dict[str, Any]]:
    """Return 200 requests: 100 on triage by 50 prompts, and 40, 40 and 20 distinct ones on the other routes."""
    log = [one for number in range(50) for one in triage(number, times=2, session=f"t{number}")]
    for make, count in ((order, 40), (support, 40), (invoice, 20)):
        log += [make(number, session=f"{make.__name__}-{number}") for number in range(count)]
    return log


@dataclass(frozen=True)
class Said:
    """What a command printed on both streams, and its exit code."""

    exit_code: int
    output: str


Sample = Callable[..., Said]


def rows_of(folder: str = "suite-data") -> list[dict[str, Any]]:
    """Return the rows of all data files."""
    return [
        json.loads(text) for file in sorted(Path(folder).iterdir()) for text in file.read_text().splitlines()
    ]

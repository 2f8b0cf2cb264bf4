"""Records of traffic whose shape says what an open model could take over."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd

from gapbench.analysis.traffic import OpenPrice, TrafficAudit, audit_traffic, read_requests
from gapbench.pricing import TokenRates, UnitPrices
from tests.traffic_logs import import_files

MONDAY = pd.Timestamp("2026-01-05", tz="UTC")
OPEN = OpenPrice(
    UnitPrices(TokenRates(Decimal(1), Decimal(2)), (), "book", "a list", "host", "open-8b"), "open-8b at host"
)
"""A dollar for a million tokens in, two for a million out."""


def record(
    route: str | None, number: int, reply: str = "Words that answer.", **changes: Any
) -> dict[str, Any]:
    """Return a logged pair: 1,000 tokens in, 300 out, half a dollar, at four times of three days by turns."""
    hour = (0, 8, 16, 23)[number % 4] + 24 * (number // 4 % 3)
    usage = {
        "prompt_tokens": changes.pop("given", 1000),
        "completion_tokens": changes.pop("made", 300),
    }
    message = changes.pop("message", {"content": reply})
    messages = changes.pop(
        "messages", [{"role": "user", "content": f"a question {chr(97 + number % 26) * 5} {route}"}]
    )
    model = changes.pop("model", "gpt-5.2")
    cost = changes.pop("cost_usd", "0.5")
    return {
        "timestamp": (MONDAY + pd.Timedelta(hours=hour, seconds=number)).isoformat(), "provider": "openai", "route": route,
        "cost_usd": cost, "request": {"model": model, "messages": messages, **changes},
        "response": {"id": f"{route}-{number}", "model": model, "choices": [{"message": message}], "usage": usage},
    }  # fmt: skip


def audit_of(
    folder: Path, *records: dict[str, Any], personal_data: bool = False, **options: Any
) -> TrafficAudit:
    import_files(folder, {"log.jsonl": records}, **options)
    frame = read_requests([folder / "traffic.parquet"], personal_data=personal_data)
    return audit_traffic(frame, OPEN, ["traffic.parquet"])


def route_of(audit: TrafficAudit, route: str) -> dict[str, Any]:
    return next(row for row in audit.take_over.routes if row["route"] == route)

"""A suite of two simulated models that take orders from a user whom a third one plays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

DRINKS = ("tea", "milk", "beer")
QUIET = {"ttft_s": 0.001, "ttft_sigma": 0.0, "gap_s": 0.0}


def user_suite(**changes: Any) -> dict[str, Any]:
    """Return a suite whose user wants a drink: three replies of the model, and three lines of the user with the stop word."""

    def sim(model_id: str, protocol: str, weights: str, skill: float, price: float) -> dict[str, Any]:
        cost = {"input_usd_per_mtok": price, "output_usd_per_mtok": price}
        persona = {"protocol": protocol, "skill": skill, **QUIET}
        return {"id": model_id, "runner": "sim", "weights": weights, "sim": persona, "cost": cost}

    task = {
        "name": "orders",
        "category": "agents",
        "data": "orders.jsonl",
        "id": "{id}",
        "system": "Take orders.",
        "prompt": "Hello, I am {id}.",
        "target": "{drink}",
        "reference_turns": "{turns}",
        "scorer": "contains",
        "agent": {
            "user": {
                "model": "shopper",
                "instructions": "You are {id} and want a {drink}.",
                "script": ["One {drink}, please.", "Yes, that is all."],
            }
        },
    }
    suite = {
        "name": "users",
        "models": [
            sim("closed", "anthropic", "closed", 1.0, 2.0),
            sim("open", "openai", "open", 0.5, 1.0),
        ],
        "users": [sim("shopper", "google", "closed", 0.5, 10.0)],
        "tasks": [task],
        "loads": [{"concurrency": 4}],
    }
    return {**suite, **changes}


def write_user_suite(folder: Path, count: int = 6, **changes: Any) -> Path:
    """Write the suite and its data into a folder, and return its path."""
    rows = [
        {
            "id": f"r{number}",
            "drink": (drink := DRINKS[number % len(DRINKS)]),
            "turns": [
                {"text": "What do you want?"},
                {"text": "Is that all?"},
                {"text": f"Here is your {drink}."},
            ],
        }
        for number in range(count)
    ]
    (folder / "orders.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = folder / "suite.yaml"
    path.write_text(yaml.safe_dump(user_suite(**changes), sort_keys=False))
    return path

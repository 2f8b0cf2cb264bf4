"""What an open model could take over of recorded traffic: tiers by the shape of requests, with their dollars."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gapbench.analysis.traffic import audit_traffic, figures, read_requests
from gapbench.analysis.traffic.prices import is_open_model, quote_requests
from tests.taken_over_traffic import MONDAY, OPEN, audit_of, record, route_of
from tests.traffic_logs import import_files

TOOL_RESULTS = [
    [{"role": "user", "content": "?"}, {"role": "tool", "tool_call_id": "c", "content": "17"}],
    [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "17"}]}],
    [{"type": "function_call_output", "call_id": "c", "output": "17"}],
]
IMAGE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/a.png"}}]}]


@pytest.mark.parametrize(
    ("changes", "tier", "reason"),
    [
        ({}, "1", "no sign of hard work"),
        ({"made": 200}, "1", "short answers 100 %"),
        ({"reply": '{"total": 3}'}, "1", "JSON 100 %"),
        ({"response_format": {"type": "json_object"}}, "1", "JSON 100 %"),
        ({"temperature": 0}, "1", "temperature 0 100 %"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "1", "offers tools 100 %"),
        ({"made": 1001}, "2", "long answers 100 %"),
        ({"given": 32_001}, "2", "long context 100 %"),
        ({"messages": IMAGE}, "2", "images 100 %"),
        *(({"messages": messages}, "2", "tool loops 100 %") for messages in TOOL_RESULTS),
    ],
)
def test_the_tier_of_a_route_follows_from_the_shape_of_its_requests(
    tmp_path: Path, changes: dict[str, Any], tier: str, reason: str
) -> None:
    """Replies differ, so that they are no labels; a limit itself is not above it."""
    records = [record("a", number, **{"reply": f"Answer {'x' * number}", **changes}) for number in range(12)]
    row = route_of(audit_of(tmp_path, *records), "a")

    assert (tier, True) == (row["tier"], reason in row["reasons"])


@pytest.mark.parametrize(("hard", "tier"), [(2, "1"), (3, "2")])
def test_a_sign_counts_from_a_fifth_of_the_requests_on(tmp_path: Path, hard: int, tier: str) -> None:
    """2 of 12 are less than 20 %, 3 of 12 are more."""
    records = [
        record("a", number, reply="x" * number, made=2000 if number < hard else 50) for number in range(12)
    ]

    assert tier == route_of(audit_of(tmp_path, *records), "a")["tier"]


def test_few_short_replies_are_labels_and_go_to_a_purpose_built_model(tmp_path: Path) -> None:
    """12 replies of two texts; 12 of three would be one fewer than five of each."""
    two = [record("two", number, reply=("yes", " no\n")[number % 2]) for number in range(12)]
    three = [record("three", number, reply=("a", "b", "c")[number % 3]) for number in range(12)]
    audit = audit_of(tmp_path, *two, *three)

    assert ("3", 1.0) == (route_of(audit, "two")["tier"], route_of(audit, "two")["label_share"])
    assert ("1", 0.0) == (route_of(audit, "three")["tier"], route_of(audit, "three")["label_share"])


def test_labels_are_those_of_the_sample(tmp_path: Path) -> None:
    """The audit and `bench traffic sample` call the same replies labels."""
    from gapbench.traffic.sampling_frame import read_sampling_frame

    draw = np.random.default_rng(5)
    records = [
        record(f"route-{route}", number, reply="x" * int(draw.integers(1, route + 2)))
        for route in range(8)
        for number in range(30)
    ]
    audit = audit_of(tmp_path, *records)
    prompts = read_sampling_frame([tmp_path / "traffic.parquet"]).prompts
    by_sample = {prompt.route for prompt in prompts if prompt.check == "label"}

    assert by_sample == {row["route"] for row in audit.take_over.routes if row["label_share"]}
    assert 1 < len(by_sample)


def test_the_smallest_routes_are_rare_up_to_a_twentieth_of_the_requests_together(tmp_path: Path) -> None:
    """Of 100 requests one route has 2 and one 3: 5 % together. A third one of 4 is one too many."""
    sizes = {"tiny": 2, "small": 3, "fair": 4, "large": 91}
    records = [
        record(route, number, reply=f"{route} {'y' * number}")
        for route, count in sizes.items()
        for number in range(count)
    ]
    audit = audit_of(tmp_path, *records)

    assert {"tiny": "2", "small": "2", "fair": "1", "large": "1"} == {
        row["route"]: row["tier"] for row in audit.take_over.routes
    }
    assert "rare" in route_of(audit, "tiny")["reasons"]


def test_embeddings_go_to_a_purpose_built_model(tmp_path: Path) -> None:
    """They generate nothing."""
    records = [
        {"timestamp": (MONDAY + pd.Timedelta(hours=n)).isoformat(), "route": "vectors",
         "request": {"model": "text-embedding-3-small", "input": f"text {n}", "encoding_format": "float"},
         "response": {"object": "list", "model": "text-embedding-3-small", "usage": {"prompt_tokens": 9, "total_tokens": 9}}}
        for n in range(12)
    ]  # fmt: skip

    assert "3" == route_of(audit_of(tmp_path, *records), "vectors")["tier"]


def test_a_log_that_tells_no_generated_tokens_gives_no_tier(tmp_path: Path) -> None:
    """Nothing is guessed, and requests without a route are shown by model."""
    rows = [
        {"timestamp": (MONDAY + pd.Timedelta(hours=n)).isoformat(),
         "request": {"model": "gpt-5.2", "messages": [{"role": "user", "content": f"{'x' * n}"}]}}
        for n in range(3)
    ]  # fmt: skip

    assert "unknown" == route_of(audit_of(tmp_path, *rows), "no route: gpt-5.2")["tier"]


def test_the_dollars_of_the_tiers_add_up_to_the_month(tmp_path: Path) -> None:
    """12 requests of half a dollar in each of two tiers over three whole days: 12 · 0.5 / 3 · 365.25 / 12 a month each."""
    easy = [record("easy", number, reply="x" * number) for number in range(12)]
    hard = [record("hard", number, made=5000) for number in range(12)]
    audit = audit_of(tmp_path, *easy, *hard)
    rows = {row["tier"]: row for row in audit.take_over.tiers}

    month = 12 * 0.5 / 3 * figures.DAYS_A_MONTH
    assert month == pytest.approx(rows["1"]["usd_a_month"].value)
    assert audit.usd_a_month is not None
    assert audit.usd_a_month.value == pytest.approx(
        sum(row["usd_a_month"].value for row in audit.take_over.tiers)
    )
    # 1,000 tokens in and 300 out at $1 and $2 a million are $0.0016.
    assert 12 * 0.0016 == pytest.approx(rows["1"]["usd_open"])
    assert month * 0.0016 / 0.5 == pytest.approx(rows["1"]["usd_open_a_month"].value)
    assert (0.5, 0.5) == (rows["1"]["request_share"], rows["2"]["usd_share"])


def test_requests_that_an_open_model_answers_already_are_no_candidates(tmp_path: Path) -> None:
    """They have a tier of their own, also within a route."""
    records = [
        record(
            "a",
            number,
            reply="x" * number,
            model=("gpt-5.2", "meta-llama/Llama-3.3-70B-Instruct")[number % 2],
        )
        for number in range(12)
    ]
    audit = audit_of(tmp_path, *records)

    assert {"1": 6, "open": 6} == {row["tier"]: row["requests"] for row in audit.take_over.tiers}


@pytest.mark.parametrize(
    ("provider", "model", "is_open"),
    [
        ("groq", "llama-3.3-70b-versatile", True),
        (None, "Qwen/Qwen3-8B", True),
        ("openrouter", "qwen/qwen-max", False),
        ("aws", "meta.llama3-70b-instruct-v1:0", True),
        ("openai", "gpt-oss-120b", True),
        ("openai", "gpt-5.2", False),
        ("deepseek", "deepseek-chat", True),
        ("google", "gemini-3-pro-preview", False),
        ("google", "gemma-3-27b-it", True),
        ("mistral", "mistral-large-2411", True),
        ("mistral", "mistral-medium-3", False),
        ("anthropic", "claude-opus-4-6", False),
        (None, None, False),
    ],
)
def test_open_models_are_known_by_the_price_book_and_their_names(
    provider: Any, model: Any, is_open: bool
) -> None:
    """Open: the weights can be downloaded, under any license."""
    assert is_open == is_open_model(provider, model)


def test_a_reply_from_a_gateways_cache_costs_nothing_at_an_open_model_either(tmp_path: Path) -> None:
    """One of two requests."""
    records = [{**record("a", 0), "cache_hit": True}, record("a", 1)]
    audit = audit_of(tmp_path, *records)

    assert 0.0016 == pytest.approx(audit.take_over.tiers[0]["usd_open"])


def test_prices_at_the_open_model_are_those_of_the_fleet_plan(tmp_path: Path) -> None:
    """One function prices them."""
    import_files(tmp_path, {"log.jsonl": [record("a", number, reply="x" * number) for number in range(12)]})
    frame = read_requests([tmp_path / "traffic.parquet"])
    audit = audit_traffic(frame, OPEN)

    assert quote_requests(frame, OPEN.quote).sum() == pytest.approx(audit.take_over.tiers[0]["usd_open"])


def test_the_days_of_a_tier_are_those_of_the_log(tmp_path: Path) -> None:
    """A route that is used on one day of three is a third of a request a day, not one."""
    busy = [record("busy", number, reply="x" * number) for number in range(12)]
    once = record("hard", 0, made=5000)
    rows = {row["tier"]: row for row in audit_of(tmp_path, *busy, once).take_over.tiers}

    assert 0.5 / 3 * figures.DAYS_A_MONTH == pytest.approx(rows["2"]["usd_a_month"].value)
    assert rows["2"]["usd_a_month"].low == 0.0

"""Dollars of recorded traffic: those of the log and of the price book, and why they differ."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from gapbench.analysis.traffic import audit_traffic
from gapbench.analysis.traffic.prices import explain_difference
from gapbench.pricing import UnitPrices, find_price
from tests.audited_traffic import MONDAY, frame_of, lines_of, request, without


def test_the_price_books_dollars_use_the_day_and_the_cache(tmp_path: Path) -> None:
    """600 new tokens, 400 cached ones and 50 out at that day's rates."""
    audit = audit_traffic(frame_of(tmp_path, request(MONDAY)))
    price = find_price("openai", "gpt-5.2-2025-12-11", MONDAY.date())

    assert isinstance(price, UnitPrices)
    assert (
        price.usd(input_tokens=1000, cached_input_tokens=400, output_tokens=50) == audit.total["usd_booked"]
    )


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-5.2"),
        (None, "gpt-5.2"),
        (None, "openai/gpt-5.2"),
        ("openai", "openai/gpt-5.2"),
        ("azure", "gpt-5.2"),
    ],
)
def test_a_model_is_priced_by_whatever_name_the_log_has(
    tmp_path: Path, provider: str | None, model: str
) -> None:
    """A gateway's prefix is no part of the model's name, and a name without a provider tells its maker."""
    record = request(MONDAY, provider=provider)
    record["request"]["model"] = model
    record["response"]["model"] = model
    audit = audit_traffic(frame_of(tmp_path, record))

    assert audit.total["usd_booked"] is not None


def test_an_unknown_price_is_null_with_its_reason(tmp_path: Path) -> None:
    """It is never 0."""
    record = request(MONDAY, provider="nobody")
    record["request"]["model"] = record["response"]["model"] = "house-model"
    audit = audit_traffic(frame_of(tmp_path, record))

    assert audit.total["usd_booked"] is None
    (row,) = audit.dollars
    assert (1, 0) == (row["requests_without_price"], row["requests_with_both"])
    assert row["explanation"].startswith("no price: ")


@pytest.mark.parametrize(
    ("reported", "words"),
    [
        ("10.1", "agree"),
        ("14", "the log prices cached tokens as new ones"),
        ("5", "the log has half the list price: a batch or flex discount"),
        ("1000", "the log seems to be in cents"),
        ("0", "the log reports no dollars: its gateway knows no price"),
        ("12", "the log is 20 % above list price: another rate, a markup or a discount"),
    ],
)
def test_differences_are_explained(reported: str, words: str) -> None:
    """Against 10 dollars by the book, and 14 if nothing were cached."""
    assert words == explain_difference(Decimal(reported), Decimal(10), Decimal(14))


def test_requests_without_a_time_are_priced_at_todays_prices(tmp_path: Path) -> None:
    """Several of them: pandas' mark for no time is a date of its own kind."""
    records = [without(request(MONDAY, number), "timestamp", "cost_usd") for number in range(3)]
    audit = audit_traffic(frame_of(tmp_path, *records))

    assert (3, 0) == (audit.usd_requests, audit.whole_days)
    assert audit.requests_a_month is None


def test_unknown_dollars_of_failed_requests_are_told_as_such(tmp_path: Path) -> None:
    """They cost nothing at most providers."""
    failed = request(MONDAY, 1, response=None, cost_usd=None, error="slow down", status_code=429)
    unknown = request(MONDAY, 2, response=None, cost_usd=None)

    assert "dollars of 1 of 2 requests are unknown and count as nothing; all of them failed." in lines_of(
        tmp_path, request(MONDAY), failed
    )
    assert "dollars of 2 of 3 requests are unknown and count as nothing; 1 of them failed." in lines_of(
        tmp_path, request(MONDAY), failed, unknown
    )


@pytest.mark.parametrize(
    ("factor", "is_said"), [(1, False), (19, False), (100, True), (108, True), (1e9, True)]
)
def test_dollars_far_above_the_list_price_are_doubted_at_once(
    tmp_path: Path, factor: float, is_said: bool
) -> None:
    """Cents, or another unit, would make each sum wrong; a markup would not."""
    price = find_price("openai", "gpt-5.2-2025-12-11", MONDAY.date())
    assert isinstance(price, UnitPrices)
    usd = float(price.usd(input_tokens=1000, cached_input_tokens=400, output_tokens=50)) * factor
    said = lines_of(tmp_path, request(MONDAY, cost_usd=usd))

    assert is_said == (f"are {factor:,.0f} times the list price, so they" in said)

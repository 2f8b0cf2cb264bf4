"""Prices that a suite states, and models without a list price."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from gapbench.pricing import GpuPrice, UnitPrices, Unpriced, model_price
from tests.book_prices import DAY


def test_a_suite_states_the_price_of_its_batches() -> None:
    """1 dollar per million live and 0.5 in a batch; a cost without the second has no price of a batch."""
    live = {"input_usd_per_mtok": 1, "output_usd_per_mtok": 4}
    both = {**live, "batch": {"input_usd_per_mtok": 0.5, "output_usd_per_mtok": 2}}

    def quote(cost: dict[str, Any], tier: str | None) -> object:
        priced = model_price(
            runner="openai", provider="openai", model="m", at=DAY, cost=cost, service_tier=tier
        )
        return priced.rates.input if isinstance(priced, UnitPrices) else type(priced)

    assert [Decimal(1), Decimal("0.5"), Unpriced] == [
        quote(both, None),
        quote(both, "batch"),
        quote(live, "batch"),
    ]


def test_the_suites_own_cost_comes_first() -> None:
    """A price in the suite stands above the book."""
    cost = {
        "input_usd_per_mtok": 1,
        "output_usd_per_mtok": 2.5,
        "cached_input_usd_per_mtok": 0.1,
        "source": "contract",
    }
    priced = model_price(runner="openai", provider="openai", model="gpt-5.2", at=DAY, cost=cost)

    assert isinstance(priced, UnitPrices)
    assert (priced.rates.input, priced.rates.output, priced.rates.cached_input) == (
        Decimal(1),
        Decimal("2.5"),
        Decimal("0.1"),
    )
    assert (priced.source, priced.detail) == ("suite", "contract")


def test_a_suite_may_name_a_line_of_the_book() -> None:
    """An open model bought from a provider behind the openai runner."""
    cost = {"provider": "groq", "model": "llama-3.3-70b-versatile"}
    priced = model_price(
        runner="openai",
        provider="openai",
        model="x",
        at=date(2026, 11, 24),
        base_url="https://a.example/v1",
        cost=cost,
    )

    assert isinstance(priced, UnitPrices)
    assert priced.rates.output == Decimal("0.79")


def test_another_address_has_no_list_price() -> None:
    """gpt-5.2 at one's own address is not OpenAI's gpt-5.2."""
    unknown = model_price(
        runner="openai", provider="openai", model="gpt-5.2", at=DAY, base_url="http://127.0.0.1:8000/v1"
    )

    assert isinstance(unknown, Unpriced)
    assert "usd_per_gpu_hour" in unknown.reason


def test_a_simulated_provider_has_no_list_price() -> None:
    """Simulated rows must not look as if they had cost money."""
    assert isinstance(
        model_price(runner="openai", provider="openai", model="gpt-5.2", at=DAY, simulated=True), Unpriced
    )


def test_gpu_hours_from_the_suite() -> None:
    """Four GPUs at $2.95 an hour are 4 x 2.95 / 3600 dollars a second."""
    cost = {"gpu": "H100-80GB", "gpus": 4, "usd_per_gpu_hour": 2.95}
    priced = model_price(runner="vllm", provider=None, model="x", at=DAY, cost=cost)

    assert isinstance(priced, GpuPrice)
    assert priced.usd_per_s * 3600 == Decimal("11.80")


def test_gpu_hours_from_the_book() -> None:
    """A GPU without a price takes the book's, with its range; an unknown one takes none."""
    known = model_price(runner="vllm", provider=None, model="x", at=DAY, cost={"gpu": "H100-80GB", "gpus": 2})
    unknown = model_price(runner="vllm", provider=None, model="x", at=DAY, cost={"gpu": "TPU-9"})

    assert isinstance(known, GpuPrice)
    assert "1.99 to 6.88" in known.source
    assert isinstance(unknown, Unpriced)
    assert "H100-80GB" in unknown.reason


def test_half_a_price_is_none() -> None:
    """Input without output is refused with what would do."""
    unknown = model_price(
        runner="openai", provider="openai", model="x", at=DAY, cost={"input_usd_per_mtok": 1}
    )

    assert isinstance(unknown, Unpriced)
    assert "output_usd_per_mtok" in unknown.reason

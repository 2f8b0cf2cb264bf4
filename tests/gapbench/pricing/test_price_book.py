"""The price book: tokens by class, bands, days and tiers, and the traps of other price lists."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from gapbench.errors import DocumentError
from gapbench.pricing import (
    UnitPrices,
    Unpriced,
    find_price,
    hosted_prices,
    price_book_models,
    price_book_version,
    request_price,
)
from gapbench.pricing.cross_check import find_disagreements
from gapbench.pricing.listing import list_prices
from gapbench.pricing.price_book import load_price_book, row_price
from gapbench.values import Usage
from tests.book_prices import DAY


def found(provider: str, model: str, at: date = DAY, tier: str | None = None) -> UnitPrices:
    priced = find_price(provider, model, at, tier)
    assert isinstance(priced, UnitPrices), priced
    return priced


def test_cached_tokens_are_counted_once() -> None:
    """1,000 tokens of which 400 cached at $1.75 and $0.175: 600 x 1.75 + 400 x 0.175, and 100 out at $14."""
    priced = request_price(
        Usage(input_tokens=1000, cached_input_tokens=400, output_tokens=100, reasoning_tokens=60),
        "openai",
        "gpt-5.2",
        DAY,
    )

    assert priced is not None
    assert priced.usd == Decimal("0.00252")
    assert priced.source == "book"


def test_cache_writes_have_a_price_by_lifetime() -> None:
    """Of 1,000 tokens 300 are written, 100 of them for an hour: 700 x 5 + 200 x 6.25 + 100 x 10."""
    usd = found("anthropic", "claude-opus-4-6").usd(
        input_tokens=1000, output_tokens=0, cache_write_tokens=300, cache_write_1h_tokens=100
    )

    assert usd == Decimal("0.00575")


def test_a_large_prompt_prices_the_whole_request() -> None:
    """Gemini 3 Pro: 200,000 tokens cost 2 a million, 250,000 cost 4 for all of them, $1.00."""
    prices = found("google", "gemini-3-pro-preview", date(2026, 2, 12))

    assert prices.usd(input_tokens=200_000, output_tokens=0) == Decimal("0.4")
    assert prices.usd(input_tokens=250_000, output_tokens=1000) == Decimal("1.018")


def test_a_price_is_that_of_the_day() -> None:
    """Opus 4.6 had a tier above 200,000 tokens until 2026-03-13."""
    before = found("anthropic", "claude-opus-4-6", date(2026, 2, 12)).usd(
        input_tokens=250_000, output_tokens=0
    )
    after = found("anthropic", "claude-opus-4-6", date(2026, 3, 13)).usd(
        input_tokens=250_000, output_tokens=0
    )

    assert (before, after) == (Decimal("2.5"), Decimal("1.25"))


@pytest.mark.parametrize("hour", [3, 20])
def test_deepseek_chat_costs_the_same_at_every_hour(hour: int) -> None:
    """genai-prices still has the off-peak scheme that ended on 2025-09-05; the book stands above it."""
    priced = find_price("deepseek", "deepseek-chat", datetime(2026, 1, 10, hour, tzinfo=UTC))

    assert isinstance(priced, UnitPrices)
    assert (priced.rates.input, priced.rates.output, priced.source) == (
        Decimal("0.28"),
        Decimal("0.42"),
        "book",
    )


def test_a_price_by_the_hour_is_never_taken() -> None:
    """After the book's row ends nothing is known, rather than the stale scheme."""
    assert isinstance(find_price("deepseek", "deepseek-chat", date(2026, 9, 1)), Unpriced)


def test_an_alias_is_refused() -> None:
    """mistral-large-latest was Large 2 and is Large 3, at a quarter of the price."""
    refused = find_price("mistral", "mistral-large-latest", DAY)

    assert isinstance(refused, Unpriced)
    assert "alias" in refused.reason
    assert found("mistral", "mistral-large-2411").rates.input == Decimal(2)


def test_a_tier_without_a_price_is_said() -> None:
    """genai-prices falls back in silence; here the standard price comes with a note."""
    batch = found("openai", "gpt-5.2", tier="batch")
    priority = found("openai", "gpt-5.2", tier="priority")
    scale = found("openai", "gpt-5.2", tier="scale")
    silent = found("google", "gemini-2.5-pro", date(2025, 7, 1), tier="nonesuch")

    assert (batch.rates.input, batch.note) == (Decimal("0.875"), None)
    assert (priority.rates.input, priority.note) == (Decimal("3.5"), None)
    assert scale.rates.input == Decimal("1.75")
    assert "scale" in (scale.note or "")
    assert "nonesuch" in (silent.note or "")


def test_a_batch_without_a_price_is_unpriced() -> None:
    """The standard price is not what a batch costs; the book and the catalogue know none for these two."""
    for provider, model in (("groq", "llama-3.3-70b-versatile"), ("openai", "gpt-5.3-codex")):
        unknown = find_price(provider, model, DAY, "batch")

        assert isinstance(unknown, Unpriced)
        assert "batch tier" in unknown.reason


def test_batch_and_cached_tokens_stack_as_the_vendor_says() -> None:
    """Half of 5 and of 0.50 at Anthropic; half of 2, and the whole 0.20 at Google, above 200,000 tokens 2 and 0.40."""
    opus = found("anthropic", "claude-opus-4-6", tier="batch")
    gemini = found("google", "gemini-3.1-pro-preview", tier="batch")

    assert (opus.rates.input, opus.rates.cached_input) == (Decimal(5) / 2, Decimal("0.50") / 2)
    assert (gemini.rates.input, gemini.rates.cached_input) == (Decimal(2) / 2, Decimal("0.20"))
    assert (gemini.rates_for(200_001).input, gemini.rates_for(200_001).cached_input) == (
        Decimal(2),
        Decimal("0.40"),
    )


# The traps of genai-prices itself: when one of these fails, the pinned version has mended it.
def test_trap_one_the_catalogue_prices_deepseek_by_the_hour() -> None:
    """$0.27 by day and half of it by night, for any date; the book says 0.28 and says so in `bench prices check`."""
    from genai_prices import Usage as Counted
    from genai_prices import calc_price

    at_hour = [
        calc_price(
            Counted(input_tokens=1_000_000),
            "deepseek-chat",
            provider_id="deepseek",
            genai_request_timestamp=datetime(2026, 1, 10, hour, tzinfo=UTC),
        ).total_price
        for hour in (3, 20)
    ]

    assert [Decimal("0.27"), Decimal("0.135")] == sorted(at_hour, reverse=True)


def test_trap_three_the_catalogue_ignores_a_context_in_silence() -> None:
    """A batch of Opus 4.6 on 2026-02-12 comes back at the full $5; the book has $2.50."""
    from genai_prices import Usage as Counted
    from genai_prices import calc_price

    silent = calc_price(
        Counted(input_tokens=1_000_000 // 10),
        "claude-opus-4-6",
        provider_id="anthropic",
        genai_request_timestamp=datetime(2026, 2, 12, tzinfo=UTC),
        price_context={"processing": "batch"},
    )

    assert Decimal("0.5") == silent.total_price
    assert Decimal("2.5") == found("anthropic", "claude-opus-4-6", date(2026, 2, 12), "batch").rates.input


def test_trap_four_a_retired_model_keeps_its_price() -> None:
    """gemini-3-pro-preview was shut down on 2026-03-09; a run of February is still priced, and later ones too."""
    assert Decimal(2) == found("google", "gemini-3-pro-preview", date(2026, 2, 12)).rates.input
    assert Decimal(2) == found("google", "gemini-3-pro-preview", date(2026, 11, 24)).rates.input


def test_trap_five_the_provider_is_never_guessed() -> None:
    """One model id, two providers, two prices; without a known provider there is none."""
    weights = {
        price.provider: price.rates.output
        for price in hosted_prices("meta-llama/Llama-3.3-70B-Instruct", date(2026, 11, 24))
    }

    assert {"groq": Decimal("0.79"), "together": Decimal("0.88")} == weights
    assert isinstance(find_price("", "gpt-5.2", DAY), Unpriced)


def test_the_updater_is_never_started() -> None:
    """No price comes from the network: nothing of ours names the updater."""
    ours = [
        *Path(__file__).parents[3].glob("harness/**/*.py"),
        *Path(__file__).parents[3].glob("runners/**/*.py"),
    ]

    assert not [path for path in ours if "UpdatePrices" in path.read_text(encoding="utf-8")]


def test_a_price_in_another_currency() -> None:
    """2 EUR at 1.10 dollars: 2.20, and the source says so."""
    row = {
        "provider": "p", "model": "m", "input": "2", "output": "4", "currency": "EUR", "usd_per_unit": "1.10",
        "source": "s",
    }  # fmt: skip
    priced = row_price(row, "")

    assert (Decimal("2.20"), Decimal("4.40")) == (priced.rates.input, priced.rates.output)
    assert "EUR at 1.10 USD" in priced.detail


def test_images_by_the_piece() -> None:
    """Two images at $0.003 on top of the tokens; where there is no price they count as tokens do."""
    priced = row_price(
        {"provider": "p", "model": "m", "input": "1", "output": "1", "image": "0.003", "source": "s"}, ""
    )

    assert Decimal("0.007") == priced.usd(input_tokens=1000, output_tokens=0, image_count=2)
    assert Decimal("0.00175") == found("openai", "gpt-5.2").usd(
        input_tokens=1000, output_tokens=0, image_count=2
    )


def test_every_row_of_the_book_has_its_keys() -> None:
    """No unknown key, a source and a day on each, prices as text, tiers and thresholds of the same classes."""
    classes = {"input", "output", "cached_input", "cache_write_5m", "cache_write_1h", "image"}
    needed = {"provider", "model", "valid_from", "input", "output", "source", "checked_on"}
    known = classes | needed | {"valid_until", "weights", "above", "tiers", "currency", "usd_per_unit"}
    for row in load_price_book()["prices"]:
        assert needed <= set(row) <= known, row
        assert all(isinstance(row[name], str) for name in classes & set(row))
        for tier in row.get("tiers", {}).values():
            assert set(tier) <= classes | {"above"}
        for step in row.get("above", ()):
            assert set(step) <= classes | {"input_tokens"}


def test_sources_that_disagree_are_listed(tmp_path: Path) -> None:
    """Of January 2026 genai-prices has the stale deepseek-chat; a file says other figures still."""
    file = tmp_path / "prices.json"
    entry = {
        "input_cost_per_token": 2e-6,
        "output_cost_per_token": 1.4e-5,
        "cache_read_input_token_cost": 1.75e-7,
    }
    file.write_text(json.dumps({"gpt-5.2": entry, "odd": {"input_cost_per_token": "x"}, "sample_spec": 1}))
    rows, compared = find_disagreements(date(2026, 1, 10), file)
    listed = {(row.model, row.token_class): row for row in rows}

    assert compared > len(rows)
    assert (Decimal("0.42"), Decimal("1.1")) == (
        listed["deepseek-chat", "output"].book,
        listed["deepseek-chat", "output"].catalogue,
    )
    assert Decimal(2) == listed["gpt-5.2", "input"].other
    assert ("gpt-5.2", "output") not in listed


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"a": 1}', "{"])
def test_a_file_that_is_no_price_file(tmp_path: Path, text: str) -> None:
    """Named in one line with what is expected."""
    file = tmp_path / "prices.json"
    file.write_text(text)

    with pytest.raises(DocumentError, match="LiteLLM"):
        find_disagreements(DAY, file)


def test_all_that_is_known_of_a_model() -> None:
    """Anthropic's own price with its batch factor; weights name those who host them; nothing known is an empty list."""
    opus = {
        row.price.provider: row for row in list_prices("claude-opus-4-6", datetime(2026, 11, 24, tzinfo=UTC))
    }
    llama = list_prices("meta-llama/Llama-3.3-70B-Instruct", datetime(2026, 11, 24, tzinfo=UTC))

    assert 0.5 == opus["anthropic"].batch_factor
    assert {"groq", "together"} <= {row.price.provider for row in llama}
    assert [] == list_prices("no-such-model", datetime(2026, 11, 24, tzinfo=UTC))
    assert 5.0 == opus["anthropic"].to_json()["input"]


def test_a_dated_id_is_the_bare_ids_price() -> None:
    """A reply names claude-opus-4-6-20260205; the book has claude-opus-4-6."""
    assert found("anthropic", "claude-opus-4-6-20260205").model == "claude-opus-4-6"


def test_below_the_book_stands_genai_prices() -> None:
    """A model that the book has not comes from genai-prices, which is named with its version."""
    prices = found("openai", "gpt-4o")

    assert prices.source == "genai-prices 0.2.3"
    assert prices.rates.input == Decimal("2.5")


def test_genai_tiers_come_over() -> None:
    """Its threshold and both rates are kept."""
    prices = found("google", "gemini-2.5-pro")

    assert prices.above[0][0] == 200_000
    assert prices.rates_for(200_000).input == Decimal("1.25")
    assert prices.rates_for(200_001).input == Decimal("2.5")


@pytest.mark.parametrize(
    ("provider", "model"), [("openai", "no-such"), ("nobody", "gpt-5.2"), ("perplexity", "sonar")]
)
def test_what_nobody_knows_is_unpriced(provider: str, model: str) -> None:
    """Unknown is a reason, never 0; a fee for each request is more than tokens."""
    unknown = find_price(provider, model, DAY)

    assert isinstance(unknown, Unpriced)
    assert unknown.reason


def test_missing_token_counts_give_no_price() -> None:
    """A price without tokens is no cost."""
    assert request_price(Usage(input_tokens=None, output_tokens=5), "openai", "gpt-5.2", DAY) is None
    assert request_price(Usage(input_tokens=1, output_tokens=5), "openai", "no-such", DAY) is None


def test_the_book_lists_its_models() -> None:
    """Each line says both prices and since when."""
    assert price_book_models()["openai/gpt-5.2"] == "$1.75 in, $14 out per million tokens since 2025-12-11"
    assert price_book_version() == "price book 2026-11-24"

"""Inputs of the audit: the article's own numbers, published ones, and the price book's prices at the article's date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from gapbench.analysis.economics.published_inputs import load_published_inputs, throughput_entry
from gapbench.analysis.economics.self_hosting_cost import (
    blended_usd_per_mtok,
    depreciation_usd_per_month,
    power_usd_per_month,
)
from gapbench.analysis.economics.sizing import HOURS_PER_MONTH, replicas_with_spares
from gapbench.pricing import GpuPrice, UnitPrices, find_price, gpu_price, price_book_date

MIX_3TO1, MIX_1TO1 = 0.75, 0.5
AUDITED_NODES = ("deepseek-r1-8xh200", "llama-3.3-70b-8xh100", "llama-3.1-405b-8xh100")
_LABELS = dict(zip(AUDITED_NODES, ("R1 on 8 H200", "70B on 8 H100", "405B on 8 H100"), strict=True))


@dataclass(frozen=True, slots=True)
class Span:
    """A range of numbers, both ends included.

    Attributes:
        low: Lower end.
        high: Upper end.
    """

    low: float
    high: float

    @classmethod
    def from_values(cls, values: Iterable[float]) -> Span:
        """Return the range of some numbers."""
        listed = list(values)
        return cls(min(listed), max(listed))

    def divide(self, divisor: float) -> Span:
        """Return the range divided by a positive number."""
        return Span(self.low / divisor, self.high / divisor)

    def multiply(self, factor: float) -> Span:
        """Return the range times a positive number."""
        return Span(self.low * factor, self.high * factor)

    def add(self, other: Span) -> Span:
        """Return the sum of two ranges."""
        return Span(self.low + other.low, self.high + other.high)

    def contains(self, other: Span) -> bool:
        """Return whether another range lies entirely inside this one."""
        return self.low <= other.low and other.high <= self.high

    def overlaps(self, other: Span) -> bool:
        """Return whether the two ranges overlap."""
        return self.low <= other.high and other.low <= self.high

    def named_bounds(self, name: str) -> dict[str, float]:
        """Return both ends as ``NAME_low`` and ``NAME_high``."""
        return {f"{name}_low": self.low, f"{name}_high": self.high}

    def format(self, unit: str) -> str:
        """Return the range as text, such as ``50 to 83x``."""
        return f"{_format_significant(self.low)} to {_format_significant(self.high)}{unit}"

    def format_usd(self, places: int | None = None) -> str:
        """Return the range in dollars, with ``places`` decimals or three significant digits."""
        low, high = (
            _format_significant(end) if places is None else f"{end:,.{places}f}"
            for end in (self.low, self.high)
        )
        return f"${low} to ${high}"

    def format_percent(self) -> str:
        """Return a range of shares in percent."""
        return f"{self.low * 100:.0f} to {self.high * 100:.0f} %"


def _format_significant(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.3g}"


@dataclass(frozen=True, slots=True)
class Node:
    """A server with a published peak throughput.

    Attributes:
        label: Its name for readers.
        usd_per_hour: Price of all its GPUs.
        tokens_per_s: Input and output tokens per second.
    """

    label: str
    usd_per_hour: float
    tokens_per_s: float


@dataclass(frozen=True)
class ClaimInputs:
    """The numbers that the claims are computed from. ``data/economics.yaml`` of the economics package has their sources.

    Unless noted otherwise, the attributes are claims of the article.

    Attributes:
        closed: Price of closed models, USD per million tokens.
        self_hosted: Price of self-hosting at a billion tokens a month, USD per million tokens.
        self_hosted_range: The range given elsewhere in the article.
        cheaper_by: How many times cheaper self-hosting is.
        cheaper_range: The range given elsewhere in the article.
        volume_mtok: Volume of the first claim, million tokens a month.
        break_even_mtok: Break-even volume, million tokens a month.
        saving_mtok: Volume of the claimed saving, million tokens a month.
        saving: Saving, USD a year.
        infrastructure: Rented servers, USD a month.
        owned: Owned servers, USD a month.
        people: Staff, USD a month.
        tco: Total of self-hosting in the TCO table, USD a month.
        tco_api: The API in the same table, USD a month.
        api_low: API row at low volume, USD a month.
        api_high: API row at high volume, USD a month.
        engineer: One engineer, USD a year.
        overhead: Overhead as a share of the servers.
        availability: Required share of the time.
        api_optimal_mtok: Volume below which the API is called optimal.
        api_manageable_mtok: Volume below which the API is called manageable.
        gpus_per_node: GPUs of a node.
        gpu_gb: Memory of one GPU.
        gpus_for_70b: GPUs for a 70B model.
        storage_tb: Storage for each model.
        prices: (input, output) USD per million tokens by model.
        nodes: Published servers by id. Not from the article.
        real: Real (input, output) USD per million tokens of the models that the article prices.
        hosted: Real 3:1 blended price of open models from a provider.
        h100_usd_per_hour: The price book's price of an H100.
        h100_range: The price book's range of that price.
    """

    closed: float
    self_hosted: float
    self_hosted_range: Span
    cheaper_by: float
    cheaper_range: Span
    volume_mtok: float
    break_even_mtok: float
    saving_mtok: float
    saving: Span
    infrastructure: Span
    owned: Span
    people: Span
    tco: Span
    tco_api: Span
    api_low: Span
    api_high: Span
    engineer: Span
    overhead: Span
    availability: float
    api_optimal_mtok: float
    api_manageable_mtok: float
    gpus_per_node: float
    gpu_gb: float
    gpus_for_70b: float
    storage_tb: float
    prices: Mapping[str, tuple[float, float]]
    nodes: Mapping[str, Node]
    real: Mapping[str, tuple[float, float]]
    hosted: Mapping[str, float]
    h100_usd_per_hour: float
    h100_range: Span

    @property
    def highest_price(self) -> float:
        """The article's highest price of any token."""
        return max(output for _, output in self.prices.values())

    @property
    def article_blended(self) -> dict[str, float]:
        """The article's prices at 3:1."""
        return {name: blended_usd_per_mtok(*price, MIX_3TO1) for name, price in self.prices.items()}

    @property
    def real_blended(self) -> dict[str, float]:
        """Real prices at 3:1."""
        return {name: blended_usd_per_mtok(*price, MIX_3TO1) for name, price in self.real.items()}

    @property
    def article_3to1(self) -> float:
        """Mean of the article's prices at 3:1."""
        return _mix_price(self.prices, MIX_3TO1)

    @property
    def article_1to1(self) -> float:
        """Mean of the article's prices at 1:1."""
        return _mix_price(self.prices, MIX_1TO1)

    @property
    def real_3to1(self) -> float:
        """Mean of real prices at 3:1."""
        return _mix_price(self.real, MIX_3TO1)

    @property
    def real_1to1(self) -> float:
        """Mean of real prices at 1:1."""
        return _mix_price(self.real, MIX_1TO1)

    @property
    def node_usd(self) -> float:
        """Monthly USD of a node of 8 H100 at the price book's price."""
        return self.h100_usd_per_hour * self.gpus_per_node * HOURS_PER_MONTH

    @property
    def hyperscaler_usd_per_hour(self) -> float:
        """On-demand price of an H100 at a hyperscaler."""
        return float(load_published_inputs()["hyperscaler_usd_per_gpu_hour"]["value"])

    @property
    def weights_gb(self) -> dict[str, float]:
        """Size of the weights by model, in GB."""
        return {name: float(row["value"]) for name, row in load_published_inputs()["weights_gb"].items()}

    @property
    def fleet_usd_per_day(self) -> float:
        """Cost of DeepSeek's fleet on the published day."""
        fleet = load_published_inputs()["fleet"]
        return float(fleet["nodes"] * fleet["gpus_per_node"] * 24 * fleet["usd_per_gpu_hour"])

    @property
    def fleet_usd_per_mtok(self) -> float:
        """Cost of that day per million input and output tokens."""
        fleet = load_published_inputs()["fleet"]
        return self.fleet_usd_per_day * 1e6 / float(fleet["input_tokens"] + fleet["output_tokens"])

    def input_share_for(self, price: float) -> float:
        """Return the largest share of input tokens at which the article's mean price reaches ``price``."""
        start, end = _mix_price(self.prices, 1.0), _mix_price(self.prices, 0.0)
        return (end - price) / (end - start)

    def with_hidden_costs(self, nodes: float | None = None) -> Span:
        """Return the monthly USD of servers with overhead and an engineer.

        Args:
            nodes: Number of servers. None means as many as the article's availability needs.
        """
        count = float(replicas_with_spares(1, 0.99, self.availability)) if nodes is None else nodes
        servers, overhead, engineer = self.infrastructure, self.overhead, self.engineer
        return Span(
            servers.low * count * (1 + overhead.low) + engineer.low / 12,
            servers.high * count * (1 + overhead.high) + engineer.high / 12,
        )

    def smallest_usd(self) -> dict[str, float]:
        """Return the monthly USD of the smallest deployment with a spare: 25 % overhead, half an engineer at $300K."""
        count = float(replicas_with_spares(1, 0.99, self.availability))
        return {
            name: count * node.usd_per_hour * HOURS_PER_MONTH * 1.25 + 0.5 * 300_000 / 12
            for name, node in self.nodes.items()
        }

    def owned_recomputed(self) -> Span:
        """Return the monthly USD of an owned node: depreciation, plus power (low end) or colocation (high end)."""
        node = load_published_inputs()["owned_node"]
        (capex_low, capex_high), (residual_low, residual_high) = node["capex_usd"], node["residual"]
        power = float(power_usd_per_month(node["power_kw"], node["pue"], node["usd_per_kwh"]))
        colo = float(node["power_kw"] * node["colo_usd_per_kw_month"])
        return Span(
            float(depreciation_usd_per_month(capex_low, node["months"], residual_high)) + power,
            float(depreciation_usd_per_month(capex_high, node["months"], residual_low)) + colo,
        )


_NUMBERS = [
    one.name
    for one in fields(ClaimInputs)
    if one.type in {"float", "Span"} and not one.name.startswith("h100")
]


def load_claim_inputs() -> ClaimInputs:
    """Return the inputs of the audit, with real prices on the article's date."""
    known = load_published_inputs()
    day = known["article"]["date"]
    real: dict[str, tuple[float, float]] = {}
    for name, row in known["prices_used"].items():
        real[name] = _lookup_prices(row["provider"], row["model"], day)
    nodes = {}
    for name in AUDITED_NODES:
        row = throughput_entry(name)
        tokens = row["output_tokens_per_s"] * (1 + row["input_tokens"] / row["output_tokens"])
        nodes[name] = Node(_LABELS[name], float(row["usd_per_gpu_hour"] * row["gpus"]), float(tokens))
    hosted = {
        "deepseek": blended_usd_per_mtok(*_lookup_prices("deepseek", "deepseek-chat", day), MIX_3TO1),
        "llama": blended_usd_per_mtok(
            *_lookup_prices("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo", None), MIX_3TO1
        ),
    }
    h100 = gpu_price("H100-80GB")
    assert isinstance(h100, GpuPrice)
    assert h100.low is not None
    assert h100.high is not None
    article = known["article"]
    numbers: dict[str, Any] = {
        name: Span(*map(float, article[name])) if isinstance(article[name], list) else float(article[name])
        for name in _NUMBERS
    }
    return ClaimInputs(
        **numbers,
        prices={name: (float(row["input"]), float(row["output"])) for name, row in article["prices"].items()},
        nodes=nodes,
        real=real,
        hosted=hosted,
        h100_usd_per_hour=float(h100.usd_per_gpu_hour),
        h100_range=Span(float(h100.low), float(h100.high)),
    )


def _lookup_prices(provider: str, model: str, day: Any) -> tuple[float, float]:
    found = find_price(provider, model, day or price_book_date())
    assert isinstance(found, UnitPrices), found
    return float(found.rates.input), float(found.rates.output)


def _mix_price(prices: Mapping[str, tuple[float, float]], input_share: float) -> float:
    return sum(blended_usd_per_mtok(*price, input_share) for price in prices.values()) / len(prices)

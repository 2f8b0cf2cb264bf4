"""What tokens and GPU-hours cost: a dated price book above genai-prices; money is Decimal.

Order: the suite's own ``cost``, then ``harness/book/prices.yaml``, then genai-prices (pinned; its updater
is never started, the provider is always passed). What none of them knows is :class:`Unpriced` with a
reason, never 0. An alias such as ``mistral-large-latest`` is refused: it has no one price.
"""

from gapbench.pricing.attempt_price import attempt_price
from gapbench.pricing.price_book import book_models, book_version, gpu_price, hosts, newest_day
from gapbench.pricing.rates import GpuPrice, Priced, Quote, Rates, UnitPrices, Unpriced
from gapbench.pricing.resolve import PROVIDERS, lookup, model_price, price

__all__ = [
    "PROVIDERS",
    "GpuPrice",
    "Priced",
    "Quote",
    "Rates",
    "UnitPrices",
    "Unpriced",
    "attempt_price",
    "book_models",
    "book_version",
    "gpu_price",
    "hosts",
    "lookup",
    "model_price",
    "newest_day",
    "price",
]

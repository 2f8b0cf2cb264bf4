"""What tokens and GPU-hours cost: a dated price book above genai-prices; money is Decimal.

Order: the suite's own ``cost``, then your own ``prices.yaml``, then the packaged one, then genai-prices (pinned; its
updater is never started, the provider is always passed). What none of them knows is :class:`Unpriced` with a
reason, never 0. An alias such as ``mistral-large-latest`` is refused: it has no one price.
"""

from gapbench.pricing.attempt_price import UsagePricer, make_attempt_pricer, make_usage_pricer
from gapbench.pricing.price_book import (
    dedicated_price,
    gpu_price,
    hosted_prices,
    named_price_files,
    price_book_date,
    price_book_models,
    price_book_version,
    price_files,
    weights_at,
)
from gapbench.pricing.price_file import read_price_file, user_price_file
from gapbench.pricing.rates import (
    GpuPrice,
    Quote,
    RequestCost,
    TokenRates,
    UnitPrices,
    Unpriced,
    counts_are_possible,
)
from gapbench.pricing.resolve import find_price, model_price, request_price

__all__ = [
    "GpuPrice",
    "Quote",
    "RequestCost",
    "TokenRates",
    "UnitPrices",
    "Unpriced",
    "UsagePricer",
    "counts_are_possible",
    "dedicated_price",
    "find_price",
    "gpu_price",
    "hosted_prices",
    "make_attempt_pricer",
    "make_usage_pricer",
    "model_price",
    "named_price_files",
    "price_book_date",
    "price_book_models",
    "price_book_version",
    "price_files",
    "read_price_file",
    "request_price",
    "user_price_file",
    "weights_at",
]

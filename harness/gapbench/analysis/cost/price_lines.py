"""The exact cost of calls that are paid by tokens: their token counts summed by price, and each sum priced once."""

from __future__ import annotations

from typing import Any

import pandas as pd

from gapbench.analysis.cost.quotes import QUOTE_COLUMNS, Quotes
from gapbench.analysis.cost.token_prices import TOKENS, rates_of
from gapbench.analysis.frames import Runs
from gapbench.analysis.tally import PRICED

_COLUMNS = ("model_id", "category", "phase", "retried", "source", "detail", "attempts", *TOKENS, "usd")
_SUMS = ", ".join(
    # A failed attempt without a count of its prompt is billed for its answer alone.
    f"CAST(coalesce(sum(CASE WHEN coalesce(from_cache, false) OR {uncounted} THEN 0 ELSE {name} END), 0) AS BIGINT) AS {name}"
    for name in TOKENS
    for uncounted in ["false" if name in {"input_tokens", "output_tokens"} else "input_tokens IS NULL"]
)
_SELECT = f"""
SELECT model_id, category, phase, retried, q.quote,
  CASE WHEN input_tokens IS NULL THEN len(q.above) ELSE len(list_filter(q.above, lambda t: t < input_tokens)) END AS band,
  {PRICED} AS known, count(*) AS attempts, {_SUMS}
FROM attempts JOIN (SELECT quote, above, hash({", ".join(QUOTE_COLUMNS)}) AS code FROM quoted) q
  ON q.code = hash({", ".join(f"attempts.{name}" for name in QUOTE_COLUMNS)})
GROUP BY ALL ORDER BY min(ord)
"""


def price_lines(runs: Runs, prices: Quotes) -> pd.DataFrame:
    """Return the cost by model, category, phase, whether attempts were made again, and price.

    Returns:
        ``model_id``, ``category``, ``phase``, ``retried``, ``source`` and ``detail`` of the price, ``attempts``, the sums of
        their tokens, and ``usd``: Decimal, None if the counts of the attempts are missing or impossible.
    """
    quoted = _quoted(runs, prices)
    rows: list[dict[str, Any]] = []
    if len(quoted):
        needed = [*QUOTE_COLUMNS, *TOKENS, "category", "phase", "retried", "from_cache", "outcome"]
        for line in runs.attempts.table(_SELECT, needed, tables={"quoted": quoted}).to_pylist():
            quote, known = prices.units[line.pop("quote")], line.pop("known")
            rates = rates_of(quote, line.pop("band"))
            usd = rates.usd(**{name: line[name] for name in TOKENS}) if known else None
            rows.append({**line, "source": quote.source, "detail": quote.detail, "usd": usd})
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _quoted(runs: Runs, prices: Quotes) -> pd.DataFrame:
    """Return the place among the prices of each kind of attempt that is paid by tokens, and the bounds of its bands."""
    kinds = runs.tally[list(QUOTE_COLUMNS)].assign(quote=prices.places)
    kinds = kinds[prices.places >= 0].drop_duplicates(list(QUOTE_COLUMNS))
    above = [[float(bound) for bound, _ in prices.units[place].above] for place in kinds["quote"]]
    return kinds.assign(above=pd.Series(above, index=kinds.index, dtype=object))

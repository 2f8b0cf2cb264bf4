"""The exact cost of calls that are paid by tokens: their token counts summed by price, and each sum priced once."""

from __future__ import annotations

from typing import Any

import pandas as pd

from gapbench.analysis.cost.quotes import Quotes
from gapbench.analysis.cost.token_prices import TOKENS, rates_of
from gapbench.analysis.frames import Runs
from gapbench.analysis.tally import PRICED, Tally

_COLUMNS = ("model_id", "category", "phase", "retried", "source", "detail", "attempts", *TOKENS, "usd")
_SUMS = ", ".join(
    # A failed attempt without a count of its prompt is billed for its answer alone.
    f"CAST(coalesce(sum(CASE WHEN coalesce(from_cache, false) OR {uncounted} THEN 0 ELSE {name} END), 0) AS BIGINT) AS {name}"
    for name in TOKENS
    for uncounted in ["false" if name in {"input_tokens", "output_tokens"} else "input_tokens IS NULL"]
)
_SELECT = """
SELECT q.model_id, q.category, q.phase, q.retried, q.quote,
  CASE WHEN input_tokens IS NULL THEN len(q.above) ELSE len(list_filter(q.above, lambda t: t < input_tokens)) END AS band,
  {priced} AS known, count(*) AS attempts, {sums}
FROM attempts JOIN quoted q ON q.code = {code}
GROUP BY ALL ORDER BY min(ord)
"""
_LABELS = ["model_id", "category", "phase", "retried"]


def price_lines(runs: Runs, prices: Quotes) -> pd.DataFrame:
    """Return the cost by model, category, phase, whether attempts were made again, and price.

    Returns:
        ``model_id``, ``category``, ``phase``, ``retried``, ``source`` and ``detail`` of the price, ``attempts``, the sums of
        their tokens, and ``usd``: Decimal, None if the counts of the attempts are missing or impossible.
    """
    counted = runs.counted
    quoted = _quoted(counted, prices)
    rows: list[dict[str, Any]] = []
    if len(quoted):
        select = _SELECT.format(priced=PRICED, sums=_SUMS, code=counted.code_of("attempts"))
        needed = {*counted.columns, *TOKENS, "from_cache", "outcome"}
        for line in runs.attempts.table(select, needed, tables={"quoted": quoted}).to_pylist():
            quote, known = prices.units[line.pop("quote")], line.pop("known")
            rates = rates_of(quote, line.pop("band"))
            usd = rates.usd(**{name: line[name] for name in TOKENS}) if known else None
            rows.append({**line, "source": quote.source, "detail": quote.detail, "usd": usd})
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _quoted(counted: Tally, prices: Quotes) -> pd.DataFrame:
    """Return the labels and the price of the attempts that are paid by tokens, by their code, and the bounds of its bands."""
    places = prices.places[counted.numbers]
    is_paid = places >= 0
    rows = counted.rows[_LABELS].iloc[counted.numbers[is_paid]]
    bounds = [[float(bound) for bound, _ in unit.above] for unit in prices.units]
    found = rows.assign(code=counted.codes[is_paid], quote=places[is_paid]).reset_index(drop=True)
    return found.assign(above=pd.Series([bounds[place] for place in places[is_paid]], dtype=object))

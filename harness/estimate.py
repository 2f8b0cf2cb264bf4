"""How many calls a plan makes and what they can cost at most, before the first one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from harness.plan import Cell, Plan, prompt_chars
from harness.prices import UnitPrices

CHARS_PER_TOKEN = 3.0
"""Low for English prose (about 4), so that the bound stays a bound for code and other languages."""
TOKENS_PER_IMAGE = 1_600
"""Anthropic's figure for the largest image it does not shrink; the others count less at default detail."""
TOKENS_UNBOUNDED = 8_192
"""Output assumed where nothing bounds it."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The calls of one model and what they can cost.

    Attributes:
        model_id: The model.
        metered: Whether its calls are billed.
        calls: First attempts; retries of failures are not billed by the providers' own rules.
        input_tokens: Upper estimate.
        output_tokens: Upper bound from the token budgets.
        usd: Upper bound. None: a price is unknown.
    """

    model_id: str
    metered: bool
    calls: int
    input_tokens: int
    output_tokens: int
    usd: Decimal | None


def bounds(plan: Plan, metered: Mapping[str, bool], prices: Mapping[str, UnitPrices | None]) -> list[Bound]:
    """Return one bound for each model.

    Args:
        plan: The plan.
        metered: By model id, whether calls are billed.
        prices: By model id; None: unknown.
    """
    rows: list[Bound] = []
    for model in plan.models:
        cells = plan.cells_of(model)
        tokens_in = sum(_input_tokens(cell) for cell in cells)
        tokens_out = sum(len(cell.requests) * (cell.params.max_tokens or TOKENS_UNBOUNDED) for cell in cells)
        unit = prices.get(model.id)
        usd: Decimal | None = Decimal(0)
        if metered[model.id]:
            usd = None if unit is None else unit.usd(input_tokens=tokens_in, output_tokens=tokens_out)
        calls = sum(len(cell.requests) for cell in cells)
        rows.append(Bound(model.id, metered[model.id], calls, tokens_in, tokens_out, usd))
    return rows


def _input_tokens(cell: Cell) -> int:
    return sum(
        int(prompt_chars(request.sample) / CHARS_PER_TOKEN)
        + TOKENS_PER_IMAGE * sum(len(message.images) for message in request.sample.messages)
        + 16
        for request in cell.requests
    )

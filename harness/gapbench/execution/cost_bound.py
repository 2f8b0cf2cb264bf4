"""Estimate the calls of a plan and their maximum cost before the first call."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from gapbench.execution.earlier_sessions import RequestKey, request_key
from gapbench.pricing import UnitPrices
from gapbench.suite.plan import Plan, count_prompt_chars, max_search_requests
from gapbench.values import Message

CHARS_PER_TOKEN = 3.0
"""Low for English prose (about 4), so that the bound stays a bound for code and other languages."""
TOKENS_PER_IMAGE = 1_600
"""Anthropic's count for the largest image that it does not shrink; other providers count fewer at default detail."""
UNBOUNDED_OUTPUT_TOKENS = 8_192
"""Assumed output tokens of a request without a token limit."""


@dataclass(frozen=True, slots=True)
class CostBound:
    """The calls of one model and their maximum cost.

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


def estimate_cost_bounds(
    plan: Plan,
    metered: Mapping[str, bool],
    prices: Mapping[str, UnitPrices | None],
    finished: Collection[RequestKey] = (),
) -> list[CostBound]:
    """Return one bound for each model.

    Args:
        plan: The plan.
        metered: By model id, whether calls are billed.
        prices: By model id; None: unknown.
        finished: Requests that are not sent again. A search counts in full, because its next tries are unknown.
    """
    rows: list[CostBound] = []
    for model in plan.models:
        left = [
            (cell, request)
            for cell in plan.cells_of(model)
            for request in cell.requests
            if not finished or request_key(cell, request) not in finished
        ]
        tokens_in = sum(_estimate_prompt_tokens(cell.messages(request)) for cell, request in left)
        tokens_out = sum(
            cell.params_of(request).max_tokens or UNBOUNDED_OUTPUT_TOKENS for cell, request in left
        )
        calls = len(left)
        for search in plan.searches_of(model):
            max_requests = max_search_requests(search)
            max_prompt_tokens = max(
                _estimate_prompt_tokens(sample.messages) for sample in search.task.samples
            )
            calls += max_requests
            tokens_in += max_requests * max_prompt_tokens
            tokens_out += max_requests * (search.params.max_tokens or UNBOUNDED_OUTPUT_TOKENS)
        unit = prices.get(model.id)
        usd: Decimal | None = Decimal(0)
        if metered[model.id]:
            usd = None if unit is None else unit.usd(input_tokens=tokens_in, output_tokens=tokens_out)
        rows.append(CostBound(model.id, metered[model.id], calls, tokens_in, tokens_out, usd))
    return rows


def _estimate_prompt_tokens(messages: tuple[Message, ...]) -> int:
    images = sum(len(message.images) for message in messages)
    return int(count_prompt_chars(messages) / CHARS_PER_TOKEN) + TOKENS_PER_IMAGE * images + 16

"""Estimate the calls of a plan and their maximum cost before the first call."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from gapbench.execution.earlier_sessions import RequestKey, request_key
from gapbench.execution.user_models import DEFAULT_PARAMS
from gapbench.pricing import UnitPrices
from gapbench.suite.plan import (
    Cell,
    Plan,
    PlannedRequest,
    count_declaration_chars,
    count_prompt_chars,
    max_search_requests,
    merge_params,
)
from gapbench.suite.replay.traffic_sample import TrafficSample
from gapbench.values import Message, Params, Sample

CHARS_PER_TOKEN = 3.0
"""Low for English prose (about 4), so that the bound stays a bound for code and other languages."""
TOKENS_PER_IMAGE = 1_600
"""Anthropic's count for the largest image that it does not shrink; other providers count fewer at default detail."""
_TEMPLATE_TOKENS = 16
UNBOUNDED_OUTPUT_TOKENS = 8_192
"""Assumed output tokens of a request without a token limit."""


@dataclass(frozen=True, slots=True)
class CostBound:
    """The calls of one model and their maximum cost.

    Attributes:
        model_id: The model.
        metered: Whether its calls are billed.
        calls: First attempts; retries of failures are not billed by the providers' own rules. An episode counts as many
            as its limit of turns allows.
        input_tokens: Upper estimate; in an episode the prompt grows with each turn by a whole reply and one whole
            result of a tool.
        output_tokens: Upper bound from the token budgets.
        usd: Upper bound. None: a price is unknown.
        requests: Requests; an episode is one. 0 for a model that plays users: its requests are not planned.
        plays_users: Whether these are the calls of a model that plays users.
    """

    model_id: str
    metered: bool
    calls: int
    input_tokens: int
    output_tokens: int
    usd: Decimal | None
    requests: int
    plays_users: bool = False

    @property
    def label(self) -> str:
        """The model's id, and what it does if it is not compared."""
        return f"{self.model_id} (plays users)" if self.plays_users else self.model_id


@dataclass(frozen=True, slots=True)
class _RequestBound:
    """The most that one request can use.

    Attributes:
        calls: Replies of the model.
        input_tokens: Prompt tokens of all of them.
        output_tokens: Generated tokens of all of them.
        last_input_tokens: Part of ``input_tokens`` that the last prompt has.
        limit_usd: Dollars after which an episode stops. None: no limit.
    """

    calls: int
    input_tokens: int
    output_tokens: int
    last_input_tokens: int
    limit_usd: Decimal | None = None

    def usd(self, price: UnitPrices) -> Decimal:
        """Return the most that the request can cost; a limit in dollars is noticed one reply late."""
        whole = price.usd(input_tokens=self.input_tokens, output_tokens=self.output_tokens)
        if self.limit_usd is None:
            return whole
        last = price.usd(
            input_tokens=self.last_input_tokens, output_tokens=self.output_tokens // max(1, self.calls)
        )
        return min(whole, self.limit_usd + last)


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
        total = _Total()
        for cell in plan.cells_of(model):
            each = (
                _bound_planned(plan, cell, request)
                for request in cell.requests
                if not finished or request_key(cell, request) not in finished
            )
            for bound in each if cell.task.adaptive is None else _dearest(cell.most_requests, list(each)):
                total.add(1, bound)
        for search in plan.searches_of(model):
            bounds = [
                _bound_request(plan, sample, _prompt_tokens(sample, sample.messages), search.params)
                for sample in search.task.samples
            ]
            total.add(max_search_requests(search), max(bounds, key=lambda bound: bound.input_tokens))
        unit = prices.get(model.id)
        usd: Decimal | None = Decimal(0)
        if metered[model.id]:
            usd = None if unit is None else total.usd(unit)
        rows.append(
            CostBound(
                model.id,
                metered[model.id],
                total.calls,
                total.input_tokens,
                total.output_tokens,
                usd,
                total.requests,
            )
        )
    return rows


def bound_request_usd(plan: Plan, cell: Cell, planned: PlannedRequest, price: UnitPrices) -> Decimal:
    """Return the most that one request of a cell can cost."""
    return _bound_planned(plan, cell, planned).usd(price)


def bound_attempt_usd(plan: Plan, cell: Cell, price: UnitPrices) -> Decimal:
    """Return the most that one attempt of a cell can cost; of an episode, its last reply."""
    last_input_tokens = output_tokens = 0
    for request in cell.requests:
        bound = _bound_planned(plan, cell, request)
        last_input_tokens = max(last_input_tokens, bound.last_input_tokens)
        output_tokens = max(output_tokens, bound.output_tokens // max(1, bound.calls))
    return price.usd(input_tokens=last_input_tokens, output_tokens=output_tokens)


def _dearest(most: int, bounds: list[_RequestBound]) -> list[_RequestBound]:
    """Return the bounds of so many requests: all of a cell, or of those that an adaptive cell chooses from the largest."""
    if len(bounds) <= most:
        return bounds
    return sorted(bounds, key=lambda bound: bound.input_tokens + bound.output_tokens, reverse=True)[:most]


@dataclass(slots=True)
class _Total:
    """The sum of the bounds of requests; those with a limit in dollars of their own are kept, to be priced one by one."""

    requests: int = 0
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    limited: list[tuple[int, _RequestBound]] = field(default_factory=list)

    def add(self, count: int, bound: _RequestBound) -> None:
        """Add so many requests."""
        self.requests += count
        self.calls += count * bound.calls
        self.input_tokens += count * bound.input_tokens
        self.output_tokens += count * bound.output_tokens
        if bound.limit_usd is not None:
            self.limited.append((count, bound))

    def usd(self, unit: UnitPrices) -> Decimal:
        """Return the dollars of all requests; those without a limit of their own are priced in one go."""
        whole = unit.usd(
            input_tokens=self.input_tokens - sum(count * bound.input_tokens for count, bound in self.limited),
            output_tokens=self.output_tokens
            - sum(count * bound.output_tokens for count, bound in self.limited),
        )
        return whole + sum((count * bound.usd(unit) for count, bound in self.limited), Decimal(0))


def _bound_planned(plan: Plan, cell: Cell, planned: PlannedRequest) -> _RequestBound:
    sample = planned.sample
    if isinstance(sample, TrafficSample) and cell.load.salt is None:
        # A million prompts are not read or made up for their size alone.
        prompt_chars, tool_chars = sample.chars
        prompt = tokens_of(prompt_chars) + _TEMPLATE_TOKENS + tokens_of(tool_chars)
    else:
        prompt = _prompt_tokens(sample, cell.messages(planned))
    return _bound_request(plan, sample, prompt, cell.params_of(planned))


def _prompt_tokens(sample: Sample, messages: tuple[Message, ...]) -> int:
    return estimate_prompt_tokens(messages) + tokens_of(count_declaration_chars(sample))


def _bound_request(plan: Plan, sample: Sample, prompt: int, params: Params) -> _RequestBound:
    reply = params.max_tokens or UNBOUNDED_OUTPUT_TOKENS
    if sample.episode is None:
        return _RequestBound(1, prompt, reply, prompt)
    limits = sample.episode.limits
    result = tokens_of(limits.result_chars) if sample.episode.tools is not None else 0
    line = max((tokens_of(len(user.text)) for user in sample.episode.user), default=0)
    if sample.episode.played_user is not None:
        user = plan.users[sample.episode.played_user.model]
        line = merge_params(DEFAULT_PARAMS, user.params).max_tokens or UNBOUNDED_OUTPUT_TOKENS
    growth = reply + max(result, line)
    turns, last = limits.turns, prompt + growth * (limits.turns - 1)
    if limits.tokens is not None:
        turns, used = 0, 0
        while turns < limits.turns and used < limits.tokens:
            last = prompt + growth * turns
            used += last + reply
            turns += 1
    usd = None if limits.usd is None else Decimal(str(limits.usd))
    # Shorter replies leave room for more of them, so the limit of turns bounds the calls.
    tokens_in = turns * prompt + growth * turns * (turns - 1) // 2
    return _RequestBound(limits.turns, tokens_in, turns * reply, last, usd)


def estimate_prompt_tokens(messages: tuple[Message, ...]) -> int:
    """Return an upper estimate of a prompt's tokens."""
    images = sum(len(message.images) for message in messages)
    return tokens_of(count_prompt_chars(messages)) + TOKENS_PER_IMAGE * images + _TEMPLATE_TOKENS


def tokens_of(chars: int) -> int:
    """Return an upper estimate of the tokens of a text by its length."""
    return int(chars / CHARS_PER_TOKEN)

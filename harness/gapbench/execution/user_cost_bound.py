"""Estimate the calls of models that play users, and their maximum cost, before the first call."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal

from gapbench.execution.cost_bound import (
    UNBOUNDED_OUTPUT_TOKENS,
    CostBound,
    estimate_prompt_tokens,
)
from gapbench.execution.earlier_sessions import RequestKey, request_key
from gapbench.execution.user_models import make_user_cell
from gapbench.pricing import UnitPrices
from gapbench.suite.plan import Cell, Plan, PlannedRequest, max_search_requests
from gapbench.values import Model
from gapbench.values.played_user import user_prompt


def estimate_user_bounds(
    plan: Plan,
    metered: Mapping[str, bool],
    prices: Mapping[str, UnitPrices | None],
    finished: Collection[RequestKey] = (),
) -> list[CostBound]:
    """Return one bound for each model that plays users.

    It is asked after each reply of the model under test at most, and hears that reply whole.

    Args:
        plan: The plan.
        metered: By model id, whether calls are billed.
        prices: By model id; None: unknown.
        finished: Requests that are not sent again. A search counts in full.
    """
    totals: dict[str, list[int]] = {}
    users: dict[str, Model] = {model.id: model for model in plan.users.values()}
    for model, count, calls, tokens_in, tokens_out in _episodes(plan, finished):
        total = totals.setdefault(model.id, [0, 0, 0])
        for place, value in enumerate((calls, tokens_in, tokens_out)):
            total[place] += count * value
    rows: list[CostBound] = []
    for model_id in users:
        calls, tokens_in, tokens_out = totals.get(model_id, [0, 0, 0])
        unit, usd = prices.get(model_id), None
        if not metered[model_id]:
            usd = Decimal(0)
        elif unit is not None:
            usd = unit.usd(input_tokens=tokens_in, output_tokens=tokens_out)
        rows.append(
            CostBound(model_id, metered[model_id], calls, tokens_in, tokens_out, usd, 0, plays_users=True)
        )
    return rows


def _episodes(plan: Plan, finished: Collection[RequestKey]) -> Iterator[tuple[Model, int, int, int, int]]:
    """Yield the user's model, how many such episodes there are, and the most calls and tokens of one."""
    for cell in plan.cells:
        for request in cell.requests:
            if not finished or request_key(cell, request) not in finished:
                yield from _of_request(plan, cell, request, 1)
    for search in plan.searches:
        cell = search.cell_at(1.0, 1)
        bounds = [
            bound
            for sample in search.task.samples
            for bound in _of_request(plan, cell, PlannedRequest(sample, 0, "measure"), 1)
        ]
        if bounds:
            model, _, calls, tokens_in, tokens_out = max(bounds, key=lambda bound: bound[3])
            yield model, max_search_requests(search), calls, tokens_in, tokens_out


def _of_request(
    plan: Plan, cell: Cell, request: PlannedRequest, count: int
) -> Iterator[tuple[Model, int, int, int, int]]:
    episode = request.sample.episode
    if episode is None or episode.played_user is None:
        return
    user = plan.users[episode.played_user.model]
    params = make_user_cell(cell, user).params
    line = params.max_tokens or UNBOUNDED_OUTPUT_TOKENS
    reply = cell.params_of(request).max_tokens or UNBOUNDED_OUTPUT_TOKENS
    # It may speak before the first reply and after each; more lines than it may say are not asked for.
    calls = min(episode.limits.turns + 1, episode.played_user.max_lines)
    prompt = estimate_prompt_tokens(user_prompt(episode.played_user, request.sample.messages))
    # Between two lines the model may write several replies, and all replies are heard.
    replies = episode.limits.turns
    heard = (line + reply) * calls * (calls - 1) // 2 + reply * max(0, replies - calls + 1) * calls
    yield user, count, calls, calls * prompt + heard, calls * line

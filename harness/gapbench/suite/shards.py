"""Split a plan into shards: independent parts, each of one cell or one search, that can run anywhere and in any order."""

from __future__ import annotations

from dataclasses import replace

from gapbench.errors import InputError
from gapbench.suite.plan import Plan
from gapbench.values import canonical_json, sha256
from gapbench.values.shard import ShardKey


def split_plan(plan: Plan) -> tuple[Plan, ...]:
    """Return a plan for each cell and each search, model by model; the number of a shard is its place, from 0.

    The requests of a cell depend on suite, task and load alone, so a shard sends what the whole run would.
    """
    ids: list[str] = []
    for model in plan.models:
        ids += [cell.cell_id for cell in plan.cells_of(model)]
        ids += [search.search_id for search in plan.searches_of(model)]
    tasks = {task.name: task.sha256 for task in plan.tasks}
    counts = {cell.cell_id: len(cell.requests) for cell in plan.cells}
    key = sha256(canonical_json([plan.suite_sha256, plan.seed, tasks, counts, ids]))
    by_id = {cell.cell_id: cell for cell in plan.cells}
    searches = {search.search_id: search for search in plan.searches}
    return tuple(
        replace(
            plan,
            cells=(by_id[cell_id],) if cell_id in by_id else (),
            searches=(searches[cell_id],) if cell_id in searches else (),
            shard=ShardKey(number, tuple(ids), key),
        )
        for number, cell_id in enumerate(ids)
    )


def shard_of(plan: Plan, number: int) -> Plan:
    """Return one shard of a plan.

    Raises:
        InputError: The plan has no such shard.
    """
    shards = split_plan(plan)
    if number >= len(shards):
        raise InputError(
            f"--shard {number}: this plan has {len(shards)} shard{'s' * (len(shards) != 1)}, 0 to {len(shards) - 1}; "
            "`bench plan SUITE --shards` lists them"
        )
    return shards[number]

"""What an open tier before the closed API costs in a month: a router or cascade that was tried on the runs' tasks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from gapbench.analysis.economics.option_costs import OptionCost
from gapbench.analysis.economics.tco import Tco
from gapbench.analysis.economics.tiers import Tiers
from gapbench.store.json_records import records

TIER = "tier"
"""The leg of this option."""


def tier_option(
    tco: Tco, hybrid: Tiers, costs: Mapping[str, OptionCost], *, possible: Collection[str]
) -> OptionCost | None:
    """Return the cost of the policy to look at first, with the cheapest option of the open model that is possible.

    The month's dollars of either model alone are shared out as the policy did on the runs' tasks: the dollars of its closed
    calls over those of all tasks, and likewise the open ones. Your own servers cost what their replicas cost, however
    little they are asked. The interval adds up those of its parts.

    Args:
        tco: Total cost at the volume.
        hybrid: The tiers.
        costs: The cost of each option alone, by leg.
        possible: The legs of the open model that are possible: ``hosted``, ``self``.

    Returns:
        None if there is no policy to look at.
    """
    policy = hybrid.best_policy
    if policy is None:
        return None
    closed_part, open_part = policy_shares(hybrid, policy)
    closed = costs["closed"]
    made: list[OptionCost] = []
    for leg in ("hosted", "self"):
        cost = costs[leg]
        usd = cost.usd
        if leg == "self" and usd is not None:
            usd = tco.usd_at(tco.volume_mtok * open_part)["self"] if open_part > 0 else None
        elif usd is not None:
            usd *= open_part
        if leg not in possible or usd is None or closed.usd is None:
            continue
        scale = usd / cost.usd if cost.usd else 1.0
        ends = [_end(cost, name) * scale + _end(closed, name) * closed_part for name in ("low", "high")]
        total = usd + closed_part * closed.usd
        label = (
            f"{policy['policy']}: {100 * policy['closed_share']:.0f} % closed calls; the open model is the "
            f"{'hosted' if leg == 'hosted' else 'self-hosted'} one"
        )
        made.append(
            OptionCost(
                TIER, total, ends[0], ends[1], total / tco.volume_mtok, cost.usd_per_gpu_hour, None, label
            )
        )
    if not made:
        reason = "the open model has no option that is both possible here (requirements, people) and priced"
        return OptionCost(TIER, None, None, None, None, None, None, str(policy["policy"]), reason)
    return min(made, key=lambda cost: float(cost.usd or 0.0))


def policy_shares(hybrid: Tiers, policy: Mapping[str, Any]) -> tuple[float, float]:
    """Return what a policy spends on each model as a share of asking it everything: (closed, open).

    By calls if a price is unknown.
    """
    asked = 1.0 if policy["kind"] == "cascade" else 1.0 - float(policy["closed_share"])
    rows = {row["policy"]: row["usd_per_task"] for row in records(hybrid.frame)}
    every_closed, every_open = rows["all closed"], rows["all open"]
    spent, on_closed = policy["usd_per_task"], policy["closed_usd_per_task"]
    if spent is None or on_closed is None or not every_closed or not every_open:
        return float(policy["closed_share"]), asked
    on_open = asked if policy["kind"] == "cascade" else (spent - on_closed) / every_open
    return on_closed / every_closed, on_open


def _end(cost: OptionCost, name: str) -> float:
    found = getattr(cost, name)
    return float(cost.usd if found is None and cost.usd is not None else found or 0.0)

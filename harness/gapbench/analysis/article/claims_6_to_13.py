"""Rows 6 to 13 of the audit: the saving, the TCO table, hidden costs, servers, thresholds and hardware."""

from __future__ import annotations

from gapbench.analysis.article.claim import Claim, verdict
from gapbench.analysis.article.claim_inputs import Inputs, Span
from gapbench.analysis.economics.sizing import HOURS_PER_MONTH, with_spares


def saving(given: Inputs) -> Claim:
    """Return row 6."""
    claimed, mtok, price = given.saving, given.saving_mtok, given.closed
    bill, ceiling = 12 * mtok * price, 12 * mtok * given.dearest
    loss = Span(12 * given.infrastructure.low - bill, 12 * given.infrastructure.high - bill)

    def volume(fixed: Span, usd: float) -> Span:
        return Span(
            (claimed.low + 12 * fixed.low) / (12 * usd), (claimed.high + 12 * fixed.high) / (12 * usd)
        )

    infra, tco = volume(given.infrastructure, price).over(1000), volume(given.tco, price).over(1000)
    real = Span(
        volume(given.infrastructure, given.real_3to1).low / 1000,
        volume(given.tco, given.real_3to1).high / 1000,
    )
    checks = {"the saving is at most the whole bill": claimed.low <= bill}
    return Claim(
        "6",
        f"from {mtok:g}M tokens a month it saves {claimed.over(1e6).words('M')} USD a year",
        "12 (p V - F)",
        f"The whole API bill at {mtok:g}M is ${bill:,.0f} a year, at most ${ceiling:,.0f} if all were its dearest output: "
        f"the saving is {claimed.over(ceiling).words('x')} the ceiling. On servers alone it loses {loss.usd(0)} a year.",
        f"At real prices the bill is ${12 * mtok * given.real_3to1:,.0f} a year.",
        verdict(checks, impossible=claimed.low > ceiling),
        f"V is {infra.words('B')} a month on servers alone, {tco.words('B')} on its TCO; "
        f"{real.words('B')} and more servers at real prices",
        checks,
        {
            "bill_usd": bill,
            "ceiling_usd": ceiling,
            **claimed.over(ceiling).named("factor"),
            **loss.named("loss_usd"),
            **infra.named("needed_btok"),
            **tco.named("tco_needed_btok"),
            **real.named("real_needed_btok"),
        },
    )


def table_api(given: Inputs) -> Claim:
    """Return row 7."""
    claimed, mtok = given.tco_api, given.break_even_mtok
    own = Span(mtok * min(given.own_blended.values()), mtok * max(given.own_blended.values()))
    real = Span(mtok * min(given.real_blended.values()), mtok * max(given.real_blended.values()))
    per = claimed.over(mtok)
    off = Span(claimed.low / own.high, claimed.high / own.low)
    flip = Span(given.tco.low / own.high, given.tco.high / own.low)
    real_flip = Span(given.tco.low / real.high, given.tco.high / real.low)
    checks = {"its blended prices give its row": own.high >= claimed.low,
              "its dearest price gives its row": given.dearest * mtok >= claimed.low}  # fmt: skip
    return Claim(
        "7",
        f"TCO table: the API costs {claimed.usd(0)} a month at {mtok:g}M tokens",
        "p V",
        f"That is {per.usd(0)} per million, {per.over(given.dearest).words('x')} its dearest price; its prices give "
        f"{own.usd(0)} (3:1), so the row is {off.words('x')} too high and the API wins by {flip.words('x')}.",
        f"At real prices {real.usd(0)}: the API wins by {real_flip.words('x')}.",
        verdict(checks),
        f"V is {claimed.over(given.closed).over(1000).words('B')} tokens a month at ${given.closed:g}",
        checks,
        {
            **per.named("usd_per_mtok"),
            **own.named("bill_usd"),
            **real.named("real_bill_usd"),
            **off.named("factor"),
            **flip.named("api_wins_by"),
            **real_flip.named("real_api_wins_by"),
        },
    )


def table_rows(given: Inputs) -> Claim:
    """Return row 7b."""
    low, high, mtok = (
        given.api_low.over(given.closed),
        given.api_high.over(given.closed),
        given.break_even_mtok,
    )
    checks = {f"{mtok:g}M tokens lie in the high-volume row": high.low <= mtok <= high.high}
    return Claim(
        "7b",
        f"API rows: {given.api_low.usd(0)} at low and {given.api_high.usd(0)} at high volume",
        "row / p",
        f"At ${given.closed:g} the rows are {low.words('M')} and {high.over(1000).words('B')} tokens a month: "
        f"{mtok:g}M is ${mtok * given.closed:,.0f}, in the low row; its table uses the high one.",
        f"At ${given.real_3to1:.2f}, {mtok:g}M tokens are ${mtok * given.real_3to1:,.0f}.",
        verdict(checks),
        f"the table is meant for {high.over(1000).words('B')} tokens a month",
        checks,
        {**low.named("low_mtok"), **high.named("high_mtok")},
    )


def table_self_hosted(given: Inputs) -> Claim:
    """Return row 8."""
    added = given.infrastructure.plus(given.people)
    whole = given.with_hidden()
    floors = given.smallest_usd()
    checks = {"servers and people add up to its row": added == given.tco,
              "its own hidden costs fit into its row": whole.high <= given.tco.high}  # fmt: skip
    return Claim(
        "8",
        f"TCO table: self-hosting costs {given.tco.usd(0)} a month",
        "servers + people",
        f"{added.usd(0)}: it adds up, and leaves out the hidden costs that it names itself ({whole.usd(0)} with them).",
        "The smallest N+1 deployment with 25 % overhead and half an engineer: "
        + "; ".join(f"{given.nodes[name].label} ${usd:,.0f}" for name, usd in floors.items()) + ".",
        verdict(checks),
        "one server is enough, its failures do not matter and nothing of claim 9 comes on top",
        checks,
        {**added.named("usd"), **whole.named("with_hidden_usd"), **{f"{name}_usd": usd for name, usd in floors.items()}},
    )  # fmt: skip


def hidden(given: Inputs) -> Claim:
    """Return row 9."""
    one, two = given.with_hidden(1), given.with_hidden()
    nodes = float(with_spares(1, 0.99, given.availability))
    per_year = given.people.times(12)
    down_hours = (1 - given.availability) * HOURS_PER_MONTH
    checks = {"its staff is its own staff cost": given.engineer.overlaps(per_year),
              "its table contains these costs": two.high <= given.tco.high}  # fmt: skip
    return Claim(
        "9",
        f"hidden costs: engineers {given.engineer.usd(0)} a year, {given.overhead.percent()} overhead, redundancy for "
        f"{given.availability:.1%}",
        "n servers (1 + overhead) + engineers",
        f"{two.usd(0)} a month with {nodes:.0f} nodes ({one.usd(0)} with one): the inputs are plausible, its own table does "
        f"not use them; its {given.people.usd(0)} a month for people are {per_year.usd(0)} a year, one engineer at its top rate.",
        f"{given.availability:.1%} allows {down_hours:.2f} h down a month: one node that is up 99 % fails it, two give 99.99 %.",
        verdict(checks),
        f"the self-hosting row reads {two.usd(0)}",
        checks,
        {**two.named("usd"), **one.named("one_node_usd"), "nodes": nodes, "down_hours": down_hours},
    )


def infrastructure(given: Inputs) -> Claim:
    """Return row 10."""
    hour = given.infrastructure.over(given.gpus_per_node * HOURS_PER_MONTH)
    owned = given.owned_recomputed()
    cloud = given.hyperscaler_usd_per_hour * given.gpus_per_node * HOURS_PER_MONTH
    checks = {"the rent lies within the book's H100 range": hour.overlaps(given.h100_range),
              "the owned range is that of a recomputed node": given.owned.overlaps(owned)}  # fmt: skip
    return Claim(
        "10",
        f"servers cost {given.infrastructure.usd(0)} a month rented, {given.owned.usd(0)} owned",
        "F / (GPUs x 730.5 h); capex (1 - residual) / months + power x PUE",
        f"{hour.usd(2)} a GPU-hour for 8 GPUs; owned, recomputed: {owned.usd(0)}.",
        f"The price book's H100 range is {given.h100_range.usd(2)}; a hyperscaler on demand is ${cloud:,.0f} a month.",
        verdict(checks),
        "it is one 8-GPU node of a specialist cloud, without staff, network, spares or finance cost",
        checks,
        {**hour.named("usd_per_gpu_hour"), **owned.named("owned_usd"), "hyperscaler_usd": cloud},
    )


def thresholds(given: Inputs) -> Claim:
    """Return row 11."""
    steps = (given.api_optimal_mtok, given.api_manageable_mtok, given.break_even_mtok)
    bills = [step * given.closed for step in steps]
    real = [step * given.real_3to1 for step in steps]
    low = Span(given.infrastructure.low / given.closed / steps[2], given.tco.high / given.closed / steps[2])
    checks = {f"the API is cheaper below {steps[1]:g}M": bills[1] < given.infrastructure.low,
              f"self-hosting is cheaper from {steps[2]:g}M": bills[2] >= given.infrastructure.low}  # fmt: skip
    return Claim(
        "11",
        f"the API is best under {steps[0]:g}M, manageable under {steps[1]:g}M, self-hosting from {steps[2]:g}M tokens a month",
        "p V against F",
        f"The API costs {', '.join(f'${bill:,.0f}' for bill in bills)} a month there: the direction is right, "
        f"the last threshold {low.words('x')} too low.",
        f"At real prices {', '.join(f'${bill:,.0f}' for bill in real)}.",
        verdict(checks),
        "the thresholds are those of claim 5, recomputed",
        checks,
        low.named("factor"),
    )


def hardware(given: Inputs) -> Claim:
    """Return row 12."""
    large, dense = given.weights_gb["deepseek-v3-fp8"], given.weights_gb["llama-3.3-70b-bf16"]
    node, four = given.gpus_per_node * given.gpu_gb, given.gpus_for_70b * given.gpu_gb
    checks = {f"{large:g} GB of weights fit {node:g} GB": large < node,
              f"{dense:g} GB of weights fit {four:g} GB": dense < four}  # fmt: skip
    return Claim(
        "12",
        f"{given.gpus_per_node:g}x H100 for DeepSeek V3, {given.gpus_for_70b:g}x A100 for a 70B model",
        "weights against GPU memory",
        f"{large:g} GB (FP8) against {node:g} GB: it does not fit unquantised. {dense:g} GB (BF16) against {four:g} GB: "
        f"it fits, with {four - dense:g} GB for the cache.",
        "",
        verdict(checks),
        "DeepSeek V3 is served on 8 H200 or 16 H100, or in 4 bits",
        checks,
        {"weights_gb": large, "node_gb": node, "dense_gb": dense, "four_gb": four},
    )


def storage(given: Inputs) -> Claim:
    """Return row 13."""
    most = max(given.weights_gb.values()) / 1000
    checks = {f"the largest weights fit {given.storage_tb:g} TB": most < given.storage_tb}
    return Claim(
        "13",
        f"{given.storage_tb:g} TB of storage for each model",
        "weights against storage",
        f"The largest weights are {most:.3f} TB: generous, and no part of the cost that matters.",
        "",
        verdict(checks),
        "as stated",
        checks,
        {"largest_tb": most},
    )

"""Claims 6 to 13 of the audit: the saving, the TCO table, hidden costs, servers, thresholds and hardware."""

from __future__ import annotations

from gapbench.analysis.article.claim import Claim, claim_verdict
from gapbench.analysis.article.claim_inputs import ClaimInputs, Span
from gapbench.analysis.economics.sizing import HOURS_PER_MONTH, replicas_with_spares


def claim_6_saving(inputs: ClaimInputs) -> Claim:
    """Return row 6."""
    claimed, mtok, price = inputs.saving, inputs.saving_mtok, inputs.closed
    bill, ceiling = 12 * mtok * price, 12 * mtok * inputs.highest_price
    loss = Span(12 * inputs.infrastructure.low - bill, 12 * inputs.infrastructure.high - bill)

    def volume(fixed: Span, usd: float) -> Span:
        return Span(
            (claimed.low + 12 * fixed.low) / (12 * usd), (claimed.high + 12 * fixed.high) / (12 * usd)
        )

    infra, tco = volume(inputs.infrastructure, price).divide(1000), volume(inputs.tco, price).divide(1000)
    real = Span(
        volume(inputs.infrastructure, inputs.real_3to1).low / 1000,
        volume(inputs.tco, inputs.real_3to1).high / 1000,
    )
    checks = {"the saving is at most the whole bill": claimed.low <= bill}
    return Claim(
        "6",
        f"from {mtok:g}M tokens a month it saves {claimed.divide(1e6).format('M')} USD a year",
        "12 (p V - F)",
        f"The whole API bill at {mtok:g}M is ${bill:,.0f} a year, at most ${ceiling:,.0f} if all tokens had its highest price: "
        f"the saving is {claimed.divide(ceiling).format('x')} the ceiling. With servers alone it loses {loss.format_usd(0)} a year.",
        f"At real prices the bill is ${12 * mtok * inputs.real_3to1:,.0f} a year.",
        claim_verdict(checks, impossible=claimed.low > ceiling),
        f"V is {infra.format('B')} a month with servers alone, {tco.format('B')} with its TCO; "
        f"{real.format('B')} and more servers at real prices",
        checks,
        {
            "bill_usd": bill,
            "ceiling_usd": ceiling,
            **claimed.divide(ceiling).named_bounds("factor"),
            **loss.named_bounds("loss_usd"),
            **infra.named_bounds("needed_btok"),
            **tco.named_bounds("tco_needed_btok"),
            **real.named_bounds("real_needed_btok"),
        },
    )


def claim_7_table_api(inputs: ClaimInputs) -> Claim:
    """Return row 7."""
    claimed, mtok = inputs.tco_api, inputs.break_even_mtok
    own = Span(mtok * min(inputs.article_blended.values()), mtok * max(inputs.article_blended.values()))
    real = Span(mtok * min(inputs.real_blended.values()), mtok * max(inputs.real_blended.values()))
    per = claimed.divide(mtok)
    off = Span(claimed.low / own.high, claimed.high / own.low)
    flip = Span(inputs.tco.low / own.high, inputs.tco.high / own.low)
    real_flip = Span(inputs.tco.low / real.high, inputs.tco.high / real.low)
    checks = {
        "its blended prices give its row": own.high >= claimed.low,
        "its highest price gives its row": inputs.highest_price * mtok >= claimed.low,
    }
    return Claim(
        "7",
        f"TCO table: the API costs {claimed.format_usd(0)} a month at {mtok:g}M tokens",
        "p V",
        f"That is {per.format_usd(0)} per million, {per.divide(inputs.highest_price).format('x')} its highest price; its prices give "
        f"{own.format_usd(0)} (3:1), so the row is {off.format('x')} too high and the API wins by {flip.format('x')}.",
        f"At real prices {real.format_usd(0)}: the API wins by {real_flip.format('x')}.",
        claim_verdict(checks),
        f"V is {claimed.divide(inputs.closed).divide(1000).format('B')} tokens a month at ${inputs.closed:g}",
        checks,
        {
            **per.named_bounds("usd_per_mtok"),
            **own.named_bounds("bill_usd"),
            **real.named_bounds("real_bill_usd"),
            **off.named_bounds("factor"),
            **flip.named_bounds("api_wins_by"),
            **real_flip.named_bounds("real_api_wins_by"),
        },
    )


def claim_7b_table_rows(inputs: ClaimInputs) -> Claim:
    """Return row 7b."""
    low, high, mtok = (
        inputs.api_low.divide(inputs.closed),
        inputs.api_high.divide(inputs.closed),
        inputs.break_even_mtok,
    )
    checks = {f"{mtok:g}M tokens lie in the high-volume row": high.low <= mtok <= high.high}
    return Claim(
        "7b",
        f"API rows: {inputs.api_low.format_usd(0)} at low and {inputs.api_high.format_usd(0)} at high volume",
        "row / p",
        f"At ${inputs.closed:g} the rows are {low.format('M')} and {high.divide(1000).format('B')} tokens a month: "
        f"{mtok:g}M is ${mtok * inputs.closed:,.0f}, in the low row; its table uses the high one.",
        f"At ${inputs.real_3to1:.2f}, {mtok:g}M tokens are ${mtok * inputs.real_3to1:,.0f}.",
        claim_verdict(checks),
        f"the table is meant for {high.divide(1000).format('B')} tokens a month",
        checks,
        {**low.named_bounds("low_mtok"), **high.named_bounds("high_mtok")},
    )


def claim_8_table_self_hosted(inputs: ClaimInputs) -> Claim:
    """Return row 8."""
    added = inputs.infrastructure.add(inputs.people)
    whole = inputs.with_hidden_costs()
    floors = inputs.smallest_usd()
    checks = {
        "servers and people add up to its row": added == inputs.tco,
        "its own hidden costs fit into its row": whole.high <= inputs.tco.high,
    }
    return Claim(
        "8",
        f"TCO table: self-hosting costs {inputs.tco.format_usd(0)} a month",
        "servers + people",
        f"{added.format_usd(0)}: it adds up, but leaves out the hidden costs that it names itself ({whole.format_usd(0)} with them).",
        "The smallest N+1 deployment with 25 % overhead and half an engineer: "
        + "; ".join(f"{inputs.nodes[name].label} ${usd:,.0f}" for name, usd in floors.items())
        + ".",
        claim_verdict(checks),
        "one server is enough, its failures do not matter and the hidden costs of claim 9 do not arise",
        checks,
        {
            **added.named_bounds("usd"),
            **whole.named_bounds("with_hidden_usd"),
            **{f"{name}_usd": usd for name, usd in floors.items()},
        },
    )


def claim_9_hidden_costs(inputs: ClaimInputs) -> Claim:
    """Return row 9."""
    one, two = inputs.with_hidden_costs(1), inputs.with_hidden_costs()
    nodes = float(replicas_with_spares(1, 0.99, inputs.availability))
    per_year = inputs.people.multiply(12)
    down_hours = (1 - inputs.availability) * HOURS_PER_MONTH
    checks = {
        "its staff is its own staff cost": inputs.engineer.overlaps(per_year),
        "its table contains these costs": two.high <= inputs.tco.high,
    }
    return Claim(
        "9",
        f"hidden costs: engineers {inputs.engineer.format_usd(0)} a year, {inputs.overhead.format_percent()} overhead, redundancy for "
        f"{100 * inputs.availability:.1f} %",
        "n servers (1 + overhead) + engineers",
        f"{two.format_usd(0)} a month with {nodes:.0f} nodes ({one.format_usd(0)} with one): the inputs are plausible, but its own table does "
        f"not use them; its {inputs.people.format_usd(0)} a month for people are {per_year.format_usd(0)} a year, one engineer at its top rate.",
        f"{100 * inputs.availability:.1f} % allows {down_hours:.2f} h of downtime a month: one node that is up 99 % is not enough, two give 99.99 %.",
        claim_verdict(checks),
        f"the self-hosting row reads {two.format_usd(0)}",
        checks,
        {
            **two.named_bounds("usd"),
            **one.named_bounds("one_node_usd"),
            "nodes": nodes,
            "down_hours": down_hours,
        },
    )


def claim_10_infrastructure(inputs: ClaimInputs) -> Claim:
    """Return row 10."""
    hour = inputs.infrastructure.divide(inputs.gpus_per_node * HOURS_PER_MONTH)
    owned = inputs.owned_recomputed()
    cloud = inputs.hyperscaler_usd_per_hour * inputs.gpus_per_node * HOURS_PER_MONTH
    checks = {
        "the rent lies within the book's H100 range": hour.overlaps(inputs.h100_range),
        "the owned range is that of a recomputed node": inputs.owned.overlaps(owned),
    }
    return Claim(
        "10",
        f"servers cost {inputs.infrastructure.format_usd(0)} a month rented, {inputs.owned.format_usd(0)} owned",
        "F / (GPUs x 730.5 h); capex (1 - residual) / months + power x PUE",
        f"{hour.format_usd(2)} a GPU-hour for 8 GPUs; owned, recomputed: {owned.format_usd(0)}.",
        f"The price book's H100 range is {inputs.h100_range.format_usd(2)}; a hyperscaler on demand is ${cloud:,.0f} a month.",
        claim_verdict(checks),
        "it is one 8-GPU node of a specialist cloud, without staff, network, spares or finance cost",
        checks,
        {
            **hour.named_bounds("usd_per_gpu_hour"),
            **owned.named_bounds("owned_usd"),
            "hyperscaler_usd": cloud,
        },
    )


def claim_11_thresholds(inputs: ClaimInputs) -> Claim:
    """Return row 11."""
    steps = (inputs.api_optimal_mtok, inputs.api_manageable_mtok, inputs.break_even_mtok)
    bills = [step * inputs.closed for step in steps]
    real = [step * inputs.real_3to1 for step in steps]
    low = Span(
        inputs.infrastructure.low / inputs.closed / steps[2], inputs.tco.high / inputs.closed / steps[2]
    )
    checks = {
        f"the API is cheaper below {steps[1]:g}M": bills[1] < inputs.infrastructure.low,
        f"self-hosting is cheaper from {steps[2]:g}M": bills[2] >= inputs.infrastructure.low,
    }
    return Claim(
        "11",
        f"the API is best under {steps[0]:g}M, manageable under {steps[1]:g}M, self-hosting from {steps[2]:g}M tokens a month",
        "p V against F",
        f"The API costs {', '.join(f'${bill:,.0f}' for bill in bills)} a month there: the direction is right, "
        f"the last threshold {low.format('x')} too low.",
        f"At real prices {', '.join(f'${bill:,.0f}' for bill in real)}.",
        claim_verdict(checks),
        "the thresholds are those of claim 5, recomputed",
        checks,
        low.named_bounds("factor"),
    )


def claim_12_hardware(inputs: ClaimInputs) -> Claim:
    """Return row 12."""
    large, dense = inputs.weights_gb["deepseek-v3-fp8"], inputs.weights_gb["llama-3.3-70b-bf16"]
    node, four = inputs.gpus_per_node * inputs.gpu_gb, inputs.gpus_for_70b * inputs.gpu_gb
    checks = {
        f"{large:g} GB of weights fit {node:g} GB": large < node,
        f"{dense:g} GB of weights fit {four:g} GB": dense < four,
    }
    return Claim(
        "12",
        f"{inputs.gpus_per_node:g}x H100 for DeepSeek V3, {inputs.gpus_for_70b:g}x A100 for a 70B model",
        "weights against GPU memory",
        f"{large:g} GB (FP8) against {node:g} GB: it does not fit unquantised. {dense:g} GB (BF16) against {four:g} GB: "
        f"it fits, with {four - dense:g} GB for the cache.",
        "",
        claim_verdict(checks),
        "DeepSeek V3 is served on 8 H200 or 16 H100, or in 4 bits",
        checks,
        {"weights_gb": large, "node_gb": node, "dense_gb": dense, "four_gb": four},
    )


def claim_13_storage(inputs: ClaimInputs) -> Claim:
    """Return row 13."""
    most = max(inputs.weights_gb.values()) / 1000
    checks = {f"the largest weights fit {inputs.storage_tb:g} TB": most < inputs.storage_tb}
    return Claim(
        "13",
        f"{inputs.storage_tb:g} TB of storage for each model",
        "weights against storage",
        f"The largest weights are {most:.3f} TB: the claim is generous, and storage is a negligible part of the cost.",
        "",
        claim_verdict(checks),
        "as stated",
        checks,
        {"largest_tb": most},
    )

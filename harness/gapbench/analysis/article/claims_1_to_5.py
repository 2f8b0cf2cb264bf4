"""Claims 1 to 5 of the audit: the price of a million tokens, the ratio of prices, and the break-even volume."""

from __future__ import annotations

from gapbench.analysis.article.claim import Claim, claim_verdict
from gapbench.analysis.article.claim_inputs import ClaimInputs, Span
from gapbench.analysis.economics.self_hosting_cost import floor_usd_per_mtok
from gapbench.analysis.economics.sizing import MTOK, SECONDS_PER_MONTH


def claim_1_price_at_a_billion(inputs: ClaimInputs) -> Claim:
    """Audit claim 1."""
    claimed, mtok = inputs.self_hosted, inputs.volume_mtok
    own = inputs.infrastructure.divide(mtok)
    owned, tco = inputs.owned.divide(mtok), inputs.tco.divide(mtok)
    needed = inputs.infrastructure.divide(claimed)
    rate = needed.multiply(MTOK / SECONDS_PER_MONTH)
    use = {name: rate.divide(node.tokens_per_s) for name, node in inputs.nodes.items()}
    dense, sparse = use["llama-3.3-70b-8xh100"], use["deepseek-r1-8xh200"]
    checks = {
        f"F/V of {name} is at most ${claimed:g}/M": span.low <= claimed
        for name, span in (("rented servers", own), ("owned servers", owned), ("its own TCO", tco))
    }
    return Claim(
        "1",
        f"${claimed:.2f} per million tokens at {mtok / 1000:g}B tokens a month",
        "F / V",
        f"Its cost of servers over its volume is {own.format_usd()} per million ({owned.format_usd()} owned, {tco.format_usd()} with its own TCO): "
        f"{own.divide(claimed).format('x')} its figure ({owned.divide(claimed).format('x')} owned).",
        f"An H100 node at ${inputs.h100_usd_per_hour:g} a GPU-hour is ${inputs.node_usd / mtok:.1f} per million at that "
        f"volume; only a large fleet is that cheap: DeepSeek's published day costs ${inputs.fleet_usd_per_mtok:.4f} per million.",
        claim_verdict(checks),
        f"V is {needed.divide(1000).format('B')} tokens a month, {rate.divide(1000).format('k')} tokens/s all month "
        f"({dense.format_percent()} of the peak of a 70B model on 8 H100, {sparse.format_percent()} for DeepSeek R1 on 8 H200); "
        f"or the servers cost ${claimed * mtok:,.0f} a month",
        checks,
        {
            **own.named_bounds("usd_per_mtok"),
            **owned.named_bounds("owned_usd_per_mtok"),
            **tco.named_bounds("tco_usd_per_mtok"),
            **own.divide(claimed).named_bounds("factor"),
            **owned.divide(claimed).named_bounds("owned_factor"),
            **needed.named_bounds("needed_mtok"),
            **rate.named_bounds("needed_tokens_per_s"),
            **dense.named_bounds("utilisation_70b"),
            **sparse.named_bounds("utilisation_r1"),
            "fleet_usd_per_mtok": inputs.fleet_usd_per_mtok,
            "fleet_usd_per_day": inputs.fleet_usd_per_day,
        },
    )


def claim_2_times_cheaper(inputs: ClaimInputs) -> Claim:
    """Audit claim 2."""
    claimed, price, mtok = inputs.cheaper_by, inputs.closed, inputs.volume_mtok
    own = Span(price / (inputs.infrastructure.high / mtok), price / (inputs.infrastructure.low / mtok))
    real_bill = inputs.real_3to1 * mtok
    real_factor = inputs.infrastructure.divide(real_bill)
    checks = {
        f"p over F/V is at least {claimed:g} on rented servers": own.high >= claimed,
        f"p over F/V is at least {claimed:g} on owned servers": price * mtok / inputs.owned.low >= claimed,
    }
    return Claim(
        "2",
        f"{claimed:g}x cheaper than closed models at ${price:g}+",
        "p / (F / V)",
        f"${price:g} / ${inputs.self_hosted:.2f} = {price / inputs.self_hosted:.1f} is correct arithmetic, but its own cost of servers "
        f"gives {own.format('x')}: the error is that of claim 1.",
        f"At the real mean price of ${inputs.real_3to1:.2f} (3:1) the API costs ${real_bill:,.0f} a month at that volume, "
        f"and the servers cost {real_factor.format('x')} as much.",
        claim_verdict(checks),
        f"the volume of claim 1 and a closed price of ${price:g}",
        checks,
        {
            **own.named_bounds("factor"),
            **real_factor.named_bounds("real_factor"),
            "arithmetic": price / inputs.self_hosted,
        },
    )


def claim_2b_closed_average(inputs: ClaimInputs) -> Claim:
    """Audit claim 2b."""
    claimed = inputs.closed
    share = inputs.input_share_for(claimed)
    top = max(inputs.prices["gemini-3-pro"])
    checks = {
        f"mean at 3:1 is at least ${claimed:g}": inputs.article_3to1 >= claimed,
        f"mean at 1:1 is at least ${claimed:g}": inputs.article_1to1 >= claimed,
    }
    return Claim(
        "2b",
        f"closed models average ${claimed:g}+ per million",
        "mean over models of f p_in + (1 - f) p_out",
        f"Its prices average ${inputs.article_3to1:.1f} at 3:1 input to output and ${inputs.article_1to1:.1f} at 1:1; "
        f"one of them never exceeds ${top:g}.",
        f"Real prices average ${inputs.real_3to1:.2f} at 3:1 and ${inputs.real_1to1:.2f} at 1:1.",
        claim_verdict(checks),
        f"at most {100 * share:.0f} % of the tokens are input, at its own prices",
        checks,
        {
            "mean_3to1": inputs.article_3to1,
            "mean_1to1": inputs.article_1to1,
            "real_3to1": inputs.real_3to1,
            "real_1to1": inputs.real_1to1,
            "input_share": share,
        },
    )


def claim_3_range_cheaper(inputs: ClaimInputs) -> Claim:
    """Audit claim 3."""
    claimed, closed = inputs.cheaper_range, [inputs.prices["gpt-5.2"], inputs.prices["claude-opus-4-6"]]
    self_hosted = inputs.self_hosted_range
    ratio = {
        side: Span(closed[0][at] / self_hosted.high, closed[1][at] / self_hosted.low)
        for at, side in enumerate(("input", "output"))
    }
    hosted = Span.from_values(price / inputs.hosted["deepseek"] for price in inputs.real_blended.values())
    llama = Span.from_values(price / inputs.hosted["llama"] for price in inputs.real_blended.values())
    checks = {
        f"{side}: its own ratio lies within {claimed.format('x')}": claimed.contains(span)
        for side, span in ratio.items()
    }
    return Claim(
        "3",
        f"{claimed.format('x')} cheaper",
        "closed list price / open price",
        f"Its own table gives {ratio['input'].format('x')} on input and {ratio['output'].format('x')} on output, at no stated volume.",
        f"From a provider, DeepSeek V3.2 is {hosted.format('x')} cheaper and Llama 3.3 70B {llama.format('x')} "
        "(list prices, 3:1); the ratio per solved task must be measured.",
        claim_verdict(checks),
        "it is a ratio of list prices and a provider serves the open model, not self-hosted",
        checks,
        {
            **ratio["input"].named_bounds("input"),
            **ratio["output"].named_bounds("output"),
            **hosted.named_bounds("deepseek"),
            **llama.named_bounds("llama"),
        },
    )


def claim_4_range_per_mtok(inputs: ClaimInputs) -> Claim:
    """Audit claim 4."""
    claimed = inputs.self_hosted_range
    floors = {
        name: float(floor_usd_per_mtok(node.usd_per_hour, node.tokens_per_s))
        for name, node in inputs.nodes.items()
    }
    checks = {
        f"{name}: ${claimed.high:g}/M is reached": floor <= claimed.high for name, floor in floors.items()
    }
    need = {name: Span(floor / claimed.high, floor / claimed.low) for name, floor in floors.items()}
    listed = "; ".join(f"{inputs.nodes[name].label} ${floor:.2f}" for name, floor in floors.items())
    met = "; ".join(
        f"{inputs.nodes[name].label} {need[name].format_percent()}"
        for name, floor in floors.items()
        if floor <= claimed.high
    )
    return Claim(
        "4",
        f"self-hosting costs {claimed.format_usd(2)} per million tokens",
        "node USD/h x 1e6 / (tokens/s x 3600 u)",
        f"At 100 % of the published peak throughput, counting input and output: {listed}.",
        "These are real prices: the article gives no throughput.",
        claim_verdict(checks),
        f"utilisation of that peak throughput is {met}; never for the others",
        checks,
        {f"{name}_usd_per_mtok": floor for name, floor in floors.items()}
        | {
            key: value
            for name, span in need.items()
            for key, value in span.named_bounds(f"{name}_utilisation").items()
        },
    )


def claim_5_break_even(inputs: ClaimInputs) -> Claim:
    """Audit claim 5."""
    claimed, price = inputs.break_even_mtok, inputs.closed
    infra, tco = inputs.infrastructure.divide(price), inputs.tco.divide(price)
    real_infra, real_tco = (
        inputs.infrastructure.divide(inputs.real_3to1),
        inputs.tco.divide(inputs.real_3to1),
    )
    checks = {
        f"F/p of {name} is at most {claimed:g}M": span.low <= claimed
        for name, span in (("rented servers", infra), ("its own TCO", tco))
    }
    return Claim(
        "5",
        f"break-even near {claimed:g}M tokens a month",
        "F / p",
        f"{infra.format('M')} with servers alone, {tco.format('M')} with its own TCO: "
        f"{infra.divide(claimed).format('x')} and {tco.divide(claimed).format('x')} its figure.",
        f"At ${inputs.real_3to1:.2f}: {real_infra.divide(1000).format('B')} and {real_tco.divide(1000).format('B')}, "
        "if one server could serve that volume.",
        claim_verdict(checks),
        f"the API costs {inputs.infrastructure.divide(claimed).format_usd()} per million ({inputs.tco.divide(claimed).format_usd()} with its TCO), "
        f"or all of self-hosting ${claimed * price:,.0f} a month",
        checks,
        {
            **infra.named_bounds("mtok"),
            **tco.named_bounds("tco_mtok"),
            **real_infra.named_bounds("real_mtok"),
            **real_tco.named_bounds("real_tco_mtok"),
            **infra.divide(claimed).named_bounds("factor"),
            **tco.divide(claimed).named_bounds("tco_factor"),
        },
    )

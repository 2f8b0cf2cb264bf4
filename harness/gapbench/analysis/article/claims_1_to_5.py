"""Rows 1 to 5 of the audit: what a million tokens costs, how many times cheaper, and where it breaks even."""

from __future__ import annotations

from gapbench.analysis.article.claim import Claim, verdict
from gapbench.analysis.article.claim_inputs import Inputs, Span
from gapbench.analysis.economics.self_hosting_cost import floor_usd_per_mtok
from gapbench.analysis.economics.sizing import MTOK, SECONDS_PER_MONTH


def price_at_a_billion(given: Inputs) -> Claim:
    """Return row 1."""
    claimed, mtok = given.self_hosted, given.volume_mtok
    own = given.infrastructure.over(mtok)
    owned, tco = given.owned.over(mtok), given.tco.over(mtok)
    needed = given.infrastructure.over(claimed)
    rate = needed.times(MTOK / SECONDS_PER_MONTH)
    use = {name: rate.over(node.tokens_per_s) for name, node in given.nodes.items()}
    dense, sparse = use["llama-3.3-70b-8xh100"], use["deepseek-r1-8xh200"]
    checks = {f"F/V of {name} is at most ${claimed:g}/M": span.low <= claimed for name, span in
              (("rented servers", own), ("owned servers", owned), ("its own TCO", tco))}  # fmt: skip
    return Claim(
        "1",
        f"${claimed:.2f} per million tokens at {mtok / 1000:g}B tokens a month",
        "F / V",
        f"Its servers over its volume are {own.usd()} per million ({owned.usd()} owned, {tco.usd()} with its own TCO): "
        f"{own.over(claimed).words('x')} its figure ({owned.over(claimed).words('x')} owned).",
        f"An H100 node at ${given.h100_usd_per_hour:g} a GPU-hour is ${given.node_usd / mtok:.1f} per million at that "
        f"volume; only a fleet is that cheap: DeepSeek's published day comes to ${given.fleet_usd_per_mtok:.4f}.",
        verdict(checks),
        f"V is {needed.over(1000).words('B')} tokens a month, {rate.over(1000).words('k')} tokens/s all month "
        f"({dense.percent()} of the most a 70B model did on 8 H100, {sparse.percent()} for DeepSeek R1 on 8 H200); "
        f"or the servers cost ${claimed * mtok:,.0f} a month",
        checks,
        {
            **own.named("usd_per_mtok"),
            **owned.named("owned_usd_per_mtok"),
            **tco.named("tco_usd_per_mtok"),
            **own.over(claimed).named("factor"),
            **owned.over(claimed).named("owned_factor"),
            **needed.named("needed_mtok"),
            **rate.named("needed_tokens_per_s"),
            **dense.named("utilisation_70b"),
            **sparse.named("utilisation_r1"),
            "fleet_usd_per_mtok": given.fleet_usd_per_mtok,
            "fleet_usd_per_day": given.fleet_usd_per_day,
        },
    )


def times_cheaper(given: Inputs) -> Claim:
    """Return row 2."""
    claimed, price, mtok = given.cheaper_by, given.closed, given.volume_mtok
    own = Span(price / (given.infrastructure.high / mtok), price / (given.infrastructure.low / mtok))
    real_bill = given.real_3to1 * mtok
    dearer = given.infrastructure.over(real_bill)
    checks = {f"p over F/V is at least {claimed:g} on rented servers": own.high >= claimed,
              f"p over F/V is at least {claimed:g} on owned servers": price * mtok / given.owned.low >= claimed}  # fmt: skip
    return Claim(
        "2",
        f"{claimed:g}x cheaper than closed models at ${price:g}+",
        "p / (F / V)",
        f"${price:g} / ${given.self_hosted:.2f} = {price / given.self_hosted:.1f} is right as arithmetic, but its own servers "
        f"give {own.words('x')}: it inherits claim 1.",
        f"At the real mean price of ${given.real_3to1:.2f} (3:1) the API costs ${real_bill:,.0f} a month at that volume, "
        f"and the servers are {dearer.words('x')} dearer.",
        verdict(checks),
        f"the volume of claim 1 and a closed price of ${price:g}",
        checks,
        {**own.named("factor"), **dearer.named("dearer"), "arithmetic": price / given.self_hosted},
    )


def closed_average(given: Inputs) -> Claim:
    """Return row 2b."""
    claimed = given.closed
    share = given.input_share_for(claimed)
    top = max(given.prices["gemini-3-pro"])
    checks = {f"mean at 3:1 is at least ${claimed:g}": given.own_3to1 >= claimed,
              f"mean at 1:1 is at least ${claimed:g}": given.own_1to1 >= claimed}  # fmt: skip
    return Claim(
        "2b",
        f"closed models average ${claimed:g}+ per million",
        "mean over models of f p_in + (1 - f) p_out",
        f"Its prices average ${given.own_3to1:.1f} at 3:1 input to output and ${given.own_1to1:.1f} at 1:1; "
        f"one of them never passes ${top:g}.",
        f"Real prices average ${given.real_3to1:.2f} at 3:1 and ${given.real_1to1:.2f} at 1:1.",
        verdict(checks),
        f"at most {share:.0%} of the tokens are input, at its own prices",
        checks,
        {
            "mean_3to1": given.own_3to1,
            "mean_1to1": given.own_1to1,
            "real_3to1": given.real_3to1,
            "real_1to1": given.real_1to1,
            "input_share": share,
        },
    )


def range_cheaper(given: Inputs) -> Claim:
    """Return row 3."""
    claimed, dear = given.cheaper_range, [given.prices["gpt-5.2"], given.prices["claude-opus-4-6"]]
    cheap = given.self_hosted_range
    ratio = {
        side: Span(dear[0][at] / cheap.high, dear[1][at] / cheap.low)
        for at, side in enumerate(("input", "output"))
    }
    hosted = Span.of(price / given.hosted["deepseek"] for price in given.real_blended.values())
    llama = Span.of(price / given.hosted["llama"] for price in given.real_blended.values())
    checks = {f"{side}: its own ratio lies within {claimed.words('x')}": claimed.holds(span) for side, span in ratio.items()}  # fmt: skip
    return Claim(
        "3",
        f"{claimed.words('x')} cheaper",
        "closed list price / open price",
        f"Its own table gives {ratio['input'].words('x')} on input and {ratio['output'].words('x')} on output, at no stated volume.",
        f"Bought from a provider, DeepSeek V3.2 is {hosted.words('x')} cheaper and Llama 3.3 70B {llama.words('x')} "
        "(list prices, 3:1); per solved task: measure it.",
        verdict(checks),
        "it is a ratio of list prices and the open model is bought from a provider, not self-hosted",
        checks,
        {
            **ratio["input"].named("input"),
            **ratio["output"].named("output"),
            **hosted.named("deepseek"),
            **llama.named("llama"),
        },
    )


def range_per_mtok(given: Inputs) -> Claim:
    """Return row 4."""
    claimed = given.self_hosted_range
    floors = {name: float(floor_usd_per_mtok(node.usd_per_hour, node.tokens_per_s)) for name, node in given.nodes.items()}  # fmt: skip
    checks = {
        f"{name}: ${claimed.high:g}/M is reached": floor <= claimed.high for name, floor in floors.items()
    }
    need = {name: Span(floor / claimed.high, floor / claimed.low) for name, floor in floors.items()}
    said = "; ".join(f"{given.nodes[name].label} ${floor:.2f}" for name, floor in floors.items())
    met = "; ".join(
        f"{given.nodes[name].label} {need[name].percent()}"
        for name, floor in floors.items()
        if floor <= claimed.high
    )
    return Claim(
        "4",
        f"self-hosting costs {claimed.usd(2)} per million tokens",
        "node USD/h x 1e6 / (tokens/s x 3600 u)",
        f"At 100 % of published highest throughput, input and output counted: {said}.",
        "These are real prices: the article gives no throughput.",
        verdict(checks),
        f"utilisation of that highest throughput is {met}; never for the others",
        checks,
        {f"{name}_usd_per_mtok": floor for name, floor in floors.items()}
        | {
            key: value
            for name, span in need.items()
            for key, value in span.named(f"{name}_utilisation").items()
        },
    )


def break_even(given: Inputs) -> Claim:
    """Return row 5."""
    claimed, price = given.break_even_mtok, given.closed
    infra, tco = given.infrastructure.over(price), given.tco.over(price)
    real_infra, real_tco = (
        given.infrastructure.over(given.real_3to1),
        given.tco.over(given.real_3to1),
    )
    checks = {f"F/p of {name} is at most {claimed:g}M": span.low <= claimed
              for name, span in (("rented servers", infra), ("its own TCO", tco))}  # fmt: skip
    return Claim(
        "5",
        f"break-even near {claimed:g}M tokens a month",
        "F / p",
        f"{infra.words('M')} on servers alone, {tco.words('M')} on its own TCO: "
        f"{infra.over(claimed).words('x')} and {tco.over(claimed).words('x')} its figure.",
        f"At ${given.real_3to1:.2f}: {real_infra.over(1000).words('B')} and {real_tco.over(1000).words('B')}, "
        "if one server could carry them.",
        verdict(checks),
        f"the API costs {given.infrastructure.over(claimed).usd()} per million ({given.tco.over(claimed).usd()} with its TCO), "
        f"or all of self-hosting ${claimed * price:,.0f} a month",
        checks,
        {
            **infra.named("mtok"),
            **tco.named("tco_mtok"),
            **real_infra.named("real_mtok"),
            **real_tco.named("real_tco_mtok"),
            **infra.over(claimed).named("factor"),
            **tco.over(claimed).named("tco_factor"),
        },
    )

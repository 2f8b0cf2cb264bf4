"""A fleet plan from traffic: what it counts, what it compares with, its interval, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gapbench.analysis.economics.fleet.fleet_plan import FleetPlan, plan_fleet
from gapbench.analysis.economics.fleet.fleet_terms import FleetSettings, replica_terms
from gapbench.analysis.economics.fleet.hourly_traffic import count_by_hour
from gapbench.analysis.economics.fleet.request_prices import (
    Api,
    ApiPrices,
    closed_prices,
    leg_prices,
)
from gapbench.analysis.economics.fleet.requests_to_plan import RequestsToPlan, select_requests
from gapbench.analysis.economics.quantity import Quantity
from gapbench.analysis.economics.scenario import GIVEN_BY_SET, Scenario
from gapbench.analysis.economics.scenario_inputs import build_scenario
from gapbench.analysis.traffic.prices import quote_requests
from gapbench.errors import InputError, ResultsError
from gapbench.pricing import TokenRates, UnitPrices, find_price
from gapbench.pricing.rates import to_decimal
from gapbench.report.fleet import answer_lines
from gapbench.suite.tco_fields import CapacityDocument, LegDocument, OwnDocument, TcoDocument
from tests.fleet_cases import ReplayTerms, Truth, office_week, replay_usd, traffic_frame

HOURS_A_MONTH = 730.5
ONE_WEEK = FleetSettings(growths=(), api_prices=(), draws=200)


def hourly_frame(days: int, **more: Any) -> pd.DataFrame:
    """Return a request each hour, of 900 tokens in and 100 out."""
    count = days * 24
    return traffic_frame(
        np.arange(count) * 3600 + 60, np.full(count, 900), np.full(count, 100), np.full(count, "chat"), **more
    )


def scenario(**changed: Quantity) -> Scenario:
    """Return 1 GPU a replica at $1, nothing on top, 1 request of 1,000 tokens a second, no reservation's discount."""
    values = {
        "input_tokens": 900, "output_tokens": 100, "headroom": 1, "overhead": 0, "engineers": 0, "updates_per_year": 0,
        "storage_usd_per_month": 0, "gpus_per_replica": 1, "usd_per_gpu_hour": 1, "reserved_discount": 0,
        "replica_requests_per_s": 1,
    }  # fmt: skip
    base = build_scenario(at=date(2026, 11, 1))
    kept = {name: given for name, given in base.inputs.items() if name != "input_share"}
    given = {name: Quantity(float(value), "", source=GIVEN_BY_SET) for name, value in values.items()}
    return replace(base, inputs={**kept, **given, **changed}, notes=(), availability=1.0)


def flat_prices(requests: RequestsToPlan, closed: float = 0.01, hosted: float = 0.02) -> dict[Api, ApiPrices]:
    """Return prices a request, half of it in a batch."""
    count = len(requests.frame)
    return {
        "closed": ApiPrices("closed", np.full(count, closed), np.full(count, closed / 2), "batch"),
        "hosted": ApiPrices("hosted", np.full(count, hosted), np.full(count, hosted / 2), "flex"),
    }


def plan_of(requests: RequestsToPlan, given: Scenario | None = None, **settings: Any) -> FleetPlan:
    """Return the plan with flat prices."""
    return plan_fleet(requests, flat_prices(requests), given or scenario(), replace(ONE_WEEK, **settings))


def test_all_closed_is_every_request_of_a_month() -> None:
    """A request an hour at $0.01, 730.5 hours; the three options without own replicas know no saving."""
    plan = plan_of(select_requests(hourly_frame(14)))
    closed = plan.option("closed")

    assert closed is not None
    assert HOURS_A_MONTH * 0.01 == pytest.approx(closed["usd"]) == pytest.approx(plan.options[0]["usd"])
    assert (0, 0) == (plan.reserved, sum(plan.rented))
    assert HOURS_A_MONTH == pytest.approx(plan.flows.live) == pytest.approx(plan.flows.total)


def test_a_plan_without_gpus_is_all_closed_in_words_too() -> None:
    """Few requests in uneven hours: it saves exactly nothing, and no request goes to GPUs that are not there."""
    frame = traffic_frame(
        np.sort(np.random.default_rng(1).integers(0, 21 * 86_400, 2000)), np.full(2000, 900), np.full(2000, 100), np.full(2000, "chat")
    )  # fmt: skip
    plan = plan_of(select_requests(frame))
    said = " ".join(answer_lines(plan))

    assert (0.0, 0.0) == (plan.flows.own, plan.flows.overflow)
    assert "a month" in said
    assert "the same as all closed" in said
    assert "your own GPUs" not in said
    assert "full or down" not in said


def test_requests_that_may_wait_go_to_the_tier_that_waits() -> None:
    """30 % at half the price: 0.7 + 0.15 of the dollars."""
    plan = plan_of(select_requests(hourly_frame(14), wait_share=0.3))

    assert HOURS_A_MONTH * 0.01 * 0.85 == pytest.approx(plan.options[0]["usd"])
    assert plan.flows.wait == pytest.approx(0.3 * HOURS_A_MONTH)
    assert "batch" == plan.wait_tier


def test_what_only_the_closed_model_may_answer_goes_there() -> None:
    """With an open share of 0.6 and the hosted API, 0.4 x $0.01 and 0.6 x $0.02."""
    plan = plan_of(select_requests(hourly_frame(14)), open_share=0.6, api="hosted")

    assert HOURS_A_MONTH * (0.4 * 0.01 + 0.6 * 0.02) == pytest.approx(plan.options[0]["usd"])
    assert 0.4 * HOURS_A_MONTH == pytest.approx(plan.flows.closed_only)


def test_own_replicas_are_planned_where_they_are_cheaper() -> None:
    """At $5 a request and $1 a replica-hour one is reserved; a replica that is always up costs $730.50."""
    requests = select_requests(hourly_frame(14))
    plan = plan_fleet(requests, flat_prices(requests, 5.0, 6.0), scenario(), ONE_WEEK)

    assert (1, 1.0) == (plan.reserved + min(plan.rented), plan.live_sent.min())
    assert HOURS_A_MONTH == pytest.approx(plan.options[0]["servers_usd"])
    assert plan.flows.own > 0.999 * HOURS_A_MONTH


def test_the_plan_is_never_dearer_than_what_it_is_compared_with() -> None:
    """It could always choose all closed or all self-hosted."""
    frame = Truth(office_week(60)).draw(21, np.random.default_rng(3))
    requests = select_requests(frame, waiting_routes=["nightly"])
    given = scenario(
        replica_requests_per_s=Quantity(0.02, "", source=GIVEN_BY_SET),
        usd_per_gpu_hour=Quantity(0.4, "", source=GIVEN_BY_SET),
    )
    plan = plan_of(requests, given)

    assert plan.found.has_own
    assert all(row["saving_usd"] >= -1e-6 for row in plan.options[1:])
    parts = (plan.flows.own, plan.flows.overflow, plan.flows.live, plan.flows.wait)
    assert sum(parts) == pytest.approx(plan.requests_a_month.value)
    assert json.dumps(plan.to_json())


def test_growth_and_prices_are_planned_anew() -> None:
    """Twice the requests at one price each are twice the dollars; so are twice the API prices."""
    plan = plan_of(select_requests(hourly_frame(14)), growths=(2.0,), api_prices=(2.0,))

    assert [2 * HOURS_A_MONTH * 0.01] * 2 == pytest.approx([row["usd"] for row in plan.sensitivity])
    assert [2 * HOURS_A_MONTH * 0.01] * 2 == pytest.approx([row["closed_usd"] for row in plan.sensitivity])


def test_the_mean_of_each_hour_is_that_of_its_weekday() -> None:
    """Mondays at 09:00 with 3 and 5 requests have a mean of 4; all other hours have 1."""
    extra = np.repeat([9 * 3600.0, (7 * 24 + 9) * 3600.0], [2, 4])
    frame = pd.concat([hourly_frame(14), traffic_frame(extra, [900] * 6, [100] * 6, ["chat"] * 6)])
    requests = select_requests(frame.sort_values("time", ignore_index=True))
    week = (traffic := count_by_hour(requests, flat_prices(requests))).week(traffic.work["live"])

    assert (4.0, 167.0) == (week[9], week.sum() - week[9])
    assert not traffic.is_pooled


def test_with_one_week_weekdays_share_their_hours() -> None:
    """Monday's 11 requests at 09:00 and four days with 1 are a mean of 3 from Monday to Friday."""
    frame = pd.concat(
        [hourly_frame(7), traffic_frame([9 * 3600.0] * 10, [900] * 10, [100] * 10, ["chat"] * 10)]
    )
    requests = select_requests(frame.sort_values("time", ignore_index=True))
    traffic = count_by_hour(requests, flat_prices(requests))

    assert traffic.is_pooled
    assert [3.0] * 5 + [1.0] * 2 == traffic.week(traffic.work["live"])[9::24].tolist()


@pytest.mark.parametrize(("spread", "expected"), [(0.0, 0.0), (0.3, 0.09)])
def test_the_dispersion_is_that_of_the_rate(spread: float, expected: float) -> None:
    """Rates with a standard deviation of 0.3 have a dispersion of 0.09; constant ones none. 1 / 20 is for 20 weeks."""
    frame = Truth(np.full(168, 80.0), day_spread=0.0, hour_spread=spread).draw(140, np.random.default_rng(5))
    requests = select_requests(frame)
    _, dispersion = count_by_hour(requests, flat_prices(requests)).variation()

    assert dispersion.mean() == pytest.approx(expected * (1 + 1 / 20), abs=0.01)


def test_sizes_that_differ_make_work_vary_more() -> None:
    """Sizes of 0.5 and 1.5 mean requests have a mean square of 1.25."""
    frame = hourly_frame(14)
    frame["input_tokens"] = pd.array(np.tile([400, 1400], 7 * 24), dtype="Int64")
    requests = select_requests(frame)

    assert count_by_hour(requests, flat_prices(requests)).size_factor == pytest.approx((0.25 + 2.25) / 2)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_dollars_come_true_in_a_replay(seed: int) -> None:
    """Requests that arrive one by one cost what the plan says, within its interval; 100 seeds are in benchmarks/."""
    rng = np.random.default_rng(seed)
    truth = Truth(office_week(60), day_spread=0.1)
    requests = select_requests(truth.draw(28, rng), waiting_routes=["nightly"])
    given = replace(
        scenario(
            replica_requests_per_s=Quantity(0.02, "", source=GIVEN_BY_SET),
            usd_per_gpu_hour=Quantity(0.4, "", source=GIVEN_BY_SET),
        ),
        availability=0.99,
    )
    plan = plan_of(requests, given)
    month = truth.draw(28, rng)
    waits = (month["route"] == "nightly").to_numpy()
    tokens = float(requests.tokens.mean())
    terms = ReplayTerms(plan.capacity_per_h * tokens, 0.99, 2.0, 0.4, 0.4, 1 / 6)
    usd = replay_usd(month, np.where(waits, 0.005, 0.01), waits, plan.to_json(), terms, rng)

    assert plan.found.has_own
    assert plan.options[0]["low"] < usd < plan.options[0]["high"]


def test_a_range_of_the_gpu_price_widens_the_interval() -> None:
    """A replica at $1 that may cost 0.5 to 2 is a month of at least 365 dollars and at most 1,461."""
    requests = select_requests(hourly_frame(14))
    ranged = scenario(usd_per_gpu_hour=Quantity(1.0, "", 0.5, 2.0, source=GIVEN_BY_SET))
    plan = plan_fleet(requests, flat_prices(requests, 5.0, 6.0), ranged, ONE_WEEK)
    row = plan.options[0]

    assert 0.5 * HOURS_A_MONTH < row["low"] < HOURS_A_MONTH < row["high"] < 2 * HOURS_A_MONTH + 100


def test_bought_servers_are_paid_in_all_hours_and_none_is_rented() -> None:
    """$36,000 over 36 months and 1 kW at a PUE of 1 and $0.20 / kWh are 1,000 + 146.1 a month."""
    block = TcoDocument(
        own=OwnDocument(capex_usd=36_000, power_kw=1, pue=1, usd_per_kwh=0.2), overhead=0,
        capacity=CapacityDocument(requests_per_s=1), input_tokens=900, output_tokens=100, headroom=1,
    )  # fmt: skip
    owned = build_scenario(block, at=date(2026, 11, 1))
    terms = replica_terms(owned, owned.point_values, 500.0)

    assert (1000 + 0.2 * HOURS_A_MONTH) / HOURS_A_MONTH == pytest.approx(terms.reserved_usd_per_h)
    assert terms.rented_usd_per_h is None
    assert 3600 * 1000 / 500 == pytest.approx(terms.capacity)


def test_simulated_traffic_is_marked() -> None:
    """The plan, its JSON and its first line say so."""
    plan = plan_of(select_requests(hourly_frame(14, simulated=True)))

    assert plan.to_json()["simulated"]
    assert answer_lines(plan)[0].startswith("SIMULATED")


def test_less_than_a_week_is_refused() -> None:
    """Six whole days leave hours of the week that nobody has seen."""
    with pytest.raises(ResultsError, match=r"cover 6 whole days.*at least 7"):
        select_requests(hourly_frame(6))


def test_what_cannot_be_planned_is_left_out_and_counted() -> None:
    """A failed request, one from a gateway's cache, an embedding, and one without a time."""
    frame = hourly_frame(14).astype({"from_cache": object})
    frame.loc[30, "is_error"] = True
    frame.loc[31, "from_cache"] = True
    frame.loc[32, "endpoint"] = "embeddings"
    frame.loc[33, "time"] = pd.NaT
    found = select_requests(frame)

    assert 14 * 24 - 4 == len(found.frame)
    assert 4 == sum("left out" in note for note in found.notes)


def test_the_requests_of_the_answer_are_those_of_its_dollars() -> None:
    """Of ten days eight are no weekend, and the first three hours failed: the audit's month is the sum of the plan's flows."""
    frame = hourly_frame(10)
    frame = frame[(frame["time"].dt.day_of_week < 5) | (frame["time"].dt.hour % 12 == 0)].reset_index(
        drop=True
    )
    frame.loc[[0, 1, 2], "is_error"] = True
    plan = plan_of(select_requests(frame))

    assert plan.flows.total == pytest.approx(plan.requests_a_month.value)


def test_unknown_tokens_have_the_mean_of_the_others() -> None:
    """One of 336 without counts; the note says so. None known at all is refused."""
    frame = hourly_frame(14)
    frame.loc[5, ["input_tokens", "output_tokens"]] = pd.NA
    found = select_requests(frame)

    assert (1000.0, 1) == (found.tokens[5], len(found.notes))
    with pytest.raises(ResultsError, match="no answered request in these tables has token counts"):
        select_requests(frame.assign(input_tokens=pd.array([pd.NA] * len(frame), dtype="Int64")))


def test_waiting_tiers_of_today_may_wait() -> None:
    """Without an option it is what a batch or flex tier answered; an unknown route is refused with those that there are."""
    frame = hourly_frame(14).astype({"service_tier": object})
    frame.loc[::2, "service_tier"] = "batch"

    assert 0.5 == select_requests(frame).wait_share.mean()
    with pytest.raises(InputError, match="'faq'; the routes of these tables are 'chat'"):
        select_requests(frame, waiting_routes=["faq"])


def test_a_request_is_priced_as_the_price_book_does() -> None:
    """Long prompts, cache reads and both cache writes, request by request."""
    steep = UnitPrices(
        TokenRates(*map(to_decimal, (2, 12, "0.2", 3, 4))),
        ((1000, TokenRates(*map(to_decimal, (4, 18)))),),
        "book", "", None, "m",
    )  # fmt: skip
    frame = traffic_frame([0.0, 1.0], [1000, 1001], [50, 60], ["a", "b"])
    counts = {"cached_input_tokens": 300, "cache_write_tokens": 200, "cache_write_1h_tokens": 80}
    frame = frame.assign(**{name: pd.array([value] * 2, dtype="Int64") for name, value in counts.items()})
    expected = [
        float(steep.usd(input_tokens=read, output_tokens=written, **counts))
        for read, written in ((1000, 50), (1001, 60))
    ]

    assert expected == pytest.approx(quote_requests(frame, steep).tolist())


def test_without_a_named_api_the_logs_own_models_are_priced() -> None:
    """900 and 100 tokens of GPT-5.2 at today's price, and its batch price for what may wait."""
    frame = hourly_frame(14)
    found = closed_prices(frame, scenario(), TcoDocument(), None, [])
    live, batch = (find_price("openai", "gpt-5.2", date(2026, 11, 1), tier) for tier in (None, "batch"))

    assert found is not None
    assert isinstance(live, UnitPrices)
    assert isinstance(batch, UnitPrices)
    assert float(live.usd(input_tokens=900, output_tokens=100)) == pytest.approx(found.live_usd[0])
    assert float(batch.usd(input_tokens=900, output_tokens=100)) == pytest.approx(found.wait_usd[0])
    assert "gpt-5.2, as in the log" == found.label


def test_a_named_api_has_the_batch_price_of_each_token_class() -> None:
    """Half of Gemini's price in a batch, but for tokens from the cache: the same dollars as the log's own models have."""
    frame = hourly_frame(14).assign(cached_input_tokens=pd.array([800] * 336, dtype="Int64"))
    block = TcoDocument(closed=LegDocument(provider="google", model="gemini-2.5-pro"))
    found = leg_prices("closed", frame, build_scenario(block, at=date(2026, 11, 1)), block, None, [])
    batch = find_price("google", "gemini-2.5-pro", date(2026, 11, 1), "batch")

    assert found is not None
    assert isinstance(batch, UnitPrices)
    expected = batch.usd(input_tokens=900, output_tokens=100, cached_input_tokens=800)
    assert float(expected) == pytest.approx(found.wait_usd[0])


def test_a_model_without_a_price_is_refused_unless_it_is_rare() -> None:
    """1 of 336 costs what the others do for a token; a third of them is refused with the reason."""
    frame = hourly_frame(14)
    rare, often = frame.copy(), frame.copy()
    names = ["model_asked", "model_served"]
    rare.loc[0, names] = "in-house"
    often.loc[::3, names] = "in-house"
    notes: list[str] = []
    found = closed_prices(rare, scenario(), TcoDocument(), None, notes)

    assert found is not None
    assert (1, pytest.approx(found.live_usd[1])) == (len(notes), found.live_usd[0])
    with pytest.raises(InputError, match=r"112 of 336 requests have no price.*in-house.*--closed"):
        closed_prices(often, scenario(), TcoDocument(), None, [])


def test_a_named_api_without_a_price_is_refused() -> None:
    """The price book's own reason is passed on."""
    block = TcoDocument(closed=LegDocument(provider="nobody", model="m"))
    with pytest.raises(InputError, match="knows a provider 'nobody'"):
        leg_prices("closed", hourly_frame(14), scenario(), block, None, [])


def test_without_a_named_open_model_no_provider_hosts_it() -> None:
    """The default model of `bench tco` is not taken for the user's; its name gives it a price."""
    named = TcoDocument(hosted=LegDocument(provider="groq", model="llama-3.3-70b-versatile"))

    assert leg_prices("hosted", hourly_frame(14), scenario(), TcoDocument(), None, []) is None
    assert leg_prices("hosted", hourly_frame(14), scenario(), named, None, []) is not None


def test_without_any_price_nothing_is_planned() -> None:
    """The refusal names the options that would do."""
    requests = select_requests(hourly_frame(14))
    with pytest.raises(InputError, match=r"no price is known of any API.*--closed"):
        plan_fleet(requests, {}, scenario(), ONE_WEEK)

"""The ``tco:`` block of a suite: what to compare self-hosting with, and at which prices."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, field_validator

from gapbench.suite.documents import StrictModel

Number = Annotated[int | float, Field(ge=0)]
Share = Annotated[int | float, Field(ge=0, le=1)]


class Ranged(StrictModel):
    """A number with its range and source."""

    value: Number = Field(description="the figure")
    low: Number | None = Field(None, description="lower end of its range")
    high: Number | None = Field(None, description="upper end of its range")
    source: str | None = Field(None, description="its source")
    as_of: date | None = Field(None, description="day of the source")
    kind: Literal["measured", "published", "assumed"] = Field("assumed", description="how it is known")

    @field_validator("as_of", mode="before")
    @classmethod
    def _parse_day(cls, value: object) -> object:
        return date.fromisoformat(value) if isinstance(value, str) else value


Amount = Number | Ranged


class LegDocument(StrictModel):
    """An API to compare with: an entry of the price book, or explicit prices."""

    provider: str | None = Field(None, description="provider in the price book")
    model: str | None = Field(None, description="model in the price book; or the name in tables")
    input_usd_per_mtok: Amount | None = Field(None, description="dollars per million input tokens")
    output_usd_per_mtok: Amount | None = Field(None, description="dollars per million output tokens")
    cached_input_usd_per_mtok: Amount | None = Field(None, description="default: the input price")
    batch_factor: Amount | None = Field(None, description="batch price over the standard one, such as 0.5")


class DemandDocument(StrictModel):
    """When requests arrive."""

    shape: str = Field("day", description="flat, day, business, or a CSV file of hourly rates")
    peak_over_average: Amount | None = Field(None, description="busiest hour over the mean; default 3")
    autoscale: bool = Field(False, description="replicas follow the demand hour by hour")
    replicas_min: int = Field(1, ge=1, le=10_000, description="replicas kept at all times")


class CapacityDocument(StrictModel):
    """The capacity of one replica within the latency limits."""

    published: str | None = Field(None, description="a published throughput by its id")
    requests_per_s: Amount | None = Field(None, description="requests per second of one replica")
    output_tokens_per_s: Amount | None = Field(None, description="output tokens per second of one replica")
    derate: Share | None = Field(
        None, description="share of the maximum throughput that is left within the latency limits"
    )


class OwnDocument(StrictModel):
    """Servers that you buy."""

    capex_usd: Amount = Field(description="price of one replica's hardware")
    months: Annotated[int | float, Field(gt=0, le=600)] = Field(36, description="months of use")
    residual: Amount = Field(0, description="share of the price left at the end")
    interest_per_month: Annotated[int | float, Field(ge=0, lt=1)] = Field(0, description="cost of capital")
    power_kw: Amount = Field(description="power of one replica under load")
    pue: Amount = Field(1.3, description="power usage effectiveness of the site")
    usd_per_kwh: Amount = Field(0.12, description="price of energy")
    load_factor: Amount = Field(1, description="share of the power drawn on average")
    colo_usd_per_kw_month: Amount | None = Field(None, description="colocation in place of energy")


class TcoDocument(StrictModel):
    """Total cost of ownership: closed API, the same open model hosted by a provider, self-hosted."""

    volume: str | Annotated[int | float, Field(gt=0)] = Field("1B", description="tokens a month, such as 50M")
    v_max: str | Annotated[int | float, Field(gt=0)] = Field("1T", description="largest volume to consider")
    input_tokens: Amount | None = Field(
        None, description="input tokens of one request; default: the run's, else 1500"
    )
    output_tokens: Amount | None = Field(
        None, description="output tokens of one request; default: the run's, else 500"
    )
    input_share: Amount | None = Field(
        None, description="mix: input tokens over all tokens; default: the run's, else 0.75 (0.5 to 0.91)"
    )
    cached_share: Amount | None = Field(None, description="share of input tokens that a cache answers")
    batch_share: Amount | None = Field(None, description="share of requests that can wait for a batch price")
    demand: DemandDocument = Field(default_factory=DemandDocument, description="when requests come")
    closed: LegDocument | None = Field(None, description="the closed API")
    hosted: LegDocument | None = Field(None, description="the same open model bought from a provider")
    weights: str | None = Field(None, description="the open model on Hugging Face, to find who hosts it")
    capacity: CapacityDocument | None = Field(None, description="capacity of one replica")
    headroom: Amount | None = Field(None, description="share of capacity that may be used; default 0.8")
    availability: Share = Field(0.99, description="share of the time that one replica is up")
    availability_target: Share = Field(
        0.999, description="share of the time that enough are up; 0: no spares"
    )
    gpu: str | None = Field(None, description="its name in the price book, such as H100-80GB")
    gpus: Amount | None = Field(None, description="GPUs of one replica")
    usd_per_gpu_hour: Amount | None = Field(None, description="default: the price book's, with its range")
    reserved_discount: Amount | None = Field(None, description="share taken off for a reservation")
    own: OwnDocument | None = Field(None, description="servers that you buy; without it they are rented")
    overhead: Amount | None = Field(None, description="share on top of the servers; default 0.25")
    engineers: Amount | None = Field(None, description="full-time engineers; default 0.5")
    usd_per_engineer_year: Amount | None = Field(
        None, description="full cost of one engineer; default 300000"
    )
    updates_per_year: Amount | None = Field(None, description="model updates; default 4")
    days_per_update: Amount | None = Field(None, description="working days per update; default 5")
    usd_per_day: Amount | None = Field(None, description="cost of one working day; default 1200")
    storage_usd_per_month: Amount | None = Field(None, description="storage of weights and logs; default 100")
    licence_usd_per_month: Amount | None = Field(None, description="license of the weights; default 0")
    egress_usd_per_mtok: Amount | None = Field(None, description="network, per million tokens; default 0")

"""The ``cost:`` block of a model in a suite: GPUs, token prices, or an entry of the price book."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gapbench.suite.documents import StrictModel

Amount = Annotated[int | float, Field(ge=0)]


class GpuCost(StrictModel):
    """The price of the GPUs that serve a model."""

    gpu: str | None = Field(None, description="its name in the price book, such as H100-80GB")
    gpus: Annotated[int | float, Field(gt=0)] = Field(1, description="GPUs that the model occupies")
    usd_per_gpu_hour: Amount | None = Field(None, description="default: the price book's")
    usd_per_gpu_hour_low: Amount | None = Field(None, description="lower end of the price's range")
    usd_per_gpu_hour_high: Amount | None = Field(None, description="upper end of the price's range")
    as_of: str | None = Field(None, pattern=r"^\d{4}-\d{2}-\d{2}$", description="day of the price")
    source: str | None = Field(None, description="source of the price, shown with it")
    weights: str | None = Field(None, description="the model on Hugging Face, to find who hosts it")


class BatchCost(StrictModel):
    """Token prices of answers from a batch API."""

    input_usd_per_mtok: Amount = Field(description="dollars per million input tokens")
    output_usd_per_mtok: Amount = Field(description="dollars per million output tokens, reasoning included")
    cached_input_usd_per_mtok: Amount | None = Field(None, description="default: the input price")


class TokenCost(StrictModel):
    """Token prices."""

    input_usd_per_mtok: Amount = Field(description="dollars per million input tokens")
    output_usd_per_mtok: Amount = Field(description="dollars per million output tokens, reasoning included")
    cached_input_usd_per_mtok: Amount | None = Field(None, description="default: the input price")
    batch: BatchCost | None = Field(
        None,
        description="what the provider's batch API charges; default: unknown, as it is not the price above",
    )
    source: str | None = Field(None, description="source of the price, shown with it")


class BookCost(StrictModel):
    """Which entry of the price book applies."""

    provider: str | None = Field(None, description="provider in the price book; default: the runner's")
    model: str | None = Field(None, description="model in the price book; default: the model's name")

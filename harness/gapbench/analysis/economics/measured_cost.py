"""What a run measured of one leg, as `bench cost` reports it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MeasuredCost:
    """What a run measured of one leg. The figures are those of `bench cost`.

    Attributes:
        model_id: The model.
        usd_per_task: Retries and failed requests included. None if unknown.
        usd_per_mtok: Per million of this model's own tokens. None if unknown.
        tokens_per_task: This model's input and output tokens per answered task. None if unknown.
        tasks: Answered tasks.
        requests: Measured requests, answered or not.
        was_run: Whether this leg itself was run. Otherwise its price is applied to the tokens of the other one.
    """

    model_id: str
    usd_per_task: float | None
    usd_per_mtok: float | None
    tokens_per_task: float | None
    tasks: int
    requests: int
    was_run: bool = True

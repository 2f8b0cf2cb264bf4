"""The throughput of one replica, measured by a sweep or published by others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from gapbench.analysis.economics.published_inputs import load_published_inputs
from gapbench.analysis.economics.quantity import Kind, Quantity
from gapbench.errors import InputError


@dataclass(frozen=True, slots=True)
class Throughput:
    """The rate of one replica within the latency limits, and the size of the requests it was measured with.

    Attributes:
        requests_per_s: Highest rate within the limits.
        low: Lower end of its range. None if no range is known.
        high: Upper end.
        input_tokens: Mean prompt length of a request.
        output_tokens: Mean answer length of a request.
        kind: ``measured``, ``published`` or ``assumed``.
        source: Where the rate comes from.
        as_of: Day of the source. None if not given.
        gpu: Name of the GPU in the price book. None if not known.
        gpus: Number of GPUs of the replica. None if not known.
        simulated: Whether a simulated provider was measured.
        weights: Name of the model's weights. None if not known.
    """

    requests_per_s: float
    low: float | None
    high: float | None
    input_tokens: float
    output_tokens: float
    kind: Kind
    source: str
    as_of: date | None = None
    gpu: str | None = None
    gpus: float | None = None
    simulated: bool = False
    weights: str | None = None

    def for_request_size(self, input_tokens: float, output_tokens: float) -> Quantity:
        """Return the rate for requests of another size, scaled by their tokens.

        Raises:
            InputError: The requests have no tokens.
        """
        if input_tokens + output_tokens <= 0:
            raise InputError("found requests without tokens; give input_tokens or output_tokens above 0")
        scale = (self.input_tokens + self.output_tokens) / (input_tokens + output_tokens)
        low, high = (None if end is None else end * scale for end in (self.low, self.high))
        return Quantity(
            self.requests_per_s * scale, "requests/s", low, high, self.source, self.as_of, self.kind
        )


def published_throughput(name: str, derate: float | None = None) -> Throughput:
    """Return a published throughput, derated from the highest rate to one within latency limits.

    Args:
        name: Its id in ``data/economics.yaml``.
        derate: Share of the highest rate that remains within the limits. None means the packaged value with its range.

    Raises:
        InputError: There is no throughput with that id.
    """
    known: dict[str, dict[str, Any]] = {row["id"]: row for row in load_published_inputs()["throughputs"]}
    if name not in known:
        raise InputError(f"there is no published throughput {name!r}; there are: {', '.join(known)}")
    row = known[name]
    highest = row["output_tokens_per_s"] / row["output_tokens"]
    factor = row["derate"] if derate is None else {"value": derate, "low": None, "high": None}
    low, high = (None if factor[end] is None else highest * factor[end] for end in ("low", "high"))
    return Throughput(
        highest * factor["value"],
        low,
        high,
        row["input_tokens"],
        row["output_tokens"],
        "published",
        f"{row['source']}; derated to {factor['value']:g}",
        row["as_of"],
        row["gpu"],
        row["gpus"],
        weights=row["weights"],
    )


def published_throughput_of(weights: str | None) -> str | None:
    """Return the id of the published throughput of these weights on the fewest GPUs. None if there is none."""
    rows = [
        row
        for row in load_published_inputs()["throughputs"]
        if weights is not None and row["weights"].lower() == weights.lower()
    ]
    return str(min(rows, key=lambda row: float(row["gpus"]))["id"]) if rows else None
